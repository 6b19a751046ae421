"""Scores of probes: what they measure, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.geometry.rotations import GRID_ROTATIONS, sample_orientations, yaw_matrices
from gqn_rl.probes.targets import Classes, Directions, Rotations


def test_the_interval_of_an_accuracy_is_wilsons() -> None:
    # The worked example of Newcombe, Statistics in Medicine 17:857, 1998.
    outputs = np.zeros((263, 2), dtype=np.float32)
    outputs[:81, 1] = 1.0
    score = Classes(2).score(outputs, np.ones(263, dtype=np.int64))
    assert score.value == pytest.approx(81 / 263)
    assert score.interval == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_a_rotation_is_scored_by_the_angle_it_is_off(rng: np.random.Generator) -> None:
    truth = sample_orientations(rng, 50, "free")
    off = np.radians(rng.uniform(0, 180, 50))
    answers = (3.0 * truth @ yaw_matrices(off)).reshape(50, 9)  # the scale does not count
    score = Rotations().score(answers.astype(np.float32), truth.astype(np.float32))
    assert score.value == pytest.approx(np.degrees(off).mean(), abs=0.05)
    low, high = score.interval
    assert high - low == pytest.approx(2 * 1.96 * np.degrees(off).std(ddof=1) / 50**0.5, rel=1e-3)


def test_chance_of_rotations_is_the_mean_angle_between_them(rng: np.random.Generator) -> None:
    truth = GRID_ROTATIONS[rng.integers(24, size=4000)].astype(np.float32)
    score = Rotations().score(truth.reshape(-1, 9), truth)
    assert score.value == pytest.approx(0.0, abs=1e-6)
    # One turn of 0, six of 90, eight of 120 and nine of 180 degrees.
    assert score.chance == pytest.approx((6 * 90 + 8 * 120 + 9 * 180) / 24, abs=2.5)


def test_r2_is_that_of_the_textbook_and_its_interval_covers_it(rng: np.random.Generator) -> None:
    inside = 0
    for _ in range(200):
        angle = rng.uniform(0, 2 * np.pi, 400)
        labels = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        outputs = labels + 0.5 * rng.standard_normal(labels.shape)
        score = Directions().score(outputs.astype(np.float32), labels)
        expected = 1 - np.square(outputs - labels).sum() / np.square(labels - labels.mean(0)).sum()
        assert score.value == pytest.approx(expected, abs=1e-5)
        inside += score.interval[0] <= 0.5 <= score.interval[1]  # noise variance over spread: 0.5
    assert inside / 200 == pytest.approx(0.95, abs=0.05)


def test_answering_the_mean_scores_r2_of_zero(rng: np.random.Generator) -> None:
    labels = rng.standard_normal((300, 2))
    outputs = np.broadcast_to(labels.mean(axis=0), labels.shape).astype(np.float32)
    assert Directions().score(outputs, labels).value == pytest.approx(0.0, abs=1e-6)


def test_scores_are_plain_numbers_under_the_name_of_their_measure() -> None:
    score = Classes(4).score(np.eye(4, dtype=np.float32), np.arange(4))
    assert score.to_dict() == {
        "accuracy": 1.0,
        "accuracy_95": list(score.interval),
        "chance": 0.25,
        "test_trials": 4,
    }
