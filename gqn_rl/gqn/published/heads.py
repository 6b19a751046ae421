"""Gaussian factors of prior and posterior."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from gqn_rl.gqn.published.config import PublishedConfig

MIN_LOG_SCALE, MAX_LOG_SCALE = -10.0, 10.0
"""Far from what training reaches; so that no scale is zero or infinite."""


class GaussianHead(nn.Module):
    """eta: a diagonal Gaussian from a hidden state, event (Z, h, w), in at least float32.

    The convolution gives the mean and the logarithm of the standard deviation, as in Gregor et al.
    (2016), so the deviation is positive whatever the weights.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        k = config.kernel_size
        self.out = nn.Conv2d(config.hidden_channels, 2 * config.latent_channels, k, padding=k // 2)

    def forward(self, hidden: Tensor) -> Independent:
        parameters = self.out(hidden)
        if parameters.dtype != torch.float64:
            parameters = parameters.float()
        loc, log_scale = parameters.chunk(2, dim=1)
        scale = log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp()
        # Without validation, which would wait for the device in every layer.
        return Independent(Normal(loc, scale, validate_args=False), 3, validate_args=False)
