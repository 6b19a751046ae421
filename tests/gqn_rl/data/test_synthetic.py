"""Scenes rendered on the fly."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.data.synthetic import (
    SceneDistribution,
    SceneViews,
    render_views,
    synthetic_batch,
    synthetic_scenes,
)
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS, Viewpoints
from gqn_rl.rendering import make_renderer
from tests.renderers import EVERY_RENDERER

RENDERER = make_renderer("raycast", 32)


def batch(seed: int, index: int) -> SceneViews:
    return synthetic_batch(
        RENDERER, SceneDistribution(), seed=seed, index=index, batch_size=3, num_views=2
    )


def test_batches_are_functions_of_seed_and_index() -> None:
    first = batch(0, 5)
    batch(0, 6)
    again = batch(0, 5)
    np.testing.assert_array_equal(again.images, first.images)
    np.testing.assert_array_equal(again.viewpoints, first.viewpoints)
    for other in (batch(0, 6), batch(1, 5)):
        assert not np.array_equal(other.images, first.images)


def test_views_are_what_the_renderer_shows_from_their_poses(rng: np.random.Generator) -> None:
    scenes = SceneDistribution(free_fraction=0.5).sample(rng, 4)
    views = render_views(RENDERER, scenes, 3, rng)
    assert len(views) == 4
    assert views.images.shape == (4, 3, 32, 32, 3)
    assert views.images.dtype == np.uint8
    assert views.viewpoints.shape == (4, 3, 7)
    assert views.viewpoints.dtype == np.float32
    for v in range(3):
        again = RENDERER.render(scenes, Viewpoints.decode(views.viewpoints[:, v]))
        assert (again != views.images[:, v]).any(-1).mean() < 1e-3  # poses are rounded
    radius = np.linalg.norm(views.viewpoints[..., :3], axis=-1)
    np.testing.assert_allclose(radius, SPHERE_RADIUS, rtol=1e-5)


def test_labels_stay_with_their_scenes(rng: np.random.Generator) -> None:
    scenes = SceneDistribution(free_fraction=0.5).sample(rng, 4)
    views = render_views(RENDERER, scenes, 2, rng)
    chosen = np.array([3, 1])
    for some, expected in ((views, scenes), (views.select(chosen), scenes[chosen])):
        np.testing.assert_array_equal(some.labels["grid_pose"], expected.grid_poses())


@pytest.mark.parametrize("renderer", EVERY_RENDERER)
@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 4), slice(1, None, 2), slice(None)])
def test_rows_of_a_batch_are_what_slicing_it_gives(renderer: str, rows: slice) -> None:
    """So a process of a data-parallel run can render its own share alone."""
    distribution = SceneDistribution(free_fraction=0.5)
    numbers = {"seed": 3, "index": 7, "batch_size": 4, "num_views": 3}
    drawing = make_renderer(renderer, 32)
    whole = synthetic_batch(drawing, distribution, **numbers)
    part = synthetic_batch(drawing, distribution, **numbers, rows=rows)
    np.testing.assert_array_equal(part.images, whole.images[rows])
    np.testing.assert_array_equal(part.viewpoints, whole.viewpoints[rows])
    scenes, viewpoints = synthetic_scenes(distribution, **numbers, rows=rows)
    np.testing.assert_array_equal(
        drawing.render(scenes, viewpoints), whole.images[rows].reshape(-1, 32, 32, 3)
    )
    drawing.close()


def test_no_rows_at_all_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"slice\(3, 5, None\), expected some of 3"):
        synthetic_batch(
            RENDERER,
            SceneDistribution(),
            seed=0,
            index=0,
            batch_size=3,
            num_views=2,
            rows=slice(3, 5),
        )


@pytest.mark.parametrize("free_fraction", [0.0, 0.3, 1.0])
def test_the_free_fraction_is_the_share_of_turned_scenes(
    rng: np.random.Generator, free_fraction: float
) -> None:
    scenes = SceneDistribution(free_fraction=free_fraction).sample(rng, 2000)
    assert len(scenes) == 2000
    entries = np.abs(scenes.rotation)
    is_grid = np.isclose(entries.max(axis=2), 1.0, atol=1e-6).all(axis=1)
    assert abs((~is_grid).mean() - free_fraction) < 0.04


def test_impossible_distributions_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match="training"):
        SceneDistribution(shapes="training").sample(rng, 1)
    with pytest.raises(UserError, match="num_cubes"):
        SceneDistribution(num_cubes=5).sample(rng, 1)
