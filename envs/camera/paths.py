"""The paths of N cameras: where they are, and whence the views of an episode were taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles, KeepOut
from envs.snapshots import Snapshot, arrays_of, set_arrays


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

    ARRAYS = ("looks", "path")

    def __init__(self, n: int, max_looks: int) -> None:
        self.angles = CameraAngles(np.zeros(n), np.zeros(n))
        self.looks = np.zeros(n, dtype=np.int64)
        self.path = np.zeros((n, max_looks, 2))

    def of(self, row: int) -> NDArray[np.float64]:
        """Azimuth and elevation of each look of a row's episode, (looks, 2), radians."""
        return self.path[row, : self.looks[row]].copy()

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
        """Turn the cameras of `mask` (N,) by azimuth and elevation (N, 2), radians.

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
