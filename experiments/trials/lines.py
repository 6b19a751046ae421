"""A straight line through the trials, and how sure it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
FEWEST = 4
"""Trials, at two angles at least, through which a line is drawn."""


class Line(NamedTuple):
    """A line y = intercept + slope x, fitted by least squares.

    Attributes:
        intercept, slope: of the line.
        covariance: float64 (2, 2), of both.
        freedom: degrees of freedom.
    """

    intercept: float
    slope: float
    covariance: NDArray[np.float64]
    freedom: int

    @property
    def slope_95(self) -> tuple[float, float]:
        """The slope's 95 % interval."""
        half = self._factor * float(np.sqrt(self.covariance[1, 1]))
        return self.slope - half, self.slope + half

    def at(self, x: ArrayLike) -> NDArray[np.float64]:
        """The line and its 95 % interval at places (n,): float64 (3, n), middle, low and high."""
        design = _design(x)
        middle = design @ np.array([self.intercept, self.slope])
        half = self._factor * np.sqrt(np.einsum("ni,ij,nj->n", design, self.covariance, design))
        return np.stack([middle, middle - half, middle + half])

    @property
    def _factor(self) -> float:
        return float(stats.t.ppf(0.5 + CONFIDENCE / 2, self.freedom))


def fitted_line(x: ArrayLike, y: ArrayLike) -> Line | None:
    """The line through points (n,); None where there are too few for one.

    Its interval does not suppose that points scatter alike everywhere, which right and wrong
    answers do not: the covariance is HC3's.

    >>> line = fitted_line([0, 1, 2, 3, 4], [1.0, 2.9, 5.1, 7.0, 9.0])
    >>> round(line.slope, 2), [round(bound, 2) for bound in line.slope_95]
    (2.01, [1.95, 2.07])

    References:
        MacKinnon and White, Some Heteroskedasticity-Consistent Covariance Matrix Estimators,
        Journal of Econometrics 29:305, 1985.
    """
    design, values = _design(x), np.asarray(y, dtype=np.float64)
    if len(values) < FEWEST or np.ptp(design[:, 1]) == 0:
        return None
    inverse = np.linalg.inv(design.T @ design)
    intercept, slope = inverse @ design.T @ values
    leverage = np.einsum("ni,ij,nj->n", design, inverse, design)
    # A point that alone decides the line has a leverage of 1, and nothing can be said of it.
    error = (values - design @ [intercept, slope]) / np.maximum(1.0 - leverage, 1e-9)
    meat = (design * np.square(error)[:, None]).T @ design
    return Line(float(intercept), float(slope), inverse @ meat @ inverse, len(values) - 2)


def _design(x: ArrayLike) -> NDArray[np.float64]:
    places = np.asarray(x, dtype=np.float64)
    return np.stack([np.ones_like(places), places], axis=1)
