"""Places of cameras on the viewing sphere, and those where they may not stand.

Azimuth and elevation are the camera's state, so that a move past a pole is a clip of one number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import SPHERE_RADIUS, Viewpoints, look_at_origin, wrap_angle

BISECTIONS = 40
"""Halvings of a move that finds the border: to a billionth of a degree."""


@dataclass(frozen=True)
class CameraAngles:
    """Where N cameras are on the viewing sphere.

    >>> cameras = CameraAngles(np.zeros(2), np.radians([0.0, 80.0]))
    >>> lifted = cameras.turned(np.radians([[0.0, 30.0], [0.0, 30.0]]))
    >>> np.degrees(lifted.elevation).round(3)
    array([30., 90.])
    >>> np.degrees(cameras.distance_to(lifted)).round(3)
    array([30., 10.])

    Attributes:
        azimuth: float64 (N,), radians in [-pi, pi).
        elevation: float64 (N,), radians in [-pi/2, pi/2].
    """

    azimuth: NDArray[np.float64]
    elevation: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.azimuth)

    def __getitem__(self, index: slice | NDArray) -> CameraAngles:
        return CameraAngles(self.azimuth[index], self.elevation[index])

    @staticmethod
    def concatenate(parts: list[CameraAngles]) -> CameraAngles:
        return CameraAngles(
            np.concatenate([p.azimuth for p in parts]), np.concatenate([p.elevation for p in parts])
        )

    @staticmethod
    def sample(rng: np.random.Generator, n: int) -> CameraAngles:
        """n positions, uniform on the sphere."""
        return CameraAngles(rng.uniform(-np.pi, np.pi, n), np.arcsin(rng.uniform(-1.0, 1.0, n)))

    def stacked(self) -> NDArray[np.float64]:
        """float64 (N, 2): azimuth and elevation."""
        return np.column_stack([self.azimuth, self.elevation])

    def viewpoints(self) -> Viewpoints:
        return look_at_origin(self.azimuth, self.elevation)

    def directions(self) -> NDArray[np.float64]:
        """Unit vectors (N, 3) from the centre of the sphere."""
        position = self.viewpoints().position
        return np.asarray(position / np.linalg.norm(position, axis=1, keepdims=True))

    def opposite(self) -> CameraAngles:
        """The positions on the other side of the object."""
        return CameraAngles(_wrapped(self.azimuth + np.pi), -self.elevation)

    def distance_to(self, other: CameraAngles) -> NDArray[np.float64]:
        """Great-circle distance to another position each, float64 (N,), radians."""
        a, b = (angles.viewpoints().position / SPHERE_RADIUS for angles in (self, other))
        # Exact at small angles and at large ones, which the arc cosine is not.
        sine = np.linalg.norm(np.cross(a, b), axis=1)
        distance: NDArray[np.float64] = np.arctan2(sine, (a * b).sum(axis=1))
        return distance

    def turned(self, turn: NDArray[np.float64]) -> CameraAngles:
        """After a turn (N, 2) of azimuth and elevation; elevation stops at the poles."""
        return CameraAngles(
            _wrapped(self.azimuth + turn[:, 0]),
            np.clip(self.elevation + turn[:, 1], -np.pi / 2, np.pi / 2),
        )

    def replaced(self, mask: NDArray[np.bool_], new: CameraAngles) -> CameraAngles:
        """These with `new`, in order, in the rows of `mask` (N,); a fresh copy."""
        azimuth, elevation = self.azimuth.copy(), self.elevation.copy()
        azimuth[mask], elevation[mask] = new.azimuth, new.elevation
        return CameraAngles(azimuth, elevation)


@dataclass(frozen=True)
class KeepOut:
    """A round part of the sphere about each of N centres in which no camera may stand.

    Only where a move ends counts: the way there may lead through.

    >>> front, side = CameraAngles(np.zeros(1), np.zeros(1)), CameraAngles(np.ones(1), np.zeros(1))
    >>> keep_out = KeepOut(side, radius=0.4)
    >>> turn = np.array([[0.8, 0.0]])
    >>> keep_out.after(front, turn, partway=True).azimuth.round(3)
    array([0.6])
    >>> keep_out.after(front, turn, partway=False).azimuth
    array([0.])

    Attributes:
        centre: N positions.
        radius: radians on the sphere; a camera on the border is allowed.
    """

    centre: CameraAngles
    radius: float

    def __getitem__(self, index: slice | NDArray) -> KeepOut:
        return KeepOut(self.centre[index], self.radius)

    def bars(self, cameras: CameraAngles) -> NDArray[np.bool_]:
        """Which of N positions may not be taken, bool (N,)."""
        return cameras.distance_to(self.centre) < self.radius

    def after(
        self, cameras: CameraAngles, turn: NDArray[np.float64], partway: bool
    ) -> CameraAngles:
        """N cameras, all outside, after turns (N, 2) that may want to end inside.

        Args:
            partway: a barred camera goes on to the border; otherwise it stays where it is.
        """
        wanted = cameras.turned(turn)
        barred = self.bars(wanted)
        if not barred.any():
            return wanted
        # Not a turn by nothing: rounding must not carry a camera over the border.
        reached = wanted.replaced(barred, cameras[barred])
        if not partway:
            return reached
        fraction = self[barred]._last_allowed(cameras[barred], turn[barred])
        moved = barred.copy()
        moved[barred] = fraction > 0
        fraction = fraction[fraction > 0, None]
        return reached.replaced(moved, cameras[moved].turned(fraction * turn[moved]))

    def landings(
        self, cameras: CameraAngles, turns: NDArray[np.float64], partway: bool
    ) -> CameraAngles:
        """Where each of M turns (M, 2) would leave each camera: N * M, camera after camera."""
        rows = np.repeat(np.arange(len(cameras)), len(turns))
        return self[rows].after(cameras[rows], np.tile(turns, (len(cameras), 1)), partway)

    def border(self, points: int = 73) -> NDArray[np.float64]:
        """Azimuth and elevation round each border, float64 (N, points, 2), a closed line."""
        axes = self.centre.viewpoints().axes()
        right, up, outward = axes[:, None, 0], axes[:, None, 1], -axes[:, None, 2]
        angle = np.linspace(0.0, 2 * np.pi, points)[:, None]
        around = np.cos(angle) * right + np.sin(angle) * up
        x, y, z = np.moveaxis(np.cos(self.radius) * outward + np.sin(self.radius) * around, -1, 0)
        return np.stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))], axis=-1)

    def _last_allowed(
        self, cameras: CameraAngles, turn: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The fraction of each turn, float64 (N,), after which a camera stands on the border."""
        low, high = np.zeros(len(cameras)), np.ones(len(cameras))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            barred = self.bars(cameras.turned(middle[:, None] * turn))
            low, high = np.where(barred, low, middle), np.where(barred, middle, high)
        return low


def first_camera(rng: np.random.Generator, keep_out: KeepOut | None) -> CameraAngles:
    """One position, uniform over where a camera may stand.

    Args:
        keep_out: of one row; None where it may stand anywhere.
    """
    camera = CameraAngles.sample(rng, 1)
    while keep_out is not None and keep_out.bars(camera)[0]:
        camera = CameraAngles.sample(rng, 1)
    return camera


def _wrapped(azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(wrap_angle(azimuth), dtype=np.float64)
