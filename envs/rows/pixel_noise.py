"""Pixel noise: every picture that an agent is shown has some of its own, and always the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.rows.seeding import RowGenerators
from envs.snapshots import Snapshot, arrays_of, set_arrays
from gqn_rl.errors import UserError

VIEW, REFERENCE = 0, 1
"""What a picture shows: streams of noise that never meet."""
MOST = 255.0
"""Levels; more would be nothing but noise."""


class PixelNoise:
    """Gaussian noise on the pictures of N rows, rounded to whole levels and cut off at 0 and 255.

    A row draws one number from its generator for each episode. With the number of a look it says
    what noise that look has, so that a picture drawn again is the same picture, and two looks from
    one place differ.

    >>> noise, both, generators = PixelNoise(2, sd=10.0), np.array([True, True]), RowGenerators(2)
    >>> generators.seed(0)
    >>> noise.begin(both, generators)
    >>> noise.next(both)
    >>> grey, rows = np.full((2, 64, 64, 3), 128, np.uint8), np.arange(2)
    >>> noisy = noise.on_views(grey, rows)
    >>> noisy.std(axis=(1, 2, 3)).round(), bool((noise.on_views(grey, rows) == noisy).all())
    (array([10., 10.]), True)

    Args:
        sd: standard deviation in levels, above 0.
    """

    ARRAYS = ("seeds", "looks")

    def __init__(self, n: int, sd: float) -> None:
        self.sd = sd
        self.seeds = np.zeros(n, dtype=np.int64)
        self.looks = np.zeros(n, dtype=np.int64)

    def begin(self, mask: NDArray[np.bool_], generators: RowGenerators) -> None:
        """New episodes in the rows of `mask` (N,)."""
        for row in np.flatnonzero(mask).tolist():
            self.seeds[row] = generators[row].integers(np.iinfo(np.int64).max)
        self.looks[mask] = 0

    def next(self, mask: NDArray[np.bool_]) -> None:
        """One more look in the rows of `mask` (N,)."""
        self.looks[mask] += 1

    def go_back(self, lost: NDArray[np.bool_]) -> None:
        """The looks of the rows of `lost` (N,) were not taken."""
        self.looks[lost] -= 1

    def on_views(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Current views (k, H, W, 3) of k rows with the noise of their looks."""
        keys = [(VIEW, self.seeds[row], self.looks[row]) for row in rows]
        return np.stack(list(map(self._noisy, images, keys))) if len(rows) else images

    def on_references(
        self, images: NDArray[np.uint8], rows: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """References (k, E, H, W, 3) of k rows with noise of their own."""
        keys = [(REFERENCE, self.seeds[row]) for row in rows]
        return np.stack(list(map(self._noisy, images, keys))) if len(rows) else images

    def _noisy(self, image: NDArray[np.uint8], key: tuple[int, ...]) -> NDArray[np.uint8]:
        noise = np.random.default_rng(key).standard_normal(image.shape, dtype=np.float32)
        return np.clip(np.rint(image + self.sd * noise), 0, 255).astype(np.uint8)

    def snapshot(self) -> Snapshot:
        """All of it."""
        return arrays_of(self, self.ARRAYS)

    def restore(self, snapshot: Snapshot) -> None:
        """Take it from a snapshot of as many rows."""
        set_arrays(self, self.ARRAYS, snapshot)


def noise_of(n: int, sd: float) -> PixelNoise | None:
    """The noise of n rows; None for a standard deviation of 0.

    Raises:
        UserError: for anything but a number from 0 to 255.
    """
    is_number = isinstance(sd, int | float | np.integer | np.floating) and not isinstance(sd, bool)
    if not is_number or not 0.0 <= sd <= MOST:
        raise UserError(f"pixel_noise is {sd!r}, expected 0 to {MOST:g} levels")
    return PixelNoise(n, float(sd)) if sd > 0 else None
