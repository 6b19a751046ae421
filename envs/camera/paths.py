"""The paths of N cameras: where they are, and whence the views of an episode were taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.camera.aim import AimRange, aimed
from envs.camera.angles import CameraAngles, KeepOut
from envs.snapshots import Snapshot, arrays_of, set_arrays
from gqn_rl.geometry.viewpoint import Viewpoints


class CameraPaths:
    """Positions on the viewing sphere, one path per row.

    >>> paths, both = CameraPaths(n=2, max_looks=12), np.array([True, True])
    >>> paths.note(both)
    >>> paths.turn(both, np.deg2rad([[30.0, 0.0], [0.0, 60.0]]), keep_out=None, partway=False)
    >>> paths.note(both)
    >>> np.rad2deg(paths.of(1)).round()
    array([[ 0.,  0.],
           [ 0., 60.]])

    Attributes:
        angles: where the cameras are.
        looks: int64 (N,), views taken in each row's episode.
        path: float64 (N, L, 2), azimuth and elevation of each of them, radians.
    """

    ARRAYS: tuple[str, ...] = ("looks", "path")

    def __init__(self, n: int, max_looks: int) -> None:
        self.angles = CameraAngles(np.zeros(n), np.zeros(n))
        self.looks = np.zeros(n, dtype=np.int64)
        self.path = np.zeros((n, max_looks, 2))

    def of(self, row: int) -> NDArray[np.float64]:
        """Azimuth and elevation of each look of a row's episode, (looks, 2), radians."""
        return self.path[row, : self.looks[row]].copy()

    def viewpoints(self) -> Viewpoints:
        """The N poses."""
        return self.angles.viewpoints()

    def poses_of(self, row: int) -> Viewpoints:
        """Those from which the looks of a row's episode were taken."""
        return CameraAngles(*self.of(row).T).viewpoints()

    def landings(self, row: int, turns: NDArray[np.float64]) -> Viewpoints:
        """Where each of M turns (M, T) would leave a row's camera, if it may stand anywhere."""
        return self.angles[np.full(len(turns), row)].turned(turns).viewpoints()

    def describe_aim(self, row: int) -> str:
        """What a person is told of where a row's camera looks; nothing where it is the centre."""
        return ""

    def begin(self, mask: NDArray[np.bool_], angles: CameraAngles) -> None:
        """New episodes in the rows of `mask` (N,), with the cameras at `angles`, one for each."""
        self.angles = self.angles.replaced(mask, angles)
        self.looks[mask] = 0

    def turn(
        self,
        mask: NDArray[np.bool_],
        turn: NDArray[np.float64],
        keep_out: KeepOut | None,
        partway: bool,
    ) -> None:
        """Turn the cameras of `mask` (N,) by turns (N, T), radians.

        Args:
            keep_out: of all rows.
            partway: see `KeepOut.after`.
        """
        cameras = self.angles[mask]
        if keep_out is None:
            turned = cameras.turned(turn[mask])
        else:
            turned = keep_out[mask].after(cameras, turn[mask], partway)
        self.angles = self.angles.replaced(mask, turned)

    def note(self, seen: NDArray[np.bool_]) -> None:
        """A look has been taken in the rows of `seen` (N,)."""
        rows = np.flatnonzero(seen)
        self.path[rows, self.looks[rows]] = self.angles.stacked()[rows]
        self.looks[rows] += 1

    def go_back(self, lost: NDArray[np.bool_]) -> None:
        """The cameras of `lost` (N,) return to where their last look was taken from."""
        last = self.path[lost, self.looks[lost] - 1]
        self.angles = self.angles.replaced(lost, CameraAngles(last[:, 0], last[:, 1]))

    def snapshot(self) -> Snapshot:
        """All of it."""
        return arrays_of(self, self.ARRAYS) | {"angles": self.angles.stacked()}

    def restore(self, snapshot: Snapshot) -> None:
        """Take it from a snapshot of as many rows and looks."""
        set_arrays(self, self.ARRAYS, snapshot)
        self.angles = CameraAngles(*snapshot["angles"].T.copy())


class AimedPaths(CameraPaths):
    """Paths of cameras that look where they are told to, at first at the centre.

    >>> paths, row = AimedPaths(1, max_looks=12, aim_range=AimRange.of(5.0)), np.array([True])
    >>> paths.turn(row, np.deg2rad([[0.0, 0.0, -10.0, 60.0]]), keep_out=None, partway=False)
    >>> paths.describe_aim(0)  # 20 degrees are as far as it goes
    'aim 10° left, 20° up'

    Attributes:
        aim: float64 (N, 2), where the cameras look, see `envs.camera.aim.aimed`.
        aims: float64 (N, L, 2), where they did in each look.
    """

    ARRAYS = (*CameraPaths.ARRAYS, "aim", "aims")

    def __init__(self, n: int, max_looks: int, aim_range: AimRange) -> None:
        super().__init__(n, max_looks)
        self._range = aim_range
        self.aim = np.zeros((n, 2))
        self.aims = np.zeros((n, max_looks, 2))

    def viewpoints(self) -> Viewpoints:
        """See `CameraPaths`."""
        return aimed(self.angles, self.aim)

    def poses_of(self, row: int) -> Viewpoints:
        """See `CameraPaths`."""
        return aimed(CameraAngles(*self.of(row).T), self.aims[row, : self.looks[row]])

    def landings(self, row: int, turns: NDArray[np.float64]) -> Viewpoints:
        """See `CameraPaths`."""
        cameras = self.angles[np.full(len(turns), row)].turned(turns)
        return aimed(cameras, self._range.clipped(self.aim[row] + turns[:, 2:]))

    def describe_aim(self, row: int) -> str:
        """See `CameraPaths`."""
        (right, up), names = np.rad2deg(self.aim[row]), (("left", "right"), ("down", "up"))
        parts = [f"{abs(a):.0f}° {n[int(a > 0)]}" for a, n in zip((right, up), names, strict=True)]
        return f"aim {', '.join(parts)}"

    def begin(self, mask: NDArray[np.bool_], angles: CameraAngles) -> None:
        """See `CameraPaths`; cameras look at the centre."""
        super().begin(mask, angles)
        self.aim[mask] = 0.0

    def turn(
        self,
        mask: NDArray[np.bool_],
        turn: NDArray[np.float64],
        keep_out: KeepOut | None,
        partway: bool,
    ) -> None:
        """See `CameraPaths`; an aim stops at the border of its range."""
        super().turn(mask, turn, keep_out, partway)
        self.aim[mask] = self._range.clipped(self.aim[mask] + turn[mask, 2:])

    def note(self, seen: NDArray[np.bool_]) -> None:
        """See `CameraPaths`."""
        rows = np.flatnonzero(seen)
        self.aims[rows, self.looks[rows]] = self.aim[rows]
        super().note(seen)

    def go_back(self, lost: NDArray[np.bool_]) -> None:
        """See `CameraPaths`."""
        super().go_back(lost)
        self.aim[lost] = self.aims[lost, self.looks[lost] - 1]


def camera_paths(n: int, max_looks: int, aim_range: AimRange | None) -> CameraPaths:
    """Paths of cameras that look at the centre, or with a range beside it."""
    if aim_range is None:
        return CameraPaths(n, max_looks)
    return AimedPaths(n, max_looks, aim_range)
