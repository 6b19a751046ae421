"""Rays through the pixels of the query views that a training step compares.

A family that draws single pixels need not draw whole images: a weighted random subset of them
estimates the error of all without bias.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.gqn.draws import Draws

FOREGROUND_SHARE = 0.5
"""Half of the rays aim at the object, which fills an eighth of an image; weights undo the bias."""


class QueryRays(NamedTuple):
    """R rays per scene drawn from the views outside the context.

    Attributes:
        view: int64 (B, R), index of the view; pixel: int64 (B, R), row * W + column.
        colour: float32 (B, R, 3), the truth in [0, 1].
        weight: float32 (B, R); the weighted sum over rays of a per-pixel quantity estimates its
            mean over all pixels of all query images.
    """

    view: Tensor
    pixel: Tensor
    colour: Tensor
    weight: Tensor


def sample_query_rays(images: Tensor, is_query: Tensor, num_rays: int, draws: Draws) -> QueryRays:
    """Draw rays, half of them uniformly and half of them among the object's pixels.

    Args:
        images: uint8 (B, V, H, W, 3).
        is_query: bool (B, V), the views that are not in the context.
        draws: randomness for these B rows, on the device of the images.
    """
    b, v, h, w, _ = images.shape
    flat = images.view(b, v * h * w, 3)
    is_candidate = is_query.repeat_interleave(h * w, dim=1)
    uniform = _normalised(is_candidate.float())
    foreground = _normalised((is_candidate & (flat.amax(-1) > 0)).float())
    share = FOREGROUND_SHARE * (foreground.sum(1, keepdim=True) > 0)
    probability = (1 - share) * uniform + share * foreground
    chosen = _sample_rows(probability, num_rays, draws)
    weight = uniform.gather(1, chosen) / (probability.gather(1, chosen) * num_rays)
    colour = flat.gather(1, chosen[..., None].expand(-1, -1, 3)).float() / 255.0
    return QueryRays(chosen // (h * w), chosen % (h * w), colour, weight)


def _normalised(mass: Tensor) -> Tensor:
    return mass / mass.sum(dim=1, keepdim=True).clamp(min=1.0)


def _sample_rows(probability: Tensor, count: int, draws: Draws) -> Tensor:
    """`count` draws per row (B, N) by stratified inversion of the distribution function."""
    n = probability.shape[1]
    cumulative = probability.double().cumsum(dim=1)
    strata = torch.arange(count, device=probability.device, dtype=torch.float64)
    place = (strata + draws.uniform(count, dtype=torch.float64)) / count
    return torch.searchsorted(cumulative, place * cumulative[:, -1:], right=True).clamp(max=n - 1)
