"""A part of the observation that tells how far the camera has come."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.part import ObservationPart, Rows


class Climb(ObservationPart):
    """Sines of the camera's elevation at the first view and now, float32 (2,)."""

    key = "climb"

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, spaces.Box(-1.0, 1.0, (2,), np.float32))

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        self.values[mask, 0] = np.sin(rows.cameras.angles.elevation[mask])

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        self.values[mask, 1] = np.sin(rows.cameras.angles.elevation[mask])
