"""Comparing volumes: turns, mirror images and shifts are found, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.tasks import make_task
from gqn_rl.geometry.rotations import GRID_ROTATIONS, MIRROR, VERTICAL_TURNS
from gqn_rl.geometry.turned_volumes import GROUPS, TurnedVolumes, sources
from gqn_rl.probes.tasks import num_symmetries
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from tests.gqn_rl.gqn.canonical.true_cells import CELLS, true_cells

SHAPE_FITS, COLOUR_FITS = slice(0, 2), slice(3, 5)


@pytest.fixture(params=["shared", "independent"])
def trials(request: pytest.FixtureRequest):
    return make_task("mental_rotation", colours=request.param).sample(np.random.default_rng(0), 60)


def test_the_true_cells_tell_same_and_mirrored_objects_apart_at_every_angle(
    trials,
) -> None:
    found = TurnedVolumes(CELLS).compare(true_cells(trials.scenes), true_cells(trials.reference))
    same, mirrored = found[:, SHAPE_FITS].T
    right = torch.where(torch.from_numpy(trials.target) == 0, same, mirrored)
    wrong = torch.where(torch.from_numpy(trials.target) == 0, mirrored, same)
    torch.testing.assert_close(right, torch.ones(60))
    assert (wrong < 0.95).all()
    torch.testing.assert_close(found[:, 2], 10 * (same - mirrored))


def test_shared_colours_fit_where_the_shape_does_and_independent_ones_do_not() -> None:
    for colours, least, most in (("shared", 0.999, 1.001), ("independent", -1.0, 0.9)):
        trials = make_task("mental_rotation", colours=colours).sample(np.random.default_rng(1), 30)
        found = TurnedVolumes(CELLS).compare(
            true_cells(trials.scenes), true_cells(trials.reference)
        )
        best = found[:, COLOUR_FITS].amax(1)
        assert (best > least).all()
        assert (best < most).all()


@pytest.mark.parametrize("group", GROUPS)
def test_every_turn_of_the_group_fits_perfectly_and_no_other(group: str) -> None:
    catalogue = shape_catalogue(7)
    shape = next(
        catalogue.representative(int(index)).centred()
        for index in np.flatnonzero(catalogue.is_chiral)
        if num_symmetries(catalogue.representative(int(index)).centred()) == 1
    )
    cubes = np.repeat(shape[None], 24, axis=0)
    mask, colour = np.ones((24, 7), bool), np.ones((24, 7, 3), np.float32)
    scenes = SceneBatch(cubes, mask, GRID_ROTATIONS.astype(float), colour)
    volumes = true_cells(scenes)
    found = TurnedVolumes(CELLS, group).compare(volumes, volumes[:1].expand_as(volumes))
    fits = torch.isclose(found[:, 0], torch.ones(24), atol=1e-5).numpy()
    about_z = (GRID_ROTATIONS[:, None] == VERTICAL_TURNS).all((2, 3)).any(1)
    np.testing.assert_array_equal(fits, about_z if group == "vertical" else True)
    assert (found[:, 1] < 0.99).all()


def test_comparison_is_unchanged_by_small_shifts_and_symmetric(rng: np.random.Generator) -> None:
    a, b = sample_scenes(rng, 20), sample_scenes(rng, 20)
    matcher = TurnedVolumes(CELLS)
    plain = matcher.compare(true_cells(a), true_cells(b))
    torch.testing.assert_close(matcher.compare(true_cells(b), true_cells(a)), plain)
    alike = matcher.compare(true_cells(a), true_cells(a))
    torch.testing.assert_close(alike[:, 0], torch.ones(20))


def test_shifted_volumes_still_fit(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 20)
    volumes = true_cells(scenes)
    inside = volumes[:, :, :-1, 1:].sum((1, 2, 3, 4)) == volumes.sum((1, 2, 3, 4))
    shifted = torch.roll(volumes[inside], (1, -1), dims=(2, 3))
    assert inside.any()
    found = TurnedVolumes(CELLS).compare(volumes[inside], shifted)
    torch.testing.assert_close(found[:, 0], torch.ones(len(shifted)))


def test_any_shift_is_found_where_it_is_looked_for(rng: np.random.Generator) -> None:
    volumes = true_cells(sample_scenes(rng, 20)) * torch.rand(20, 1, 1, 1, 1)
    shifted = torch.zeros_like(volumes)
    shifted[..., :4, :, 5:] = volumes[..., 4:, :, :3]
    volumes[..., :4, :, :], volumes[..., 3:] = 0, 0  # what would be shifted out
    seen = volumes.flatten(1).any(1)
    assert seen.any()
    found = TurnedVolumes(CELLS, anywhere=True).compare(volumes[seen], shifted[seen])
    torch.testing.assert_close(found[:, 0], torch.ones(int(seen.sum())))
    assert (TurnedVolumes(CELLS).compare(volumes[seen], shifted[seen])[:, 0] < 0.99).any()


def test_small_shifts_are_among_all_shifts(rng: np.random.Generator) -> None:
    a, b = (true_cells(sample_scenes(rng, 20)) for _ in range(2))
    few, every = (TurnedVolumes(CELLS, anywhere=way).compare(a, b) for way in (False, True))
    assert (every[:, [0, 1, 3, 4]] > few[:, [0, 1, 3, 4]] - 1e-5).all()


def test_sources_turn_points_as_the_matrices_do(rng: np.random.Generator) -> None:
    place = np.array([1, 5, 2])
    volume = np.zeros((CELLS,) * 3)
    volume[tuple(place)] = 1.0
    for matrix in [*GRID_ROTATIONS, np.diag(MIRROR)]:
        turned = volume.ravel()[sources(CELLS, matrix[None])[0]].reshape(volume.shape)
        expected = matrix @ (place - 3.5) + 3.5
        np.testing.assert_array_equal(np.argwhere(turned)[0], expected)


def test_nothing_seen_compares_as_nothing() -> None:
    empty = torch.zeros(2, 4, CELLS, CELLS, CELLS)
    assert not TurnedVolumes(CELLS).compare(empty, empty).any()
