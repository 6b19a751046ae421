"""PyTorch in worker processes made by fork."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.context import ForkProcess, ForkServerProcess, SpawnProcess


def settle_into_forked_worker() -> None:
    """In a forked worker, let PyTorch compute with one thread; elsewhere do nothing.

    OpenMP's threads do not survive a fork. Where the parent has computed with several, a child
    that asks for them waits for ever; with one thread it never asks. The workers of PyTorch's own
    DataLoader do the same. Whoever knows better calls `torch.set_num_threads` afterwards.
    """
    # What the parent has not imported has no threads there.
    if "torch" in sys.modules and _was_forked():
        sys.modules["torch"].set_num_threads(1)


def _was_forked() -> bool:
    """Whether multiprocessing made this process by fork."""
    if multiprocessing.parent_process() is None:
        return False
    process = multiprocessing.current_process()
    if isinstance(process, (SpawnProcess, ForkServerProcess)):
        return False
    # A plain `Process` was started by the default method.
    return isinstance(process, ForkProcess) or multiprocessing.get_start_method() == "fork"
