"""Refinement: what a canonical GQN infers from views when it may look at them again.

Its representation is where inference starts. Cells and a frame are sought that explain the views,
drawn as its decoder draws them; what no view shows is left to the network's chances of cells
in that frame. Where nothing is found that explains the views better than the bare network, the
bare network is what is returned.

References:
    Marino, Yue and Mandt, Iterative Amortized Inference, ICML 2018.
    Kutulakos and Seitz, A Theory of Shape by Space Carving, IJCV 38:199, 2000 (cells consistent
    with all the pixels in which they are seen).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gqn_rl.devices import full_precision
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.volumes.encoder import VolumeAggregate
from gqn_rl.inference.refinement.alternatives import Alternatives
from gqn_rl.inference.refinement.opaque import Rays, choose_rays, misfit
from gqn_rl.inference.refinement.posterior import RefinedPosterior
from gqn_rl.inference.refinement.search.explanation import Sighted, explain
from gqn_rl.inference.refinement.search.regions import find_regions
from gqn_rl.inference.refinement.search.sharpening import beside_edges
from gqn_rl.inference.refinement.sightings import Sightings, sight
from gqn_rl.inference.refinement.unseen import unseen_cells

if TYPE_CHECKING:
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

RAYS, FACE_RAYS, EDGE_RAYS = 480, 480, 1020
"""Of all views together, where there are three or more; a third of them of each of fewer. Edges
of seven cubes take about 330 pixels of a view of 64 x 64."""
LEAST_RAYS = 16
SCENES = 16
"""Refined at once, which bounds the memory and keeps what is in use in a processor's cache."""
NEAR = 3
"""Pixels around the object that are compared."""


@torch.no_grad()
def refine(
    model: CanonicalGQN, context: Context, aggregate: VolumeAggregate, steps: int
) -> RefinedPosterior:
    """What explains the views of a context.

    Args:
        aggregate: of the context.
        steps: of the last stage, 1 or more.
    """
    bare = model.representation(aggregate).float()
    parts = [
        _refine(model, context, bare, slice(start, start + SCENES), steps)
        for start in range(0, len(bare), SCENES)
    ]
    found, unseen, refined = zip(*parts, strict=True)
    explained = Alternatives.cat(found)
    r = model.network.in_frame(aggregate.select(explained.row), explained.scene.frame).float()
    return RefinedPosterior(model, explained, torch.cat(unseen), bare, r, torch.cat(refined))


def _refine(
    model: CanonicalGQN, context: Context, bare: Tensor, rows: slice, steps: int
) -> tuple[Alternatives, Tensor, Tensor]:
    """What `RefinedPosterior` calls explained, unseen and refined, for some of the scenes."""
    with full_precision(bare.device):
        sighted = look(model, _some_scenes(context, rows))
        found = explain(sighted, Frame.unpack(bare[rows]), steps)
        before = misfit_of(model, bare[rows], sighted.rays).sqrt()
        seen = sighted.select(found.row)
        unseen = unseen_cells(found.scene, seen.sightings, seen.rays, sighted.cells)
    better = found.error < before
    return found._replace(error=torch.minimum(found.error, before)), unseen, better


def _some_scenes(context: Context, rows: slice) -> Context:
    mask = None if context.mask is None else context.mask[rows]
    return Context(context.images[rows], context.viewpoints[rows], mask)


def look(
    model: CanonicalGQN, context: Context, share: float = 1.0, clear: Tensor | None = None
) -> Sighted:
    """The views, and some of their pixels; a `share` of as many as refinement at once uses.

    Args:
        clear: see `Sightings`.
    """
    sightings = sight(context, model.directions, clear)
    regions = find_regions(sightings)
    spread = spread_order(sightings)
    near = (sightings.outside < NEAR) & sightings.counted[..., None]

    def some(which: Tensor, count: int) -> Rays:
        each = int(share * count) // max(3, sightings.counted.shape[1])
        return choose_rays(sightings, regions.label, which * spread, max(LEAST_RAYS, each))

    return Sighted(
        sightings,
        regions,
        some(near, RAYS),
        some(beside_edges(sightings), EDGE_RAYS),
        some(sightings.shown, FACE_RAYS),
        model.config.frame_cells,
        model.generator.face_brightness,
    )


def spread_order(sightings: Sightings) -> Tensor:
    """A fixed order of the pixels, any first part of which is spread over the image, (P,)."""
    pixel = torch.arange(sightings.colours.shape[2], device=sightings.colours.device)
    return 0.1 + (pixel * 0.6180339887498949).double().remainder(1.0).float()


def misfit_of(model: CanonicalGQN, r: Tensor, rays: Rays) -> Tensor:
    """How badly the bare network explains what was seen, (N,)."""
    scene = model.imagine(r, r.new_zeros(len(r), *model.latent_shape))
    origins = rays.origins[:, :, None].expand_as(rays.directions)
    drawn = model.generator.render(scene, origins.flatten(1, 2), rays.directions.flatten(1, 2))
    return misfit(drawn.view(rays.colours.shape), rays)
