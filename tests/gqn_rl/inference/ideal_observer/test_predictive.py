"""Views are predicted as they will be, and samples differ in what views have left open."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.inference.ideal_observer import IdealObserver
from gqn_rl.inference.ideal_observer.colours import TOLERANCE
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import some_views


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_what_has_been_seen_is_predicted_as_it_was(orientation: str) -> None:
    _, views = some_views(20, 4, orientation=orientation)
    observer = IdealObserver(orientation=orientation)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        mean = observer.observe(images, poses).mean(poses)
        assert mean.shape == (4, 3, 64, 64)
        assert mean.dtype == np.float32
        error = np.abs(mean - np.moveaxis(images, -1, 1))
        # In free orientation a yaw is known to a hundredth of a degree: edges may be soft.
        assert (error.max(axis=1) > TOLERANCE).mean() < (1e-9 if orientation == "grid" else 3e-3)


def test_samples_agree_with_what_was_seen_and_differ_in_what_was_not(
    rng: np.random.Generator,
) -> None:
    _, views = some_views(21, 12)
    hidden = 0
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        samples = posterior.sample(poses, 6, rng)
        assert samples.shape == (6, 4, 3, 64, 64)
        assert samples.dtype == np.float32
        assert (samples == np.floor(samples)).all()
        assert np.abs(samples[:, 0] - np.moveaxis(images[0], -1, 0)).max() <= TOLERANCE
        unknown = not posterior.explanation.is_known.all()
        hidden += unknown
        assert unknown or samples.std(axis=0).max() == 0
        if posterior.expected_information(poses[1:2])[0] > 1:  # it will show a new cube
            assert samples[:, 1].std(axis=0).max() > 10
    assert hidden > 3


def test_the_mean_is_that_of_many_samples(rng: np.random.Generator) -> None:
    _, views = some_views(22, 6, num_cubes=5, image_size=8)
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver(5).observe(images[:1], poses[:1])
        samples = posterior.sample(poses[1:], 1500, rng)
        spread = samples.std(axis=0) / np.sqrt(len(samples))
        difference = np.abs(samples.mean(axis=0) - posterior.mean(poses[1:]))
        assert (difference < 5 * spread + 1.5).all()  # samples are rounded down, the mean is not


def test_the_mean_errs_less_than_a_sample(rng: np.random.Generator) -> None:
    _, views = some_views(23, 30)
    errors = []
    for images, poses in zip(views.images, views.viewpoints, strict=True):
        posterior = IdealObserver().observe(images[:1], poses[:1])
        truth = np.moveaxis(images[3], -1, 0).astype(float)
        mean, sample = posterior.mean(poses[3:])[0], posterior.sample(poses[3:], 1, rng)[0, 0]
        errors.append([np.square(mean - truth).mean(), np.square(sample - truth).mean()])
    mean_error, sample_error = np.mean(errors, axis=0)
    assert 0 < mean_error < sample_error


def test_at_least_one_sample_has_to_be_asked_for(rng: np.random.Generator) -> None:
    _, views = some_views(24, 1)
    posterior = IdealObserver().observe(views.images[0], views.viewpoints[0])
    with pytest.raises(UserError, match="num_samples is 0"):
        posterior.sample(views.viewpoints[0], 0, rng)
