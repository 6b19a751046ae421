"""The part that tells how alike object and reference are, where an encoder can compare them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.content import Content
from envs.observation.cue import Cue
from envs.observation.encoder_memory import REPRESENTATION_LIMIT, clipped
from envs.observation.part import ObservationPart, Rows
from gqn_rl.encoders import ComparingEncoder


class Comparison(ObservationPart):
    """What a `ComparingEncoder` says of the two representations, float32 (K,).

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepardMentalRotation-v0", device="cpu")
    >>> env.observation_space["comparison"].shape
    (6,)
    >>> "comparison" in gymnasium.make("envs:GQNShepard-v0", device="cpu").observation_space.spaces
    False

    Args:
        encoder: whose representations they are.
        content: shows the object.
        cue: shows the reference, or has shown it: an encoder remembers.
    """

    key = "comparison"

    def __init__(self, rows: Rows, encoder: ComparingEncoder, content: Content, cue: Cue) -> None:
        size = (encoder.comparison_size,)
        super().__init__(
            rows, spaces.Box(-REPRESENTATION_LIMIT, REPRESENTATION_LIMIT, size, np.float32)
        )
        self._encoder, self._content, self._cue = encoder, content, cue

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        pair = self._content.values[mask], self._cue.remembered[mask]
        self.values[mask] = clipped(self._encoder.compare(*pair))


def comparison_of(rows: Rows, content: Content, cue: Cue | None) -> Comparison | None:
    """The comparison of the rows' objects; None where there is nothing to compare or nobody to."""
    encoder: Any = rows.memory.encoder if rows.memory and content.needs_encoder else None
    if cue is None or rows.task.cue_views is None or not isinstance(encoder, ComparingEncoder):
        return None
    return Comparison(rows, encoder, content, cue)
