"""Turns of mental rotation: from the object that is shown as a reference to the one to be judged.

In depth, an object turns about the vertical axis through its centre; in the picture plane, about
the line from its centre to the camera that takes the first picture, so that its picture is turned
and nothing else. A mirror image is reflected in a plane that holds the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles
from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR, yaw_matrices

ROTATIONS = ("depth", "picture")
ANGLES = np.arange(0.0, 181.0, 20.0)
"""Degrees between the two objects, as Shepard and Metzler chose them."""
LARGEST_ANGLE = 180.0
"""Degrees; what is turned further is nearer again."""
RANDOM = "random"

Angles = Sequence[float] | NDArray[np.floating] | str | None


def turned_in_depth(
    rotation: NDArray[np.float64], mirrored: NDArray[np.int64], angle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rotations of n objects after a turn about the vertical axis, float64 (n, 3, 3).

    >>> quarter = turned_in_depth(np.eye(3)[None], np.zeros(1, int), np.array([90.0]))
    >>> (quarter[0] @ [1, 0, 0]).round(6)
    array([0., 1., 0.])

    A reflection is no rotation: the cubes are reflected in their own frame, in x = 0, and the
    rotation on either side, which keeps it a rotation and moves the cubes to the same places.

    Args:
        rotation: float64 (n, 3, 3), of the references.
        mirrored: int (n,), 1 for a reflection in the vertical plane x = 0 before the turn.
        angle: float64 (n,), degrees, anticlockwise seen from above.
    """
    factors = reflections(mirrored)
    reflected = factors[:, :, None] * rotation * factors[:, None, :]
    return yaw_matrices(np.deg2rad(angle)) @ reflected


def turned_in_picture(
    rotation: NDArray[np.float64],
    mirrored: NDArray[np.int64],
    angle: NDArray[np.float64],
    cameras: CameraAngles,
) -> NDArray[np.float64]:
    """Rotations of n objects after a turn about their cameras' lines of sight, float64 (n, 3, 3).

    Args:
        rotation: float64 (n, 3, 3), of the references.
        mirrored: int (n,), 1 for a reflection in the vertical plane through the camera before the
            turn, which makes the picture its own mirror image.
        angle: float64 (n,), degrees, anticlockwise in the picture.
        cameras: n positions.
    """
    factors = reflections(mirrored)
    across = np.stack(
        [-np.sin(cameras.azimuth), np.cos(cameras.azimuth), np.zeros(len(cameras))], axis=1
    )
    plane = np.eye(3) - 2.0 * across[:, :, None] * across[:, None, :]
    plane = np.where(mirrored[:, None, None] == 1, plane, np.eye(3))
    from scipy.spatial.transform import Rotation  # slow to import, and not always needed

    turn = Rotation.from_rotvec(np.deg2rad(angle)[:, None] * cameras.directions()).as_matrix()
    return np.asarray(turn @ plane @ (rotation * factors[:, None, :]), dtype=np.float64)


def reflections(mirrored: NDArray[np.int64]) -> NDArray[np.float64]:
    """The factors of x, y and z of each object's cubes in their own frame, float64 (n, 3)."""
    return np.where(mirrored[:, None] == 1, MIRROR, 1.0)


def checked_angles(angles: Angles) -> NDArray[np.float64] | None:
    """The angles to choose from, in degrees; None where any is alike likely.

    Raises:
        UserError: for what are no angles from 0 to 180 degrees.
    """
    if angles is None:
        return ANGLES
    if isinstance(angles, str):
        if angles != RANDOM:
            raise UserError(f"angles is {angles!r}, expected degrees or {RANDOM!r}")
        return None
    values = [checked_angle(value) for value in np.atleast_1d(np.asarray(angles, dtype=object))]
    if not values:
        raise UserError(f"angles is {angles!r}, expected at least one")
    return np.array(values)


def checked_angle(angle: Any) -> float:
    """An angle between two objects, degrees.

    Raises:
        UserError: for anything but a number from 0 to 180.
    """
    is_number = isinstance(angle, int | float | np.integer | np.floating)
    if isinstance(angle, bool) or not is_number or not 0.0 <= angle <= LARGEST_ANGLE:
        raise UserError(f"angle is {angle!r}, expected 0 to {LARGEST_ANGLE:g} degrees")
    return float(angle)


def draw_angles(
    rng: np.random.Generator, n: int, angles: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """n angles in degrees, each of those to choose from alike likely, float64 (n,)."""
    if angles is None:
        return rng.uniform(0.0, LARGEST_ANGLE, n)
    return angles[rng.integers(len(angles), size=n)]
