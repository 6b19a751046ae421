"""Query views as the encoder draws them, and their errors, for tasks that ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.observation.part import Rows
from envs.snapshots import Snapshot, arrays_of, set_arrays
from envs.tasks import QueryErrors

NOT_DRAWN = -1.0


class DrawnQueries:
    """What the encoder makes of the query views of N rows, and its `QueryErrors`."""

    ARRAYS = ("first", "last")

    def __init__(self, rows: Rows) -> None:
        self.first = np.full(len(rows), NOT_DRAWN)
        self.last = np.full(len(rows), NOT_DRAWN)

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """The first look has been taken in the rows of `mask` (N,): one call draws them all."""
        self.first[mask] = _errors(rows, mask)
        self.last[mask] = NOT_DRAWN

    def finish(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """The rows of `mask` (N,) answer: one call draws them all."""
        self.last[mask] = self._last(rows, mask)

    def now(self, rows: Rows) -> QueryErrors:
        """What the errors would be if all rows answered; nothing is noted."""
        every = np.ones(len(rows), dtype=bool)
        return QueryErrors(self.first.copy(), self._last(rows, every))

    def errors(self, mask: NDArray[np.bool_]) -> QueryErrors:
        """Of the rows of `mask` (N,)."""
        return QueryErrors(self.first[mask], self.last[mask])

    def snapshot(self) -> Snapshot:
        """The errors known so far."""
        return arrays_of(self, self.ARRAYS)

    def restore(self, snapshot: Snapshot) -> None:
        """Take the errors from a snapshot of as many rows."""
        set_arrays(self, self.ARRAYS, snapshot)

    def _last(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Of the rows of a mask, as many as it has.

        After a single look there is nothing to draw again, and no rounding to tell the two errors
        apart.
        """
        last = self.first.copy()
        again = mask & (rows.cameras.looks > 1)
        if again.any():
            last[again] = _errors(rows, again)
        return last[mask]


def drawn_queries(rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The query views of the rows of `mask` (N,), from what has been seen, uint8 (k, H, W, 3)."""
    query = rows.trials.query
    assert query is not None
    assert rows.memory is not None
    return rows.memory.draw(np.flatnonzero(mask), query[mask].viewpoints())


def _errors(rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return root_mean_square_error(drawn_queries(rows, mask), rows.views.extra[mask, 0])


def root_mean_square_error(
    images: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Over pixels and channels of images uint8 (n, H, W, 3), on the 0-255 scale; float64 (n,).

    Sums of integers, so the order of the rows and pixels does not matter.
    """
    difference = images.astype(np.int64) - truth
    error: NDArray[np.float64] = np.sqrt(np.square(difference).mean(axis=(1, 2, 3)))
    return error
