"""What the camera's moves would bring, as far as it can be known before they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles, KeepOut
from envs.camera.control import STEP, CameraControl
from envs.rows.encoder_memory import REPRESENTATION_LIMIT, EncoderMemory
from gqn_rl.geometry.next_best_view import CLOSENESS, COLUMNS, GAIN, NOVELTY, TURN
from gqn_rl.geometry.viewpoint import ENCODING_SIZE


class NextBestViewFeatures:
    """Where moves lead, seen from the query viewpoint, and what the views there would tell.

    A row of the environment has a matrix with a row for each of M moves, `control.probes`, and a
    last one for making none of them, given row after row as one vector. The columns are

    - 0, 1: the turn of azimuth and elevation, as shares of the largest among the M;
    - 2: how close to the query viewpoint the move would take the camera, as the cosine of the
      angle on the sphere; in the last row that of the nearest view so far;
    - 3: how far from the nearest view so far, in steps of 30 degrees; 0 in the last row;
    - 4: what the view from there would tell about the query view, in the last row what is left to
      be told, see `InformedEncoder.information_gain`; at most `REPRESENTATION_LIMIT`. It is 0
      unless the encoder is an `InformedEncoder` and its representation the observation.

    None of them needs the truth about the scene.

    Args:
        control: whose moves.
        memory: of the rows; None where no encoder says anything.
    """

    def __init__(self, control: CameraControl, memory: EncoderMemory | None) -> None:
        self._turns, self._partway = control.probes, control.goes_partway
        self._memory = memory if memory is not None and memory.is_informed else None
        moves = np.concatenate([self._turns, np.zeros((1, 2))]) / np.abs(self._turns).max()
        self._moves = moves.astype(np.float32)
        self.space = self._space()
        """Of one row."""

    @property
    def is_informed(self) -> bool:
        """Whether they say what views would tell."""
        return self._memory is not None

    def _space(self) -> spaces.Box:
        low = [-1.0, -1.0, -1.0, 0.0, 0.0]
        high = [1.0, 1.0, 1.0, np.pi / STEP, REPRESENTATION_LIMIT]
        least, most = (np.tile(np.array(row, np.float32), len(self._moves)) for row in (low, high))
        return spaces.Box(least, most, dtype=np.float32)

    def of(
        self,
        cameras: CameraAngles,
        keep_out: KeepOut,
        path: NDArray[np.float64],
        looks: NDArray[np.int64],
        content: NDArray[Any],
    ) -> NDArray[np.float32]:
        """The matrices of n rows, float32 (n, 5 (M + 1)).

        Args:
            cameras: where they are.
            keep_out: about the query viewpoints.
            path: azimuth and elevation of each look, float64 (n, L, 2); of them
            looks: int64 (n,) have been taken.
            content: the rows' representations.
        """
        n = len(cameras)
        landings = keep_out.landings(cameras, self._turns, self._partway)
        path = path[:, : int(looks.max())]
        taken = CameraAngles(*path.reshape(-1, 2).T)
        is_taken = np.arange(path.shape[1]) < looks[:, None]
        query, seen, there = (
            angles.directions().reshape(n, -1, 3) for angles in (keep_out.centre, taken, landings)
        )
        numbers = np.zeros((n, len(self._moves), COLUMNS))
        numbers[..., TURN] = self._moves
        numbers[:, :-1, CLOSENESS] = _cosines(there, query)
        numbers[:, -1, CLOSENESS] = np.where(is_taken, _cosines(seen, query), -1.0).max(1)
        between = _cosines(there[:, :, None], seen[:, None])
        nearest = np.where(is_taken[:, None], between, -1.0).max(2)
        numbers[:, :-1, NOVELTY] = np.arccos(np.clip(nearest, -1.0, 1.0)) / STEP
        if self._memory is not None:
            poses = (angles.viewpoints().encode() for angles in (keep_out.centre, taken, landings))
            asked, before, after = (pose.reshape(n, -1, ENCODING_SIZE) for pose in poses)
            numbers[..., GAIN] = self._memory.information_gain(
                content, asked[:, 0], before, is_taken, after
            )
        flat = numbers.reshape(n, -1).astype(np.float32)
        return np.clip(flat, self.space.low, self.space.high)


def _cosines(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of unit vectors (..., 3); a matrix product would round by the size of the batch."""
    cosines: NDArray[np.float64] = (one * other).sum(-1)
    return cosines
