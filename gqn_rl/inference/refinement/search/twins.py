"""Cells of the same colour as another: one region, but more than one cell.

Where rays do not meet first what was seen along them, cells that these rays cross are tried as
further cells of the region that has most such rays. A cell that then is in the way goes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.gqn.canonical.traversal import traverse
from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays
from gqn_rl.inference.refinement.search.placement import FAR, distances

ROUNDS = 2
FEWEST_WRONG = 5
"""Rays of a region; fewer lie beside an edge that is not yet aligned."""
TRIED_RAYS = 4


def add_twins(scene: OpaqueScene, rays: Rays, cells: int) -> OpaqueScene:
    """Up to `ROUNDS` more cells for each scene, each the one that most rays ask for.

    Args:
        cells: of the grid, along each axis.
    """
    k = scene.filled.shape[1]
    region = torch.arange(k, device=rays.label.device).expand_as(scene.filled)
    for _ in range(ROUNDS):
        first, met = _first_met(scene, rays, region)
        right = met == rays.label
        wrong = (~right & (rays.label >= 0)) * rays.weight
        counts = wrong.new_zeros(len(wrong), k + 1)
        counts.scatter_add_(1, rays.label.flatten(1) % (k + 1), wrong.flatten(1))
        most, worst = counts[:, :k].max(1)
        if not bool((most >= FEWEST_WRONG).any()):
            break
        own = rays.label == worst[:, None, None]
        tried = _cells_crossed(scene, rays, wrong * own, cells)
        trial = scene._replace(corner=tried, filled=torch.ones_like(tried[..., 0]).bool())
        in_front = distances(trial, rays) < first[:, :, None]
        after = torch.where(in_front, own[:, :, None], right[:, :, None])
        now = (right * rays.weight).sum((1, 2))
        gain, best = ((after * rays.weight[:, :, None]).sum((1, 3)) - now[:, None]).max(1)
        rows = torch.arange(len(best), device=best.device)
        scene = scene.with_cell(tried[rows, best], gain >= FEWEST_WRONG)
        region = torch.cat([region, worst[:, None]], dim=1)
        scene = _cleared(scene, rays, region)
    return scene


def _first_met(scene: OpaqueScene, rays: Rays, region: Tensor) -> tuple[Tensor, Tensor]:
    """How far the first cell along each ray is, and of which region it is, -1 for none."""
    first, index = distances(scene, rays).min(2)
    met = region.gather(1, index.flatten(1)).view(index.shape)
    return first, torch.where(first < FAR, met, -1)


def _cleared(scene: OpaqueScene, rays: Rays, region: Tensor) -> OpaqueScene:
    """Without the cell, if there is one, that makes most rays wrong."""
    padded = F.pad(distances(scene, rays), (0, 0, 0, 1), value=FAR)
    two = padded.topk(2, dim=2, largest=False)
    regions = F.pad(region, (0, 1), value=-1)
    met = regions.gather(1, two.indices.flatten(1)).view(two.indices.shape)
    right = torch.where(two.values < FAR, met, -1) == rays.label[:, :, None]
    change = (right[:, :, 1].float() - right[:, :, 0].float()) * rays.weight
    gain = torch.zeros_like(regions, dtype=torch.float32)
    gain.scatter_add_(1, two.indices[:, :, 0].flatten(1), change.flatten(1))
    most, worst = gain[:, :-1].max(1)
    kept = scene.filled.scatter(1, worst[:, None], False)
    return scene._replace(filled=torch.where((most >= FEWEST_WRONG)[:, None], kept, scene.filled))


def _cells_crossed(scene: OpaqueScene, rays: Rays, asked: Tensor, cells: int) -> Tensor:
    """Corners (N, C, 3) of all cells that some of the rays cross that ask for one."""
    n, r = len(asked), asked.shape[2]
    chosen = asked.flatten(1).topk(TRIED_RAYS, dim=1).indices
    rows = torch.arange(n, device=chosen.device)[:, None]
    origins = scene.frame.to_frame(rays.origins[rows, chosen // r])
    directions = scene.frame.turn(rays.directions.flatten(1, 2)[rows, chosen])
    index = traverse(origins, directions, cells).cell.flatten(1)
    place = torch.stack([index // cells**2, index // cells % cells, index % cells], dim=-1)
    return place.float() - cells / 2
