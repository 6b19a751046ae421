"""Cells moved, one after the other, to where all regions are seen as they were.

`judge` places every cell by itself. Here it counts what is in front of what: a move is good if
more rays meet first the cell of the region that was seen along them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays, meet

FAR = 1e6
"""Of what a ray does not meet, in cube edges."""


def place(scene: OpaqueScene, rays: Rays, candidates: Tensor, rounds: int) -> OpaqueScene:
    """Up to `rounds` moves for each scene, each the best there is.

    Args:
        candidates: float32 (N, K, C, 3), corners that the cell of each region may have.
    """
    for _ in range(rounds):
        right, now = _right_after_moves(scene, rays, candidates)
        gain, which = (right - now[:, None, None]).flatten(1).max(1)
        tried = candidates.shape[2]
        region, choice = which // tried, which % tried
        rows = torch.arange(len(which), device=which.device)
        corner = scene.corner.clone()
        better = (gain > 0)[:, None]
        moved = torch.where(better, candidates[rows, region, choice], corner[rows, region])
        corner[rows, region] = moved
        scene = scene._replace(corner=corner)
    return scene


def distances(scene: OpaqueScene, rays: Rays) -> Tensor:
    """How far along each ray each cell is, FAR if it does not meet it, (N, M, K, R)."""
    met = meet(scene, rays)
    ordered = torch.where(met.hit, met.enter, FAR)
    back = met.order.argsort(2)[..., None].expand_as(ordered)
    return ordered.gather(2, back)


def _right_after_moves(scene: OpaqueScene, rays: Rays, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Number of rays that are right after each move (N, K, C), and without one (N,)."""
    k, tried = candidates.shape[1:3]
    distance = F.pad(distances(scene, rays), (0, 0, 0, 1), value=FAR)  # for a single cell
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
    there = distances(trial, rays).unflatten(2, (k, tried))  # (N, M, K, C, R)
    region = torch.arange(k, device=rays.label.device)
    own = nearest[:, :, None] == region[:, None]  # (N, M, K, R)
    rest = torch.where(own, second[:, :, None], first[:, :, None])
    behind = torch.where(own, next_nearest[:, :, None], nearest[:, :, None])
    mine, others = (part == rays.label[:, :, None] for part in (region[:, None], behind))
    in_front = there < rest[:, :, :, None]
    right = torch.where(in_front, mine[:, :, :, None], others[:, :, :, None])
    return (right * rays.weight[:, :, None, None]).sum((1, 4)), now
