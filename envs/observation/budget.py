"""The part that tells how often the agent may still look."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.part import ObservationPart, Rows


class Budget(ObservationPart):
    """The share of the camera moves not yet used, float32 (1,).

    1 after the reset, 0 when `max_looks` looks have been taken.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state", max_looks=5)
    >>> env.reset(seed=0)[0]["looks_left"].item()
    1.0
    >>> env.step(1)[0]["looks_left"].item()
    0.75
    """

    key = "looks_left"

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, spaces.Box(0.0, 1.0, (1,), np.float32))

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        moves = max(rows.max_looks - 1, 1)
        self.values[mask] = ((rows.max_looks - rows.cameras.looks[:, None]) / moves)[mask]
