"""Generator: slots and a latent to scene tokens, and query rays to colours.

References:
    Kumar et al., Consistent Generative Query Networks, arXiv:1807.02033, 2018 (one latent for all
    queries of a scene).
    Sajjadi et al., Scene Representation Transformer, CVPR 2022, section 3.2 (query rays attend to
    the scene).
    Jaegle et al., Perceiver IO, ICLR 2022 (outputs as queries).
    Vahdat and Kautz, NVAE, NeurIPS 2020, section 3.2 (posterior relative to the prior).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from gqn_rl.devices import full_precision
from gqn_rl.gqn.attention.config import AttentionConfig
from gqn_rl.gqn.attention.places import ray_distances2
from gqn_rl.gqn.attention.ray_encodings import Rays, make_ray_encoding
from gqn_rl.gqn.attention.slots import IDENTITY_SCALE
from gqn_rl.gqn.attention.transformer import (
    CrossAttentionLayer,
    at_least_float32,
    initialise,
    self_attention,
)

MIN_LOG_SCALE, MAX_LOG_SCALE = -6.0, 1.0
NEWS_SCALE = 5.0
"""A few more views change a slot by a fraction of its size; the posterior must not miss it."""
INITIAL_COLOUR = -3.0
"""Before the sigmoid: most pixels are black."""


class LatentHead(nn.Module):
    """Numbers per slot (N, S, C) to location and logarithm of the scale, float32 (N, S, d) each."""

    def __init__(self, in_channels: int, config: AttentionConfig) -> None:
        super().__init__()
        self.enter = nn.Linear(in_channels, config.width)
        self.layers = self_attention(1, config.width, config.heads)
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, 2 * config.latent_channels)

    def forward(self, slots: Tensor) -> tuple[Tensor, Tensor]:
        read = self.out(self.norm(self.layers(self.enter(slots))))
        loc, log_scale = at_least_float32(read).chunk(2, dim=-1)
        return loc, log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)


class RayGenerator(nn.Module):
    """Prior, posterior and decoder."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        width, channels = config.width, config.slot_channels
        self.prior_head = LatentHead(channels, config)
        self.posterior_head = LatentHead(2 * channels, config)
        self.enter = nn.Linear(channels, width)
        self.enter_latent = nn.Linear(config.latent_channels, width, bias=False)
        self.identity = nn.Parameter(IDENTITY_SCALE * torch.randn(config.slots, width))
        self.scene_layers = self_attention(config.scene_layers, width, config.heads)
        self.scene_norm = nn.LayerNorm(width)
        self.encoding = make_ray_encoding(config.ray_encoding, config.radius)
        self.embed_ray = nn.Linear(self.encoding.out_channels, width)
        self.query_layers = nn.ModuleList(
            CrossAttentionLayer(width, config.heads) for _ in range(config.query_layers)
        )
        self.query_norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 3)
        initialise(self)
        with torch.no_grad():
            # Start close to the standard normal, and dark.
            self.prior_head.out.weight.mul_(0.01)
            self.posterior_head.out.weight.mul_(0.1)
            # At first the latent is noise: a loud one makes the network deaf to the slots too, a
            # faint one is never heard at all.
            self.enter_latent.weight.mul_(0.3)
            self.out.bias.fill_(INITIAL_COLOUR)

    def prior(self, slots: Tensor) -> Independent:
        """pi(z | r) for slots (N, S, C)."""
        loc, log_scale = self.prior_head(slots)
        return Independent(Normal(loc, log_scale.exp()), 2)

    def posterior(self, slots: Tensor, slots_with_queries: Tensor) -> Independent:
        """q(z | r, x), the prior moved by what the queries change in the slots."""
        prior = self.prior(slots).base_dist
        news = NEWS_SCALE * (slots_with_queries - slots)
        shift, log_ratio = self.posterior_head(torch.cat([slots, news], dim=-1))
        loc = prior.loc + prior.scale * shift
        return Independent(Normal(loc, prior.scale * log_ratio.exp()), 2)

    def scene(self, slots: Tensor, latent: Tensor) -> Tensor:
        """Scene tokens (N, S, width) of slots (N, S, C) and a latent (N, S, d)."""
        tokens = self.enter(slots) + self.enter_latent(latent) + self.identity
        out: Tensor = self.scene_norm(self.scene_layers(tokens))
        return out

    def colours(self, scene: Tensor, rays: Rays, places: Tensor) -> Tensor:
        """Colour of each ray, float32 (N, R, 3) in [0, 1].

        Args:
            scene: see `scene`.
            rays: (N, R).
            places: float (S, 3), where the slots lie.
        """
        with full_precision(scene.device):  # wavelengths are too short for bf16
            features = self.encoding(rays)
            distances2 = ray_distances2(places, rays)[:, None]
        tokens = self.embed_ray(features)
        for layer in self.query_layers:
            tokens = layer(tokens, scene, distances2)
        read = self.out(self.query_norm(tokens))
        return at_least_float32(read).sigmoid()
