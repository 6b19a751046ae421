"""Cameras that see a part of an object, and shapes of any size where all of them are known."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.inference.ideal_observer import IdealObserver
from gqn_rl.inference.ideal_observer.candidates import (
    given_candidates,
    grid_candidates,
    with_shape_prior,
)
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shape_source import shape_source
from tests.gqn_rl.inference.ideal_observer.brute_force import posterior_by_brute_force
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth, some_views
from tests.gqn_rl.inference.ideal_observer.test_candidates import key
from tests.gqn_rl.inference.ideal_observer.test_posterior import over_all

NARROW = 3.0


@pytest.mark.parametrize("num_views", [1, 2])
def test_it_is_the_posterior_of_brute_force(num_views: int) -> None:
    observer = IdealObserver(num_cubes=5, field_of_view=NARROW)
    _, views = some_views(5, 5, num_cubes=5, image_size=10, field_of_view=NARROW)
    entropies = []
    for row in range(len(views)):
        seen = views.images[row, :num_views], views.viewpoints[row, :num_views]
        posterior = observer.observe(*seen)
        expected = posterior_by_brute_force(observer.candidates, *seen, NARROW)
        np.testing.assert_allclose(over_all(observer, posterior), expected, atol=1e-4)
        entropies.append(posterior.entropy)
    assert num_views > 1 or max(entropies) > 0.5, "nothing was left open: the test is too easy"


def test_views_without_a_contour_leave_the_truth_in() -> None:
    observer = IdealObserver(num_cubes=5, field_of_view=1.0)
    batch, views = some_views(6, 12, num_cubes=5, image_size=16, field_of_view=1.0)
    filled = views.images[:, 0].any(axis=-1).mean(axis=(1, 2))
    assert (filled == 1.0).any()
    for row in range(len(views)):
        posterior = observer.observe(views.images[row], views.viewpoints[row])
        truth = is_truth(posterior.candidates, batch[row : row + 1])
        assert posterior.probability[truth].sum() > 1e-3
        assert posterior.is_explained


def test_views_are_predicted_through_the_same_camera() -> None:
    observer = IdealObserver(field_of_view=20.0)
    _, views = some_views(7, 2, field_of_view=20.0)
    for row in range(2):
        posterior = observer.observe(views.images[row, :3], views.viewpoints[row, :3])
        drawn = posterior.mean(views.viewpoints[row, :1])[0]
        assert np.abs(np.moveaxis(drawn, 0, -1) - views.images[row, 0]).mean() < 1.0
        assert posterior.expected_information(views.viewpoints[row, :1])[0] < 1e-6


def test_given_shapes_stand_as_those_of_the_catalogue_do() -> None:
    pool = shape_source(7, "train").pool().first(20)
    prior = np.zeros(shape_catalogue(7).num_shapes)
    prior[pool.numbers] = 1.0
    listed, given = with_shape_prior(grid_candidates(7), prior), given_candidates(pool.cubes)
    expected = {
        key(cubes): (int(shape), log_prior)
        for cubes, shape, log_prior in zip(
            listed.cubes, listed.shape, listed.log_prior, strict=True
        )
    }
    assert len(given) == len(expected)
    for cubes, shape, log_prior in zip(given.cubes, given.shape, given.log_prior, strict=True):
        number, likely = expected[key(cubes)]
        assert pool.numbers[shape] == number
        assert log_prior == pytest.approx(likely)


def test_a_shape_of_ten_cubes_is_known_by_its_number() -> None:
    pool = shape_source(10, "train").pool().first(6)
    observer = IdealObserver(10, shapes=pool.cubes)
    candidates = observer.candidates
    assert np.bincount(candidates.shape, np.exp(candidates.log_prior)) == pytest.approx(1 / 6)
    assert set(np.bincount(candidates.shape)) <= {6, 12, 24}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"field_of_view": 90.0}, "field_of_view is 90.0, expected 1 to 45"),
        ({"field_of_view": 9.0, "orientation": "free"}, "field_of_view is 9.0, expected 45 unless"),
        ({"field_of_view": 9.0, "position": "random"}, "field_of_view is 9.0, expected 45 unless"),
        ({"shapes": np.zeros((2, 5, 3), int)}, r"shapes has shape \(2, 5, 3\), expected \(S, 7, 3"),
        (
            {"shapes": np.zeros((2, 7, 3), int), "shape_prior": np.ones(310)},
            "and no shape_prior",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        IdealObserver(**arguments)
