"""The part with next-best-view features: what is known beforehand of the camera's moves."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles, KeepOut
from envs.camera.control import STEP
from envs.observation.content import Content
from envs.observation.encoder_memory import REPRESENTATION_LIMIT
from envs.observation.part import ObservationPart, Rows
from gqn_rl.encoders import InformedEncoder, StateInformedEncoder
from gqn_rl.geometry.next_best_view import CLOSENESS, COLUMNS, GAIN, NOVELTY, TURN
from gqn_rl.geometry.viewpoint import ENCODING_SIZE


class NextBestViewFeatures(ObservationPart):
    """Where moves lead, seen from the query viewpoint, and what the views there would tell.

    A row of the environment has a matrix with a row for each of M moves, `CameraControl.probes`,
    and a last one for making none of them, given row after row as one vector, float32 (5 M + 5,).
    The columns are

    - 0, 1: the turn of azimuth and elevation, as shares of the largest among the M;
    - 2: how close to the query viewpoint the move would take the camera, as the cosine of the
      angle on the sphere; in the last row that of the nearest view so far;
    - 3: how far from the nearest view so far, in steps of 30 degrees; 0 in the last row;
    - 4: what the view from there would tell about the query view, in the last row what is left to
      be told, see `InformedEncoder.information_gain`; at most `REPRESENTATION_LIMIT`. It is 0
      unless the encoder is an `InformedEncoder` or a `StateInformedEncoder` and its representation
      the observation.

    None of them needs the truth about the scene.

    >>> import gymnasium
    >>> from gqn_rl.geometry.next_best_view import as_matrix
    >>> env = gymnasium.make("envs:GQNShepardViewPrediction-v0", device="cpu")
    >>> observation, info = env.reset(seed=0)
    >>> features = as_matrix(observation["prospects"])
    >>> features[:, CLOSENESS].round(2)  # of left, right, up, down, none
    array([-0.61, -0.99, -0.83, -0.77, -0.92], dtype=float32)
    >>> features[:4, GAIN].argmax().item()  # the view from further down would tell most
    3

    Args:
        content: shows the scenes.
    """

    key = "prospects"

    def __init__(self, rows: Rows, content: Content) -> None:
        encoder: Any = rows.memory.encoder if rows.memory and content.needs_encoder else None
        self._encoder = encoder if isinstance(encoder, InformedEncoder) else None
        self._asks_memory = isinstance(encoder, StateInformedEncoder)
        self._content = content
        turns = rows.control.probes
        moves = np.concatenate([turns, np.zeros((1, 2))]) / np.abs(turns).max()
        self._moves = moves.astype(np.float32)
        low = [-1.0, -1.0, -1.0, 0.0, 0.0]
        high = [1.0, 1.0, 1.0, np.pi / STEP, REPRESENTATION_LIMIT]
        least, most = (np.tile(np.array(row, np.float32), len(moves)) for row in (low, high))
        super().__init__(rows, spaces.Box(least, most, dtype=np.float32))

    @property
    def is_informed(self) -> bool:
        """Whether they say what views would tell."""
        return self._encoder is not None or self._asks_memory

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        keep_out = rows.keep_out
        assert keep_out is not None
        control, cameras = rows.control, rows.cameras
        query, looks = keep_out[mask], cameras.looks[mask]
        path = cameras.path[mask, : int(looks.max())]
        landings = query.landings(cameras.angles[mask], control.probes, control.goes_partway)
        taken = CameraAngles(*path.reshape(-1, 2).T)
        is_taken = np.arange(path.shape[1]) < looks[:, None]
        numbers = self._geometry(query, taken, is_taken, landings)
        if self.is_informed:
            poses = (angles.viewpoints().encode() for angles in (query.centre, taken, landings))
            asked, before, after = (pose.reshape(len(looks), -1, ENCODING_SIZE) for pose in poses)
            where = asked[:, 0], before, is_taken, after
            numbers[..., GAIN] = self._information_gain(rows, mask, where)
        flat = numbers.reshape(len(looks), -1).astype(np.float32)
        self.values[mask] = np.clip(flat, self.space.low, self.space.high)

    def _information_gain(
        self, rows: Rows, mask: NDArray[np.bool_], where: tuple[NDArray[Any], ...]
    ) -> NDArray[np.float32]:
        if self._encoder is not None:
            return self._encoder.information_gain(self._content.values[mask], *where)
        assert rows.memory is not None
        return rows.memory.information_gain(np.flatnonzero(mask), *where)

    def _geometry(
        self,
        query: KeepOut,
        taken: CameraAngles,
        is_taken: NDArray[np.bool_],
        landings: CameraAngles,
    ) -> NDArray[np.float64]:
        """The matrices of n rows, (n, M + 1, 5), their last column still 0.

        Args:
            taken: n L cameras, row after row, of views that were taken where `is_taken`, (n, L).
            landings: n M cameras, row after row.
        """
        n = len(is_taken)
        asked, seen, there = (
            angles.directions().reshape(n, -1, 3) for angles in (query.centre, taken, landings)
        )
        numbers = np.zeros((n, len(self._moves), COLUMNS))
        numbers[..., TURN] = self._moves
        numbers[:, :-1, CLOSENESS] = _cosines(there, asked)
        numbers[:, -1, CLOSENESS] = np.where(is_taken, _cosines(seen, asked), -1.0).max(1)
        between = _cosines(there[:, :, None], seen[:, None])
        nearest = np.where(is_taken[:, None], between, -1.0).max(2)
        numbers[:, :-1, NOVELTY] = np.arccos(np.clip(nearest, -1.0, 1.0)) / STEP
        return numbers


def next_best_view_features_of(rows: Rows, content: Content) -> NextBestViewFeatures | None:
    """The part for some rows; None where their task has no query."""
    return NextBestViewFeatures(rows, content) if rows.task.has_query else None


def _cosines(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of unit vectors (..., 3); a matrix product would round by the size of the batch."""
    cosines: NDArray[np.float64] = (one * other).sum(-1)
    return cosines
