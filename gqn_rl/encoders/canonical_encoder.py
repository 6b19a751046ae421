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
    """A `GQNEncoder` that is an `InformedEncoder`."""

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
            for rows in self._portions(len(query), LOOKED_AHEAD_PER_THREAD):
                standardised, *where = (tensor[rows].to(device) for tensor in tensors)
                r = self.model.destandardise(standardised)
                gains.append(self.model.information_gain(r, *where))
        out: NDArray[np.float32] = torch.cat(gains).float().cpu().numpy()
        return out
