"""The palette: the few colours that flat-shaded views consist of, and views written in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLACK, OTHER = 0, 1
"""Labels of the background and of colours that found no place in the palette."""
RESERVED = 2
MAX_COLOURS = 64
"""Seven cubes show at most 21 colours in a view and 28 from everywhere on the grid; noise has
thousands, of which no more are told apart."""
PLACES = np.array([1, 256, 65536], dtype=np.int64)


@dataclass(frozen=True)
class Palette:
    """Colours in the order in which they were first met.

    Attributes:
        codes: int64 (L,), red + 256 green + 65536 blue.
    """

    codes: NDArray[np.int64]

    @staticmethod
    def empty() -> Palette:
        return Palette(np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        """Labels in all, with the two that are reserved."""
        return RESERVED + len(self.codes)

    @property
    def colours(self) -> NDArray[np.int64]:
        """int64 (L, 3), red, green, blue from 0 to 255."""
        return self.codes[:, None] // PLACES % 256

    def read(self, image: NDArray[np.uint8]) -> tuple[Palette, NDArray[np.int64]]:
        """The palette with the colours of one more view, and the view in its labels.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            The longer palette, whose old labels mean what they did, and labels int64 (H * W,).
        """
        codes = image.reshape(-1, 3).astype(np.int64) @ PLACES
        found, count = np.unique(codes[codes > 0], return_counts=True)
        new = ~np.isin(found, self.codes)
        frequent = found[new][np.argsort(-count[new], kind="stable")]
        longer = Palette(np.concatenate([self.codes, frequent])[:MAX_COLOURS])
        order = np.argsort(longer.codes)
        labels = np.full(len(codes), OTHER, dtype=np.int64)
        if len(order):
            ordered = longer.codes[order]
            place = np.searchsorted(ordered, codes).clip(max=len(ordered) - 1)
            labels = np.where(ordered[place] == codes, RESERVED + order[place], OTHER)
        labels[codes == 0] = BLACK
        return longer, labels
