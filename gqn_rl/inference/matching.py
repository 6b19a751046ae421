"""Two sets of coloured cells compared: the same object turned, or its mirror image?

Each set lies on a grid of its own, which is upright. What is not known between the two is a number
of quarter turns, a shift by whole cells, and whether there is a reflection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import MIRROR, VERTICAL_TURNS

SAME_COLOUR = 0.03
"""Spread of one cube's colour between two inferences, of 1; two cubes differ by some 0.8."""
BASE = 1000
"""Above any difference of two shifts."""


class Cells(NamedTuple):
    """K filled cells of a grid.

    Attributes:
        place: int64 (K, 3), whole numbers along the grid's axes, the third one up.
        colour: float (K, 3), RGB in [0, 1].
    """

    place: NDArray[np.int64]
    colour: NDArray[np.floating]


class Fit(NamedTuple):
    """How one set of cells is best laid on another.

    Attributes:
        score: how many cells agree in place and colour.
        matrix: int64 (3, 3), the turn, after the reflection if there is one.
        shift: int64 (3,), whole cells, after that.
    """

    score: float
    matrix: NDArray[np.int64]
    shift: NDArray[np.int64]

    def laid(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where cells (K, 3) come to lie."""
        # A cell is named by its lowest corner, and what turns is its middle.
        doubled = (2 * place + 1) @ self.matrix.T + 2 * self.shift - 1
        return doubled // 2


def best_fits(one: Cells, other: Cells) -> tuple[Fit, Fit]:
    """The best fit of the same object, and that of its mirror image.

    Every pair of cells votes for the shift that lays the one on the other, with a weight by how
    alike their colours are; the turn and shift with the most votes is the best. Cells that only one
    set has, because they hide in the other's picture, neither help nor hurt.

    >>> chain = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    >>> colour = np.eye(4)[:, :3]
    >>> turned = Cells(chain @ VERTICAL_TURNS[1].T + 5, colour)
    >>> [round(fit.score, 2) for fit in best_fits(Cells(chain, colour), turned)]
    [4.0, 3.0]
    >>> [round(fit.score, 2) for fit in best_fits(Cells(chain * MIRROR, colour), turned)]
    [3.0, 4.0]
    """
    same, mirrored = (max(fits, key=lambda fit: fit.score) for fits in fits_by_turn(one, other))
    return same, mirrored


def fits_by_turn(one: Cells, other: Cells) -> tuple[list[Fit], list[Fit]]:
    """The best fit at each of the four `VERTICAL_TURNS`, of the object and of its mirror image."""
    apart = np.square(one.colour[:, None] - other.colour[None]).sum(axis=-1)
    weight = np.exp(-apart / (2 * SAME_COLOUR**2)).ravel()
    turns = VERTICAL_TURNS.astype(np.int64)
    same, mirrored = (
        [_fit(one, other, weight, turn) for turn in group] for group in (turns, turns * MIRROR)
    )
    return same, mirrored


def _fit(one: Cells, other: Cells, weight: NDArray[np.float64], matrix: NDArray[np.int64]) -> Fit:
    unshifted = Fit(0.0, matrix, np.zeros(3, dtype=np.int64))
    if not len(weight):
        return unshifted
    shift = (other.place[None] - unshifted.laid(one.place)[:, None]).reshape(-1, 3)
    codes = shift @ np.array([BASE * BASE, BASE, 1])
    _, first, votes = np.unique(codes, return_index=True, return_inverse=True)
    counts = np.bincount(votes.reshape(-1), weight)
    best = int(counts.argmax())
    return Fit(float(counts[best]), matrix, shift[first[best]])
