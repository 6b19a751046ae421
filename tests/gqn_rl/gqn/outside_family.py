"""A family from outside the package: one network and its configuration, in no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.scene_latent import SceneLatentGQN
from gqn_rl.gqn.view_aggregate import ViewAggregate


@dataclass(frozen=True)
class MeanColourConfig(Config):
    """Attributes: numbers of the representation and of the latent."""

    family: ClassVar[str] = "tests.gqn_rl.gqn.outside_family:MeanColourGQN"

    channels: int = 6


TINY = MeanColourConfig(channels=4)


@dataclass(frozen=True)
class MeanColourAggregate(ViewAggregate):
    """Attributes: total, float (N, C), the sum of what the views say."""

    total: Tensor


class MeanColourGQN(SceneLatentGQN[MeanColourAggregate]):
    """Views as mean colour and pose; all pixels of an image have one colour.

    What it alone learns from is the yaw of the grid, its first number.
    """

    config_type = MeanColourConfig
    config: MeanColourConfig

    def __init__(self, config: MeanColourConfig) -> None:
        super().__init__(config, config.channels)
        channels = config.channels
        self.network = nn.Linear(3 + ENCODING_SIZE, channels)
        self.prior_head = nn.Linear(channels, 2 * channels)
        self.posterior_head = nn.Linear(2 * channels, 2 * channels)
        self.out = nn.Linear(2 * channels + ENCODING_SIZE, 3)

    def nothing_seen(self, n: int) -> MeanColourAggregate:
        return MeanColourAggregate(torch.zeros(n, self.config.channels, device=self.device))

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> MeanColourAggregate:
        seen = torch.cat([images.mean((2, 3)), viewpoints], dim=1)
        return MeanColourAggregate(self.network(seen))

    def representation(self, aggregate: MeanColourAggregate) -> Tensor:
        return aggregate.total.tanh()

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.channels,)

    def prior(self, r: Tensor) -> Independent:
        return _gaussian(self.prior_head(r))

    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Independent:
        return _gaussian(self.posterior_head(torch.cat([r, r_with_queries], dim=1)))

    def decode(self, r: Tensor, latent: Tensor) -> Tensor:
        return torch.cat([r, latent], dim=1)

    def draw(
        self, scene: Tensor, viewpoints: Tensor, pixels: Tensor, jitter: Tensor | None = None
    ) -> Tensor:
        everywhere = scene[:, None].expand(-1, pixels.shape[1], -1)
        return self.out(torch.cat([everywhere, viewpoints], dim=2)).sigmoid()

    def auxiliary_loss(
        self, representations: Sequence[Tensor], labels: Mapping[str, Tensor]
    ) -> Tensor | None:
        if "grid_pose" not in labels:
            return None
        return (representations[0][:, 0] - labels["grid_pose"][:, 0]).square().mean()


def _gaussian(numbers: Tensor) -> Independent:
    loc, log_scale = numbers.chunk(2, dim=1)
    return Independent(Normal(loc, log_scale.exp()), 1)
