"""Medians, and ratios of them with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmark.timing import Measured

RESAMPLES = 4000
CONFIDENCE = 0.95


class Ratio(NamedTuple):
    """Attributes: the ratio of two medians, and the ends of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def ratio_of_medians(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Ratio:
    """median(above) / median(below), from samples taken in the same rounds.

    The interval is the percentile bootstrap over rounds: both samples of a round are drawn
    together, for what slows a round down slows both.

    Raises:
        ValueError: when there are no rounds or not as many samples above as below.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    a, b = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"samples have shapes {a.shape} and {b.shape}, expected both (rounds,)")
    drawn = np.random.default_rng(seed).integers(0, len(a), (RESAMPLES, len(a)))
    ratios = np.median(a[drawn], axis=1) / np.median(b[drawn], axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return Ratio(float(np.median(a) / np.median(b)), float(low), float(high))


def summary(measured: Measured, clock: str) -> dict[str, Any]:
    """The samples and what is made of them, as plain JSON; times in seconds, memory in bytes."""
    seconds = measured.seconds(clock)
    memory = measured.memory
    return {
        "minimum": min(seconds),
        "median": float(np.median(seconds)),
        "wall": measured.seconds("wall"),
        "cpu": measured.seconds("cpu"),
        "repeats": measured.repeats,
        "memory": None if memory is None else memory._asdict(),
        **measured.facts,
    }
