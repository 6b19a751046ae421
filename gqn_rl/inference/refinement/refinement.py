"""What a canonical GQN infers from views when it may look at them again.

Its representation is where inference starts. Cells and a frame are sought that explain the views,
drawn as its decoder draws them; what no view shows is left to what the network believes of cells
in that frame. Where nothing is found that explains the views better than the bare network, the
bare network is what is returned.

References:
    Marino, Yue and Mandt, Iterative Amortized Inference, ICML 2018.
    Kutulakos and Seitz, A Theory of Shape by Space Carving, IJCV 38:199, 2000 (cells consistent
    with all the pixels in which they are seen).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from gqn_rl.devices import full_precision
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.lattice.representation import LatticeAggregate
from gqn_rl.inference.refinement.explanation import Sighted, explain
from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays, choose_rays, misfit
from gqn_rl.inference.refinement.regions import find_regions
from gqn_rl.inference.refinement.sharpening import beside_edges
from gqn_rl.inference.refinement.sightings import Sightings, sight
from gqn_rl.inference.refinement.unseen import unseen_cells

if TYPE_CHECKING:
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

STEPS = 12
"""After which more steps change little."""
RAYS, FACE_RAYS, EDGE_RAYS = 480, 480, 1020
"""Of all views together, where there are three or more; a third of them of each of fewer. Edges
of seven cubes take about 330 pixels of a view of 64 x 64."""
LEAST_RAYS = 16
NEAR = 3
"""Pixels around the object that are compared."""
CHANCE_GAIN, CHANCE_BIAS = 1.2, -1.6
"""From the opacity of cells that no view shows to the chance that they are filled, a logistic
regression over scenes of training shapes seen once; `base` takes too many for filled."""
DENSITY = 1e4
"""Of a filled cell, per cube edge: a ray that grazes it sees it."""


class Refined(NamedTuple):
    """What is believed of N scenes.

    Attributes:
        found: cells that are seen, in frames that explain the views.
        unseen: bool (N, cells ** 3), cells of which the views say nothing.
        bare: float32 (N, F), the representation; `r`: the same in the frame found.
        refined: bool (N,), false where nothing explains the views better than `bare` does.
        error: float32 (N,), RMSE in [0, 1] of the pixels on and near the object.
    """

    found: OpaqueScene
    unseen: Tensor
    bare: Tensor
    r: Tensor
    refined: Tensor
    error: Tensor


@torch.no_grad()
def refine(
    model: CanonicalGQN, context: Context, aggregate: LatticeAggregate, steps: int = STEPS
) -> Refined:
    """What explains the views of a context.

    Args:
        aggregate: of the context.
        steps: of the last stage, 1 or more.
    """
    bare = model.representation(aggregate).float()
    with full_precision(bare.device):
        sighted = _look(model, context)
        found, now = explain(sighted, Frame.unpack(bare), steps)
    r = model.network.in_frame(aggregate, found.frame).float()
    with full_precision(bare.device):
        before = _misfit_of(model, bare, sighted.rays)
        refined = now < before
        unseen = unseen_cells(found, sighted.sightings, sighted.rays, model.config.frame_cells)
    return Refined(found, unseen, bare, r, refined, torch.minimum(now, before).sqrt())


def sample(model: CanonicalGQN, belief: Refined, noise: Tensor, chance: Tensor) -> CellScene:
    """Scenes that can be drawn, one a row.

    Args:
        noise: standard normal (N, *latent_shape).
        chance: uniform in [0, 1), (N, cells ** 3): which of the cells that may be filled are.
    """
    imagined = model.imagine(belief.r, noise)
    content = imagined.content
    opacity = -torch.expm1(-content[:, 0])
    filled = torch.sigmoid(CHANCE_GAIN * torch.logit(opacity, eps=1e-4) + CHANCE_BIAS)
    density = DENSITY * ((chance < filled) & belief.unseen)
    found = belief.found
    size = model.config.frame_cells
    x, y, z = (found.corner + size / 2).long().clamp(0, size - 1).unbind(-1)
    # Regions that are not there write to a cell beyond the grid.
    place = ((x * size + y) * size + z).masked_fill(~found.filled, size**3)
    both = torch.cat([density[:, None], content[:, 1:]], dim=1)
    both = torch.cat([both, both[..., :1]], dim=2)
    inside = torch.cat([torch.full_like(found.colour[..., :1], DENSITY), found.colour], dim=2)
    both = both.scatter(2, place[:, None].expand(-1, 4, -1), inside.mT)
    plain = model.imagine(belief.bare, noise) if not bool(belief.refined.all()) else imagined
    pick = belief.refined
    return CellScene(
        Frame(
            torch.where(pick, found.frame.yaw, plain.frame.yaw),
            torch.where(pick[:, None], found.frame.offset, plain.frame.offset),
        ),
        torch.where(pick[:, None], found.brightness, plain.brightness),
        torch.where(pick[:, None, None], both[..., :-1], plain.content),
    )


def _look(model: CanonicalGQN, context: Context) -> Sighted:
    """The views, and some of their pixels."""
    sightings = sight(context, model.directions)
    regions = find_regions(sightings)
    spread = _spread(sightings)
    near = (sightings.outside < NEAR) & sightings.counted[..., None]

    def some(which: Tensor, count: int) -> Rays:
        each = count // max(3, sightings.counted.shape[1])
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


def _spread(sightings: Sightings) -> Tensor:
    """A fixed order of the pixels, any first part of which is spread over the image, (P,)."""
    pixel = torch.arange(sightings.colours.shape[2], device=sightings.colours.device)
    return 0.1 + (pixel * 0.6180339887498949).double().remainder(1.0).float()


def _misfit_of(model: CanonicalGQN, r: Tensor, rays: Rays) -> Tensor:
    """How badly the bare network explains what was seen, (N,)."""
    scene = model.imagine(r, r.new_zeros(len(r), *model.latent_shape))
    origins = rays.origins[:, :, None].expand_as(rays.directions)
    drawn = model.generator.render(scene, origins.flatten(1, 2), rays.directions.flatten(1, 2))
    return misfit(drawn.view(rays.colours.shape), rays)
