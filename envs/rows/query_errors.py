"""How well the encoder draws the rows' query views, for tasks that ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.rows.encoder_memory import EncoderMemory
from envs.rows.snapshots import Snapshot, arrays_of, set_arrays
from envs.tasks import QueryErrors, Trials

NOT_DRAWN = -1.0


class QueryPredictions:
    """The errors of N rows after the first look and at the answer, see `QueryErrors`."""

    def __init__(self, n: int, memory: EncoderMemory) -> None:
        self._memory = memory
        self.first = np.full(n, NOT_DRAWN)
        self.last = np.full(n, NOT_DRAWN)

    def begin(self, mask: NDArray[np.bool_], trials: Trials, truth: NDArray[np.uint8]) -> None:
        """The first look has been taken in the rows of `mask` (N,): one call draws them all."""
        self.first[mask] = self._errors(mask, trials, truth)
        self.last[mask] = NOT_DRAWN

    def finish(
        self,
        mask: NDArray[np.bool_],
        trials: Trials,
        truth: NDArray[np.uint8],
        looks: NDArray[np.int64],
    ) -> None:
        """The rows of `mask` (N,) answer: one call draws them all."""
        self.last[mask] = self._last(mask, trials, truth, looks)

    def now(
        self, trials: Trials, truth: NDArray[np.uint8], looks: NDArray[np.int64]
    ) -> QueryErrors:
        """What the errors would be if all rows answered; nothing is noted."""
        every = np.ones(len(looks), dtype=bool)
        return QueryErrors(self.first.copy(), self._last(every, trials, truth, looks))

    def errors(self, mask: NDArray[np.bool_]) -> QueryErrors:
        """Of the rows of `mask` (N,)."""
        return QueryErrors(self.first[mask], self.last[mask])

    def snapshot(self) -> Snapshot:
        """The errors known so far."""
        return arrays_of(self, ("first", "last"))

    def restore(self, snapshot: Snapshot) -> None:
        """Take the errors from a snapshot of as many rows."""
        set_arrays(self, ("first", "last"), snapshot)

    def drawn(self, rows: NDArray[np.int64], trials: Trials) -> NDArray[np.uint8]:
        """The query views of some rows (k,) from what has been seen, uint8 (k, H, W, 3)."""
        assert trials.query is not None
        return self._memory.draw(rows, trials.query[rows].viewpoints())

    def _last(
        self,
        mask: NDArray[np.bool_],
        trials: Trials,
        truth: NDArray[np.uint8],
        looks: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Of the rows of a mask, as many as it has.

        After a single look there is nothing to draw again, and no rounding to tell the two errors
        apart.
        """
        last = self.first.copy()
        again = mask & (looks > 1)
        if again.any():
            last[again] = self._errors(again, trials, truth)
        return last[mask]

    def _errors(
        self, mask: NDArray[np.bool_], trials: Trials, truth: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        return root_mean_square_error(self.drawn(np.flatnonzero(mask), trials), truth[mask])


def root_mean_square_error(
    images: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Over pixels and channels of images uint8 (n, H, W, 3), on the 0-255 scale; float64 (n,).

    Sums of integers, so the order of the rows and pixels does not matter.
    """
    difference = images.astype(np.int64) - truth
    error: NDArray[np.float64] = np.sqrt(np.square(difference).mean(axis=(1, 2, 3)))
    return error
