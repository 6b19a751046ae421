"""From many frames to the one that explains what was seen best.

Frames are judged without drawing; the best are drawn, aligned, their cells placed again, and the
worse half left out, until one is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.alignment import align
from gqn_rl.inference.refinement.opaque import OpaqueScene, Rays, colours_that_fit, draw_softly, misfit
from gqn_rl.inference.refinement.placement import place, share_right
from gqn_rl.inference.refinement.proposals import (
    cells_to_try,
    cells_tried,
    depth_costs,
    judge,
    regular_frames,
)
from gqn_rl.inference.refinement.regions import Regions
from gqn_rl.inference.refinement.sightings import Sightings

FIRST_SOFTNESS, SECOND_SOFTNESS = (1.0, 0.7), (0.5, 0.3)
"""Cube edges; frames that lie a sixth of an edge off are still drawn towards the right one."""
FINALISTS = 2
OFFSETS = 3
"""Tried along each axis, one third of an edge apart."""
YAWS = 12
KEPT_FIRST, KEPT_NEXT = 3, 8
"""Frames that are drawn, of those near the inferred one and of those from everywhere."""
ENOUGH = 0.97
"""Share of the rays that are right at which no other frames are tried."""
FEW_VIEWS_FACTOR = 3
"""One view says little about depth, so more frames have to be drawn."""


class Sighted(NamedTuple):
    """What frames are compared with.

    Attributes:
        sightings, regions: of N scenes.
        rays: some of the pixels on and near the object.
        cells: of the grid, along each axis.
        brightness: from N frames to (N, 6), as the decoder has it.
    """

    sightings: Sightings
    regions: Regions
    rays: Rays
    cells: int
    brightness: Callable[[Frame], Tensor]

    def select(self, rows: Tensor) -> Sighted:
        """Some of the scenes, int64 (K,)."""
        return self._replace(
            sightings=self.sightings.select(rows),
            regions=Regions(*(part[rows] for part in self.regions)),
            rays=self.rays.select(rows),
        )


def explain(sighted: Sighted, inferred: Frame) -> OpaqueScene:
    """A scene for each row that explains its views as well as can be found.

    Args:
        inferred: N frames to begin with.
    """
    device = inferred.yaw.device
    _, shifts = regular_frames(1, OFFSETS, device)
    n = len(inferred.yaw)
    yaw = torch.stack([inferred.yaw, torch.zeros_like(inferred.yaw)], dim=1)
    near_yaw = torch.cat([inferred.yaw[:, None], yaw.repeat_interleave(len(shifts), 1)], dim=1)
    near = (inferred.offset[:, None] + shifts).repeat(1, 2, 1)
    near_offset = torch.cat([inferred.offset[:, None], near], dim=1)
    factor = FEW_VIEWS_FACTOR if bool((sighted.sightings.counted.sum(1) < 2).any()) else 1
    scene = _winner(sighted, near_yaw, near_offset, KEPT_FIRST * factor)
    right = share_right(scene, sighted.rays)
    rows = (right < ENOUGH).nonzero()[:, 0]
    if len(rows) == 0:
        return scene
    everywhere, offsets = regular_frames(YAWS, OFFSETS, device)
    again = sighted.select(rows)
    count = len(rows)
    other = _winner(
        again, everywhere.expand(count, -1), offsets.expand(count, -1, -1), KEPT_NEXT * factor
    )
    better = share_right(other, again.rays) > right[rows]
    chosen = torch.arange(n, device=device)
    chosen[rows[better]] = n + better.nonzero()[:, 0]
    return OpaqueScene.cat(scene, other).select(chosen)


def _winner(sighted: Sighted, yaw: Tensor, offset: Tensor, kept: int) -> OpaqueScene:
    """The best of frames yaw (N, H) and offset (N, H, 3)."""
    proposals = judge(sighted.sightings, sighted.regions, yaw, offset, sighted.cells).best(kept)
    frame = Frame(proposals.yaw.flatten(), proposals.offset.flatten(0, 1))
    times = proposals.yaw.shape[1]
    there = sighted.regions.pixels > 0
    scene = OpaqueScene(
        frame,
        sighted.brightness(frame),
        proposals.cells.flatten(0, 1),
        torch.full_like(proposals.cells.flatten(0, 1), 0.5),
        there.repeat_interleave(times, 0),
    )
    costs = depth_costs(sighted.sightings, sighted.regions)
    scene = _improved(sighted, costs, scene, FIRST_SOFTNESS, 1)
    scene = _best(sighted, scene, min(FINALISTS, times), SECOND_SOFTNESS[0])
    scene = _improved(sighted, costs, scene, SECOND_SOFTNESS, 2)
    return _best(sighted, scene, 1, SECOND_SOFTNESS[-1])


def _improved(
    sighted: Sighted, costs: Tensor, scene: OpaqueScene, softness: Sequence[float], rounds: int
) -> OpaqueScene:
    """Frames aligned, then cells placed again."""
    rays = sighted.rays.repeat(len(scene.filled) // len(sighted.rays.weight))
    scene = align(scene, rays, softness)
    scene = scene._replace(brightness=sighted.brightness(scene.frame))
    tried = cells_tried(sighted.sightings)
    candidates = cells_to_try(sighted.regions, costs, scene.frame, sighted.cells, tried)
    return place(scene, rays, candidates, rounds)


def _best(sighted: Sighted, scene: OpaqueScene, count: int, softness: float) -> OpaqueScene:
    """The `count` scenes of each row that fit best."""
    n = len(sighted.rays.weight)
    times = len(scene.filled) // n
    rays = sighted.rays.repeat(times)
    scene = colours_that_fit(scene, rays)
    error = misfit(draw_softly(scene, rays, softness), rays).view(n, times)
    best = error.topk(count, dim=1, largest=False).indices
    return scene.select((best + times * torch.arange(n, device=best.device)[:, None]).flatten())
