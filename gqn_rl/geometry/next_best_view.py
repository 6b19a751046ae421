"""The columns of next-best-view features: what an observation tells of each of the camera's moves.

Environments fill in a matrix with a row for each of M moves and a last one for making none of them,
and hand it on row after row as one vector; policies and strategies read it as a matrix again.
`envs.observation.next_best_view` says what the numbers mean.
"""

from __future__ import annotations

from typing import Any, TypeVar

KEY = "prospects"
"""Of the observation."""
TURN = slice(0, 2)
CLOSENESS, NOVELTY, GAIN = 2, 3, 4
COLUMNS = 5
"""Numbers of a move."""

Array = TypeVar("Array", bound=Any)


def as_matrix(features: Array) -> Array:
    """NumPy or PyTorch features (..., 5 (M + 1)) as matrices (..., M + 1, 5).

    >>> import numpy as np
    >>> as_matrix(np.arange(10))[:, GAIN]
    array([4, 9])
    """
    return features.reshape(*features.shape[:-1], -1, COLUMNS)
