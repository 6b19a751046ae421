"""The posterior under pixel noise: what it says is as often so as it says; noise hides much."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import grid_candidates
from gqn_rl.inference.ideal_observer.noisy import MEAN_BASE, SPREAD, NoisyPosterior
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth, some_views


def with_noise(images: np.ndarray, sd: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, sd, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def test_it_is_the_normal_density_of_all_pixels_with_the_colours_integrated_out() -> None:
    """Against the joint covariance of the pixels, written down cube by cube."""
    candidates = grid_candidates(3)
    _, views = some_views(1, 1, num_cubes=3, image_size=12)
    sd, seen, pose = 30.0, with_noise(views.images[0, :2], 30.0), views.viewpoints[0, :2]
    posterior = NoisyPosterior.of(candidates, 12, sd)
    joint = np.array([_log_density(candidates.cubes[row], seen, pose, sd) for row in range(8)])
    for row in range(8):
        one = NoisyPosterior.of(candidates[np.array([row])], 12, sd).update(seen, pose)
        joint[row] -= one.log_joint[0] - candidates.log_prior[row]
    np.testing.assert_allclose(joint, joint[0], atol=1e-6 * abs(joint[0]))  # a constant apart
    assert posterior.update(seen, pose).probability.sum() == pytest.approx(1.0)


def _log_density(cubes: np.ndarray, images: np.ndarray, poses: np.ndarray, sd: float) -> float:
    """Of all pixels of all views of one candidate."""
    count = len(cubes)
    white = SceneBatch(
        cubes[None], np.ones((1, count), bool), np.eye(3)[None], np.ones((1, count, 3), np.float32)
    ).repeat(len(poses))
    shade, cube = RaycastRenderer(images.shape[1]).render_with_segmentation(
        white, Viewpoints.decode(poses)
    )
    shades, cube = shade[..., 0].ravel() / 255.0, cube.ravel()
    levels = 0.6 + 0.35 * np.array([0.0, 0.42, 0.27, 0.87]) / np.linalg.norm([0.42, 0.27, 0.87])
    shades = levels[np.abs(shades[:, None] - levels).argmin(1)] * (cube >= 0)
    total = 0.0
    for channel in range(3):
        x = images[..., channel].ravel().astype(float)
        covariance = sd**2 * np.eye(len(x))
        for number in range(count):
            mine = shades * (cube == number)
            covariance += SPREAD**2 * np.outer(mine, mine)
        off = x - MEAN_BASE * shades
        total -= 0.5 * (np.linalg.slogdet(covariance)[1] + off @ np.linalg.solve(covariance, off))
    return total


def test_what_it_states_is_as_often_so_as_it_states() -> None:
    candidates, sd = grid_candidates(5), 120.0
    batch, views = some_views(2, 60, num_cubes=5, image_size=16)
    stated, right = [], []
    for row in range(60):
        noisy = with_noise(views.images[row, :1], sd, seed=row)
        posterior = NoisyPosterior.of(candidates, 16, sd).update(noisy, views.viewpoints[row, :1])
        best = int(posterior.probability.argmax())
        stated.append(posterior.probability[best])
        right.append(is_truth(posterior.candidates, batch[row : row + 1])[best])
    assert 0.1 < np.mean(right) < 0.95, "too easy or too hard to tell anything"
    assert abs(np.mean(stated) - np.mean(right)) < 0.15


def test_more_views_tell_more_and_a_view_is_expected_to() -> None:
    candidates, sd = grid_candidates(5), 100.0
    _, views = some_views(3, 8, num_cubes=5, image_size=16, num_views=4)
    surest, told = [], []
    for row in range(8):
        noisy = with_noise(views.images[row], sd, seed=row)
        posterior = NoisyPosterior.of(candidates, 16, sd)
        each = []
        for view in range(4):
            pose = views.viewpoints[row, view : view + 1]
            posterior = posterior.update(noisy[view : view + 1], pose)
            each.append(posterior.probability.max())
            told.append(posterior.expected_information(pose)[0])
        surest.append(each)
    mean = np.mean(surest, axis=0)
    assert mean[0] < mean[3]
    assert mean[3] > 0.8
    assert min(told) >= 0.0
