"""Objects that stand elsewhere than on their barycentre are found where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import IdealObserver, Posterior
from gqn_rl.inference.ideal_observer.candidates import grid_candidates
from gqn_rl.inference.ideal_observer.search.pixels import silhouette_of
from gqn_rl.inference.ideal_observer.search.position_search import fit_rectangle
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch, room_to_stand, sample_scenes
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth, some_views


@pytest.fixture(scope="module")
def observer() -> IdealObserver:
    return IdealObserver(position="random")


def truth_in(posterior: Posterior, scene: SceneBatch, tolerance: float) -> float:
    """Probability that the cubes are where they are, but for so many cube edges."""
    truth = is_truth(posterior.candidates, scene, tolerance)
    return float(posterior.probability[truth].sum())


def test_the_rectangle_of_a_silhouette_says_about_where_its_object_stands() -> None:
    scenes, views = some_views(20, 20, position="random", num_views=1)
    for row in range(20):
        centres = scenes[row : row + 1].cube_centres()
        middle = centres.mean(axis=1)
        pose = Viewpoints.decode(views.viewpoints[row])
        found, off = fit_rectangle(
            centres - middle[:, None], silhouette_of(views.images[row, 0]), pose
        )
        assert np.linalg.norm(found - middle) < 0.5
        assert off[0] < 0.6


def test_views_tell_where_all_cubes_are(observer: IdealObserver) -> None:
    scenes, views = some_views(21, 3, position="random")
    for row in range(3):
        posterior = observer.observe(views.images[row, :1], views.viewpoints[row, :1])
        assert posterior.is_explained
        assert truth_in(posterior, scenes[row : row + 1], 0.05) > 0.05
        posterior = posterior.update(views.images[row, 1:3], views.viewpoints[row, 1:3])
        assert posterior.mismatches.min() <= 2
        assert truth_in(posterior, scenes[row : row + 1], 0.01) > 0.99
        truth = np.moveaxis(views.images[row, 3], -1, 0).astype(float)
        error = posterior.mean(views.viewpoints[row, 3:])[0] - truth
        assert np.sqrt((error**2).mean()) < 6


def test_objects_in_the_middle_are_explained_too(observer: IdealObserver) -> None:
    scenes, views = some_views(22, 2)
    for row in range(2):
        posterior = observer.observe(views.images[row, :2], views.viewpoints[row, :2])
        assert posterior.is_explained
        assert truth_in(posterior, scenes[row : row + 1], 0.02) > 0.9


def test_a_chain_without_room_stands_in_the_middle(observer: IdealObserver) -> None:
    cubes = grid_candidates(7).cubes
    long = np.flatnonzero(room_to_stand(cubes) == 0)
    assert 0 < len(long) < len(cubes)
    scene = sample_scenes(np.random.default_rng(0), 1, shapes="all")
    scene.cubes[0], scene.rotation[0] = cubes[long[0]], np.eye(3)
    pose = Viewpoints(np.array([[0.0, -9.0, 0.0]]), np.array([np.pi / 2]), np.zeros(1))
    posterior = observer.observe(RaycastRenderer().render(scene, pose), pose)
    assert truth_in(posterior, scene, 1e-3) > 0.9


def test_hidden_cubes_stay_open_where_no_barycentre_gives_them_away(
    observer: IdealObserver,
) -> None:
    _, views = some_views(23, 6, position="random", num_views=1)
    entropy = []
    for row in range(6):
        posterior = observer.observe(views.images[row], views.viewpoints[row])
        sets = [tuple(cubes.ravel().round(3)) for cubes in posterior.candidates.cubes]
        _, which = np.unique(sets, axis=0, return_inverse=True)
        p = np.bincount(which.reshape(-1), posterior.probability)
        entropy.append(-(p[p > 0] * np.log2(p[p > 0])).sum())
    assert max(entropy) > 0.3


def test_noise_ends_in_finite_numbers_that_say_so(
    observer: IdealObserver, rng: np.random.Generator
) -> None:
    _, views = some_views(24, 1, num_views=2, image_size=32)
    for images in (
        rng.integers(0, 256, views.images[0].shape).astype(np.uint8),
        views.images[0] * 0,
    ):
        posterior = observer.observe(images, views.viewpoints[0])
        assert not posterior.is_explained
        assert posterior.probability.sum() == pytest.approx(1.0)
        assert np.isfinite(posterior.mean(views.viewpoints[0])).all()


def test_what_is_not_known_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="unknown position 'left'"):
        IdealObserver(position="left")
    with pytest.raises(UserError, match='orientation is "free", expected "grid"'):
        IdealObserver(orientation="free", position="random")
