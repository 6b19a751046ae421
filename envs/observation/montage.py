"""Montages: several pictures of one size in a single one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def montage_side(count: int) -> int:
    """How many pictures a montage of `count` has in a row, and in a column.

    >>> [montage_side(count) for count in (1, 2, 4, 5)]
    [1, 2, 2, 3]
    """
    return int(np.ceil(np.sqrt(count)))


def montages(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N montages of C pictures each: a square grid, filled row by row, black where none is left.

    >>> pictures = np.arange(4, dtype=np.uint8).reshape(1, 4, 1, 1, 1)
    >>> montages(pictures)[0, ..., 0].tolist()
    [[0, 1], [2, 3]]

    Args:
        images: uint8 (N, C, H, W, 3).

    Returns:
        uint8 (N, S H, S W, 3), where S is `montage_side(C)`.
    """
    n, count, height, width, channels = images.shape
    side = montage_side(count)
    grid = np.zeros((n, side * side, height, width, channels), np.uint8)
    grid[:, :count] = images
    rows = grid.reshape(n, side, side, height, width, channels).swapaxes(2, 3)
    return rows.reshape(n, side * height, side * width, channels)
