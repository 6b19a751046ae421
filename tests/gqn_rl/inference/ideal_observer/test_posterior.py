"""The posterior is exact, calibrated, and says so when nothing explains the views."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import IdealObserver, Posterior
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from tests.gqn_rl.inference.ideal_observer.brute_force import posterior_by_brute_force
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth, some_views

TINY = 8
"""Pixels; so few leave open which candidate it is."""


def over_all(observer: IdealObserver, posterior: Posterior) -> np.ndarray:
    """Probability of all candidates of the observer, also of those that were given up."""
    probability = np.zeros(len(observer.candidates))
    for cubes, p in zip(posterior.candidates.cubes, posterior.probability, strict=True):
        probability[(observer.candidates.cubes == cubes).all(axis=(1, 2))] += p
    return probability


@pytest.mark.parametrize("num_views", [1, 2])
def test_it_is_the_posterior_of_brute_force(num_views: int) -> None:
    observer = IdealObserver(num_cubes=5)
    _, views = some_views(3, 6, num_cubes=5, image_size=TINY)
    entropies = []
    for row in range(len(views)):
        seen = views.images[row, :num_views], views.viewpoints[row, :num_views]
        posterior = observer.observe(*seen)
        expected = posterior_by_brute_force(observer.candidates, *seen)
        np.testing.assert_allclose(over_all(observer, posterior), expected, atol=1e-4)
        entropies.append(posterior.entropy)
    assert num_views > 1 or max(entropies) > 0.5, "nothing was left open: the test is too easy"


def test_it_is_the_posterior_of_brute_force_at_full_size() -> None:
    observer = IdealObserver(num_cubes=5)
    _, views = some_views(4, 1, num_cubes=5)
    seen = views.images[0, :1], views.viewpoints[0, :1]
    expected = posterior_by_brute_force(observer.candidates, *seen)
    np.testing.assert_allclose(over_all(observer, observer.observe(*seen)), expected, atol=1e-4)


def calibration(num_cubes: int, scenes: int, views: SceneViews, batch: SceneBatch) -> np.ndarray:
    """Stated probability of the likeliest candidate, and whether it was the truth, (2, scenes)."""
    observer = IdealObserver(num_cubes)
    rows = []
    for row in range(scenes):
        posterior = observer.observe(views.images[row, :1], views.viewpoints[row, :1])
        best = int(posterior.probability.argmax())
        right = is_truth(posterior.candidates, batch[row : row + 1])[best]
        rows.append((posterior.probability[best], right))
    return np.array(rows).T


def assert_calibrated(stated: np.ndarray, right: np.ndarray) -> None:
    """For all scenes, and for those where less than certainty was stated."""
    for chosen in (stated >= 0, stated < 0.999):
        p = stated[chosen]
        deviation = np.sqrt((p * (1 - p)).sum())
        assert abs(right[chosen].sum() - p.sum()) < 3 * deviation, (right[chosen].mean(), p.mean())
        assert (p < 0.9).sum() > 20, "too little was left open to tell"


def test_stated_probabilities_are_how_often_it_is_right() -> None:
    batch, views = some_views(5, 300, num_cubes=5, image_size=TINY, num_views=1)
    assert_calibrated(*calibration(5, 300, views, batch))


@pytest.mark.slow
def test_stated_probabilities_are_how_often_it_is_right_over_a_thousand_scenes() -> None:
    batch, views = some_views(6, 1000, image_size=TINY, num_views=1)
    stated, right = calibration(7, 1000, views, batch)
    assert_calibrated(stated, right)
    print(f"stated {stated.mean():.3f}, right {right.mean():.3f}")


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_one_view_of_usual_size_tells_where_all_cubes_are(orientation: str) -> None:
    batch, views = some_views(7, 6, orientation=orientation)
    observer = IdealObserver(orientation=orientation)
    tolerance = 1e-3 if orientation == "grid" else 0.02
    for row in range(len(views)):
        posterior = observer.observe(views.images[row, :1], views.viewpoints[row, :1])
        truth = is_truth(posterior.candidates, batch[row : row + 1], tolerance)
        assert posterior.probability[truth].sum() > 0.99
        assert posterior.is_explained


@pytest.mark.parametrize("image_size", [16, 32])
def test_the_search_over_yaw_keeps_the_truth_where_small_views_leave_more_open(
    image_size: int,
) -> None:
    batch, views = some_views(16, 3, orientation="free", image_size=image_size, num_views=1)
    observer = IdealObserver(orientation="free")
    for row in range(len(views)):
        posterior = observer.observe(views.images[row], views.viewpoints[row])
        truth = is_truth(posterior.candidates, batch[row : row + 1], tolerance=0.05)
        assert posterior.probability[truth].sum() > 0.05
        assert posterior.mismatches[truth].min() == 0


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_views_one_by_one_tell_what_they_tell_together(orientation: str) -> None:
    _, views = some_views(8, 1, orientation=orientation, image_size=16)
    observer = IdealObserver(orientation=orientation)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        together = observer.observe(images[:3], poses[:3])
        stepwise = observer.observe(images[:1], poses[:1]).update(images[1:2], poses[1:2])
        stepwise = stepwise.update(images[2:3], Viewpoints.decode(poses[2:3]))
        np.testing.assert_array_equal(stepwise.probability, together.probability)
        np.testing.assert_array_equal(stepwise.candidates.cubes, together.candidates.cubes)


def test_the_order_of_views_does_not_matter() -> None:
    _, views = some_views(9, 8, num_cubes=5, image_size=TINY)
    observer = IdealObserver(5)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        forwards = over_all(observer, observer.observe(images, poses))
        backwards = over_all(observer, observer.observe(images[::-1], poses[::-1]))
        np.testing.assert_allclose(forwards, backwards, atol=1e-9)


def test_pybullet_pictures_are_explained_too(rng: np.random.Generator) -> None:
    pytest.importorskip("pybullet")
    from gqn_rl.data.synthetic import SceneDistribution, render_views
    from gqn_rl.rendering.pybullet import PyBulletRenderer

    batch = SceneDistribution(7, "all").sample(rng, 8)
    views = render_views(PyBulletRenderer(64), batch, 3, rng)
    observer = IdealObserver()
    for row in range(len(views)):
        posterior = observer.observe(views.images[row], views.viewpoints[row])
        assert posterior.is_explained
        assert (
            posterior.probability[is_truth(posterior.candidates, batch[row : row + 1])].sum() > 0.99
        )


def test_shapes_and_handedness_add_up(rng: np.random.Generator) -> None:
    catalogue = shape_catalogue(7)
    _, views = some_views(10, 6, image_size=TINY)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        shapes = posterior.shapes()
        assert shapes.shape == (310,)
        assert shapes.sum() == pytest.approx(1.0)
        best = int(shapes.argmax())
        same, mirrored = posterior.handedness(best)
        expected = shapes[best] / (shapes[best] + shapes[catalogue.mirror[best]])
        assert same == pytest.approx(expected if catalogue.is_chiral[best] else 0.5)
        assert same + mirrored == pytest.approx(1.0)


def test_a_prior_over_shapes_rules_out_and_shifts() -> None:
    _, views = some_views(11, 5, num_cubes=5, image_size=TINY)
    plain = IdealObserver(5)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        seen = images[:1], poses[:1]
        without = plain.observe(*seen).shapes()
        prior = np.arange(18.0)
        weighted = IdealObserver(5, shape_prior=prior).observe(*seen).shapes()
        growth = np.bincount(plain.candidates.shape, np.exp(plain.candidates.log_prior))
        expected = without * prior / growth
        if expected.sum() > 1e-3:
            np.testing.assert_allclose(weighted, expected / expected.sum(), atol=1e-6)
        assert weighted[0] == 0


@pytest.mark.parametrize("orientation", ["grid", "free"])
@pytest.mark.parametrize("what", ["two objects", "five cubes", "noise", "black", "white"])
def test_what_nothing_explains_ends_in_finite_numbers_that_say_so(
    what: str, orientation: str, rng: np.random.Generator
) -> None:
    _, views = some_views(12, 2, num_cubes=5 if what == "five cubes" else 7, image_size=32)
    images, poses = views.images[0, :2], views.viewpoints[0, :2]
    if what == "two objects":
        images = np.stack([images[0], views.images[1, 1]])
        poses = np.stack([poses[0], views.viewpoints[1, 1]])
    if what in ("noise", "black", "white"):
        images = rng.integers(0, 256, images.shape).astype(np.uint8)
        images = {"noise": images, "black": images * 0, "white": images * 0 + 255}[what]
    posterior = IdealObserver(orientation=orientation).observe(images, poses)
    assert not posterior.is_explained
    assert posterior.probability.sum() == pytest.approx(1.0)
    assert np.isfinite(posterior.mean(poses)).all()
    assert np.isfinite(posterior.sample(poses, 2, rng)).all()
    assert np.isfinite(posterior.expected_information(poses)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, p: (i.astype(float), p), "images is float64 "),
        (lambda i, p: (i[0], p), r"images is uint8 \(64, 64, 3\)"),
        (lambda i, p: (i[:, :, :32], p), r"images is uint8 \(2, 64, 32, 3\)"),
        (lambda i, p: (i[:0], p[:0]), r"images is uint8 \(0, 64, 64, 3\)"),
        (lambda i, p: (i, p[:1]), "2 images but 1 viewpoints"),
        (lambda i, p: (i, p[:, :5]), r"viewpoints is float32 \(2, 5\)"),
        (lambda i, p: (i, p.astype(int)), r"viewpoints is int64 \(2, 7\)"),
        (lambda i, p: (i, p * np.nan), "NaN"),
    ],
)
def test_wrong_views_are_refused_in_one_line(change, message: str) -> None:
    _, views = some_views(13, 1, num_views=2)
    images, poses = change(views.images[0], views.viewpoints[0])
    with pytest.raises(UserError, match=message) as caught:
        IdealObserver().observe(images, poses)
    assert "\n" not in str(caught.value)


def test_views_of_another_size_later_are_refused() -> None:
    _, views = some_views(14, 1)
    _, small = some_views(14, 1, image_size=16)
    posterior = IdealObserver().observe(views.images[0], views.viewpoints[0])
    with pytest.raises(UserError, match="16 pixels wide, those before were 64"):
        posterior.update(small.images[0], small.viewpoints[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_cubes": 30}, "num_cubes is 30"),
        ({"orientation": "tumbling"}, "unknown orientation 'tumbling'"),
        ({"shape_prior": np.ones(3)}, r"shape_prior has shape \(3,\), expected \(310,\)"),
        ({"shape_prior": np.zeros(310)}, "not zero everywhere"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        IdealObserver(**arguments)


def test_the_truth_of_a_renderer_without_rounding_is_explained_without_a_mismatch() -> None:
    scene, views = some_views(15, 1)
    posterior = IdealObserver().observe(views.images[0], views.viewpoints[0])
    assert posterior.mismatches.min() == 0
    again = RaycastRenderer().render(scene, Viewpoints.decode(views.viewpoints[0, :1]))
    np.testing.assert_array_equal(again[0], views.images[0, 0])
