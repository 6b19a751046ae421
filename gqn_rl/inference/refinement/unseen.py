"""Cells of which views say nothing: whatever is in them, the views look the same."""

from __future__ import annotations

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.traversal import traverse
from gqn_rl.gqn.volumes.points import lattice_points
from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays, meet
from gqn_rl.inference.refinement.sightings import Sightings

FAR = 1e6
SHRUNK = 0.4
"""Half an edge of the part of a cell that must not stand out."""
SLIVER = 0.05
"""Cube edges of a cell before the first filled one by which a ray does not see it yet; what is
seen of its edge may be an error of the frame."""


def unseen_cells(scene: OpaqueScene, sightings: Sightings, rays: Rays, cells: int) -> Tensor:
    """Cells that no ray crosses before it meets a filled one, bool (N, cells ** 3).

    Cells that stand out over the object in any view, and those that are filled, are not among
    them.

    Args:
        rays: pixels of the object and around it.
    """
    met = meet(scene, rays)
    first = torch.where(met.hit, met.enter, FAR).amin(2).flatten(1)  # (N, M * R)
    origins = scene.frame.to_frame(rays.origins)[:, :, None].expand_as(rays.directions)
    directions = scene.frame.turn(rays.directions.flatten(1, 2))
    crossed = traverse(origins.flatten(1, 2), directions, cells)
    middle = _depths(origins.flatten(1, 2), directions, crossed.cell, cells)
    before = (middle < first[..., None]) & (crossed.length > SLIVER)
    before &= (rays.weight.flatten(1) > 0)[..., None]
    n = len(scene.filled)
    seen = torch.zeros(n, cells**3, device=first.device)
    seen.scatter_add_(1, crossed.cell.flatten(1), before.flatten(1).float())
    occupied = torch.zeros(n, cells**3 + 1, dtype=torch.bool, device=first.device)
    occupied.scatter_(1, scene.places(cells), True)
    return (seen < 0.5) & ~occupied[:, :-1] & _covered(scene, sightings, cells)


def _covered(scene: OpaqueScene, sightings: Sightings, cells: int) -> Tensor:
    """Cells that appear within the object's outline in every view, bool (N, cells ** 3)."""
    centres = lattice_points(cells, cells / 2).to(scene.corner.device)
    eight = centres[:, None] + lattice_points(2, 2 * SHRUNK).to(centres.device)
    world = scene.frame.to_world(eight.flatten(0, 1)[None])
    outside = sightings.distance_outside(world).view(len(world), -1, 8)
    return outside.amax(-1) == 0


def _depths(origins: Tensor, directions: Tensor, cell: Tensor, cells: int) -> Tensor:
    """Depth of the middle of each cell along the rays, (N, R, K)."""
    place = torch.stack([cell // cells**2, cell // cells % cells, cell % cells], dim=-1)
    centre = place + (0.5 - cells / 2)
    return ((centre - origins[:, :, None]) * directions[:, :, None]).sum(-1)
