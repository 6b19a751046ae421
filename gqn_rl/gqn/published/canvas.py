"""The canvas u without painting it.

u grows by a linear map of each layer's hidden state, u_{l+1} = u_l + draw_l(h_{l+1}), and is only
ever read by linear maps: by the inference cores, read_l(u_l), and at the end by eta_g. The windows
of all three are 4 x 4 pixels that do not overlap. So every reading of the canvas is a sum of 1 x 1
convolutions of the hidden states, whose weights are products of the weights of two maps,

    read_l(u_l) = sum over k < l of (read_l draw_k)(h_{k+1})
    eta_g(u_L)  = sum over k < L of (eta_g draw_k)(h_{k+1})

and the 16 times larger canvas never exists. With a shared core all terms have the same weights.
"""

from __future__ import annotations

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.devices import full_precision


class CanvasReader:
    """What the inference cores read from the canvas, kept up to date layer by layer.

    Args:
        draws: weights (H, U, 4, 4) of the transposed convolutions of the layers but the last.
        reads: weights (U, U, 4, 4) of the convolutions of the layers but the first; as many.
        shared: all of them are the same and only one of each is given.
    """

    def __init__(self, draws: list[Tensor], reads: list[Tensor], shared: bool) -> None:
        self.shared = shared
        self._channels = len(reads[0]) if reads else 0
        self._weights = compose(draws, reads)
        self._pending: Tensor | None = None

    @property
    def seen(self) -> Tensor | None:
        """The reading of the next layer, (N, U, h, w); None while the canvas is empty."""
        if self._pending is None:
            return None
        return self._pending[:, : self._channels]

    def add(self, hidden: Tensor, layer: int) -> None:
        """Account for the h that layer number `layer`, but the last, has drawn."""
        weight = self._weights[0 if self.shared else layer]
        added = F.conv2d(hidden, weight)
        if self._pending is not None:
            past = 0 if self.shared else self._channels
            added = added + self._pending[:, past:]
        self._pending = added


def compose(draws: list[Tensor], reads: list[Tensor]) -> list[Tensor]:
    """For each layer that draws, weights (M U, H, 1, 1) of what the M later ones read of it."""
    if not reads:
        return []
    stacked = torch.cat([read.flatten(1) for read in reads])  # (M U, U 4 4)
    channels = len(reads[0])
    return [
        (stacked[k * channels :] @ draw.flatten(1).T)[..., None, None]
        for k, draw in enumerate(draws)
    ]


def mean_image(hiddens: list[Tensor], draws: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    """eta_g(u_L), float (N, 3, S, S) in the precision of the weights whatever the hidden states'.

    Args:
        hiddens: h of all layers, (N, H, S / 4, S / 4).
        draws: weights (H, U, 4, 4), one for each of them or a single one for all.
        weight, bias: of eta_g, (3, U, 1, 1) and (3,).
    """
    with full_precision(weight.device):
        if len(draws) < len(hiddens):
            hiddens = [reduce(torch.add, (hidden.to(weight.dtype) for hidden in hiddens))]
        scale = draws[0].shape[-1]
        image = bias.repeat_interleave(scale * scale)[:, None, None]
        for hidden, draw in zip(hiddens, draws, strict=True):
            to_patch = torch.einsum("cu,huij->cijh", weight[..., 0, 0], draw).flatten(0, 2)
            image = image + F.conv2d(hidden.to(weight.dtype), to_patch[..., None, None])
        return F.pixel_shuffle(image, scale)
