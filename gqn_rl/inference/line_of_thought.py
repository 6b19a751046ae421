"""A line of thought: one set of cells turned step by step until it fits the other.

`gqn_rl.inference.matching` tries all turns at once. Here they are tried in order, a turn of limited
size a step, the smaller first and either way in turn, each as the same object and as its mirror
image. How many steps that takes is counted. That it grows with the angle is how the search is made;
whether it ends where it should is what can be measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gqn_rl.geometry.rotations import VERTICAL_TURNS
from gqn_rl.inference.matching import Cells, fits_by_turn

STEP = float(np.deg2rad(15.0))
ENOUGH = 0.75
"""Of the cells of the smaller set, how many must agree."""

_MATRICES = VERTICAL_TURNS.astype(np.float64)
QUARTERS = np.arctan2(_MATRICES[:, 1, 0], _MATRICES[:, 0, 0]).tolist()
"""Radians, the turns of `fits_by_turn`."""


class Thought(NamedTuple):
    """How a search went.

    Attributes:
        steps: turns tried, the first of which is none.
        turn: radians, anticlockwise seen from above, of the one that fits; of the best one of all
            where none does.
        is_mirrored: whether the mirror image fits there.
        is_found: whether anything did.
    """

    steps: int
    turn: float
    is_mirrored: bool
    is_found: bool


def turn_until_one_fits(
    one: Cells, other: Cells, apart: float, step: float = STEP, enough: float = ENOUGH
) -> Thought:
    """The first turn at which enough cells of one set agree with those of the other.

    A mirror image is reflected along the first axis of the one grid before it turns. Its turn is
    that from there: mirror images have no angle of their own.

    >>> chain = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    >>> cells = Cells(chain, np.eye(4)[:, :3])
    >>> turn_until_one_fits(cells, cells, apart=np.deg2rad(40.0)).steps  # 0, 15, -15, 30, -30, 45
    6

    Args:
        one, other: cells on grids of their own.
        apart: radians, from the one grid to the other.
        step: radians, the largest turn of a step; where a turn is within half of it, cells are laid
            on the other grid exactly.
        enough: share of the cells of the smaller set that have to agree.
    """
    needed = enough * min(len(one.place), len(other.place))
    fits = [
        (_principal(quarter + apart), mirrored, fit.score)
        for mirrored, group in enumerate(fits_by_turn(one, other))
        for quarter, fit in zip(QUARTERS, group, strict=True)
    ]
    tried = turns_in_order(step)
    for count, turn in enumerate(tried, start=1):
        near = [fit for fit in fits if abs(_principal(fit[0] - turn)) <= step / 2 + 1e-9]
        good = [fit for fit in near if fit[2] >= needed]
        if good and needed > 0:
            angle, mirrored, _ = max(good, key=lambda fit: fit[2])
            return Thought(count, angle, bool(mirrored), True)
    angle, mirrored, _ = max(fits, key=lambda fit: fit[2])
    return Thought(len(tried), angle, bool(mirrored), False)


def turns_in_order(step: float) -> list[float]:
    """0, step, -step, 2 step, ... until all turns are within half a step of one, radians.

    >>> [round(float(np.rad2deg(turn))) for turn in turns_in_order(np.deg2rad(60.0))]
    [0, 60, -60, 120, -120, 180]
    """
    times = np.arange(1, int(np.ceil(np.pi / step)) + 1)
    both = [turn for k in times for turn in (k * step, -k * step)]
    if abs(times[-1] * step - np.pi) < 1e-9:
        both.pop()  # half a turn is the same either way
    return [0.0, *map(float, both)]


def _principal(angle: float) -> float:
    """The same angle within half a turn of none."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
