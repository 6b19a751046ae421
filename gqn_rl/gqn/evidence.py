"""The running sum over views from which every representation is made."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Evidence(NamedTuple):
    """What views say, summed over them; adding two evidences adds their views.

    Attributes:
        numerator: float (N, A, C), weighted answers at A places.
        denominator: float32 (N, A, 1), weights.
        colours: float32 (N, B, 5), at B finer places the sums over the views that show them of
            red, green, blue and foreground, all in [0, 1], and the number of those views.
    """

    numerator: Tensor
    denominator: Tensor
    colours: Tensor

    def plus(self, other: Evidence) -> Evidence:
        """The evidence of both, scene by scene, summed in float32."""
        return Evidence(*(a.float() + b.float() for a, b in zip(self, other, strict=True)))

    def forget(self, scenes: Tensor) -> Evidence:
        """As if nothing had been seen of the scenes where bool (N,) is true."""
        keep = ~scenes[:, None, None]
        return Evidence(*(torch.where(keep, part, 0.0) for part in self))

    def sum_views(self, mask: Tensor) -> Evidence:
        """From one evidence per view (B * V rows) to one per scene, over the views of a mask.

        Args:
            mask: bool (B, V), which views count.
        """

        def add(part: Tensor) -> Tensor:
            per_view = part.view(*mask.shape, *part.shape[1:])
            return torch.einsum("bv,bvac->bac", mask.to(part.dtype), per_view).float()

        return Evidence(*(add(part) for part in self))
