"""What the tests of the benchmark's timing time, in processes of their own."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from experiments.benchmark.timing import Work
from gqn_rl.errors import UserError


def sleeping(seconds: float) -> Work:
    return Work(lambda: time.sleep(seconds), {"pid": float(os.getpid())})


def computing() -> Work:
    return Work(lambda: sum(range(20_000)), {})


def holding(megabytes: int) -> Work:
    """Something that fills memory for as long as it runs."""
    return Work(lambda: np.ones((megabytes, 1 << 20), np.uint8).sum(), {})


def refusing() -> Work:
    raise UserError("not today")


def failing() -> Work:
    def run() -> None:
        raise ZeroDivisionError("a bug")

    return Work(run, {})


def dying() -> Work:
    return Work(lambda: os.kill(os.getpid(), signal.SIGKILL), {})
