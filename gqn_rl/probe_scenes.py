"""Labelled scenes for probes, and what encoders make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.errors import UserError
from gqn_rl.rendering import Renderer
from gqn_rl.rotations import sample_orientations
from gqn_rl.scene import SceneBatch, sample_colours
from gqn_rl.shape_catalogue import shape_catalogue

SCENES_PER_CHUNK = 64
PIXEL_CELL = 2
"""Pixels per side of the squares that `pixel_features` averages."""

Features = Callable[[SceneViews], NDArray[np.float32]]
"""Views of B scenes to features (B, F)."""


def gallery_shapes(num_cubes: int, shapes: str, size: int) -> NDArray[np.int64]:
    """The gallery of the recognition task: the first `size` shapes in their fixed order.

    Returns:
        int64 (size,), indices into `shape_catalogue(num_cubes)`.
    """
    available = shape_catalogue(num_cubes).indices(shapes)
    if not 2 <= size <= len(available):
        raise UserError(
            f"gallery_size is {size}, expected 2 to {len(available)} "
            f"(the shapes={shapes!r} of num_cubes={num_cubes})"
        )
    return available[:size].copy()


@dataclass(frozen=True)
class LabelledScenes:
    """Scenes of gallery shapes with random colours and orientation; the label is the shape.

    Attributes:
        num_cubes, shapes, size: see `gallery_shapes`.
        orientation: "grid" or "free".
    """

    num_cubes: int = 7
    shapes: str = "test"
    size: int = 10
    orientation: str = "grid"

    def sample(self, rng: np.random.Generator, n: int) -> tuple[SceneBatch, NDArray[np.int64]]:
        """n scenes and their labels in [0, size), uniform."""
        catalogue = shape_catalogue(self.num_cubes)
        gallery = gallery_shapes(self.num_cubes, self.shapes, self.size)
        cubes = np.stack([catalogue.representative(int(shape)).centred() for shape in gallery])
        label = rng.integers(self.size, size=n)
        scenes = SceneBatch(
            cubes=cubes[label],
            mask=np.ones((n, self.num_cubes), dtype=bool),
            rotation=sample_orientations(rng, n, self.orientation),
            colour=sample_colours(rng, n, self.num_cubes),
        )
        return scenes, label


def labelled_features(
    encoders: Mapping[str, Features],
    renderer: Renderer,
    distribution: LabelledScenes,
    n: int,
    num_views: int,
    rng: np.random.Generator,
    on_scenes: Callable[[int], object] | None = None,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """Features (n, F) by each encoder of the same n scenes from the same views; labels (n,)."""
    features: dict[str, list[NDArray[np.float32]]] = {name: [] for name in encoders}
    labels = []
    for start in range(0, n, SCENES_PER_CHUNK):
        scenes, label = distribution.sample(rng, min(SCENES_PER_CHUNK, n - start))
        views = render_views(renderer, scenes, num_views, rng)
        for name, encode in encoders.items():
            features[name].append(encode(views))
        labels.append(label)
        if on_scenes is not None:
            on_scenes(len(label))
    return {name: np.concatenate(parts) for name, parts in features.items()}, np.concatenate(labels)


def pixel_features(views: SceneViews) -> NDArray[np.float32]:
    """What can be read without an encoder: the views' pixels at half the resolution, and poses.

    Returns:
        float32 (B, V * (H / 2 * W / 2 * 3 + 7)), view after view.
    """
    b, v, h, w, _ = views.images.shape
    cells = views.images.reshape(b, v, h // PIXEL_CELL, PIXEL_CELL, w // PIXEL_CELL, PIXEL_CELL, 3)
    pixels = cells.astype(np.float32).mean(axis=(3, 5)) / 255.0
    everything = np.concatenate([pixels.reshape(b, v, -1), views.viewpoints], axis=2)
    return everything.reshape(b, -1)


def signal_to_noise(
    encode: Features,
    renderer: Renderer,
    distribution: SceneDistribution,
    *,
    num_scenes: int,
    num_sets: int,
    num_views: int,
    rng: np.random.Generator,
) -> float:
    """Variance of features across scenes over their variance across view sets of one scene.

    Each scene is seen by `num_sets` independent sets of `num_views` views. The variances are the
    components of a one-way analysis of variance (Fisher 1925), summed over the features, each
    scaled to unit spread: 0 where the features say nothing about the scene, 1 where scene and
    choice of views matter equally.
    """
    scenes = distribution.sample(rng, num_scenes)
    views = render_views(renderer, scenes, num_sets * num_views, rng)
    image_shape, pose_shape = views.images.shape[2:], views.viewpoints.shape[2:]
    images = views.images.reshape(num_scenes * num_sets, num_views, *image_shape)
    poses = views.viewpoints.reshape(num_scenes * num_sets, num_views, *pose_shape)
    chunks = [slice(i, i + SCENES_PER_CHUNK) for i in range(0, len(images), SCENES_PER_CHUNK)]
    r = np.concatenate([encode(SceneViews(images[part], poses[part])) for part in chunks])
    r = r.astype(np.float64).reshape(num_scenes, num_sets, -1)
    spread = r.std(axis=(0, 1))
    r = r[..., spread > 0] / spread[spread > 0]
    within = float(r.var(axis=1, ddof=1).mean(axis=0).sum())
    across = float(r.mean(axis=1).var(axis=0, ddof=1).sum()) - within / num_sets
    return max(0.0, across) / max(within, 1e-12)
