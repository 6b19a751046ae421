"""A canonical GQN as a scene encoder that knows what it does not know."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gqn_rl.devices import autocast
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

LOOKED_AHEAD_PER_THREAD = 8
"""Scenes at once on a CPU; each has 169 rays for every camera."""


class CanonicalEncoder(GQNEncoder):
    """A `GQNEncoder` that is an `InformedEncoder`.

    >>> from gqn_rl.encoders import make_encoder
    >>> from gqn_rl.geometry.viewpoint import look_at_origin
    >>> encoder = make_encoder("base", device="cpu")
    >>> r = encoder.representation(encoder.initial_state(1))
    >>> front, back = look_at_origin(np.array([0.0, np.pi]), np.zeros(2)).encode()
    >>> seen, is_seen = front[None, None], np.array([[True]])
    >>> gain = encoder.information_gain(r, back[None], seen, is_seen, np.stack([front, back])[None])
    >>> gain.round()  # of the front once more, of the back, and of all that there is to be seen
    array([[ 0.,  7., 11.]], dtype=float32)
    """

    model: CanonicalGQN

    @torch.inference_mode()
    def information_gain(
        self,
        representation: NDArray[np.float32],
        query: NDArray[np.float32],
        seen: NDArray[np.float32],
        is_seen: NDArray[np.bool_],
        candidates: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """See `InformedEncoder` and `CanonicalGQN.information_gain`."""
        device = self.model.device
        arrays = (representation, query, seen, is_seen, candidates)
        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        gains = []
        with autocast(device, self.precision):
            for rows in self.portions(len(query), LOOKED_AHEAD_PER_THREAD):
                standardised, *where = (tensor[rows].to(device) for tensor in tensors)
                r = self.model.destandardise(standardised)
                gains.append(self.model.information_gain(r, *where))
        out: NDArray[np.float32] = torch.cat(gains).float().cpu().numpy()
        return out
