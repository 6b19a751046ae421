"""The small networks of probes, for trials of one scene or of two that are compared.

References:
    Conneau et al., Supervised Learning of Universal Sentence Representations, EMNLP 2017 (|a - b|
    and a * b as what a comparison is made from).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MIN_RELATIVE_SPREAD = 1e-3
"""Features that vary less than this share of the one that varies most are not blown up."""
ROWS_PER_CHUNK = 512


class ProbeInputs(nn.Module):
    """Features (B, S, F), standardised and divided by the root of F; float32 (B, S, F).

    Rows have a length of about 1, so that one learning rate and one grid of weight decays suit
    any number of features.

    >>> features = torch.tensor([[0.0, 5.0], [2.0, 7.0]])
    >>> ProbeInputs(features)(features[:, None])[:, 0]
    tensor([[-0.7071, -0.7071],
            [ 0.7071,  0.7071]])

    Args:
        features: (N, F), the scenes whose mean and spread are used.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        mean, std = _mean_and_std(features)
        floor = std.max().clamp(min=1e-12) * MIN_RELATIVE_SPREAD
        self.register_buffer("mean", mean)
        self.register_buffer("scale", std.clamp(min=floor) * math.sqrt(features.shape[1]))

    def forward(self, features: Tensor) -> Tensor:
        return (features.float() - self.mean) / self.scale


def _mean_and_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Over scenes, float32 (F,) each, a chunk at a time."""
    mean = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
    variance = torch.zeros_like(mean)
    for chunk in torch.split(features, ROWS_PER_CHUNK):
        mean += chunk.double().sum(dim=0) / len(features)
    for chunk in torch.split(features, ROWS_PER_CHUNK):
        variance += (chunk.double() - mean).square().sum(dim=0) / len(features)
    return mean.float(), variance.sqrt().float()


class LinearProbe(nn.Module):
    """Rows (B, S, F) to numbers (B, outputs), all zero at first.

    The rows a and b of two scenes become one row (a, b, |a - b|, a * b).
    """

    def __init__(self, size: int, scenes: int, outputs: int) -> None:
        super().__init__()
        self.out = zero_layer(nn.Linear(size * {1: 1, 2: 4}[scenes], outputs))

    def forward(self, rows: Tensor) -> Tensor:
        if rows.shape[1] == 1:
            return self.out(rows[:, 0])
        a, b = rows.unbind(1)
        product = a * b * math.sqrt(a.shape[1])
        row = torch.cat([a, b, (a - b).abs() / math.sqrt(2), product], dim=1) / 2  # length 1 again
        return self.out(row)


class HiddenProbe(nn.Module):
    """Rows (B, S, F) to numbers (B, outputs), all zero at first, with one hidden layer.

    Two scenes go through the same layer; its outputs a and b become a * b and |a - b|.
    """

    def __init__(
        self, size: int, scenes: int, outputs: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(size, hidden)
        with torch.no_grad():  # rows of length 1 give hidden units of spread sqrt(2)
            noise = torch.randn(self.enter.weight.shape, generator=generator)
            self.enter.weight.copy_(math.sqrt(2.0) * noise)
            self.enter.bias.zero_()
        self.out = zero_layer(nn.Linear(hidden * scenes, outputs))

    def forward(self, rows: Tensor) -> Tensor:
        units = torch.relu(self.enter(rows)).unbind(1)
        if len(units) == 1:
            return self.out(units[0])
        a, b = units
        return self.out(torch.cat([a * b, (a - b).abs()], dim=1))


def zero_layer(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
