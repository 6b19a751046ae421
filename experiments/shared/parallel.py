"""Work on many files in several processes, for commands that go on where they were stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from gqn_rl.errors import UserError

GOES_ON = "the same command goes on from here"


@contextmanager
def processes(workers: int | None, num_tasks: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Something like `map`, in this process or in others.

    Args:
        workers: processes; 0 for this one alone, None for one per core, but no more than tasks.

    Raises:
        UserError: when a worker is killed.
    """
    if workers is None:
        workers = min(available_cores(), num_tasks)
        workers = 0 if workers < 2 else workers
    try:
        with _pool(workers) as run:
            yield run
    except KeyboardInterrupt:
        print(f"stopped; {GOES_ON}", file=sys.stderr)
        raise
    except BrokenProcessPool as error:
        raise UserError(f"a worker was killed; {GOES_ON}") from error


def check_workers(workers: int | None) -> None:
    """Refuse a negative number of workers."""
    if workers is not None and workers < 0:
        raise UserError(f"workers is {workers}, expected at least 0")


def available_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    if workers == 0:
        yield map
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare() -> None:
    """In every worker: one thread, and Ctrl-C is for the parent, which lets workers finish."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for PyTorch, if it is still to come
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
