"""Cameras from which mental rotation shows its objects: where the first stands, and the cue's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.camera.angles import CameraAngles
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin

CUE_CAMERAS = CameraAngles(
    np.deg2rad(np.array([45.0, 225.0, 135.0, 315.0])),
    np.arcsin(np.sqrt(1 / 3)) * np.array([1.0, 1.0, -1.0, -1.0]),
)
"""The corners of a regular tetrahedron: no four views are further apart."""
CUE_VIEWS = look_at_origin(CUE_CAMERAS.azimuth, CUE_CAMERAS.elevation)
"""The poses there."""
CAMERAS = ("random", "fixed")
HIGHEST = 90.0
"""Degrees, the elevation of a pole of the viewing sphere."""


@dataclass(frozen=True)
class FirstCameras:
    """Where the cameras of trials begin, and whence their references are shown.

    A fixed camera takes the first picture of either object, as people see them: it stands at one
    azimuth, and its elevation is either always the same or drawn for each trial.

    >>> fixed = FirstCameras("fixed", (10.0, 45.0), glimpses=1)
    >>> camera = fixed.draw(np.random.default_rng(0), 2)
    >>> np.degrees(camera.azimuth).round(), np.degrees(camera.elevation).round(1)
    (array([45., 45.]), array([32.3, 19.4]))
    >>> fixed.references(camera, 2).position.shape  # one view of the reference of each trial
    (2, 3)

    Args:
        camera: "random", anywhere on the viewing sphere, or "fixed".
        elevation: lowest and highest elevation of the first camera, in degrees, within -90 to 90;
            None for any, or 35.3 where it is fixed.
        glimpses: views of the reference, 1 to 4.

    Raises:
        UserError: for a value outside these.
    """

    camera: str = "random"
    elevation: tuple[float, float] | None = None
    glimpses: int = len(CUE_VIEWS)

    def __post_init__(self) -> None:
        if self.camera not in CAMERAS:
            raise unknown_name("camera", self.camera, CAMERAS)
        most = len(CUE_VIEWS)
        if isinstance(self.glimpses, bool) or self.glimpses not in range(1, most + 1):
            raise UserError(f"glimpses is {self.glimpses!r}, expected 1 to {most}")
        if self.elevation is not None:
            object.__setattr__(self, "elevation", _checked_range(self.elevation))

    @property
    def cue_views(self) -> Viewpoints:
        """The poses of references where no trial has others."""
        return CUE_VIEWS[: self.glimpses]

    def draw(self, rng: np.random.Generator, n: int) -> CameraAngles | None:
        """Where n trials begin; None where they may begin anywhere, without a draw."""
        if self.camera == "random" and self.elevation is None:
            return None
        if self.camera == "random":
            azimuth = rng.uniform(-np.pi, np.pi, n)
        else:
            azimuth = np.full(n, CUE_CAMERAS.azimuth[0])
        if self.elevation is None:
            return CameraAngles(azimuth, np.full(n, CUE_CAMERAS.elevation[0]))
        return CameraAngles(azimuth, np.deg2rad(rng.uniform(*self.elevation, n)))

    def references(self, cameras: CameraAngles | None, n: int) -> Viewpoints:
        """The poses of the references of n trials, those of a trial one after the other.

        Args:
            cameras: as drawn; a fixed one takes the first view.
        """
        poses = self.cue_views[np.tile(np.arange(self.glimpses), n)]
        if cameras is None or self.camera == "random":
            return poses
        own = cameras.viewpoints()
        position, yaw, pitch = poses.position.copy(), poses.yaw.copy(), poses.pitch.copy()
        first = slice(None, None, self.glimpses)
        position[first], yaw[first], pitch[first] = own.position, own.yaw, own.pitch
        return Viewpoints(position, yaw, pitch)


def _checked_range(elevation: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest elevation in degrees."""
    try:
        low, high = (float(value) for value in elevation)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not -HIGHEST <= low <= high <= HIGHEST:
        raise UserError(
            f"elevation is {elevation!r}, expected the lowest and the highest in degrees, within "
            f"-{HIGHEST:g} to {HIGHEST:g}"
        )
    return low, high
