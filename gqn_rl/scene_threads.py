"""Threads that work on parts of a batch side by side.

Inference on a few scenes is thousands of short operations, each too small for PyTorch to divide
among cores. Parts of the batch need nothing of each other, so each core takes a part. How a batch
is divided does not depend on the number of threads, and so neither do the results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")

_pools: dict[int, ThreadPoolExecutor] = {}
_chosen: list[int] = []


def _begin_again() -> None:
    """The threads of a pool do not survive a fork; a child that waited for them would do so for
    ever."""
    _pools.clear()
    _chosen.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


def use_scene_threads(count: int | None) -> None:
    """Have `each_part` use so many threads in this process; None for as many as PyTorch has."""
    _chosen[:] = [] if count is None else [count]


def scene_threads() -> int:
    """How many threads `each_part` uses at most."""
    return _chosen[0] if _chosen else torch.get_num_threads()


def each_part(
    function: Callable[[Part], Result], parts: Iterable[Part], device: torch.device
) -> list[Result]:
    """`[function(part) for part in parts]`, on a CPU several at a time, each with one thread.

    Functions must not change what others read. Each runs with the caller's context variables, and
    without gradients, with one thread too. The first error is raised once all have ended.
    """
    parts = list(parts)
    threads = min(scene_threads(), len(parts))
    if threads < 2 or device.type != "cpu":
        return [_without_gradients(function, part) for part in parts]
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, "scenes", initializer=_compute_alone)
    before = torch.get_num_threads()
    waiting = [
        _pools[threads].submit(copy_context().run, _without_gradients, function, part)
        for part in parts
    ]
    errors = [future.exception() for future in waiting]
    # PyTorch gives a thread that is new to it the number that was set last, by whomever.
    torch.set_num_threads(before)
    for error in errors:
        if error is not None:
            raise error
    return [future.result() for future in waiting]


def _compute_alone() -> None:
    torch.set_num_threads(1)


def _without_gradients(function: Callable[[Part], Result], part: Part) -> Result:
    with torch.inference_mode():
        return function(part)
