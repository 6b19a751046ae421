"""Rotation matrices: the 24 of the cube, and turns about the vertical axis."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import unknown_name


def _signed_permutations() -> NDArray[np.int8]:
    matrices = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = np.zeros((3, 3), dtype=np.int8)
            matrix[range(3), order] = signs
            if round(np.linalg.det(matrix)) == 1:
                matrices.append(matrix)
    return np.stack(matrices)


GRID_ROTATIONS = _signed_permutations()
"""int8 (24, 3, 3): the proper rotations that map the cubic grid onto itself; identity first."""
GRID_ROTATIONS.setflags(write=False)
VERTICAL_TURNS = GRID_ROTATIONS[GRID_ROTATIONS[:, 2, 2] == 1]
"""int8 (4, 3, 3): those of them that turn about the vertical axis."""
VERTICAL_TURNS.setflags(write=False)
MIRROR = np.array([-1, 1, 1], dtype=np.int8)
"""int8 (3,): reflection in the plane x = 0, as factors of x, y and z."""
MIRROR.setflags(write=False)


def sample_grid_rotations(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """n of the 24 grid rotations, uniformly; float64 (n, 3, 3)."""
    return GRID_ROTATIONS[rng.integers(len(GRID_ROTATIONS), size=n)].astype(np.float64)


def yaw_matrices(angle: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations about the world's z axis by `angle` (n,) radians; float64 (n, 3, 3)."""
    angle = np.asarray(angle, dtype=np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    matrices = np.zeros((len(angle), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = cos
    matrices[:, 0, 1], matrices[:, 1, 0] = -sin, sin
    matrices[:, 2, 2] = 1.0
    return matrices


def sample_orientations(rng: np.random.Generator, n: int, orientation: str) -> NDArray[np.float64]:
    """n object orientations, float64 (n, 3, 3).

    Args:
        orientation: "grid" for one of the 24 grid rotations, cubes parallel to the world's axes;
            "free" for that times a uniform turn about the vertical axis.
    """
    rotations = sample_grid_rotations(rng, n)
    if orientation == "grid":
        return rotations
    if orientation == "free":
        return yaw_matrices(rng.uniform(-np.pi, np.pi, n)) @ rotations
    raise unknown_name("orientation", orientation, ("grid", "free"))


def rotation_angles(rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """By how much matrices (n, 3, 3) turn: float64 (n,) radians in [0, pi].

    >>> angles = np.degrees(rotation_angles(GRID_ROTATIONS)).round().astype(int)
    >>> np.unique(angles)
    array([  0,  90, 120, 180])
    """
    trace = np.asarray(rotation, dtype=np.float64).trace(axis1=1, axis2=2)
    return np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0))


def nearest_rotations(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotations closest in the Frobenius norm to matrices (n, 3, 3) (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(np.asarray(matrices, dtype=np.float64))
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    return u @ vt
