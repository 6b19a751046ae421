"""The evidence lower bound, estimated from a random subset of the query rays.

For a scene with context r and query images x at poses v,

    log p(x | v, r)  >=  E_q(z | r, x) [ sum over queries of log N(x | g(v, r, z), sigma^2) ]
                         - KL(q(z | r, x) || pi(z | r)),

equation S5 of Eslami et al. (2018) with one latent for all queries of a scene. The latent's KL is
counted once per scene, never per pixel or per query.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import kl_divergence

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


def sample_query_rays(
    images: Tensor, is_query: Tensor, num_rays: int, generator: torch.Generator
) -> QueryRays:
    """Draw rays, half of them uniformly and half of them among the object's pixels.

    Args:
        images: uint8 (B, V, H, W, 3).
        is_query: bool (B, V), the views that are not in the context.
        generator: source of randomness, on the device of the images.
    """
    b, v, h, w, _ = images.shape
    flat = images.view(b, v * h * w, 3)
    is_candidate = is_query.repeat_interleave(h * w, dim=1)
    uniform = _normalised(is_candidate.float())
    foreground = _normalised((is_candidate & (flat.amax(-1) > 0)).float())
    share = FOREGROUND_SHARE * (foreground.sum(1, keepdim=True) > 0)
    probability = (1 - share) * uniform + share * foreground
    chosen = _sample_rows(probability, num_rays, generator)
    weight = uniform.gather(1, chosen) / (probability.gather(1, chosen) * num_rays)
    colour = flat.gather(1, chosen[..., None].expand(-1, -1, 3)).float() / 255.0
    return QueryRays(chosen // (h * w), chosen % (h * w), colour, weight)


def _normalised(mass: Tensor) -> Tensor:
    return mass / mass.sum(dim=1, keepdim=True).clamp(min=1.0)


def _sample_rows(probability: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` draws per row (B, N) by stratified inversion of the distribution function."""
    b, n = probability.shape
    cumulative = probability.double().cumsum(dim=1)
    strata = torch.arange(count, device=probability.device, dtype=torch.float64)
    offset = torch.rand(
        b, count, generator=generator, device=probability.device, dtype=torch.float64
    )
    draws = (strata + offset) / count * cumulative[:, -1:]
    return torch.searchsorted(cumulative, draws, right=True).clamp(max=n - 1)


class Terms(NamedTuple):
    """The parts of the bound, averaged over scenes.

    Attributes:
        loss: what is minimised: minus the bound in units in which the squared error counts once,
            mse + 2 sigma^2 KL / (pixels * 3 * queries), up to a constant.
        mse: mean squared error per colour channel, in [0, 1] units, on the posterior path.
        kl: nats per scene.
        elbo: nats per query image.
    """

    loss: Tensor
    mse: Tensor
    kl: Tensor
    elbo: Tensor


def bound_terms(
    prediction: Tensor,
    rays: QueryRays,
    posterior: torch.distributions.Distribution,
    prior: torch.distributions.Distribution,
    *,
    from_prior: Tensor | None = None,
    num_queries: Tensor,
    num_pixels: int,
    sigma: float,
) -> Terms:
    """Terms of the bound for predictions (B, R, 3).

    Args:
        from_prior: bool (B,), scenes whose latent came from the prior, None for none: there the
            squared error alone counts, and in the returned kl and elbo they have no divergence.
        num_queries: float (B,), query images per scene.
    """
    mse = ((prediction - rays.colour).square().mean(-1) * rays.weight).sum(-1)  # (B,)
    kl = kl_divergence(posterior, prior)  # (B,)
    if from_prior is not None:
        kl = kl.masked_fill(from_prior, 0.0)
    dimensions = 3 * num_pixels
    loss = mse + 2 * sigma**2 * kl / (dimensions * num_queries)
    normaliser = 0.5 * math.log(2 * math.pi * sigma**2) * dimensions
    elbo = -dimensions * mse / (2 * sigma**2) - normaliser - kl / num_queries
    return Terms(loss.mean(), mse.mean(), kl.mean(), elbo.mean())
