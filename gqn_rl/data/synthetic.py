"""Scenes rendered on the fly: batch number k is a function of the seed and k alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.rendering import Renderer
from gqn_rl.scene import SceneBatch, sample_scenes
from gqn_rl.viewpoint import sample_on_sphere


@dataclass(frozen=True)
class SceneViews:
    """B scenes seen from V viewpoints each.

    Attributes:
        images: uint8 (B, V, H, W, 3).
        viewpoints: float32 (B, V, 7), `Viewpoints.encode`.
    """

    images: NDArray[np.uint8]
    viewpoints: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class SceneDistribution:
    """Which scenes are drawn.

    Attributes:
        num_cubes: cubes per object.
        shapes: "train", "validation", "test" or "all", see `gqn_rl.shape_catalogue`.
        free_fraction: share of scenes in free orientation, the others in grid orientation.
    """

    num_cubes: int = 7
    shapes: str = "train"
    free_fraction: float = 0.0

    def sample(self, rng: np.random.Generator, n: int) -> SceneBatch:
        """n scenes; the free ones first."""
        free = int(rng.binomial(n, self.free_fraction))
        parts = [
            sample_scenes(
                rng, count, num_cubes=self.num_cubes, shapes=self.shapes, orientation=orientation
            )
            for count, orientation in ((free, "free"), (n - free, "grid"))
            if count
        ]
        return SceneBatch.concatenate(parts)


def render_views(
    renderer: Renderer, scenes: SceneBatch, num_views: int, rng: np.random.Generator
) -> SceneViews:
    """Every scene from `num_views` viewpoints uniform on the sphere."""
    viewpoints = sample_on_sphere(rng, len(scenes) * num_views)
    images = renderer.render(scenes.repeat(num_views), viewpoints)
    return SceneViews(
        images.reshape(len(scenes), num_views, *images.shape[1:]),
        viewpoints.encode().reshape(len(scenes), num_views, -1),
    )


def synthetic_batch(
    renderer: Renderer,
    distribution: SceneDistribution,
    *,
    seed: int,
    index: int,
    batch_size: int,
    num_views: int,
) -> SceneViews:
    """Batch number `index` of the endless sequence that belongs to `seed`."""
    rng = np.random.default_rng([seed, index])
    return render_views(renderer, distribution.sample(rng, batch_size), num_views, rng)
