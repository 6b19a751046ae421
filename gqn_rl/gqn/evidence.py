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
    """

    numerator: Tensor
    denominator: Tensor

    def plus(self, other: Evidence) -> Evidence:
        """The evidence of both, scene by scene, summed in float32."""
        return Evidence(
            self.numerator.float() + other.numerator.float(),
            self.denominator.float() + other.denominator.float(),
        )

    def forget(self, scenes: Tensor) -> Evidence:
        """As if nothing had been seen of the scenes where bool (N,) is true."""
        keep = ~scenes[:, None, None]
        return Evidence(
            torch.where(keep, self.numerator, 0.0), torch.where(keep, self.denominator, 0.0)
        )

    def sum_views(self, mask: Tensor) -> Evidence:
        """From one evidence per view (B * V rows) to one per scene, over the views of a mask.

        Args:
            mask: bool (B, V), which views count.
        """
        numerator = self.numerator.unflatten(0, mask.shape)  # type: ignore[no-untyped-call]
        denominator = self.denominator.unflatten(0, mask.shape)  # type: ignore[no-untyped-call]
        return Evidence(
            torch.einsum("bv,bvac->bac", mask.to(numerator.dtype), numerator).float(),
            torch.einsum("bv,bvac->bac", mask.to(denominator.dtype), denominator).float(),
        )
