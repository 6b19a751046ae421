"""Colours of cubes: how likely they are, and which one explains most of what is seen of a cube.

A renderer shows a face as its cube's colour, rounded down to whole numbers (the *base*), times the
brightness of the face. `gqn_rl.scenes.scene.sample_colours` draws hues uniformly, saturations
uniformly from 0.75 to 1, and full values: one channel of a base is 255, one at most 63, and the
third anything between.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.inference.ideal_observer.palette import RESERVED, Palette
from gqn_rl.scenes.scene import MIN_SATURATION

TOLERANCE = 2
"""By how much a channel may be off, of 255: what PyBullet's pictures may differ from the ray
caster's (tests/gqn_rl/rendering/test_twin_renderers.py)."""
BRIGHTEST = 255
MEAN_BASE = BRIGHTEST * (3 - MIN_SATURATION) / 4 - 0.5
"""Of every channel, of a cube that has not been seen. A third each of 255, 255 (1 - s) and the
middle of the two, with the mean saturation s = (1 + MIN_SATURATION) / 2, rounded down."""
CANDIDATES_PER_CHUNK = 128
"""Explained at once, to bound the memory that views of noise, with many colours, take."""
STRATA = 32
"""Saturations in each step of the smallest channel that `_base_distribution` adds up."""
SECTORS = tuple(permutations(range(3)))
"""Which channels are the largest, the middle and the smallest: a sixth of all hues each."""


def log_mass(low: NDArray[np.number], high: NDArray[np.number]) -> NDArray[np.float64]:
    """Log of the prior probability that a base lies in boxes of colours.

    Args:
        low, high: (..., 3), the smallest and largest whole number of each channel.

    Returns:
        float64 (...), nats; -inf for boxes that hold no colour.
    """
    low = np.clip(low, 0, BRIGHTEST + 1).astype(np.int64)
    high = np.clip(high, -1, BRIGHTEST).astype(np.int64)
    table = _cumulative_bases()
    mass = np.zeros(low.shape[:-1])
    for largest, middle, smallest in SECTORS:
        first, last = low[..., middle], high[..., middle] + 1
        least, most = low[..., smallest], high[..., smallest] + 1
        found = table[most, last] - table[least, last] - table[most, first] + table[least, first]
        fits = (high[..., largest] >= BRIGHTEST) & (low[..., largest] <= BRIGHTEST)
        fits &= (first < last) & (least < most)
        mass += np.where(fits, found, 0.0) / len(SECTORS)
    with np.errstate(divide="ignore"):
        return np.log(np.where(mass > 1e-12, mass, 0.0))


@lru_cache(maxsize=1)
def colour_entropy() -> float:
    """Entropy of the base of a cube, bits."""
    p = _base_distribution()
    return float(np.log2(len(SECTORS)) - (p[p > 0] * np.log2(p[p > 0])).sum())


@lru_cache(maxsize=1)
def _cumulative_bases() -> NDArray[np.float64]:
    """How likely the smallest channel is below i and the middle one below j, (257, 257)."""
    table = np.zeros((BRIGHTEST + 2, BRIGHTEST + 2))
    table[1:, 1:] = _base_distribution().cumsum(axis=0).cumsum(axis=1)
    return table


def _base_distribution() -> NDArray[np.float64]:
    """How likely each smallest and middle channel of a base are, (256, 256)."""
    widest = BRIGHTEST * (1 - MIN_SATURATION)
    count = int(np.ceil(widest)) * STRATA
    smallest = (np.arange(count) + 0.5) / count * widest
    edges = np.arange(BRIGHTEST + 2)
    # The middle channel is uniform from the smallest to the largest.
    below = np.clip((edges - smallest[:, None]) / (BRIGHTEST - smallest[:, None]), 0.0, 1.0)
    table = np.zeros((BRIGHTEST + 1, BRIGHTEST + 1))
    np.add.at(table, np.floor(smallest).astype(int), np.diff(below, axis=1) / count)
    return table


@dataclass(frozen=True)
class Explanation:
    """What explains most of the pixels that show each cube of C candidates.

    Attributes:
        matched: int64 (C, P), pixels that are explained.
        low, high: int64 (C, P, 3), the bases that explain them, channel by channel; 0 and 255
            where nothing is.
    """

    matched: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Cubes of which something has been seen, bool (C, P)."""
        return self.matched > 0

    def bases(self) -> NDArray[np.float64]:
        """One base for each cube, float64 (C, P, 3); the prior mean for those not seen."""
        middle = np.where(self.high >= BRIGHTEST, BRIGHTEST, (self.low + self.high) / 2)
        return np.where(self.is_known[..., None], middle, MEAN_BASE)

    def log_mass(self) -> NDArray[np.float64]:
        """Log prior probability of the colours of all cubes that have been seen, (C,) nats."""
        return np.where(self.is_known, log_mass(self.low, self.high), 0.0).sum(axis=1)


def explain(
    counts: NDArray[np.integer], shades: NDArray[np.float64], palette: Palette
) -> Explanation:
    """The base of each cube that explains most of what is seen of it.

    Every colour seen, on every face, proposes a base; the one that wins explains most pixels.

    Args:
        counts: (C, P, 6, L), pixels by candidate, cube, face and label of their colour.
        shades: (C, 6), brightness of the faces; (1, 6) where all candidates share it.
    """
    matched = np.zeros(counts.shape[:2], dtype=np.int64)
    low = np.zeros((*counts.shape[:2], 3), dtype=np.int64)
    high = np.full_like(low, BRIGHTEST)
    distinct, group = np.unique(shades, axis=0, return_inverse=True)
    group = np.broadcast_to(group.reshape(-1), len(counts))
    seen = counts[..., RESERVED:].reshape(*counts.shape[:2], -1)  # (C, P, 6 * colours)
    for number, brightness in enumerate(distinct):
        rows = np.flatnonzero(group == number)
        present = np.flatnonzero(seen[rows].any(axis=(0, 1)))
        if not len(present):
            continue
        colours = palette.colours
        face, label = present // len(colours), present % len(colours)
        for start in range(0, len(rows), CANDIDATES_PER_CHUNK):
            part = rows[start : start + CANDIDATES_PER_CHUNK]
            found = _explain(seen[part][..., present], brightness[face], colours[label])
            matched[part], low[part], high[part] = found.matched, found.low, found.high
    return Explanation(matched, low, high)


def _explain(
    seen: NDArray[np.integer], shade: NDArray[np.float64], colour: NDArray[np.int64]
) -> Explanation:
    """`explain` for candidates with the same brightness of faces.

    Args:
        seen: (C, P, K), pixels of each of K colours on a face.
        shade: (K,); colour: (K, 3).
    """
    base = np.minimum((colour + 0.5) / shade[:, None], BRIGHTEST + 0.5)  # (K, 3)
    shown = np.floor(np.floor(base)[:, None] * shade[None, :, None])  # proposal, shown on, channel
    fits = (np.abs(shown - colour) <= TOLERANCE).all(axis=-1)  # (K, K)
    lowest = np.ceil((colour - TOLERANCE) / shade[:, None]).astype(np.int64)
    highest = np.ceil((colour + TOLERANCE + 1) / shade[:, None]).astype(np.int64) - 1
    fits &= np.isfinite(log_mass(lowest, highest))[:, None]
    explained = seen.astype(np.float32) @ fits.T.astype(np.float32)  # (C, P, K)
    best = explained.argmax(axis=-1)
    used = fits[best] & (seen > 0)  # (C, P, K)
    low = np.where(used[..., None], lowest, 0).max(axis=2)
    high = np.where(used[..., None], highest, BRIGHTEST).min(axis=2)
    matched = np.take_along_axis(explained, best[..., None], axis=-1)[..., 0]
    return Explanation(matched.astype(np.int64), low.clip(0, BRIGHTEST), high.clip(0, BRIGHTEST))
