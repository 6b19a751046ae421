"""Features that encoders make of the scenes of probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from gqn_rl.data.synthetic import SceneViews, render_views
from gqn_rl.errors import UserError
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch

SCENES_PER_CHUNK = 64
PIXELS_PER_SIDE = 32
"""At most, of the squares that `pixel_features` averages."""

Features = Callable[[SceneViews], NDArray[np.float32]]
"""Views of B scenes to features (B, F)."""


class FeatureTable:
    """Features of N scenes, filled in from the first row on; float16, to hold large sets.

    They are kept relative to an origin, the mean of the first rows, so that the rounding error is
    less than a thousandth of a feature's own variation, whatever its offset.

    >>> table = FeatureTable("mine", n=4)
    >>> table.append(np.array([[1000.0, 2.0], [1000.5, 4.0]], np.float32))
    >>> table.values[:2].tolist(), table.origin.tolist(), table.filled
    ([[-0.25, -1.0], [0.25, 1.0]], [1000.25, 3.0], 2)

    Args:
        name: of the encoder, for errors.
        n: number of scenes.
        origin: (F,) of another table that has to be comparable.
    """

    def __init__(self, name: str, n: int, origin: NDArray[np.float32] | None = None) -> None:
        self.name, self.origin, self.filled = name, origin, 0
        self._n = n
        self.values = np.zeros((n, 0), dtype=np.float16)
        """float16 (N, F)."""

    def append(self, features: NDArray[np.float32]) -> None:
        """Add rows (B, F).

        Raises:
            UserError: for NaN, infinity and numbers beyond the range of float16.
        """
        if self.origin is None:
            self.origin = features.mean(axis=0)
        if not self.filled:
            self.values = np.zeros((self._n, features.shape[1]), dtype=np.float16)
        rows = slice(self.filled, self.filled + len(features))
        with np.errstate(over="ignore", invalid="ignore"):
            self.values[rows] = features - self.origin
        if not np.isfinite(self.values[rows]).all():
            raise UserError(
                f"features of {self.name!r} hold NaN, infinity or numbers beyond 65504; expected "
                "finite ones"
            )
        self.filled += len(features)


def fill_tables(
    tables: Mapping[str, FeatureTable],
    encoders: Mapping[str, Features],
    renderer: Renderer,
    scenes: SceneBatch,
    num_views: int,
    rng: np.random.Generator,
    on_scenes: Callable[[int], object] | None = None,
) -> None:
    """Features by each encoder of the same scenes from the same views, a chunk at a time."""
    for start in range(0, len(scenes), SCENES_PER_CHUNK):
        part = scenes[start : start + SCENES_PER_CHUNK]
        views = render_views(renderer, part, num_views, rng)
        for name, encode in encoders.items():
            tables[name].append(encode(views))
        if on_scenes is not None:
            on_scenes(len(part))


def pixel_features(views: SceneViews) -> NDArray[np.float32]:
    """What can be read without an encoder: poses, and pixels averaged to at most 32 x 32 squares.

    Returns:
        float32 (B, V * (S * S * 3 + 7)), view after view; images of 64 x 64 have S = 32.
    """
    b, v, h, w, _ = views.images.shape
    cell = -(-max(h, w) // PIXELS_PER_SIDE)
    rows, columns = h // cell, w // cell
    images = views.images[:, :, : rows * cell, : columns * cell]
    squares = images.reshape(b, v, rows, cell, columns, cell, 3)
    pixels = squares.mean(axis=(3, 5), dtype=np.float32) / 255.0
    everything = np.concatenate([pixels.reshape(b, v, -1), views.viewpoints], axis=2)
    return everything.reshape(b, -1)
