"""Exact traversal of a grid of unit cells by rays.

References:
    Amanatides and Woo, A Fast Voxel Traversal Algorithm for Ray Tracing, Eurographics 1987. Here
    all rays cross all planes at once and the crossings are sorted, which suits batches and lets
    gradients through the lengths.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SLOPE = 1e-6


class Crossings(NamedTuple):
    """K stretches of each ray, one after the other, many of them empty.

    Attributes:
        length: float (N, R, K), in cube edges, with a gradient.
        cell: int64 (N, R, K), index of the cell that it crosses, z fastest.
        face: int64 (N, R, K), through which face it enters: 2 * axis, plus 1 if the face's normal
            points against the axis.
    """

    length: Tensor
    cell: Tensor
    face: Tensor


def traverse(origins: Tensor, directions: Tensor, cells: int) -> Crossings:
    """Where rays cross the cells of a grid that reaches from -cells / 2 to cells / 2.

    Args:
        origins, directions: float (N, R, 3) in the grid's coordinates, directions of unit length;
            the origins lie outside the grid.
    """
    depth, order = _depths(origins, directions, cells).sort(dim=-1)
    with torch.no_grad():
        axis = order[..., :-1] // (cells + 1)
        face = 2 * axis + (directions.gather(-1, axis) > 0)
        middle = (depth[..., 1:] + depth[..., :-1]) / 2
        cell = torch.zeros_like(middle)
        for start, slope in zip(origins.unbind(-1), directions.unbind(-1), strict=True):
            place = torch.addcmul(start[..., None] + cells / 2, middle, slope[..., None])
            cell = cell * cells + place.floor().clamp(0, cells - 1)
    return Crossings(depth.diff(dim=-1), cell.long(), face)


def _depths(origins: Tensor, directions: Tensor, cells: int) -> Tensor:
    """Where along each ray the planes lie, none before it enters or after it leaves the grid."""
    half = cells / 2
    planes = torch.arange(cells + 1, device=origins.device, dtype=origins.dtype) - half
    slope = torch.where(directions.abs() < LEAST_SLOPE, LEAST_SLOPE, directions)
    depth = (planes - origins[..., None]) / slope[..., None]  # (N, R, 3, P)
    first, last = depth[..., 0], depth[..., -1]
    enter = torch.minimum(first, last).amax(-1, keepdim=True)
    leave = torch.maximum(first, last).amin(-1, keepdim=True)
    # A ray that misses the grid leaves it where it would have entered.
    leave = torch.maximum(leave, enter)
    return torch.minimum(torch.maximum(depth.flatten(2), enter), leave)
