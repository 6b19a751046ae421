"""Frames tried all over, judged by whether one cell each can be what regions show.

For a frame, each region is given the cell on its middle ray that fits it best: all of the region's
rays must meet the cell, and nothing of the cell may appear where there is background. That needs
no drawing, so that hundreds of frames can be tried.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.traversal import traverse
from gqn_rl.inference.refinement.search.regions import Regions
from gqn_rl.inference.refinement.sightings import Sightings

REACH = 3.4
"""Cube edges from the middle of the scene up to which cells are looked for."""
DEPTHS = 35
"""Points of a middle ray at which costs are known."""
ONE_VIEW_TRIED, TRIED = 12, 7
"""Cells tried for a region; from several views most depths are ruled out."""
LEAST_LENGTH = 1e-3
SHRUNK = 0.45
"""Half an edge of the part of a cell that must not stand out; leaves room for half a pixel."""
MOST_MISSED = 0.6
PIXEL = 0.1
"""Cube edges."""
MOST_UNFIT = 0.3
"""Of a region; two cells of the same colour are one region, which no cell fits."""
CHUNK = 1 << 22


class Proposals(NamedTuple):
    """H frames of each of N scenes.

    Attributes:
        yaw: float32 (N, H); offset: float32 (N, H, 3), as in `Frame`.
        cells: float32 (N, H, L, 3), the lowest corner of each region's cell in the frame.
        unfit: float32 (N, H), mean over the regions; 0 is a perfect fit.
    """

    yaw: Tensor
    offset: Tensor
    cells: Tensor
    unfit: Tensor

    def best(self, count: int) -> Proposals:
        """The `count` that fit best, best first."""
        top = self.unfit.topk(min(count, self.unfit.shape[1]), dim=1, largest=False).indices
        rows = torch.arange(len(top), device=top.device)[:, None]
        return Proposals(*(part[rows, top] for part in self))


def regular_frames(yaws: int, offsets: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Frames spread evenly over all there are: yaws (H,) and offsets (H, 3)."""
    yaw = torch.arange(yaws, device=device) * (math.pi / 2 / yaws)
    yaw = torch.where(yaw >= math.pi / 4, yaw - math.pi / 2, yaw)
    steps = (torch.arange(offsets, device=device) + 0.5) / offsets - 0.5
    grid = torch.cartesian_prod(yaw, steps, steps, steps)
    return grid[:, 0], grid[:, 1:]


def depth_costs(sightings: Sightings, regions: Regions) -> Tensor:
    """What speaks against each depth of the middle rays, (N, L, DEPTHS): distance from the rays
    of other views, and from the object's outline."""
    nearest = -(regions.eye * regions.axis).sum(-1, keepdim=True)
    depths = nearest + torch.linspace(-REACH, REACH, DEPTHS, device=nearest.device)
    points = regions.eye[:, :, None] + depths[..., None] * regions.axis[:, :, None]
    outside = sightings.distance_outside(points.flatten(1, 2)).view(depths.shape)
    ahead = points[:, :, :, None] - regions.origins[:, :, None]  # (N, L, DEPTHS, E, 3)
    along = (ahead * regions.rays[:, :, None]).sum(-1, keepdim=True)
    apart = (ahead - along * regions.rays[:, :, None]).norm(dim=-1)
    apart = (apart * regions.valid[:, :, None]).sum(-1)
    return apart / regions.valid.sum(-1).clamp(min=1)[..., None] + PIXEL * outside


def cells_to_try(regions: Regions, costs: Tensor, frame: Frame, cells: int, count: int) -> Tensor:
    """Corners (N * H, L, C, 3) of the cells that middle rays cross, those at the likeliest depths.

    Args:
        costs: `depth_costs`.
        frame: H frames for each of the N scenes, one after the other.
        cells: of the grid, along each axis.
    """
    times = len(frame.yaw) // len(costs)
    eye, axis, costs = (
        part.repeat_interleave(times, 0) for part in (regions.eye, regions.axis, costs)
    )
    start, direction = frame.to_frame(eye), frame.turn(axis)
    crossed = traverse(start, direction, cells)
    index = crossed.cell
    place = torch.stack([index // cells**2, index // cells % cells, index % cells], dim=-1)
    corner = place.float() - cells / 2
    depth = ((corner + 0.5 - start[:, :, None]) * direction[:, :, None]).sum(-1)
    nearest = -(eye * axis).sum(-1, keepdim=True)
    at = ((depth - nearest + REACH) * ((DEPTHS - 1) / (2 * REACH))).round().long()
    beyond = (at < 0) | (at >= DEPTHS) | (crossed.length < LEAST_LENGTH)
    cost = costs.gather(2, at.clamp(0, DEPTHS - 1)) + 1e3 * beyond
    best = cost.topk(count, dim=2, largest=False).indices
    return corner.gather(2, best[..., None].expand(-1, -1, -1, 3))


def cells_tried(sightings: Sightings) -> int:
    """How many cells are tried for each region."""
    return TRIED if bool((sightings.counted.sum(1) > 1).all()) else ONE_VIEW_TRIED


def judge(
    sightings: Sightings, regions: Regions, yaw: Tensor, offset: Tensor, cells: int
) -> Proposals:
    """Frames yaw (N, H) and offset (N, H, 3), with a cell for each region.

    Args:
        cells: of the grid, along each axis.
    """
    costs = depth_costs(sightings, regions)
    tried = cells_tried(sightings)
    per_frame = len(yaw) * costs.shape[1] * tried * (regions.rays.shape[2] + 8)
    step = max(1, CHUNK // per_frame)
    parts = [
        _judge(sightings, regions, costs, yaw[:, i : i + step], offset[:, i : i + step], cells)
        for i in range(0, yaw.shape[1], step)
    ]
    return Proposals(*(torch.cat(part, dim=1) for part in zip(*parts, strict=True)))


def _judge(
    sightings: Sightings, regions: Regions, costs: Tensor, yaw: Tensor, offset: Tensor, cells: int
) -> Proposals:
    n, h = yaw.shape
    frame = Frame(yaw.flatten(), offset.flatten(0, 1))

    def spread(part: Tensor) -> Tensor:
        return part.flatten(1, -2).repeat_interleave(h, 0)

    corner = cells_to_try(regions, costs, frame, cells, cells_tried(sightings))
    corner = corner.view(n, h, *corner.shape[1:])
    shape = (n, h, *regions.rays.shape[1:])
    missed = _missed(
        corner,
        frame.to_frame(spread(regions.origins)).view(shape),
        frame.turn(spread(regions.rays)).view(shape),
    )
    missed = (missed * regions.valid[:, None, :, None]).sum(-1)
    missed = missed / regions.valid.sum(-1).clamp(min=1)[:, None, :, None]
    outside = _outside(sightings, frame, corner)
    unfit = missed + PIXEL * outside
    least, which = unfit.min(-1)  # (N, H, L)
    chosen = corner.gather(3, which[..., None, None].expand(-1, -1, -1, 1, 3))[:, :, :, 0]
    weight = regions.pixels.sqrt()[:, None]
    mean = (least.clamp(max=MOST_UNFIT) * weight).sum(-1) / weight.sum(-1).clamp(min=1e-6)
    return Proposals(yaw, offset, chosen, mean)


def _missed(corner: Tensor, origins: Tensor, rays: Tensor) -> Tensor:
    """By how much rays (N, H, L, E, 3) miss cells (N, H, L, C, 3), (N, H, L, C, E)."""
    inverse = 1.0 / torch.where(rays.abs() < 1e-6, 1e-6, rays)
    enter = leave = None
    for axis in range(3):
        slope, start = inverse[..., axis], origins[..., axis]
        first = (slope < 0).float()
        near = (corner[..., axis, None] * slope[..., None, :]).add_(
            ((first - start) * slope)[..., None, :]
        )
        far = near + slope.abs()[..., None, :]
        enter = near if enter is None else torch.maximum(enter, near)
        leave = far if leave is None else torch.minimum(leave, far)
    assert enter is not None
    assert leave is not None
    return (enter - leave).clamp(0.0, MOST_MISSED)


def _outside(sightings: Sightings, frame: Frame, corner: Tensor) -> Tensor:
    """How far the corners of cells (N, H, L, C, 3) stand out over the object, (N, H, L, C)."""
    n, h, count, tried = corner.shape[:4]
    signs = torch.tensor([-SHRUNK, SHRUNK], device=corner.device)
    eight = torch.cartesian_prod(signs, signs, signs) + 0.5
    places = (corner[..., None, :] + eight).flatten(2, 4).flatten(0, 1)
    world = frame.to_world(places).view(n, -1, 3)
    return sightings.distance_outside(world).view(n, h, count, tried, 8).mean(-1)
