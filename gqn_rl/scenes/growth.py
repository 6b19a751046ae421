"""Many walks grown at once by the rule of `ShepardMetzlerObject.sample`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.scenes.shepard_metzler import STEPS, check_num_cubes

BLOCK = 20_000
"""Walks grown at once, which bounds the memory."""


def grow_walks(rng: np.random.Generator, n: int, num_cubes: int) -> NDArray[np.int8]:
    """n walks from the origin, int8 (n, num_cubes, 3).

    Each new cube is uniform over the free face neighbours of the last. Walks that trap themselves
    are replaced, so that the others keep their probabilities relative to each other; no walk of
    fewer than twelve cubes can: the six neighbours of a cube are two steps from each other, and to
    visit five of them and come in through the sixth takes eleven.

    >>> grow_walks(np.random.default_rng(0), 4, 10).shape
    (4, 10, 3)

    Raises:
        UserError: for a number of cubes out of range.
    """
    check_num_cubes(num_cubes)
    parts: list[NDArray[np.int8]] = [np.zeros((0, num_cubes, 3), dtype=np.int8)]
    missing = n
    while missing:
        parts.append(_grow(rng, min(missing, BLOCK), num_cubes))
        missing -= len(parts[-1])
    return np.concatenate(parts)


def free_steps(walks: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """The cubes that could follow walks (N, P, 3), (N, 6, 3), and which are free, (N, 6)."""
    ends = walks[:, -1:, :] + STEPS
    return ends, ~(ends[:, :, None, :] == walks[:, None, :, :]).all(-1).any(-1)


def _grow(rng: np.random.Generator, n: int, num_cubes: int) -> NDArray[np.int8]:
    """Up to n walks; those that trapped themselves are missing."""
    walks = np.zeros((n, 1, 3), dtype=np.int8)
    while walks.shape[1] < num_cubes:
        ends, free = free_steps(walks)
        whole = free.any(axis=1)
        walks, ends, free = walks[whole], ends[whole], free[whole]
        chosen = rng.integers(free.sum(axis=1))
        step = (free.cumsum(axis=1) > chosen[:, None]).argmax(axis=1)
        walks = np.concatenate([walks, ends[np.arange(len(walks)), step][:, None]], axis=1)
    return walks
