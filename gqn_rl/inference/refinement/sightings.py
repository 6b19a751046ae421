"""Views as refinement reads them: pixels with their rays, and where the object is not.

Pixels are numbered row * W + column. Views that a mask leaves out show nothing and count nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.geometry.rays import camera_axes, pixel_coordinates
from gqn_rl.geometry.view import Context

REACH = 4
"""Pixels up to which the distance to the object is told."""


class Sightings(NamedTuple):
    """M views of each of N scenes.

    Attributes:
        colours: float32 (N, M, P, 3) in [0, 1].
        viewpoints: float32 (N, M, 7), `Viewpoints.encode`.
        counted: bool (N, M), which views count.
        rays: float32 (N, M, P, 3), unit directions in the world.
        shown: bool (N, M, P), pixels that are not background, which is black.
        clear: bool (N, M, P), pixels that have the colour of what they show.
        outside: float32 (N, M, P), pixels from the object, at most `REACH`; 0 in views that do not
            count.
    """

    colours: Tensor
    viewpoints: Tensor
    counted: Tensor
    rays: Tensor
    shown: Tensor
    clear: Tensor
    outside: Tensor

    @property
    def image_size(self) -> int:
        return round(self.colours.shape[2] ** 0.5)

    @property
    def cameras(self) -> Tensor:
        """Positions (N, M, 3)."""
        return self.viewpoints[..., :3]

    def select(self, rows: Tensor) -> Sightings:
        """Some of the scenes, int64 (K,)."""
        return Sightings(*(part[rows] for part in self))

    def distance_outside(self, points: Tensor) -> Tensor:
        """How far from the object's outline points (N, S, 3) of the world appear; (N, S), mean
        over the views, in pixels up to `REACH`."""
        total = points.new_zeros(points.shape[:2])
        for view in range(self.counted.shape[1]):
            at = pixel_coordinates(points, self.viewpoints[:, view], self.image_size)
            row_column = at.round().clamp(0, self.image_size - 1).long()
            place = row_column[..., 1] * self.image_size + row_column[..., 0]
            total = total + self.outside[:, view].gather(1, place)
        return total / self.counted.sum(1, keepdim=True).clamp(min=1)


def sight(context: Context, directions: Tensor, clear: Tensor | None = None) -> Sightings:
    """What a context shows.

    Args:
        directions: float32 (P, 3), rays of the pixels along the camera's axes.
        clear: bool (N, M, P), see `Sightings`; None for all.
    """
    images, viewpoints = context.images.float(), context.viewpoints.float()
    n, m, _, size, _ = images.shape
    counted = context.mask
    if counted is None:
        counted = torch.ones(n, m, dtype=torch.bool, device=images.device)
    colours = images.flatten(3).mT * counted[..., None, None]
    rays = F.normalize(directions @ camera_axes(viewpoints), dim=-1)
    shown = (colours > 0).any(-1)
    if clear is None:
        clear = torch.ones_like(shown)
    outside = torch.zeros_like(colours[..., 0])
    grown = shown.view(n * m, 1, size, size).float()
    for _ in range(REACH):
        outside += 1.0 - grown.view(n, m, -1)
        grown = F.max_pool2d(grown, 3, stride=1, padding=1)
    outside = outside * counted[..., None]
    return Sightings(colours, viewpoints, counted, rays, shown, clear, outside)
