"""The evidence lower bound.

For a scene with context r and query images x at poses v,

    log p(x | v, r)  >=  E_q(z | r, x) [ sum over queries of log N(x | g(v, r, z), sigma^2) ]
                         - KL(q(z | r, x) || pi(z | r)),

equation S5 of Eslami et al. (2018). Families differ in what a latent explains, one query or all
queries of a scene; either way its divergence is counted once, never per pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.errors import UserError, unknown_name

LOSS_UNITS = ("error", "nats")
MIN_SIGMA = 1e-3


@dataclass(frozen=True)
class Sampling:
    """What a training step samples to estimate the bound.

    Attributes:
        num_rays: query rays per scene, for families that draw single pixels.
        num_queries: query views per scene, for families that draw whole images.
        prior_share: share of scenes whose latent is drawn from the prior instead of the posterior.
    """

    num_rays: int = 384
    num_queries: int = 1
    prior_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_rays", "num_queries"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0.0 <= self.prior_share <= 1.0:
            raise UserError(f"prior_share is {self.prior_share}, expected within [0, 1]")


class SceneTerms(NamedTuple):
    """What a family computes for each of B scenes.

    Attributes:
        error: float32 (B,), mean squared error per colour channel over the query images, in
            [0, 1] units.
        kl: float32 (B,), nats; 0 where the latent came from the prior.
        num_queries: float32 (B,), the query images that `kl` is the price of.
        representations: float (B, F) each, those that were made on the way, of the context first;
            what `GenerativeQueryNetwork.auxiliary_loss` is given.
    """

    error: Tensor
    kl: Tensor
    num_queries: Tensor
    representations: tuple[Tensor, ...] = ()


class Terms(NamedTuple):
    """The parts of the bound, averaged over scenes.

    Attributes:
        loss: what is minimised.
        mse: mean squared error per colour channel, in [0, 1] units.
        kl: nats per scene.
        elbo: nats per query image.
        sigma: standard deviation of the pixels that was assumed.
    """

    loss: Tensor
    mse: Tensor
    kl: Tensor
    elbo: Tensor
    sigma: Tensor


def combine(
    scenes: SceneTerms, *, num_pixels: int, sigma: float | Tensor, unit: str = "error"
) -> Terms:
    """The bound and the loss.

    Args:
        num_pixels: pixels of one image.
        sigma: standard deviation of the pixels.
        unit: "nats" minimises minus the bound; "error" the same times 2 sigma^2 / (3 num_pixels)
            and without its constant, mse + 2 sigma^2 KL / (3 num_pixels queries), so that the size
            of gradients does not depend on sigma.
    """
    if unit not in LOSS_UNITS:
        raise unknown_name("unit of the loss", unit, LOSS_UNITS)
    dimensions = 3 * num_pixels
    sigma = torch.as_tensor(sigma, dtype=scenes.error.dtype, device=scenes.error.device)
    variance = sigma.square()
    price = scenes.kl / scenes.num_queries  # nats per query image
    normaliser = 0.5 * dimensions * torch.log(2 * math.pi * variance)
    elbo = -dimensions * scenes.error / (2 * variance) - normaliser - price
    loss = -elbo if unit == "nats" else scenes.error + 2 * variance / dimensions * price
    return Terms(loss.mean(), scenes.error.mean(), scenes.kl.mean(), elbo.mean(), sigma)


def optimal_sigma(error: Tensor) -> Tensor:
    """The sigma that maximises the bound for a given mean squared error, its square root.

    References:
        Rybkin, Daniilidis and Levine, Simple and Effective VAE Training with Calibrated Decoders,
        ICML 2021, eq. 5.
    """
    return error.detach().sqrt().clamp(min=MIN_SIGMA)
