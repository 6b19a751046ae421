"""Scenes and views for the tests of the ideal observer, drawn by the ray caster."""

from __future__ import annotations

import numpy as np

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.inference.ideal_observer import Candidates
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch


def some_views(
    seed: int,
    scenes: int,
    *,
    num_cubes: int = 7,
    orientation: str = "grid",
    position: str = "centred",
    image_size: int = 64,
    num_views: int = 4,
    field_of_view: float = 45.0,
) -> tuple[SceneBatch, SceneViews]:
    rng = np.random.default_rng(seed)
    free = float(orientation == "free")
    batch = SceneDistribution(num_cubes, "all", free, position).sample(rng, scenes)
    renderer = RaycastRenderer(image_size, field_of_view=field_of_view)
    return batch, render_views(renderer, batch, num_views, rng)


def is_truth(candidates: Candidates, scene: SceneBatch, tolerance: float = 1e-3) -> np.ndarray:
    """Which candidates have their cubes where the one scene has them, bool (C,)."""
    distance = candidates.world_cubes()[:, :, None] - scene.cube_centres()[0]
    return np.abs(distance).max(axis=-1).min(axis=1).max(axis=1) < tolerance
