"""The pixels of a view at which silhouettes are told apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CLEARANCE = 1.42
"""Pixels of distance to the contour beyond the diagonal neighbour, where the contour may be off."""
USUAL_SIZE = 64
"""Images this wide are what `CLEARANCE` is for; in wider ones the contour moves by more."""
MARGIN = 3
"""Pixels around the silhouette in which candidates are compared first."""


def contour_pixels(
    silhouette: NDArray[np.bool_], count: int, distance: float = 1.0
) -> NDArray[np.int64]:
    """Up to `count` pixels, a multiple of 8, in equal parts on both sides of the contour.

    Args:
        silhouette: bool (H, W).
        distance: of the pixels chosen to the nearest pixel on the other side, at least; with 1 and
            the contour within half a pixel, every pixel tells.

    Returns:
        int64 (K,), into the H * W pixels; those nearest to the contour, ascending.
    """
    chosen = []
    for side in (silhouette, ~silhouette):
        depth = ndimage.distance_transform_edt(side).ravel()
        pixels = np.flatnonzero(depth >= distance)
        nearest = np.argsort(depth[pixels], kind="stable")[: count // 2]
        chosen.append(pixels[nearest])
    found = np.sort(np.concatenate(chosen))
    return found[: len(found) // 8 * 8]


def clear_pixels(silhouette: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """`contour_pixels` that tell although the contour is known to about a pixel only."""
    distance = max(1.0, CLEARANCE * len(silhouette) / USUAL_SIZE)
    return contour_pixels(silhouette, count, distance)


def spread_pixels(silhouette: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Up to `count` pixels, a multiple of 8, evenly spread over a view (H, W), int64 (K,)."""
    found = np.unique(np.linspace(0, silhouette.size - 1, count).astype(np.int64))
    return found[: len(found) // 8 * 8]


def object_pixels(silhouette: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The pixels of the silhouette and a margin around it, int64 (K,)."""
    return np.flatnonzero(ndimage.binary_dilation(silhouette, iterations=MARGIN))


def silhouette_of(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a view uint8 (H, W, 3) shows an object, bool (H, W)."""
    return np.asarray(image.any(axis=-1), dtype=np.bool_)
