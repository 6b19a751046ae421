"""Ctrl-C and termination between two steps, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_interruption() -> Iterator[Callable[[], bool]]:
    """Inside the block a first Ctrl-C or SIGTERM is only noted; the second one acts as usual.

    Yields whether there has been one. Outside the main thread, or where a signal has been given
    another meaning than the usual one, nothing is changed.
    """
    usual = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [n for n in SIGNALS if usual[n] in (signal.default_int_handler, signal.SIG_DFL)]
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        restore()

    def restore() -> None:
        for number in ours:
            signal.signal(number, usual[number])

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    for number in ours:
        signal.signal(number, note)
    try:
        yield lambda: bool(received)
    finally:
        restore()
