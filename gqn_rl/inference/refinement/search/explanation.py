"""From many frames to the few that explain what was seen best.

Frames are judged without drawing; the best are drawn, aligned, their cells placed again, and the
worse left out. What is left of the frames near the inferred one and of those everywhere are
alternatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.alternatives import Alternatives, weigh
from gqn_rl.inference.refinement.opaque import (
    OpaqueScene,
    Rays,
    colours_that_fit,
    draw,
    draw_softly,
    misfit,
)
from gqn_rl.inference.refinement.search.alignment import align
from gqn_rl.inference.refinement.search.placement import place
from gqn_rl.inference.refinement.search.proposals import (
    cells_to_try,
    cells_tried,
    depth_costs,
    judge,
    regular_frames,
)
from gqn_rl.inference.refinement.search.regions import Regions
from gqn_rl.inference.refinement.search.sharpening import sharpen
from gqn_rl.inference.refinement.search.twins import add_twins
from gqn_rl.inference.refinement.sightings import Sightings

FIRST_SOFTNESS, SECOND_SOFTNESS = (1.0, 0.7), (0.5, 0.3)
"""Cube edges; frames that lie a sixth of an edge off are still drawn towards the right one."""
NEAR_OFFSETS = 3
"""Tried along each axis beside the inferred frame, one third of an edge apart."""
EVERYWHERE = ((12, 3), (18, 4))
"""Yaws and offsets along each axis of the frames that are tried next, and of those tried last."""
DRAWN = {1: (24, 96, 96), 2: (8, 24, 64), 3: (4, 12, 48)}
"""By number of views, how many frames of each stage are drawn: the fewer views, the less do they
say about depth."""
FINALISTS = 2
KEPT = {1: 2, 2: 2, 3: 1}
"""By number of views, how many explanations each search ends with."""
ENOUGH = {1: 3 / 255, 2: 3 / 255, 3: 6 / 255}
"""By number of views, the RMSE at which no other frames are tried: wrong frames explain few views
nearly as well as the right one."""


class Sighted(NamedTuple):
    """What frames are compared with.

    Attributes:
        sightings, regions: of N scenes.
        rays: some of the pixels on and near the object; `edges`: those beside edges; `faces`: some
            of the object's.
        cells: of the grid, along each axis.
        brightness: from N frames to (N, 6), as the decoder has it.
    """

    sightings: Sightings
    regions: Regions
    rays: Rays
    edges: Rays
    faces: Rays
    cells: int
    brightness: Callable[[Frame], Tensor]

    def select(self, rows: Tensor) -> Sighted:
        """Some of the scenes, int64 (K,)."""
        return self._replace(
            sightings=self.sightings.select(rows),
            regions=Regions(*(part[rows] for part in self.regions)),
            rays=self.rays.select(rows),
            edges=self.edges.select(rows),
            faces=self.faces.select(rows),
        )


class Effort(NamedTuple):
    """How much is tried, by number of views.

    Attributes:
        drawn: as `DRAWN`, with as many stages as there are to be, one at least.
        kept: as `KEPT`.
    """

    drawn: Mapping[int, Sequence[int]] = DRAWN
    kept: Mapping[int, int] = KEPT


FULL = Effort()


def explain(
    sighted: Sighted,
    inferred: Frame,
    steps: int,
    effort: Effort = FULL,
    before: Frame | None = None,
) -> Alternatives:
    """Scenes for each row that explain its views as well as can be found.

    Args:
        inferred: N frames to begin with.
        steps: of `sharpen`.
        before: N frames that explained fewer of the views, tried first.
    """
    device = sighted.rays.weight.device
    views = int(sighted.sightings.counted.sum(1).min())
    views = min(max(views, 1), max(DRAWN))
    near, *everywhere = effort.drawn[views]
    stages = [(*_around(inferred), near)]
    for sizes, drawn in zip(EVERYWHERE, everywhere, strict=False):
        yaw, offset = regular_frames(*sizes, device)
        stages.append((yaw[None], offset[None], drawn))
    if before is not None:
        stages.insert(0, (before.yaw[:, None], before.offset[:, None], 1))
    n = len(inferred.yaw)
    least = torch.full((n,), torch.inf, device=device)
    scenes, errors, owners = [], [], []
    for yaw, offset, drawn in stages:
        rows = (least > ENOUGH[views] ** 2).nonzero()[:, 0]
        if len(rows) == 0:
            break
        frames = yaw.expand(n, -1)[rows], offset.expand(n, -1, -1)[rows]
        some = sighted if len(rows) == n else sighted.select(rows)
        scene, error = _best_of(some, *frames, drawn, effort.kept[views], steps)
        scenes.append(scene)
        errors.append(error.flatten())
        owners.append(rows.repeat_interleave(error.shape[1]))
        least[rows] = torch.minimum(least[rows], error.amin(1))
    found = OpaqueScene.cat(scenes)
    return weigh(found, torch.cat(owners), torch.cat(errors), sighted.regions.pixels.shape[1])


def _around(inferred: Frame) -> tuple[Tensor, Tensor]:
    """The inferred frames, and others of the same yaw and parallel to the world's axes."""
    _, shifts = regular_frames(1, NEAR_OFFSETS, inferred.yaw.device)
    own, level = inferred.yaw[:, None], torch.zeros_like(inferred.yaw)[:, None]
    times = len(shifts)
    yaw = torch.cat([own, own.expand(-1, times), level.expand(-1, times)], dim=1)
    here = inferred.offset[:, None]
    return yaw, torch.cat([here, here + shifts, here + shifts], dim=1)


def _best_of(
    sighted: Sighted, yaw: Tensor, offset: Tensor, drawn: int, kept: int, steps: int
) -> tuple[OpaqueScene, Tensor]:
    """The `kept` best of frames yaw (N, H) and offset (N, H, 3), those of each row one after the
    other, and their errors (N, kept)."""
    proposals = judge(sighted.sightings, sighted.regions, yaw, offset, sighted.cells)
    proposals = proposals.best(drawn)
    frame = Frame(proposals.yaw.flatten(), proposals.offset.flatten(0, 1))
    cells = proposals.cells.flatten(0, 1)
    there = (sighted.regions.pixels > 0).repeat_interleave(proposals.yaw.shape[1], 0)
    grey = torch.full_like(cells, 0.5)
    scene = OpaqueScene(frame, sighted.brightness(frame), cells, grey, there)
    costs = depth_costs(sighted.sightings, sighted.regions)
    scene = _improved(sighted, costs, scene, FIRST_SOFTNESS, 1)
    scene = _fittest(sighted, scene, FINALISTS, SECOND_SOFTNESS[0])
    scene = _improved(sighted, costs, scene, SECOND_SOFTNESS, 2)
    scene = _fittest(sighted, scene, kept, SECOND_SOFTNESS[-1])
    n = len(yaw)
    each = len(scene.filled) // n  # fewer where fewer frames were drawn
    rays = sighted.rays.repeat(each)
    scene = add_twins(scene, rays, sighted.cells)
    scene = sharpen(scene, sighted.edges.repeat(each), sighted.faces.repeat(each), steps)
    return scene, misfit(draw(scene, rays), rays).view(n, each)


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


def _fittest(sighted: Sighted, scene: OpaqueScene, count: int, softness: float) -> OpaqueScene:
    """The `count` scenes of each row that fit best."""
    n = len(sighted.rays.weight)
    times = len(scene.filled) // n
    rays = sighted.rays.repeat(times)
    scene = colours_that_fit(scene, rays)
    error = misfit(draw_softly(scene, rays, softness), rays).view(n, times)
    best = error.topk(min(count, times), dim=1, largest=False).indices
    return scene.select((best + times * torch.arange(n, device=best.device)[:, None]).flatten())
