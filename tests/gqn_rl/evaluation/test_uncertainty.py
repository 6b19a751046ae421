"""Spread against error: predictions whose spread says everything, nothing, or too little."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.evaluation.metrics import sparsification_error
from gqn_rl.evaluation.uncertainty import spread_against_error


@pytest.fixture
def squared() -> np.ndarray:
    return np.random.default_rng(0).exponential(0.01, 200)


def test_spread_in_the_order_of_the_errors_has_no_sparsification_error(squared: np.ndarray) -> None:
    found = spread_against_error(squared, 2 * squared, samples=8)
    assert found["ause"] == pytest.approx(0.0, abs=1e-9)
    assert found["sparsification"]["by_spread"] == found["sparsification"]["by_error"]
    assert found["ause_random"] > 0.3


def test_spread_that_says_nothing_is_as_good_as_chance(squared: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    by_chance = [
        spread_against_error(squared, rng.random(len(squared)), samples=8)["ause"]
        for _ in range(50)
    ]
    expected = spread_against_error(squared, squared, samples=8)["ause_random"]
    assert np.mean(by_chance) == pytest.approx(expected, abs=0.05)


def test_a_spread_too_small_by_a_factor_shows_in_what_it_expects(squared: np.ndarray) -> None:
    found = spread_against_error(squared, squared / 4, samples=10**6)
    assert found["error"] == pytest.approx(2 * found["expected"], rel=1e-3)
    bins = found["bins"]
    assert bins["error"] == pytest.approx([2 * value for value in bins["expected"]], rel=1e-3)


def test_it_is_the_sparsification_error_that_stands_in_the_tables(squared: np.ndarray) -> None:
    variance = np.random.default_rng(2).random(len(squared))
    found = spread_against_error(squared, variance, samples=3)
    assert found["ause"] == pytest.approx(sparsification_error(squared, variance))
