"""Regions of one colour, each of them what is seen of one cell.

A cell has one colour however bright its faces are, so pixels whose colours differ by a factor
only belong together, in all views. What a region says about where its cell is, its outermost rays
say already, because a cell is convex.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.inference.refinement.sightings import Sightings

MOST_REGIONS = 16
"""More than the largest object in a scene has cubes."""
SAME_COLOUR = 0.008
"""By how much the channels of one colour differ, divided by the largest of them: images have 256
levels, and the darkest face of a saturated colour uses 150 of them."""
MOST_VIEWS = 4
"""Views, those that show most of a region, in which its outermost rays are taken."""
COMPASS = 8
"""Directions in an image in which the outermost ray of a region is taken."""


class Regions(NamedTuple):
    """L regions of each of N scenes, over all views together.

    Attributes:
        label: int64 (N, M, P), which region a pixel is of; -1 for none.
        pixels: float32 (N, L), how many it has; 0 for one that is not there.
        origins, rays: float32 (N, L, E, 3), the outermost rays; `valid`: bool (N, L, E).
        eye, axis: float32 (N, L, 3), the ray through the middle of the region, in the view that
            shows most of it.
    """

    label: Tensor
    pixels: Tensor
    origins: Tensor
    rays: Tensor
    valid: Tensor
    eye: Tensor
    axis: Tensor


def find_regions(sightings: Sightings) -> Regions:
    """Up to `MOST_REGIONS` regions, brightest colour first."""
    label = _labels(sightings)
    n = len(label)
    most = max(1, int(label.max()) + 1)
    member = label[:, :, None] == torch.arange(most, device=label.device)[:, None]
    counts = member.sum(-1)  # (N, M, L)
    middle, outermost = _outermost(member, sightings.image_size)
    best = counts.mT.argsort(dim=2, descending=True, stable=True)[..., :MOST_VIEWS]  # (N, L, V)
    rows = torch.arange(n, device=label.device)[:, None, None]
    region = torch.arange(most, device=label.device)[:, None]
    valid = (counts[rows, best, region] > 0)[..., None].expand(-1, -1, -1, COMPASS)
    pixel = outermost[rows, best, region]  # (N, L, V, COMPASS)
    rays = sightings.rays[rows[..., None], best[..., None], pixel]
    origins = sightings.cameras[rows, best][..., None, :].expand_as(rays)
    rows, best = rows[..., 0], best[..., 0]
    at = middle[rows, best, region[:, 0]]
    pixels = counts.sum(1).float()
    return Regions(
        label,
        pixels,
        origins.flatten(2, 3),
        rays.flatten(2, 3),
        valid.flatten(2),
        sightings.cameras[rows, best],
        sightings.rays[rows, best, at],
    )


def _labels(sightings: Sightings) -> Tensor:
    """One colour after the other, the brightest of what is left first, int64 (N, M, P)."""
    colours = sightings.colours.flatten(1, 2)
    largest = colours.amax(-1)
    hues = colours / largest.clamp(min=1e-6)[..., None]
    left = largest * sightings.clear.flatten(1)
    label = torch.full(largest.shape, -1, device=colours.device)
    for index in range(MOST_REGIONS):
        value, brightest = left.max(1, keepdim=True)
        if not bool((value > 0).any()):
            break
        hue = hues.gather(1, brightest[..., None].expand(-1, -1, 3))
        same = ((hues - hue).abs().amax(-1) < SAME_COLOUR) & (left > 0) & (value > 0)
        label = torch.where(same, index, label)
        left = left.masked_fill(same, 0.0)
    return label.view(sightings.shown.shape)


def _outermost(member: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The pixel nearest to the middle (N, M, L), and those furthest out (N, M, L, COMPASS)."""
    pixel = torch.arange(member.shape[-1], device=member.device)
    place = torch.stack([pixel % size, pixel // size], dim=-1).float()  # (P, 2)
    angle = torch.arange(COMPASS, device=member.device) * (2 * math.pi / COMPASS) + 0.1
    along = torch.stack([angle.cos(), angle.sin()])
    reach = (place @ along).T  # (COMPASS, P)
    masked = torch.zeros_like(member, dtype=torch.float32).masked_fill(~member, -1e6)
    outermost = torch.stack([(masked + row).argmax(-1) for row in reach], dim=-1)
    weight = member.float()
    mean = (weight @ place) / weight.sum(-1, keepdim=True).clamp(min=1)
    middle = mean.round().long()
    return middle[..., 1] * size + middle[..., 0], outermost
