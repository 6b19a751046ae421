"""Latents that lie in a volume."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Independent, Normal

MIN_LOG_SCALE, MAX_LOG_SCALE = -6.0, 1.0


class VolumeLatentHead(nn.Module):
    """A diagonal Gaussian over latents at half the lattice's resolution, event (C, X, Y, Z)."""

    def __init__(
        self,
        in_channels: int,
        latent_channels: int,
        hidden: int = 32,
        min_log_scale: float = MIN_LOG_SCALE,
    ) -> None:
        super().__init__()
        self.min_log_scale = min_log_scale
        self.hidden = nn.Conv3d(in_channels, hidden, 4, stride=2, padding=1)
        self.out = nn.Conv3d(hidden, 2 * latent_channels, 1)

    def forward(self, volume: Tensor) -> Independent:
        loc, log_scale = self.out(self.hidden(volume).relu()).float().chunk(2, dim=1)
        scale = log_scale.clamp(self.min_log_scale, MAX_LOG_SCALE).exp()
        return Independent(Normal(loc, scale), 4)
