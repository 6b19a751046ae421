"""Pruning: which candidates are given up, and what counts as an explanation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLACK = 6
"""Candidates that leave so many more pixels unexplained than the best are given up: each costs 26
nats (`sightings.MISMATCH`), so that what is lost is below e^-150 of the posterior."""
MOST_UNEXPLAINED = 0.002
"""Share of pixels up to which views count as explained; renderers differ in a ten-thousandth."""
FEW = 256
"""Candidates that are kept where nothing explains the views."""


def best_candidates(
    mismatches: NDArray[np.int64], allowed: float, most: int | None = None
) -> NDArray[np.int64]:
    """Candidates with at most `allowed` mismatches more than the fewest, int64 (K,), ascending.

    Args:
        mismatches: int64 (C,).
        most: how many to keep of them, the best; None for all.
    """
    # In an order of chance first: which of equals are kept must not depend on where they stand.
    shuffled = np.random.default_rng(0).permutation(len(mismatches))
    order = shuffled[np.argsort(mismatches[shuffled], kind="stable")][:most]
    return np.sort(order[mismatches[order] <= mismatches[order[0]] + allowed])
