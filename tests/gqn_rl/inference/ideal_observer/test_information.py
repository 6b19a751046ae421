"""The expected information is what views, on average, then do tell."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import IdealObserver, Posterior
from gqn_rl.inference.ideal_observer.colours import colour_entropy
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import some_views

TINY = 8


def entropy(probability: np.ndarray) -> float:
    p = probability[probability > 0]
    return float(-(p * np.log2(p)).sum())


def told(posterior: Posterior, pose: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """By how much a view reduces the entropies of cubes and shape, the mean over all candidates.

    Each in turn is made the truth, and the view drawn that it would give.
    """
    count, num_cubes = posterior.candidates.cubes.shape[:2]
    fresh = sample_colours(rng, count, num_cubes)
    known = posterior.explanation.is_known[..., None]
    colours = np.where(known, posterior.explanation.bases() / 255.0, fresh)
    scenes = SceneBatch(
        posterior.candidates.cubes.copy(),
        np.ones((count, num_cubes), bool),
        np.tile(np.eye(3), (count, 1, 1)),
        colours.astype(np.float32),
    )
    images = RaycastRenderer(TINY).render(scenes, Viewpoints.decode(np.tile(pose, (count, 1))))
    left = np.zeros(2)
    for image, p in zip(images, posterior.probability, strict=True):
        if p > 1e-6:
            after = posterior.update(image[None], pose[None])
            left += p * np.array([after.entropy, entropy(after.shapes())])
    return posterior.entropy - left[0], entropy(posterior.shapes()) - left[1]


def test_it_is_what_views_tell_on_average(rng: np.random.Generator) -> None:
    _, views = some_views(30, 40, num_cubes=5, image_size=TINY)
    tried = 0
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver(5).observe(images[:1], poses[:1])
        if posterior.entropy < 0.3:
            continue
        tried += 1
        cubes, shape = told(posterior, poses[1], rng)
        assert posterior.expected_information(poses[1:2], "cubes")[0] == pytest.approx(
            cubes, abs=0.02
        )
        assert posterior.expected_information(poses[1:2], "shape")[0] == pytest.approx(
            shape, abs=0.02
        )
    assert tried >= 5


def test_a_view_taken_again_tells_nothing() -> None:
    _, views = some_views(31, 5)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        for about in ("scene", "cubes", "shape"):
            assert posterior.expected_information(poses[:1], about)[0] == pytest.approx(0, abs=1e-9)


def test_about_the_scene_each_cube_not_seen_before_counts_one_colour() -> None:
    scene, views = some_views(32, 10)
    renderer = RaycastRenderer()
    gains = []
    for row, (images, poses) in enumerate(zip(views.images, views.viewpoints, strict=True)):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        one = scene[np.full(2, row)]
        _, cube = renderer.render_with_segmentation(one, Viewpoints.decode(poses[:2]))
        new = set(np.unique(cube[1])) - set(np.unique(cube[0])) - {-1}
        gain = posterior.expected_information(poses[1:2])[0]
        assert gain == pytest.approx(len(new) * colour_entropy(), abs=0.01)
        gains.append(gain)
    assert max(gains) > 16


def test_about_another_view_only_what_is_to_be_seen_from_there_counts() -> None:
    _, views = some_views(33, 10)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        query = poses[3:]
        itself = posterior.expected_information(query, "view", query)[0]
        assert itself == pytest.approx(posterior.expected_information(query)[0], abs=1e-6)
        for gain, limit in zip(
            posterior.expected_information(poses[1:3], "view", query),
            posterior.expected_information(poses[1:3]),
            strict=True,
        ):
            assert gain <= min(limit, itself) + 1e-6
        assert posterior.expected_information(query, "view", poses[:1])[0] < 1e-6


def test_wrong_questions_are_refused() -> None:
    _, views = some_views(34, 1)
    posterior, poses = (
        IdealObserver().observe(views.images[0], views.viewpoints[0]),
        views.viewpoints[0],
    )
    with pytest.raises(UserError, match="unknown subject 'colour'"):
        posterior.expected_information(poses, "colour")
    with pytest.raises(UserError, match="needs the query view"):
        posterior.expected_information(poses, "view")
    with pytest.raises(UserError, match="query has 4 poses, expected 1"):
        posterior.expected_information(poses, "view", poses)
