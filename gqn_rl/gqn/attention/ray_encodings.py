"""Encodings of rays for a network: Fourier features of where they pass.

A query ray and the ray through the middle of a patch are described alike, so attention can match
them by where they run in the world.

References:
    Sajjadi et al., Scene Representation Transformer, CVPR 2022, section 3 (rays as queries and
    beside the pixels).
    Mildenhall et al., NeRF, ECCV 2020, eq. 4 (sines and cosines of octaves).
    Plücker coordinates of a ray: Sitzmann et al., Light Field Networks, NeurIPS 2021, eq. 2.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.geometry.rays import camera_axes


class Rays(NamedTuple):
    """Half-lines in the world.

    Attributes:
        origins: float (..., 3), in cube edges.
        directions: float (..., 3), of length 1.
    """

    origins: Tensor
    directions: Tensor


class RayEncoding(nn.Module, ABC):
    """Rays to feature vectors; it has no weights.

    Args:
        radius: of the ball around the origin that holds what is to be seen, in cube edges.
    """

    out_channels: int

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius

    @abstractmethod
    def forward(self, rays: Rays) -> Tensor:
        """Features (..., out_channels)."""


class PointsOnRay(RayEncoding):
    """Points evenly spaced along the part of the ray inside the ball, near to far.

    Two rays that pass through the same place have points there that agree, whatever the
    directions, which is what a view has to find out about another one. A ray that misses the ball
    is described by its point closest to the origin, and none by points behind the camera.
    """

    num_points = 8
    octaves = 4

    def __init__(self, radius: float) -> None:
        super().__init__(radius)
        self.out_channels = self.num_points * 3 * (2 * self.octaves + 1)

    def forward(self, rays: Rays) -> Tensor:
        origins, directions = rays
        closest = -(origins * directions).sum(-1, keepdim=True)
        distance2 = (origins + closest * directions).square().sum(-1, keepdim=True)
        half_chord = (self.radius**2 - distance2).clamp(min=0.0).sqrt()
        near = (closest - half_chord).clamp(min=0.0)
        far = (closest + half_chord).clamp(min=0.0)
        steps = torch.linspace(0, 1, self.num_points, dtype=origins.dtype, device=origins.device)
        depth = near + (far - near) * steps  # (..., P)
        points = origins[..., None, :] + depth[..., None] * directions[..., None, :]
        # The longest wavelength is twice the ball's diameter.
        return fourier(points / (2 * self.radius), self.octaves).flatten(-2)


class PlueckerRay(RayEncoding):
    """Direction and moment, which do not depend on where along the ray the camera is."""

    octaves = 4

    def __init__(self, radius: float) -> None:
        super().__init__(radius)
        self.out_channels = 6 * (2 * self.octaves + 1)

    def forward(self, rays: Rays) -> Tensor:
        origins, directions = rays
        moment = torch.linalg.cross(origins, directions) / self.radius
        return fourier(torch.cat([directions, moment], dim=-1) / 2, self.octaves)


RAY_ENCODINGS: dict[str, type[RayEncoding]] = {"points": PointsOnRay, "pluecker": PlueckerRay}


def make_ray_encoding(name: str, radius: float) -> RayEncoding:
    return RAY_ENCODINGS[name](radius)


def fourier(values: Tensor, octaves: int) -> Tensor:
    """The values and sines and cosines of 2 pi 2^k times them, k = 0, ..., octaves - 1.

    Returns:
        (..., C * (2 * octaves + 1)) for values (..., C).
    """
    octave = torch.arange(octaves, dtype=values.dtype, device=values.device)
    angles = values[..., None] * (2 * math.pi * 2.0**octave)
    parts = torch.cat([values[..., None], angles.sin(), angles.cos()], dim=-1)
    return parts.flatten(-2)


def world_rays(viewpoints: Tensor, directions: Tensor) -> Rays:
    """Rays in the world.

    Args:
        viewpoints: float (..., 7).
        directions: float (..., 3), in camera axes.
    """
    axes = camera_axes(viewpoints)
    turned = torch.einsum("...a,...ai->...i", directions, axes)
    return Rays(viewpoints[..., :3], F.normalize(turned, dim=-1))
