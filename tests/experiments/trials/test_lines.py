"""Lines through trials: the least squares, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.trials.lines import fitted_line


def test_the_line_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 180, 50)
    y = 1.0 + 0.02 * x + rng.normal(0, 0.3, 50)
    line, expected = fitted_line(x, y), stats.linregress(x, y)
    assert line is not None
    assert line.slope == pytest.approx(expected.slope)
    assert line.intercept == pytest.approx(expected.intercept)
    # Where points scatter alike, the usual interval is nearly the same.
    usual = stats.t.ppf(0.975, 48) * expected.stderr
    assert line.slope_95[1] - line.slope == pytest.approx(usual, rel=0.3)
    middle, low, high = line.at([0.0, 90.0, 180.0])
    np.testing.assert_allclose(middle, expected.intercept + expected.slope * np.array([0, 90, 180]))
    assert (high - low)[1] < (high - low)[0]  # surest where the points are


def test_intervals_hold_the_truth_as_often_as_they_say_for_right_and_wrong_answers() -> None:
    rng = np.random.default_rng(1)
    held, runs = 0, 400
    for _ in range(runs):
        angle = rng.choice(np.arange(0, 181, 20), 80)
        right = rng.random(80) < 0.98 - 0.4 * angle / 180  # hardly any variance at 0 degrees
        line = fitted_line(angle, right)
        assert line is not None
        low, high = line.slope_95
        held += low <= -0.4 / 180 <= high
    assert stats.binomtest(held, runs, 0.95).pvalue > 1e-4


@pytest.mark.parametrize("x", [[], [0, 90, 180], [60] * 10])
def test_too_few_trials_or_angles_have_no_line(x: list[float]) -> None:
    assert fitted_line(x, x) is None
