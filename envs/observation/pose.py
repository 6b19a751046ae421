"""The part that tells where the camera stands and looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.camera.space import encoded, viewpoint_space
from envs.observation.part import ObservationPart, Rows


class Pose(ObservationPart):
    """The current pose as encoded by `Viewpoints.encode`, float32 (7,).

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state")
    >>> poses = np.stack([env.reset(seed=0)[0]["viewpoint"], env.step(2)[0]["viewpoint"]])
    >>> np.rad2deg(np.arcsin(poses[:, 2] / 9)).round()  # elevation, before and after a move up
    array([47., 77.], dtype=float32)
    """

    key = "viewpoint"

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, viewpoint_space())

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.values[mask] = encoded(rows.cameras.viewpoints())[mask]
