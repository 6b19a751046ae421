"""Cells moved, one after the other, to where all regions are seen as they were.

`judge` places every cell by itself. Here it counts what is in front of what: a move is good if
more rays meet first the cell of the region that was seen along them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays, meet


def place(
    scene: OpaqueScene, rays: Rays, candidates: Tensor, rounds: int
) -> OpaqueScene:
    """Up to `rounds` moves for each scene, each the best there is.

    Args:
        candidates: float32 (N, K, C, 3), corners that the cell of each region may have.
    """
    for _ in range(rounds):
        right, gain = _right_after_moves(scene, rays, candidates)
        best, which = (right - gain[:, None, None]).flatten(1).max(1)
        tried = candidates.shape[2]
        region, choice = which // tried, which % tried
        rows = torch.arange(len(which), device=which.device)
        corner = scene.corner.clone()
        better = (best > 0)[:, None]
        moved = torch.where(better, candidates[rows, region, choice], corner[rows, region])
        corner[rows, region] = moved
        scene = scene._replace(corner=corner)
    return scene


def share_right(scene: OpaqueScene, rays: Rays) -> Tensor:
    """Share of the rays that meet first what was seen along them, (N,)."""
    distance = _distances(scene, rays)
    first = distance.min(2)
    seen = torch.where(first.values < FAR, first.indices, -1)
    right = ((seen == rays.label) * rays.weight).sum((1, 2))
    return right / rays.weight.sum((1, 2)).clamp(min=1.0)


FAR = 1e6


def _distances(scene: OpaqueScene, rays: Rays) -> Tensor:
    """How far along each ray each cell is, FAR if it does not meet it, (N, M, K, R)."""
    met = meet(scene, rays)
    filled = scene.filled[:, None].expand_as(met.order).gather(2, met.order)
    hit = (met.leave > met.enter) & filled[..., None]
    ordered = torch.where(hit, met.enter, FAR)
    back = met.order.argsort(2)[..., None].expand_as(ordered)
    return ordered.gather(2, back)


def _right_after_moves(
    scene: OpaqueScene, rays: Rays, candidates: Tensor
) -> tuple[Tensor, Tensor]:
    """Number of rays that are right after each move (N, K, C), and without one (N,)."""
    n, k, tried = candidates.shape[:3]
    distance = _distances(scene, rays)
    two = distance.topk(2, dim=2, largest=False)
    first, second = two.values.unbind(2)
    nearest, next_nearest = (
        torch.where(value < FAR, index, -1)
        for value, index in zip((first, second), two.indices.unbind(2), strict=True)
    )
    now = ((nearest == rays.label) * rays.weight).sum((1, 2))
    trial = scene._replace(
        corner=candidates.flatten(1, 2), filled=scene.filled.repeat_interleave(tried, 1)
    )
    there = _distances(trial, rays).unflatten(2, (k, tried))  # (N, M, K, C, R)
    region = torch.arange(k, device=rays.label.device)
    own = nearest[:, :, None] == region[:, None]  # (N, M, K, R)
    rest = torch.where(own, second[:, :, None], first[:, :, None])
    rest_right = torch.where(own, next_nearest[:, :, None], nearest[:, :, None]) == rays.label[:, :, None]
    mine = rays.label[:, :, None] == region[:, None]
    right = torch.where(there < rest[:, :, :, None], mine[:, :, :, None], rest_right[:, :, :, None])
    return (right * rays.weight[:, :, None, None]).sum((1, 4)), now
