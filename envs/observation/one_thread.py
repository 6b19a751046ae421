"""PyTorch's threads while a single row is encoded: one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, PyTorch computes with one thread, if it is there at all; then as before.

    A second thread gains little on a batch of one, and where other work has the cores, two threads
    wait for each other at every layer: a step then takes ten times as long. Setting the number
    takes a tenth of a microsecond.

    It is the calling thread's number; of libraries that have one for all threads (MKL), others see
    it too for as long as the encoding takes.
    """
    torch: Any = sys.modules.get("torch")  # encoders of others need none
    before = 1 if torch is None else torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
