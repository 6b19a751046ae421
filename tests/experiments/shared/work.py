"""Functions for worker processes, in a module that takes no time to import."""

from __future__ import annotations

import os
import signal

from gqn_rl.errors import UserError


def process_and_threads(number: int) -> tuple[int, int, str | None]:
    return number, os.getpid(), os.environ.get("OMP_NUM_THREADS")


def threads_of_torch(number: int) -> int:
    import torch

    return torch.get_num_threads()


def ignores_interrupts(number: int) -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    raise UserError(f"{number} is bad")
