"""Candidates are all there are, once each, as likely as scenes are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import FACES, grid_candidates, with_shape_prior
from gqn_rl.inference.ideal_observer.ray_casting import Rays, SilhouetteTable, segment
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import canonical_forms
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth, some_views


def key(cubes: np.ndarray) -> bytes:
    """Equal for equal sets of cubes (P, 3), whatever their order."""
    whole = np.round(cubes * len(cubes)).astype(int)
    return whole[np.lexsort(whole.T)].tobytes()


def test_seven_cubes_make_6905_sets_with_probabilities_that_sum_to_one() -> None:
    candidates = grid_candidates(7)
    assert len(candidates) == len({key(cubes) for cubes in candidates.cubes}) == 6905
    assert np.exp(candidates.log_prior).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(candidates.cubes.mean(axis=1), 0.0, atol=1e-12)


def test_candidates_are_as_likely_as_scenes_are(rng: np.random.Generator) -> None:
    candidates = grid_candidates(4)
    scenes = sample_scenes(rng, 20_000, num_cubes=4, shapes="all")
    drawn = Counter(key(cubes) for cubes in scenes.cube_centres())
    count = np.array([drawn[key(cubes)] for cubes in candidates.cubes])
    assert count.sum() == len(scenes)
    expected = 20_000 * np.exp(candidates.log_prior)
    assert (np.abs(count - expected) < 5 * np.sqrt(expected)).all()


def test_each_candidate_has_the_shape_it_says() -> None:
    candidates, catalogue = grid_candidates(6), shape_catalogue(6)
    grid = np.round(candidates.cubes - candidates.cubes[:, :1]).astype(np.int8)
    forms = canonical_forms(grid)
    expected = canonical_forms(
        np.stack([catalogue.representative(s).cubes for s in range(catalogue.num_shapes)])
    )
    np.testing.assert_array_equal(forms, expected[candidates.shape])


def test_a_prior_over_shapes_is_theirs() -> None:
    prior = np.zeros(310)
    prior[[3, 200]] = 1.0, 3.0
    kept = with_shape_prior(grid_candidates(7), prior)
    shapes = np.bincount(kept.shape, np.exp(kept.log_prior), minlength=310)
    np.testing.assert_allclose(shapes, prior / 4, atol=1e-12)


def test_turned_candidates_are_drawn_as_the_renderer_draws_them(rng: np.random.Generator) -> None:
    _, views = some_views(40, 6, num_cubes=5)
    yaw = rng.uniform(0, np.pi / 2, 6)
    candidates = grid_candidates(5)[rng.integers(315, size=6)]
    candidates = candidates.turned(yaw, candidates.log_prior)
    poses = Viewpoints.decode(views.viewpoints[:, 0])
    mask, white = np.ones((6, 5), bool), np.ones((6, 5, 3), np.float32)
    scenes = SceneBatch(candidates.cubes.copy(), mask, yaw_matrices(yaw), white)
    np.testing.assert_allclose(candidates.world_cubes(), scenes.cube_centres(), atol=1e-12)
    images, index = RaycastRenderer().render_with_segmentation(scenes, poses)
    for row in range(6):
        rays = Rays.of(poses[row : row + 1], 64, yaw[row : row + 1])
        cube, face = segment(candidates[row : row + 1], rays)
        np.testing.assert_array_equal(cube[0], index[row].ravel())
        shade = candidates.shades()[row][face[0]] * (cube[0] >= 0)
        np.testing.assert_allclose(images[row, ..., 0].ravel(), np.floor(255 * shade), atol=1)


def test_silhouettes_are_those_of_the_whole_picture(rng: np.random.Generator) -> None:
    candidates = grid_candidates(5)
    _, views = some_views(41, 1, num_cubes=5)
    pose = Viewpoints.decode(views.viewpoints[0, :1])
    pixels = np.sort(rng.choice(64 * 64, 512, replace=False))
    silhouette = views.images[0, 0].any(axis=-1).ravel()
    rays = Rays.of(pose, 64, np.zeros(1), pixels)
    found = SilhouetteTable(candidates.cubes).mismatches(rays, silhouette[pixels])
    cube, _ = segment(candidates, Rays.of(pose, 64, np.zeros(1)))
    expected = ((cube[:, pixels] >= 0) != silhouette[pixels]).sum(axis=1)
    np.testing.assert_array_equal(found, expected)


def test_faces_away_from_the_light_are_equally_dark() -> None:
    shades = grid_candidates(3).shades()
    assert (shades == shades[:1]).all()
    assert (shades[0][FACES.min(axis=1) < 0] == 0.6).all()
    assert len(np.unique(shades[0])) == 4


def test_the_truth_is_among_the_candidates() -> None:
    scenes, _ = some_views(42, 20, image_size=8, num_views=1)
    for row in range(20):
        assert is_truth(grid_candidates(7), scenes[row : row + 1]).sum() == 1
