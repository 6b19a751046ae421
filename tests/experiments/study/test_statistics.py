"""Interquartile means, bootstrap intervals and censored values, against numbers done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.study.statistics import (
    RESAMPLES,
    Bounds,
    Resampled,
    band,
    interquartile_mean,
    resample,
)

INFINITE = float("inf")
BY_HAND = {
    "one": ([7.0], 7.0),
    "three, nothing to leave out": ([1.0, 2.0, 6.0], 3.0),
    "four, one less at either end": ([100.0, 2.0, 4.0, -100.0], 3.0),
    "five": ([50.0, 1.0, 3.0, 2.0, 4.0], 3.0),
    "eight": ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 4.5),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_interquartile_mean_is_that_of_the_middle_half(case: str) -> None:
    values, expected = BY_HAND[case]
    assert interquartile_mean(np.array(values)) == pytest.approx(expected)


CENSORED = {
    "all reached": ([10.0, 20.0, 60.0], [100.0] * 3, 30.0, 30.0),
    "none reached": ([None] * 3, [100.0, 100.0, 40.0], 80.0, INFINITE),
    "one of three missing": ([10.0, 20.0, None], [30.0] * 3, 20.0, INFINITE),
    "one of five missing, which the mean leaves out": (
        [10.0, 20.0, 30.0, 40.0, None],
        [100.0] * 5,
        30.0,
        30.0,
    ),
    "two of five missing": ([10.0, 20.0, 30.0, None, None], [90.0] * 5, 140 / 3, INFINITE),
}


@pytest.mark.parametrize("case", CENSORED)
def test_a_mean_that_a_missing_value_decides_is_a_lower_bound(
    case: str, rng: np.random.Generator
) -> None:
    values, lasted, low, high = CENSORED[case]
    found = resample([Bounds.censored(values, lasted)], rng).estimate()
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert found.is_known == (high != INFINITE)
    assert found.runs == len(values)
    assert found.reached == sum(value is not None for value in values)
    assert found.interval is not None
    assert found.interval[0] <= found.low


def test_a_single_run_has_no_interval(rng: np.random.Generator) -> None:
    """Nor has anything that is made with it: one run says nothing of how runs differ."""
    one, five = (resample([Bounds.known([4.0] * n)], rng) for n in (1, 5))
    strata = resample([Bounds.known([4.0]), Bounds.known([4.0] * 5)], rng)
    for found in (one, one.over(five), five.over(one), five.or_less(one), strata):
        assert found.estimate().interval is None
    assert five.estimate().interval == (4.0, 4.0)


def test_the_upper_end_is_open_when_draws_without_values_are_likely(
    rng: np.random.Generator,
) -> None:
    """The mean of 4 of 5 is known, but a fifth of the runs would decide many a draw."""
    found = resample([Bounds.censored([10.0, 20.0, 30.0, 40.0, None], [100.0] * 5)], rng)
    low, high = found.estimate().interval
    assert high == INFINITE
    assert 10.0 <= low < 30.0


def test_interval_agrees_with_scipy(rng: np.random.Generator) -> None:
    values = rng.lognormal(3.0, 1.0, 12)
    found = resample([Bounds.known(values.tolist())], rng).estimate()
    peer = stats.bootstrap(
        (values,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=20_000,
        method="percentile", rng=rng,
    ).confidence_interval  # fmt: skip
    assert found.interval == pytest.approx((peer.low, peer.high), rel=0.05)


def test_interval_covers_the_truth_about_as_often_as_it_says(rng: np.random.Generator) -> None:
    """95 % in the limit; the percentile bootstrap of 20 values is known to fall a little short."""
    samples = rng.normal(5.0, 1.0, (150, 20))
    ends = [resample([Bounds.known(row.tolist())], rng).estimate().interval for row in samples]
    assert 0.84 <= np.mean([low <= 5.0 <= high for low, high in ends]) <= 0.99


def test_runs_are_drawn_within_their_stratum(rng: np.random.Generator) -> None:
    """Two cameras whose runs all agree leave nothing uncertain, however far apart they are."""
    strata = [Bounds.known([1.0] * 4), Bounds.known([9.0] * 4)]
    assert resample(strata, rng).estimate().interval == (5.0, 5.0)
    mixed = resample([Bounds.known([1.0] * 4 + [9.0] * 4)], rng).estimate()
    assert mixed.interval[0] < 4.0
    assert mixed.interval[1] > 6.0


def test_ratio_of_known_numbers(rng: np.random.Generator) -> None:
    above = resample([Bounds.known([40.0] * 5)], rng)
    below = resample([Bounds.known([10.0] * 5)], rng)
    found = above.over(below).estimate()
    assert (found.low, found.high, found.interval) == (4.0, 4.0, (4.0, 4.0))
    assert found.runs == 10


RATIOS = {
    "above censored": ([None, None], [10.0, 10.0], 10.0, INFINITE),
    "below censored": ([50.0, 50.0], [None, None], 0.0, 0.5),
    "both censored": ([None, None], [None, None], 0.0, INFINITE),
}


@pytest.mark.parametrize("case", RATIOS)
def test_ratio_of_bounds_says_what_is_known_and_no_more(
    case: str, rng: np.random.Generator
) -> None:
    above, below, low, high = RATIOS[case]
    lasted = [100.0, 100.0]
    found = (
        resample([Bounds.censored(above, lasted)], rng)
        .over(resample([Bounds.censored(below, lasted)], rng))
        .estimate()
    )
    assert (found.low, found.high) == (low, high)
    assert found.interval == (low, high)


def test_the_interval_of_a_ratio_is_as_wide_as_both_numbers_make_it(
    rng: np.random.Generator,
) -> None:
    """Against the delta method: relative variances of independent numbers add."""

    def draw(mean: float) -> Resampled:
        return resample([Bounds.known(rng.normal(mean, 0.05 * mean, 40).tolist())], rng)

    above, below = draw(80.0), draw(10.0)
    spreads = [float(np.std(x.draws.low) / x.value.low) for x in (above, below)]
    low, high = above.over(below).estimate().interval
    width = 2 * 1.96 * np.hypot(*spreads) * float(above.value.low / below.value.low)
    assert high - low == pytest.approx(width, rel=0.1)


def test_the_better_of_two_is_chosen_in_every_draw(rng: np.random.Generator) -> None:
    """So its interval lies no higher than either's; between equals it is lower than both."""
    first = resample([Bounds.known(rng.normal(50.0, 10.0, 8).tolist())], rng)
    second = resample([Bounds.known(rng.normal(50.0, 10.0, 8).tolist())], rng)
    best = first.or_less(second)
    assert best.value.low == min(first.value.low, second.value.low)
    assert np.array_equal(best.draws.low, np.minimum(first.draws.low, second.draws.low))
    for one in (first, second):
        ends = zip(best.estimate().interval, one.estimate().interval, strict=True)
        assert all(better <= worse for better, worse in ends)


def test_the_better_of_two_may_be_known_where_the_other_is_not(rng: np.random.Generator) -> None:
    known = resample([Bounds.known([30.0] * 3)], rng)
    censored = resample([Bounds.censored([None] * 3, [100.0] * 3)], rng)
    assert known.or_less(censored).estimate().interval == (30.0, 30.0)
    early = resample([Bounds.censored([None] * 3, [20.0] * 3)], rng)
    found = known.or_less(early).estimate()  # the other one may have got there from 20 on
    assert (found.low, found.high, found.is_known) == (20.0, 30.0, False)


def test_band_is_the_interval_at_each_point(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 7))
    mean, low, high = band(values, np.random.default_rng(1))
    for point in range(3):
        alone = resample([Bounds.known(values[point].tolist())], np.random.default_rng(1))
        assert mean[point] == pytest.approx(float(alone.value.low))
        assert alone.draws.low.shape == (RESAMPLES,)
        expected = np.quantile(alone.draws.low, [0.025, 0.975])
        assert (low[point], high[point]) == pytest.approx(tuple(expected))


def test_the_same_generator_gives_the_same_interval() -> None:
    bounds = Bounds.known([1.0, 5.0, 2.0, 8.0])
    one, two = (resample([bounds], np.random.default_rng(4)).estimate() for _ in range(2))
    assert one == two
