"""Camera poses: the five-number pose, its seven-number encoding and the view matrix.

Right-handed world, z up, lengths in cube edges, angles in radians. A camera with yaw 0 and
pitch 0 looks along +x; yaw turns it towards +y, pitch lifts it towards +z; it never rolls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

CAMERA_CONVENTION = "z-up; x,y,z,cos(yaw),sin(yaw),cos(pitch),sin(pitch); yaw 0 looks along +x"
ENCODING_SIZE = 7
SPHERE_RADIUS = 9.0
"""Distance of the camera from the object's barycentre, in cube edges."""
FIELD_OF_VIEW = np.deg2rad(45.0)
"""Vertical (and, images being square, horizontal) opening angle of the camera, in radians."""


@dataclass(frozen=True)
class Viewpoints:
    """A batch of N camera poses.

    >>> azimuth, elevation = np.radians([[0.0, 90.0], [0.0, 30.0]])
    >>> viewpoints = look_at_origin(azimuth, elevation)
    >>> viewpoints.position.round(2)
    array([[9.  , 0.  , 0.  ],
           [0.  , 7.79, 4.5 ]])
    >>> viewpoints.encode().shape
    (2, 7)

    Attributes:
        position: float64 (N, 3), in cube edges.
        yaw: float64 (N,), radians.
        pitch: float64 (N,), radians, in [-pi/2, pi/2].
    """

    position: FloatArray
    yaw: FloatArray
    pitch: FloatArray

    def __post_init__(self) -> None:
        n = len(self.position)
        for name, expected in (("position", (n, 3)), ("yaw", (n,)), ("pitch", (n,))):
            received = getattr(self, name).shape
            if received != expected:
                raise ValueError(f"{name} has shape {received}, expected {expected}")

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, index: slice | NDArray) -> Viewpoints:
        """Select poses with a slice, a mask or an integer array; the result is a batch."""
        return Viewpoints(self.position[index], self.yaw[index], self.pitch[index])

    @staticmethod
    def concatenate(parts: list[Viewpoints]) -> Viewpoints:
        return Viewpoints(
            np.concatenate([p.position for p in parts]),
            np.concatenate([p.yaw for p in parts]),
            np.concatenate([p.pitch for p in parts]),
        )

    def encode(self) -> NDArray[np.float32]:
        """The network's input, float32 (N, 7): x, y, z, cos yaw, sin yaw, cos pitch, sin pitch.

        Cosine first, as in the paper's supplement (section S1); DeepMind's own data reader puts
        the sine first, so data from elsewhere must pass through this class.
        """
        angles = (np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch))
        return np.column_stack([self.position, *angles]).astype(np.float32)

    @staticmethod
    def decode(encoding: FloatArray) -> Viewpoints:
        """Inverse of `encode` for an array (N, 7), up to float32 rounding."""
        encoding = np.asarray(encoding, dtype=np.float64)
        if encoding.ndim != 2 or encoding.shape[1] != ENCODING_SIZE:
            raise ValueError(f"encoding has shape {encoding.shape}, expected (N, {ENCODING_SIZE})")
        yaw = np.arctan2(encoding[:, 4], encoding[:, 3])
        pitch = np.arctan2(encoding[:, 6], encoding[:, 5])
        return Viewpoints(encoding[:, :3].copy(), yaw, pitch)

    def axes(self) -> FloatArray:
        """Camera axes in world coordinates, float64 (N, 3, 3): rows right, up, forward."""
        cos_yaw, sin_yaw = np.cos(self.yaw), np.sin(self.yaw)
        cos_pitch, sin_pitch = np.cos(self.pitch), np.sin(self.pitch)
        zero = np.zeros_like(self.yaw)
        right = np.stack([sin_yaw, -cos_yaw, zero], axis=-1)
        up = np.stack([-cos_yaw * sin_pitch, -sin_yaw * sin_pitch, cos_pitch], axis=-1)
        forward = np.stack([cos_yaw * cos_pitch, sin_yaw * cos_pitch, sin_pitch], axis=-1)
        return np.stack([right, up, forward], axis=1)

    def view_matrices(self) -> FloatArray:
        """World to camera, OpenGL convention (camera looks along -z), float64 (N, 4, 4)."""
        rows = self.axes()
        rows[:, 2] *= -1.0
        matrices = np.zeros((len(self), 4, 4))
        matrices[:, :3, :3] = rows
        matrices[:, :3, 3] = -np.einsum("nij,nj->ni", rows, self.position)
        matrices[:, 3, 3] = 1.0
        return matrices


def look_at_origin(
    azimuth: FloatArray, elevation: FloatArray, radius: float = SPHERE_RADIUS
) -> Viewpoints:
    """Poses on the viewing sphere that look at its centre.

    Args:
        azimuth: (N,) radians, 0 on the +x axis, growing towards +y.
        elevation: (N,) radians in [-pi/2, pi/2].
        radius: distance from the origin in cube edges.
    """
    azimuth = np.asarray(azimuth, dtype=np.float64)
    elevation = np.asarray(elevation, dtype=np.float64)
    cos_elevation = np.cos(elevation)
    direction = np.stack(
        [cos_elevation * np.cos(azimuth), cos_elevation * np.sin(azimuth), np.sin(elevation)],
        axis=-1,
    )
    return Viewpoints(radius * direction, wrap_angle(azimuth + np.pi), -elevation)


def sample_on_sphere(rng: np.random.Generator, n: int, radius: float = SPHERE_RADIUS) -> Viewpoints:
    """n poses uniform on the viewing sphere, from below too, looking at its centre."""
    azimuth = rng.uniform(-np.pi, np.pi, n)
    elevation = np.arcsin(rng.uniform(-1.0, 1.0, n))
    return look_at_origin(azimuth, elevation, radius)


def wrap_angle(angle: FloatArray) -> FloatArray:
    """The same angle in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
