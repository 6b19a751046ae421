"""Scenes rendered on the fly: batch number k is a function of the seed and k alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, Viewpoints, sample_on_sphere
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import POSITIONS, SceneBatch, sample_scenes
from gqn_rl.scenes.shape_source import shape_source

SCENE_LABELS: dict[str, Callable[[SceneBatch], NDArray[np.float32]]] = {
    "grid_pose": SceneBatch.grid_poses,
}
"""What batches say of their scenes beside views, float32 (N, ...) by name; a family of GQN takes
from it what its `auxiliary_loss` needs."""


@dataclass(frozen=True)
class SceneViews:
    """B scenes seen from V viewpoints each.

    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(0)
    >>> scenes = SceneDistribution(shapes="test").sample(rng, 4)
    >>> views = render_views(make_renderer("raycast", 32), scenes, 5, rng)
    >>> views.images.shape, views.viewpoints.shape
    ((4, 5, 32, 32, 3), (4, 5, 7))
    >>> len(views.select(slice(2)))
    2

    Attributes:
        images: uint8 (B, V, H, W, 3).
        viewpoints: float32 (B, V, 7), `Viewpoints.encode`.
        labels: float32 (B, ...) by name, of `SCENE_LABELS`; none of scenes from disk.
    """

    images: NDArray[np.uint8]
    viewpoints: NDArray[np.float32]
    labels: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: NDArray[np.integer] | slice) -> SceneViews:
        """Some of the scenes."""
        labels = {name: each[rows] for name, each in self.labels.items()}
        return SceneViews(self.images[rows], self.viewpoints[rows], labels)


@dataclass(frozen=True)
class SceneDistribution:
    """Which scenes are drawn.

    >>> scenes = SceneDistribution(num_cubes=5, shapes="all").sample(np.random.default_rng(0), 3)
    >>> scenes.cubes.shape
    (3, 5, 3)
    >>> np.unique(np.abs(scenes.rotation))  # grid orientations, as none are to be free
    array([0., 1.])

    Attributes:
        num_cubes: cubes per object.
        shapes: "train", "validation", "test" or "all", see `gqn_rl.scenes.shape_split`, or the path
            of a file of objects.
        free_fraction: share of scenes in free orientation, the others in grid orientation.
        position: "centred", or "random" for objects that do not stand on their barycentre, see
            `gqn_rl.scenes.scene.sample_positions`.

    Raises:
        UserError: for other values than these.
    """

    num_cubes: int = 7
    shapes: str = "train"
    free_fraction: float = 0.0
    position: str = "centred"

    def __post_init__(self) -> None:
        shape_source(self.num_cubes, self.shapes)  # refuses unknown names and wrong sizes
        if not 0.0 <= self.free_fraction <= 1.0:
            raise UserError(f"free_fraction is {self.free_fraction}, expected within [0, 1]")
        if self.position not in POSITIONS:
            raise unknown_name("position", self.position, POSITIONS)

    def sample(self, rng: np.random.Generator, n: int) -> SceneBatch:
        """n scenes; the free ones first."""
        free = int(rng.binomial(n, self.free_fraction))
        parts = [
            sample_scenes(
                rng,
                count,
                num_cubes=self.num_cubes,
                shapes=self.shapes,
                orientation=orientation,
                position=self.position,
            )
            for count, orientation in ((free, "free"), (n - free, "grid"))
            if count
        ]
        return SceneBatch.concatenate(parts)


def scene_labels(scenes: SceneBatch) -> dict[str, NDArray[np.float32]]:
    """`SCENE_LABELS` of N scenes."""
    return {name: label(scenes) for name, label in SCENE_LABELS.items()}


def render_views(
    renderer: Renderer, scenes: SceneBatch, num_views: int, rng: np.random.Generator
) -> SceneViews:
    """Every scene from `num_views` viewpoints uniform on the sphere."""
    viewpoints = sample_on_sphere(rng, len(scenes) * num_views)
    return _render(renderer, scenes.repeat(num_views), viewpoints, num_views)


def synthetic_batch(
    renderer: Renderer,
    distribution: SceneDistribution,
    *,
    seed: int,
    index: int,
    batch_size: int,
    num_views: int,
    rows: slice | None = None,
) -> SceneViews:
    """Batch number `index` of the endless sequence that belongs to `seed`.

    >>> from gqn_rl.rendering import make_renderer
    >>> renderer = make_renderer("raycast", 16)
    >>> options = {"seed": 0, "index": 7, "batch_size": 4, "num_views": 2}
    >>> whole = synthetic_batch(renderer, SceneDistribution(), **options)
    >>> part = synthetic_batch(renderer, SceneDistribution(), **options, rows=slice(1, 3))
    >>> np.array_equal(part.images, whole.images[1:3])
    True

    Args:
        rows: the part of the batch to render, for one process of a data-parallel run; None for
            all of it. The result is exactly these rows of the batch.
    """
    scenes, viewpoints = synthetic_scenes(
        distribution,
        seed=seed,
        index=index,
        batch_size=batch_size,
        num_views=num_views,
        rows=rows,
    )
    return _render(renderer, scenes, viewpoints, num_views)


def synthetic_scenes(
    distribution: SceneDistribution,
    *,
    seed: int,
    index: int,
    batch_size: int,
    num_views: int,
    rows: slice | None = None,
) -> tuple[SceneBatch, Viewpoints]:
    """What `synthetic_batch` renders: a scene and a pose for every image, scene after scene."""
    rows = check_rows(rows, batch_size)
    rng = np.random.default_rng([seed, index])
    scenes = distribution.sample(rng, batch_size)
    viewpoints = sample_on_sphere(rng, batch_size * num_views)
    images = np.arange(batch_size * num_views).reshape(batch_size, num_views)[rows]
    return scenes[rows].repeat(num_views), viewpoints[images.ravel()]


def check_rows(rows: slice | None, batch_size: int) -> slice:
    """`rows` of a batch, all of them for None; none at all is an error of the caller."""
    rows = slice(None) if rows is None else rows
    if len(range(*rows.indices(batch_size))) == 0:
        raise ValueError(f"rows is {rows}, expected some of {batch_size}")
    return rows


def _render(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints, num_views: int
) -> SceneViews:
    """Images of B * V scenes from as many poses, V in a row of each scene."""
    images = renderer.render(scenes, viewpoints)
    return SceneViews(
        images.reshape(-1, num_views, *images.shape[1:]),
        viewpoints.encode().reshape(-1, num_views, ENCODING_SIZE),
        scene_labels(scenes[::num_views]),
    )
