"""The GQN of Eslami et al. (2018)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.published.config import PRESETS, PublishedConfig
from gqn_rl.gqn.published.generator import Generator, Query
from gqn_rl.gqn.published.representation import (
    AGGREGATIONS,
    REPRESENTATIONS,
    PublishedAggregate,
)

PIXELS_AT_ONCE = 32 * 64 * 64
"""Of the views that the encoder takes together on a CPU: what it makes of more would spill out of
the caches, and cost a sixth of the time."""
KL_SEED = 0
"""Of the latents along which `PublishedGQN.kl` is measured."""


class ImaginedScene(NamedTuple):
    """An r and the noise that picks one scene of those it allows; each view unfolds its own
    latents from them.

    Attributes:
        r: float (N, F).
        noise: float (N, *latent_shape).
    """

    r: Tensor
    noise: Tensor


class PublishedGQN(GenerativeQueryNetwork[PublishedAggregate]):
    """Views summed up, and a recurrent generator that draws one query view at a time.

    Latents explain one image, so predictions of several views of a scene need not agree.

    Attributes:
        encoder: psi, from a view to r_k.
        generator: g, pi and q.
    """

    config_type = PublishedConfig
    presets = PRESETS
    representation_modules = ("encoder",)
    config: PublishedConfig

    def __init__(self, config: PublishedConfig) -> None:
        encoder = REPRESENTATIONS[config.representation](config.r_channels, config.image_size)
        super().__init__(config, config.r_channels * encoder.size**2)
        self.encoder = encoder
        self.generator = Generator(config, encoder.size)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def nothing_seen(self, n: int) -> PublishedAggregate:
        new, size = self.representation_mean.new_zeros, self.encoder.size
        return PublishedAggregate(new(n, self.config.r_channels, size, size), new(n, 1))

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> PublishedAggregate:
        images, viewpoints = self._images(images), self._cast(viewpoints)
        r_k = self._encode(images, viewpoints).to(viewpoints.dtype)
        return PublishedAggregate(r_k, r_k.new_ones(len(r_k), 1))

    def representation(self, aggregate: PublishedAggregate) -> Tensor:
        return AGGREGATIONS[self.config.aggregation](aggregate).flatten(1)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.generator.latent_shape

    def imagine(self, r: Tensor, noise: Tensor) -> ImaginedScene:
        return ImaginedScene(r, noise)

    def draw_images(self, scene: ImaginedScene, viewpoints: Tensor) -> Tensor:
        mean = self.generator.prior_path(
            self._map(scene.r), self._cast(viewpoints), self._cast(scene.noise)
        )
        return mean.clamp(0.0, 1.0)

    def kl(self, aggregate: PublishedAggregate, images: Tensor, viewpoints: Tensor) -> Tensor:
        """The divergence along a sample of the posterior path, the same sample each time."""
        r = self._map(self.representation(aggregate))
        generator = torch.Generator(self.device).manual_seed(KL_SEED)
        noise = self._cast(self.noise(len(r), generator))
        query = Query(r, self._cast(viewpoints), self._images(images))
        return self.generator.posterior_path(query, noise).kl

    def bound(
        self,
        images: Tensor,
        viewpoints: Tensor,
        is_query: Tensor,
        *,
        draws: Draws,
        sampling: Sampling,
    ) -> SceneTerms:
        count = sampling.num_queries
        chosen = choose_queries(is_query, count, draws)  # (B, Q)
        noise = draws.normal(count, *self.latent_shape).flatten(0, 1)
        from_prior = draws.uniform() < sampling.prior_share
        r = self.representation(self._context(images, viewpoints, ~is_query))
        rows = torch.arange(len(images), device=images.device)[:, None]
        truth = self._images(to_float(images[rows, chosen].flatten(0, 1)))
        query = Query(
            self._map(r.repeat_interleave(count, dim=0)),
            self._cast(viewpoints[rows, chosen].flatten(0, 1)),
            truth,
            from_prior.repeat_interleave(count) if sampling.prior_share > 0 else None,
        )
        mean, kl = self.generator.posterior_path(query, self._cast(noise))
        error = (mean - truth).square().mean(dim=(1, 2, 3)).view(-1, count).mean(1)
        kl = kl.view(-1, count).sum(1).masked_fill(from_prior, 0.0)
        return SceneTerms(error, kl, torch.full_like(error, count), (r,))

    def _context(self, images: Tensor, viewpoints: Tensor, mask: Tensor) -> PublishedAggregate:
        """Aggregate of the views (B, V) of a mask; the others are not even encoded."""
        seen = mask.flatten().nonzero()[:, 0]
        each = self.encode_view(
            to_float(images.flatten(0, 1)[seen]), viewpoints.flatten(0, 1)[seen]
        )
        every = self.nothing_seen(mask.numel())
        pairs = zip(every.parts, each.parts, strict=True)
        return PublishedAggregate(*(a.index_copy(0, seen, b) for a, b in pairs)).sum_views(mask)

    def _encode(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """r_k of each view, on a CPU of some views at a time."""
        at_once = max(1, len(images))
        if images.device.type == "cpu":
            at_once = max(1, PIXELS_AT_ONCE // self.image_size**2)
        parts = zip(torch.split(images, at_once), torch.split(viewpoints, at_once), strict=True)
        return torch.cat([self.encoder(*part) for part in parts])

    def _map(self, r: Tensor) -> Tensor:
        size = self.encoder.size
        return self._cast(r).view(-1, self.config.r_channels, size, size)

    def _images(self, images: Tensor) -> Tensor:
        return self._cast(images).contiguous(memory_format=torch.channels_last)

    def _cast(self, values: Tensor) -> Tensor:
        return values.to(self.representation_mean.dtype)


def choose_queries(is_query: Tensor, count: int, draws: Draws) -> Tensor:
    """`count` query views of each scene in random order, int64 (B, count).

    A scene that has fewer gives each of them about equally often, so that every scene counts the
    same; repeated images have latents of their own.

    Args:
        is_query: bool (B, V), at least one in each row.
    """
    available = is_query.sum(dim=1, keepdim=True)
    if not bool((available > 0).all()):
        raise ValueError("is_query has a scene without a query view, expected at least 1 in each")
    order = draws.uniform(is_query.shape[1]).masked_fill(~is_query, 2.0).argsort(dim=1)
    turn = torch.arange(count, device=is_query.device) % available
    return order.gather(1, turn)
