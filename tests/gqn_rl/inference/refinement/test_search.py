"""The parts of the search: regions, frames judged by them, alignment, placement, unseen cells."""

from __future__ import annotations

import numpy as np
import torch

from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.inference.refinement.opaque import choose_rays
from gqn_rl.inference.refinement.search.alignment import align
from gqn_rl.inference.refinement.search.placement import place
from gqn_rl.inference.refinement.search.proposals import (
    cells_to_try,
    cells_tried,
    depth_costs,
    judge,
    regular_frames,
)
from gqn_rl.inference.refinement.search.regions import find_regions
from gqn_rl.inference.refinement.unseen import unseen_cells
from gqn_rl.scenes.shepard_metzler import MAX_CUBES
from tests.gqn_rl.inference.refinement.opaque_scenes import (
    random_scenes,
    sighted_from,
    true_scene,
)

CELLS = 8
SCENES = random_scenes(6, seed=10)


def test_a_region_is_what_is_seen_of_one_cube() -> None:
    sightings = sighted_from(SCENES, 3, seed=11)
    regions = find_regions(sightings)
    assert (regions.label[sightings.shown] >= 0).all()
    assert (regions.label[~sightings.shown] == -1).all()
    assert regions.pixels.sum() == sightings.shown.sum()
    hue = sightings.colours / sightings.colours.amax(-1, keepdim=True).clamp(min=1e-6)
    for label in range(regions.pixels.shape[1]):
        for row in range(len(SCENES)):
            here = hue[row][regions.label[row] == label]
            if len(here):
                assert (here.amax(0) - here.amin(0)).max() < 0.025


def test_the_largest_objects_have_no_more_colours_than_regions_are_looked_for(
    rng: np.random.Generator,
) -> None:
    scenes = SceneDistribution(num_cubes=MAX_CUBES, shapes="test").sample(rng, 6)
    sightings = sighted_from(scenes, 4, seed=14)
    assert (find_regions(sightings).label[sightings.shown] >= 0).all()


def test_the_true_frame_fits_better_than_others() -> None:
    sightings = sighted_from(SCENES, 3, seed=12)
    regions = find_regions(sightings)
    frame = true_scene(SCENES).frame
    true = judge(sightings, regions, frame.yaw[:, None], frame.offset[:, None], CELLS)
    yaw, offset = regular_frames(12, 3, frame.yaw.device)
    others = judge(sightings, regions, yaw.expand(6, -1), offset.expand(6, -1, -1), CELLS)
    assert true.unfit.max() < 0.01
    assert (true.unfit < others.best(1).unfit).all()
    assert (others.unfit.median(1).values > 0.05).all()


def test_alignment_moves_a_frame_back() -> None:
    sightings = sighted_from(SCENES, 3, seed=13)
    rays = choose_rays(sightings, find_regions(sightings).label, sightings.outside + 1.0, 4096)
    scene = true_scene(SCENES)
    shift = torch.tensor([0.05, 0.1, -0.08, 0.12]).expand(6, 4)
    back = align(scene.moved(shift), rays, (0.7, 0.5, 0.5, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1))
    left = (back.frame.pack() - scene.frame.pack()).abs().amax(1)
    assert left.median() < 0.01
    assert left.max() < 0.05 < shift.abs().amax(1).min()


def test_a_cell_in_the_wrong_place_is_put_where_it_was_seen() -> None:
    sightings = sighted_from(SCENES, 3, seed=14)
    regions = find_regions(sightings)
    frame = true_scene(SCENES).frame
    judged = judge(sightings, regions, frame.yaw[:, None], frame.offset[:, None], CELLS)
    right = true_scene(SCENES)._replace(
        corner=judged.cells[:, 0],
        colour=torch.zeros_like(judged.cells[:, 0]),
        filled=regions.pixels > 0,
    )
    large = regions.pixels.argmax(1)
    rows = torch.arange(len(SCENES))
    corner = right.corner.clone()
    corner[rows, large, 2] += 2.0
    rays = choose_rays(sightings, regions.label, sightings.shown.float(), 4096)
    costs = depth_costs(sightings, regions)
    tried = cells_to_try(regions, costs, frame, CELLS, cells_tried(sightings))
    placed = place(right._replace(corner=corner), rays, tried, rounds=2)
    assert (placed.corner[rows, large] == right.corner[rows, large]).all(-1).float().mean() > 0.8


def test_what_is_in_unseen_cells_changes_no_view() -> None:
    sightings = sighted_from(SCENES, 1, seed=15)
    near = (sightings.outside < 3).float()
    rays = choose_rays(sightings, find_regions(sightings).label, near, 4096)
    scene = true_scene(SCENES)
    unseen = unseen_cells(scene, sightings, rays, CELLS)
    assert unseen.sum(1).min() >= 1
    assert unseen.sum(1).max() < 64
    assert not unseen.gather(1, scene.places(CELLS)).any()
    # Three views leave less unseen than the first of them.
    more = sighted_from(SCENES, 3, seed=15)
    near = (more.outside < 3).float()
    rays = choose_rays(more, find_regions(more).label, near, 4096)
    assert unseen_cells(scene, more, rays, CELLS).sum() < 0.5 * unseen.sum()
