"""Uncertainty of predictions beside their errors: does spread say how wrong they are?

References:
    Ilg et al., Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow, ECCV 2018
    (sparsification).
    Levi et al., Evaluating and Calibrating Uncertainty Prediction in Regression Tasks, Sensors
    22:5540, 2022 (bins of predicted against actual error).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.evaluation.metrics import sparsification_curves

BINS = 10
POINTS = 21
"""Of the curves that are kept, from none to nearly all left out."""


def spread_against_error(
    squared: NDArray[np.floating], variance: NDArray[np.floating], samples: int
) -> dict[str, Any]:
    """How the spread of samples goes with the error of their mean.

    >>> rng = np.random.default_rng(0)
    >>> variance = rng.uniform(0.0, 0.01, 2000)
    >>> squared = variance * rng.chisquare(50, 2000) / 50  # just as large as predicted
    >>> found = spread_against_error(squared, variance, samples=1000)
    >>> found["ause"] < 0.1 * found["ause_random"], round(found["error"] / found["expected"], 1)
    (True, 1.0)

    Args:
        squared: (B,), mean squared error of the mean of the samples, in [0, 1] units.
        variance: (B,), unbiased, between the samples.
        samples: how many there are, S.

    Returns:
        `ause`, the `sparsification_error`, and `ause_random`, that of an order by chance;
        `expected`, the RMSE (0-255) that a mean of S samples has if the spread is right, and
        `error`, what it has; `bins`, the same two for up to ten groups of predictions, those of
        the smallest spread first; `sparsification`: `left_out`, a share, and the RMSE of the rest
        where predictions go in the order of their spread (`by_spread`) or error (`by_error`).
    """
    by_spread, by_error = (255 * curve for curve in sparsification_curves(squared, variance))
    whole = max(float(by_error[0]), 1e-9)
    predicted = variance * (1.0 + 1.0 / samples)
    groups = np.array_split(np.argsort(variance, kind="stable"), min(BINS, len(variance)))
    points = np.linspace(0, len(squared) - 1, min(POINTS, len(squared))).round().astype(int)
    return {
        "ause": float((by_spread - by_error).mean()) / whole,
        "ause_random": float((whole - by_error).mean()) / whole,
        "expected": _rms(predicted),
        "error": _rms(squared),
        "bins": {
            "expected": [_rms(predicted[group]) for group in groups],
            "error": [_rms(squared[group]) for group in groups],
        },
        "sparsification": {
            "left_out": (points / len(squared)).tolist(),
            "by_spread": by_spread[points].tolist(),
            "by_error": by_error[points].tolist(),
        },
    }


def _rms(squares: NDArray[np.floating]) -> float:
    """The root of the mean, on the 0-255 scale."""
    return 255.0 * float(np.sqrt(squares.mean()))
