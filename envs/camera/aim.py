"""Aims of cameras: how far beside the centre of the viewing sphere they look.

An aim is two angles in the camera's own directions, to the right and up, and goes along when the
camera turns about the object. Its pose is the one that looks there without rolling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, SPHERE_RADIUS, Viewpoints
from gqn_rl.rendering.base import WIDEST, radians_of

CENTRE, FREE = "centre", "free"
AIMS = (CENTRE, FREE)
"""Where cameras look: at the centre, or where actions say."""
CUBE = float(np.arctan(1.0 / SPHERE_RADIUS))
"""How large a cube's edge is in the middle of a view, in radians."""
VERTICAL = 1e-9
"""A line of sight whose level part is shorter than this has no yaw of its own."""


@dataclass(frozen=True)
class AimRange:
    """How far beside the centre a camera may look, and how far one discrete move takes its aim.

    To each side a view ends at most where one of 45 degrees does, which shows the whole object.
    A move is half a view, or a cube's edge where that is more.

    >>> found = AimRange.of(field_of_view=5.0)
    >>> np.rad2deg([found.step, found.limit]).round(2)
    array([ 6.34, 20.  ])

    Attributes:
        step: radians.
        limit: radians, to the right, left, up and down.
    """

    step: float
    limit: float

    @staticmethod
    def of(field_of_view: float) -> AimRange:
        """That of a camera with an opening angle in degrees.

        Raises:
            UserError: where a view shows the whole object, or for an angle that no camera has.
        """
        angle = radians_of(field_of_view)
        if field_of_view == WIDEST:
            raise UserError(
                f'aim is "{FREE}" and field_of_view {field_of_view:g}, expected less than '
                f"{WIDEST:g}: the object is seen as a whole"
            )
        return AimRange(step=max(angle / 2, CUBE), limit=(float(FIELD_OF_VIEW) - angle) / 2)

    def clipped(self, aim: NDArray[np.float64]) -> NDArray[np.float64]:
        """Aims (N, 2) with those beyond the range at its border."""
        return np.clip(aim, -self.limit, self.limit)

    def named(self, turns: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        """Named turns of azimuth and elevation, then of the aim, each of four numbers."""
        aims = {name: (np.sign(turn) * self.step).tolist() for name, turn in turns.items()}
        still = {name: (*turn, 0.0, 0.0) for name, turn in turns.items()}
        return still | {f"aim-{name}": (0.0, 0.0, *aim) for name, aim in aims.items()}


def aim_range_of(aim: str, field_of_view: float) -> AimRange | None:
    """The range of an environment's cameras by the name of their aim; None for the centre alone.

    Raises:
        UserError: for an unknown name, or a free aim of cameras that see the whole object.
    """
    if aim not in AIMS:
        raise unknown_name("aim", aim, AIMS)
    return None if aim == CENTRE else AimRange.of(field_of_view)


def aimed(cameras: CameraAngles, aim: NDArray[np.float64]) -> Viewpoints:
    """The poses of N cameras that look beside the centre.

    >>> pose = aimed(CameraAngles(np.zeros(1), np.zeros(1)), np.radians([[10.0, 0.0]]))
    >>> np.degrees(pose.yaw).round(6), np.degrees(pose.pitch).round(6)  # the centre is at -180
    (array([170.]), array([0.]))

    Args:
        aim: (N, 2), radians to the right and up; zeros are `CameraAngles.viewpoints` to the bit.
    """
    straight = cameras.viewpoints()
    axes, beside = straight.axes(), np.tan(aim)
    ahead = axes[:, 2] + beside[:, :1] * axes[:, 0] + beside[:, 1:] * axes[:, 1]
    level = np.hypot(ahead[:, 0], ahead[:, 1])
    yaw = np.where(level > VERTICAL, np.arctan2(ahead[:, 1], ahead[:, 0]), straight.yaw)
    off = aim.any(axis=1)
    return Viewpoints(
        straight.position,
        np.where(off, yaw, straight.yaw),
        np.where(off, np.arctan2(ahead[:, 2], level), straight.pitch),
    )
