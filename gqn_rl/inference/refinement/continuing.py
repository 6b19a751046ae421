"""Refinement view by view: what explained the views so far is where it goes on.

A new view is first drawn as it is expected. Where it looks as expected, what was found stays, and
less is left unseen. Elsewhere all views are explained again, beginning with the frame that
explained those before; only a few frames are drawn each time, and the search goes on with the next
view. So a scene seen from several sides costs a fraction of what `refine` spends on it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.devices import autocast, full_precision
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.volumes.encoder import VolumeAggregate
from gqn_rl.inference.refinement.hidden import hidden_cells
from gqn_rl.inference.refinement.opaque import OpaqueScene, choose_rays, draw, misfit
from gqn_rl.inference.refinement.posterior import DENSITY, contents
from gqn_rl.inference.refinement.refinement import NEAR, look, misfit_of, spread_order
from gqn_rl.inference.refinement.search.explanation import ENOUGH, Effort, explain
from gqn_rl.inference.refinement.search.regions import MOST_REGIONS
from gqn_rl.inference.refinement.search.twins import ROUNDS
from gqn_rl.inference.refinement.sightings import sight
from gqn_rl.inference.refinement.unseen import unseen_cells

if TYPE_CHECKING:
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

MOST_CELLS = MOST_REGIONS + ROUNDS
STEPS = 6
"""Of sharpening with each view; the next goes on."""
EFFORT = Effort(drawn={1: (8,), 2: (4, 12), 3: (3, 10)}, kept={1: 1, 2: 1, 3: 1})
"""Of a look; the next goes on."""
CHECKED_RAYS, CARVING_RAYS = 1200, 200
"""Of a new view: to see whether it is as expected, all that are on and near the object; to see
which cells are empty, some."""
EXPECTED = 8 / 255
"""RMSE over these of a view that is as expected; five pixels of another colour make it more, edges
off by a part of a pixel less."""
RAYS_SHARE = 0.6
"""Of the rays of refinement at once: with the next view there are others."""
SUREST = 0.999
"""Largest chance of a hidden cell."""
CERTAIN = 1.0 - 1e-6
"""Largest opacity that is no cell that was found."""


class Estimate(NamedTuple):
    """What is known of N scenes.

    Attributes:
        found: up to `MOST_CELLS` cells that explain what was seen, and their frame; none where
            `refined`, bool (N,), is false: there nothing explains the views better than the bare
            network does, and the frame is the network's.
        content: float32 (N, 4, cells ** 3), as in `CellScene`: cells found, and the chance of
            others as density.
    """

    found: OpaqueScene
    content: Tensor
    refined: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that it is, each (N, ...)."""
        frame, *cells = self.found
        return (frame.pack(), *cells, self.content, self.refined)

    @staticmethod
    def made_of(tensors: Sequence[Tensor]) -> Estimate:
        """The inverse of `tensors`."""
        frame, *cells, content, refined = tensors
        return Estimate(OpaqueScene(Frame.unpack(frame), *cells), content, refined)

    def select(self, rows: Tensor) -> Estimate:
        """Some of the scenes, int64 (K,)."""
        return Estimate(self.found.select(rows), self.content[rows], self.refined[rows])

    def replaced(self, rows: Tensor, others: Estimate) -> Estimate:
        """With other estimates in some rows, int64 (K,)."""
        pairs = zip(self.tensors, others.tensors, strict=True)
        return Estimate.made_of([mine.index_copy(0, rows, other) for mine, other in pairs])

    def scene(self) -> CellScene:
        """The likeliest scene, to be drawn: cells that are likelier filled than not are filled."""
        density = self.content[:, :1]
        likeliest = DENSITY * (-torch.expm1(-density) >= 0.5)
        density = torch.where(self.refined[:, None, None], likeliest, density)
        content = torch.cat([density, self.content[:, 1:]], dim=1)
        return CellScene(self.found.frame, self.found.brightness, content)


def nothing_known(model: CanonicalGQN, n: int) -> Estimate:
    """Of n scenes: empty grids."""

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(n, *shape, dtype=torch.float32, device=model.device)

    cells = zeros(MOST_CELLS, 3)
    found = OpaqueScene(Frame.unpack(zeros(4)), zeros(6), cells, cells, cells[..., 0] > 0)
    return Estimate(found, zeros(4, model.config.frame_cells**3), zeros() > 0)


def as_expected(model: CanonicalGQN, before: Estimate, view: Context) -> tuple[Tensor, Estimate]:
    """Whether one more view of N scenes looks as their estimates say.

    Args:
        view: of one view each.

    Returns:
        bool (N,); and the estimates after the view, where it is so: cells that it shows to be empty
        are empty. The others are as they were.
    """
    with full_precision(model.device):
        sightings = sight(view, model.directions)
        near = (sightings.outside < NEAR) * spread_order(sightings)
        label = torch.zeros_like(near).long()
        rays = choose_rays(sightings, label, near, CHECKED_RAYS)
        error = misfit(draw(before.found, rays), rays)
        expected = before.refined & (error < EXPECTED**2)
        rows = expected.nonzero()[:, 0]
        if len(rows) == 0:
            return expected, before
        some, known = sightings.select(rows), before.select(rows)
        rays = choose_rays(some, label[rows], near[rows], CARVING_RAYS)
        unseen = unseen_cells(known.found, some, rays, model.config.frame_cells)
    density = known.content[:, :1]
    kept = unseen[:, None] | (-torch.expm1(-density) > CERTAIN)
    content = torch.cat([density * kept, known.content[:, 1:]], dim=1)
    return expected, before.replaced(rows, known._replace(content=content))


def explained_again(
    model: CanonicalGQN,
    context: Context,
    aggregate: VolumeAggregate,
    before: Estimate,
    precision: str,
) -> Estimate:
    """What explains all views of N scenes, of as many views each.

    Args:
        aggregate: of the context, and perhaps of views that are no longer in it.
        before: what explained the views so far; estimates that are not `refined` say nothing.
        precision: of the network, see `autocast`.
    """
    network = model.network
    with autocast(model.device, precision):
        reading = network.read(aggregate)
        inferred = network.frame(reading)
    inferred = Frame.unpack(inferred.pack().float())
    start = torch.where(before.refined[:, None], before.found.frame.pack(), inferred.pack())
    with full_precision(model.device):
        sighted = look(model, context, RAYS_SHARE)
        explained = explain(sighted, inferred, STEPS, EFFORT, Frame.unpack(start))
        found, error = explained.scene.select(explained.choices[:, 0]), explained.error
        unseen = unseen_cells(found, sighted.sightings, sighted.rays, sighted.cells)
    with autocast(model.device, precision):
        imagined = _imagined(model, network.filled(reading, found.frame))
    chance = hidden_cells(found, imagined, unseen, sighted.cells).chances()
    content = contents(
        found, -torch.log1p(-chance.clamp(max=SUREST)), imagined[:, 1:], sighted.cells
    )
    estimate = Estimate(_padded(found), content, torch.ones_like(error) > 0)
    views = min(context.images.shape[1], max(ENOUGH))
    doubtful = (error > ENOUGH[views]).nonzero()[:, 0]
    if len(doubtful) == 0:
        return estimate
    with autocast(model.device, precision):
        bare = network.filled(reading, inferred)[doubtful].float()
    with full_precision(model.device):
        worse = misfit_of(model, bare, sighted.rays.select(doubtful)).sqrt() < error[doubtful]
    return _bare(model, estimate, doubtful[worse], bare[worse], precision)


def _imagined(model: CanonicalGQN, r: Tensor) -> Tensor:
    """Contents at the prior's mean, float32 (N, 4, cells ** 3)."""
    return model.imagine(r, r.new_zeros(len(r), *model.latent_shape)).content


def _bare(
    model: CanonicalGQN, estimate: Estimate, rows: Tensor, r: Tensor, precision: str
) -> Estimate:
    """The estimate with what the bare network imagines in some rows, int64 (K,)."""
    if len(rows) == 0:
        return estimate
    with autocast(model.device, precision):
        scene = model.imagine(r, r.new_zeros(len(r), *model.latent_shape))
    found = estimate.found
    frame = found.frame.pack().index_copy(0, rows, scene.frame.pack())
    return Estimate(
        OpaqueScene(
            Frame.unpack(frame),
            found.brightness.index_copy(0, rows, scene.brightness),
            found.corner,
            found.colour,
            found.filled.index_fill(0, rows, False),
        ),
        estimate.content.index_copy(0, rows, scene.content),
        estimate.refined.index_fill(0, rows, False),
    )


def _padded(found: OpaqueScene) -> OpaqueScene:
    """With room for `MOST_CELLS` cells."""
    missing = MOST_CELLS - found.filled.shape[1]
    return found._replace(
        corner=F.pad(found.corner, (0, 0, 0, missing)),
        colour=F.pad(found.colour, (0, 0, 0, missing)),
        filled=F.pad(found.filled, (0, missing)),
    )
