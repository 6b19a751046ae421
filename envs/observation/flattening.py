"""One Box out of a Dict of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.part import Observation


class Flattening:
    """The parts of a Dict of Boxes one after the other, each in C order.

    They come in the alphabetical order of their keys: comparison, cue, image, looks_left,
    prospects, representation, state, viewpoint, as far as there are such parts. Each keeps its own
    range of values. It is what `gymnasium.spaces.flatten` does, for a batch at once.

    >>> pose, left = spaces.Box(-9.0, 9.0, (7,)), spaces.Box(0.0, 1.0, (1,))
    >>> flattening = Flattening(spaces.Dict({"viewpoint": pose, "looks_left": left}))
    >>> flattening({"viewpoint": np.full((2, 7), 9.0), "looks_left": np.ones((2, 1))})
    array([[1., 9., 9., 9., 9., 9., 9., 9.],
           [1., 9., 9., 9., 9., 9., 9., 9.]], dtype=float32)

    Args:
        space: of one row.
    """

    def __init__(self, space: spaces.Dict) -> None:
        flat = spaces.flatten_space(space)
        assert isinstance(flat, spaces.Box)
        self.space: spaces.Box = flat
        """The space of one row, float32 (L,); pixels are still 0 to 255."""
        self._keys = tuple(space.spaces)

    def __call__(self, observation: Observation) -> NDArray[Any]:
        """The batch (N, L), a fresh array."""
        parts = [observation[key].reshape(len(observation[key]), -1) for key in self._keys]
        return np.concatenate(parts, axis=1).astype(self.space.dtype)
