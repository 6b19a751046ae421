"""Places of slots in the world, and attention that prefers what lies near them.

A slot has a learned place, and attention between a ray and a slot falls with their distance, which
is what projective geometry would say; content then decides among what is near. Rays that cross can
so tell from the first step that they see the same part of the world, instead of having to find it
out from many scenes.

References:
    Press, Smith and Lewis, Train Short, Test Long, ICLR 2022 (attention biased by distance, a
    strength per head).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gqn_rl.gqn.attention.ray_encodings import Rays


class Nearness(nn.Module):
    """Minus the squared distance, weighed by a learned positive strength per head."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.log_strength = nn.Parameter(torch.zeros(heads))

    def forward(self, distances2: Tensor) -> Tensor:
        """Logits (N, H, ...) for squared distances (N, H or 1, ...), in cube edges."""
        strength = self.log_strength.exp().view(-1, *[1] * (distances2.ndim - 2))
        return -strength * distances2


def ray_distances2(points: Tensor, rays: Rays) -> Tensor:
    """Squared distances (N, R, S) of points (S, 3) from the lines of rays (N, R)."""
    origins, directions = rays
    # Measured from the line's point closest to the world's origin: from a distant camera, small
    # distances would be differences of large numbers.
    foot = origins - (origins * directions).sum(-1, keepdim=True) * directions
    square = points.square().sum(-1) + foot.square().sum(-1, keepdim=True)
    past = (directions @ points.mT).square() + 2 * foot @ points.mT
    return (square - past).clamp(min=0.0)


def spread(count: int, radius: float) -> Tensor:
    """`count` points spread evenly over a ball around the origin, float32 (count, 3).

    References:
        Sobol, USSR Computational Mathematics and Mathematical Physics 7(4), 1967.
    """
    sobol = torch.quasirandom.SobolEngine(3)
    points = 2 * sobol.draw(8 * count + 8) - 1
    return radius * points[points.norm(dim=-1) <= 1][:count]


def spacing(count: int, radius: float) -> float:
    """Edge of a cube with the volume that each of `count` points has in a ball."""
    return radius * (4 * math.pi / 3 / count) ** (1 / 3)
