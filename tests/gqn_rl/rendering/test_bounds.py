"""What one renderer would clip or wrap around and another would not is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS, Viewpoints, sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.rendering.base import FARTHEST, NEAREST
from gqn_rl.scenes.scene import sample_scenes
from tests.renderers import EVERY_RENDERER, needs_pybullet

EXTENT = 2.5
"""No centre of a cube of the scenes below is farther from the origin."""


def cameras(rng: np.random.Generator, n: int, distance: float) -> Viewpoints:
    viewpoints = sample_on_sphere(rng, n)
    return replace(viewpoints, position=viewpoints.position * (distance / SPHERE_RADIUS))


@needs_pybullet
@pytest.mark.parametrize("distance", [NEAREST + EXTENT, 6.0, 15.0, FARTHEST - EXTENT])
def test_within_the_bounds_nothing_is_clipped(rng: np.random.Generator, distance: float) -> None:
    scenes = sample_scenes(rng, 60, num_cubes=5, shapes="all", orientation="free")
    viewpoints = cameras(rng, 60, distance)
    one, two = (make_renderer(name).render(scenes, viewpoints) for name in ("pybullet", "raycast"))
    differs = np.abs(one.astype(int) - two).max(-1) > 2
    assert one.any()
    # The nearer, the more rays meet an edge to within float32.
    assert differs.mean() <= 2e-4


@pytest.mark.parametrize("name", EVERY_RENDERER)
@pytest.mark.parametrize("distance", [0.0, 1.5, 33.0, 1e6, np.nan, np.inf])
def test_cameras_that_a_clipping_plane_would_cut_are_refused(
    rng: np.random.Generator, name: str, distance: float
) -> None:
    scenes = sample_scenes(rng, 3, num_cubes=5, shapes="all")
    with np.errstate(invalid="ignore"), pytest.raises(UserError, match=r"expected 2\.1 to 29"):
        make_renderer(name).render(scenes, cameras(rng, 3, distance))


@pytest.mark.parametrize("name", EVERY_RENDERER)
@pytest.mark.parametrize("value", [-0.1, 1.01, np.nan])
def test_colours_out_of_range_are_refused(
    rng: np.random.Generator, name: str, value: float
) -> None:
    scenes = sample_scenes(rng, 3, num_cubes=5, shapes="all")
    scenes.colour[1, 2, 0] = value
    with pytest.raises(UserError, match=r"colours range from .*expected within \[0, 1\]"):
        make_renderer(name).render(scenes, sample_on_sphere(rng, 3))
