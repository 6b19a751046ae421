"""Shepard-Metzler objects: chains of unit cubes grown by a self-avoiding walk on the grid.

A *shape* is an object up to the 24 rotations of the cube and translation; the direction in which
the chain was grown and the colours do not count. Mirror images of a chiral shape are different
shapes.

References:
    Shepard and Metzler, Mental Rotation of Three-Dimensional Objects, Science 171:701, 1971.
    Eslami et al., Neural Scene Representation and Rendering, Science 360:1204, 2018 (section S2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import GRID_ROTATIONS, MIRROR
from gqn_rl.scenes.shape_strings import (
    cubes_from_coordinates,
    cubes_from_directions,
    directions_of,
)

STEPS = np.array(
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.int8
)
MIN_CUBES, MAX_CUBES = 2, 14
"""Of an object in a scene; a longer straight one would come too close to the cameras."""
LEAST_BASE = 10
"""Of the numbers that stand for cubes in canonical forms; what is stored depends on it."""


@dataclass(frozen=True)
class ShepardMetzlerObject:
    """A chain of cubes in the order in which they were grown.

    >>> corkscrew = ShepardMetzlerObject(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]))
    >>> turned = corkscrew.rotate(GRID_ROTATIONS[5])
    >>> turned.canonical_form == corkscrew.canonical_form
    True
    >>> turned.canonical_form == corkscrew.mirror().canonical_form
    False
    >>> len(ShepardMetzlerObject.sample(np.random.default_rng(0), num_cubes=7))
    7
    >>> ShepardMetzlerObject.from_directions("UUUUBBUUR").directions()
    'uuuubbuur'

    Attributes:
        cubes: int8 (P, 3), grid coordinates; consecutive cubes share a face.
    """

    cubes: NDArray[np.int8]

    def __post_init__(self) -> None:
        cubes = np.asarray(self.cubes, dtype=np.int8)
        object.__setattr__(self, "cubes", cubes)
        if cubes.ndim != 2 or cubes.shape[1] != 3 or len(cubes) == 0:
            raise ValueError(f"cubes has shape {cubes.shape}, expected (P, 3) with P >= 1")
        if len(np.unique(cubes, axis=0)) != len(cubes):
            raise ValueError(f"cubes overlap: {cubes.tolist()}")
        if (np.abs(np.diff(cubes.astype(int), axis=0)).sum(axis=1) != 1).any():
            raise ValueError(f"consecutive cubes do not share a face: {cubes.tolist()}")

    @staticmethod
    def sample(rng: np.random.Generator, num_cubes: int = 7) -> ShepardMetzlerObject:
        """Grow an object: each new cube uniformly over the free face neighbours of the last.

        A chain that has trapped itself is begun anew, which leaves every other one as likely as
        before, relative to the others. Only chains of twelve cubes or more can be traps.
        """
        check_num_cubes(num_cubes)
        chain = [(0, 0, 0)]
        while len(chain) < num_cubes:
            free = [p for p in map(tuple, np.add(chain[-1], STEPS).tolist()) if p not in chain]
            chain = [*chain, free[rng.integers(len(free))]] if free else [(0, 0, 0)]
        return ShepardMetzlerObject(np.array(chain, dtype=np.int8))

    @staticmethod
    def from_directions(text: str) -> ShepardMetzlerObject:
        """The object whose cubes lie one after the other in the directions of letters.

        Args:
            text: for every cube after the first R (+x), L (-x), U (+z), D (-z), F (-y) or B (+y),
                upper or lower case, as the package shepard-metzler-shape-renderer has them.

        Raises:
            UserError: for other letters, for none, and for an object that crosses itself.
        """
        return ShepardMetzlerObject(cubes_from_directions(text))

    @staticmethod
    def from_coordinates(positions: Any) -> ShepardMetzlerObject:
        """The object with cubes at whole-number positions [x, y, z], the first moved to the origin.

        Raises:
            UserError: for what are no such positions, or no chain of two cubes or more.
        """
        return ShepardMetzlerObject(cubes_from_coordinates(positions))

    def directions(self) -> str:
        """The letters of `from_directions`, lower case."""
        return directions_of(self.cubes)

    def __len__(self) -> int:
        return len(self.cubes)

    def rotate(self, rotation: NDArray[np.integer]) -> ShepardMetzlerObject:
        """The object turned by an integer rotation matrix (3, 3), one of `GRID_ROTATIONS`."""
        return ShepardMetzlerObject(self.cubes @ np.asarray(rotation, dtype=np.int8).T)

    def mirror(self) -> ShepardMetzlerObject:
        """The mirror image, reflected in the plane x = 0."""
        return ShepardMetzlerObject(self.cubes * MIRROR)

    @cached_property
    def canonical_form(self) -> bytes:
        """Equal for two objects exactly when they have the same shape."""
        return canonical_forms(self.cubes[None])[0].tobytes()

    @property
    def is_chiral(self) -> bool:
        """Whether the mirror image is a different shape. No same/mirror trial without it."""
        return self.canonical_form != self.mirror().canonical_form

    def centred(self) -> NDArray[np.float64]:
        """Cube centres relative to the object's barycentre, float64 (P, 3), in cube edges."""
        return self.cubes - self.cubes.mean(axis=0, dtype=np.float64)


def check_num_cubes(num_cubes: int) -> None:
    if not MIN_CUBES <= num_cubes <= MAX_CUBES:
        raise UserError(f"num_cubes is {num_cubes}, expected {MIN_CUBES} to {MAX_CUBES}")


def canonical_forms(cubes: NDArray[np.int8]) -> NDArray[np.int64]:
    """One canonical form per object: int64 (N, P), equal rows exactly for equal shapes.

    Every object is turned into all 24 grid rotations, pushed into the positive corner, its cubes
    numbered and sorted; the smallest of the 24 sorted lists is the form.

    Args:
        cubes: int8 (N, P, 3).
    """
    base = max(LEAST_BASE, cubes.shape[1] + 1)
    place_values = np.array([base * base, base, 1])
    best: NDArray[np.int64] | None = None
    for rotation in GRID_ROTATIONS:
        turned = cubes.astype(np.int64) @ rotation.T.astype(np.int64)
        turned -= turned.min(axis=1, keepdims=True)
        codes = np.sort(turned @ place_values, axis=1)
        best = codes if best is None else np.where(row_less(codes, best)[:, None], codes, best)
    assert best is not None
    return best


def row_less(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Row-wise lexicographic a < b for integer arrays (N, P)."""
    first = (a != b).argmax(axis=1)
    rows = np.arange(len(a))
    return a[rows, first] < b[rows, first]
