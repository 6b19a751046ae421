"""Interquartile means with stratified bootstrap intervals, of values that may be censored.

A run that never reached a threshold says only that it would have taken longer than it lasted. Such
a value is kept as what is known of it, a lower bound and no upper one, through every mean, ratio
and interval: where a run without a value would decide, the result is a bound and not a number.

References:
    Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice,
    NeurIPS 2021: interquartile means over runs, bootstrap over runs within each task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 4000
CONFIDENCE = 0.95
TRIMMED = 0.25
"""Share of the runs left out at either end."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """What is known of numbers: each is at least `low` and at most `high`.

    Attributes:
        low, high: float64 of one shape; equal where the number is known, `high` infinite where
            there is only a lower bound.
    """

    low: Floats
    high: Floats

    @staticmethod
    def known(values: Sequence[float]) -> Bounds:
        array = np.asarray(values, dtype=np.float64)
        return Bounds(array, array)

    @staticmethod
    def censored(values: Sequence[float | None], lasted: Sequence[float]) -> Bounds:
        """Values (n,); where there is none, it is only known to lie above `lasted` (n,)."""
        pairs = list(zip(values, lasted, strict=True))
        low = [last if value is None else value for value, last in pairs]
        high = [np.inf if value is None else value for value, _ in pairs]
        return Bounds(np.array(low, dtype=np.float64), np.array(high, dtype=np.float64))

    def over(self, other: Bounds) -> Bounds:
        """The ratios to positive numbers."""
        with np.errstate(divide="ignore"):
            return Bounds(self.low / other.high, self.high / other.low)

    def or_less(self, other: Bounds) -> Bounds:
        """The smaller one of each pair."""
        return Bounds(np.minimum(self.low, other.low), np.minimum(self.high, other.high))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        low, high: bounds of the number itself; equal where it is known.
        interval: ends of the 95 % interval; an end where nothing is known is 0 or infinite. None
            where it would come from a single run, which says nothing of how runs differ.
        runs, reached: how many values it comes from, and how many of those are known.
    """

    low: float
    high: float
    interval: tuple[float, float] | None
    runs: int
    reached: int

    @property
    def is_known(self) -> bool:
        """Whether there is a number, and not only bounds of one."""
        return self.low == self.high


@dataclass(frozen=True)
class Resampled:
    """A statistic of the runs, and of each set of runs drawn from them.

    Attributes:
        value: shape ().
        draws: shape (RESAMPLES,).
        runs, reached: as in `Estimate`.
        fewest: runs that there were to draw from, where there were fewest.
    """

    value: Bounds
    draws: Bounds
    runs: int
    reached: int
    fewest: int

    def over(self, other: Resampled) -> Resampled:
        """The ratio; the runs of the two are drawn independently."""
        return self._with(other, self.value.over(other.value), self.draws.over(other.draws))

    def or_less(self, other: Resampled) -> Resampled:
        """The better of two, chosen anew in every draw: choosing is part of what is uncertain."""
        return self._with(other, self.value.or_less(other.value), self.draws.or_less(other.draws))

    def _with(self, other: Resampled, value: Bounds, draws: Bounds) -> Resampled:
        runs, reached = self.runs + other.runs, self.reached + other.reached
        return Resampled(value, draws, runs, reached, min(self.fewest, other.fewest))

    def estimate(self) -> Estimate:
        """The number with its percentile interval (Efron and Tibshirani 1993, chapter 13)."""
        low, high = float(self.value.low), float(self.value.high)
        interval = self._interval() if self.fewest > 1 else None
        return Estimate(low, high, interval, self.runs, self.reached)

    def _interval(self) -> tuple[float, float]:
        tail = (1 - CONFIDENCE) / 2
        # Not interpolated: between a number and infinity there is nothing.
        low = np.quantile(self.draws.low, tail, method="lower")
        high = np.quantile(self.draws.high, 1 - tail, method="higher")
        return float(low), float(high)


def interquartile_mean(values: Floats) -> Floats:
    """Mean of the middle half along the last axis, floor(n / 4) values less at either end."""
    trimmed: Floats = stats.trim_mean(values, TRIMMED, axis=-1)
    return trimmed


def resample(strata: Sequence[Bounds], rng: np.random.Generator) -> Resampled:
    """Interquartile mean over the runs of all strata, and of runs drawn within each stratum.

    Args:
        strata: values (n,) of the runs of one task each, n of 1 or more.
    """
    draws = _draws([len(part.low) for part in strata], rng)
    low, drawn_low = _means([part.low for part in strata], draws)
    high, drawn_high = _means([part.high for part in strata], draws)
    known = sum(int(np.isfinite(part.high).sum()) for part in strata)
    runs = [len(part.low) for part in strata]
    return Resampled(Bounds(low, high), Bounds(drawn_low, drawn_high), sum(runs), known, min(runs))


def band(values: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Interquartile mean of n runs at T points each, and the ends of its pointwise interval.

    Args:
        values: (T, n).

    Returns:
        three arrays (T,).
    """
    mean, drawn = _means([values], _draws([values.shape[-1]], rng))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=-1)
    return mean, low, high


def _draws(sizes: Sequence[int], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Which runs are drawn from each stratum, (RESAMPLES, n) for each of the sizes n."""
    return [rng.integers(0, n, (RESAMPLES, n)) for n in sizes]


def _means(parts: Sequence[Floats], draws: Sequence[NDArray[np.int64]]) -> tuple[Floats, Floats]:
    """Interquartile means of the strata's values (..., n): (...,), and drawn: (..., RESAMPLES)."""
    drawn = [part[..., rows] for part, rows in zip(parts, draws, strict=True)]
    return (
        interquartile_mean(np.concatenate(parts, axis=-1)),
        interquartile_mean(np.concatenate(drawn, axis=-1)),
    )
