"""The ray caster draws what PyBullet draws: weights trained with one serve with the other."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, sample_on_sphere
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import sample_scenes
from tests.renderers import needs_pybullet


def draw_with_both(
    rng: np.random.Generator,
    n: int,
    num_cubes: int,
    size: int,
    orientation: str,
    position: str = "centred",
    field_of_view: float = 45.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Per pixel: whether the two see another cube, and how far the colours are apart."""
    from gqn_rl.rendering.pybullet import PyBulletRenderer

    scenes = sample_scenes(
        rng, n, num_cubes=num_cubes, shapes="all", orientation=orientation, position=position
    )
    viewpoints = sample_on_sphere(rng, n)
    one_renderer = PyBulletRenderer(size, field_of_view=field_of_view)
    two_renderer = RaycastRenderer(size, field_of_view=field_of_view)
    one, one_cube = one_renderer.render_with_segmentation(scenes, viewpoints)
    two, two_cube = two_renderer.render_with_segmentation(scenes, viewpoints)
    return one_cube != two_cube, np.abs(one.astype(int) - two).max(axis=-1)


@needs_pybullet
@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_both_renderers_draw_the_same(rng: np.random.Generator, orientation: str) -> None:
    other_cube, distance = draw_with_both(rng, 250, 7, 64, orientation)
    assert other_cube.mean() <= 1e-4
    assert distance[~other_cube].max() <= 2


@needs_pybullet
@pytest.mark.parametrize(
    ("num_cubes", "position"), [(10, "centred"), (14, "random"), (6, "random")]
)
def test_both_draw_large_objects_and_those_at_random_positions_the_same(
    rng: np.random.Generator, num_cubes: int, position: str
) -> None:
    other_cube, distance = draw_with_both(rng, 100, num_cubes, 64, "free", position)
    assert other_cube.mean() <= 1e-4
    assert distance[~other_cube].max() <= 2


@needs_pybullet
@pytest.mark.parametrize("position", ["centred", "random"])
@pytest.mark.parametrize("field_of_view", [30.0, 10.0, 1.0])
def test_both_draw_the_same_part_of_an_object(
    rng: np.random.Generator, field_of_view: float, position: str
) -> None:
    other_cube, distance = draw_with_both(rng, 100, 7, 64, "free", position, field_of_view)
    assert other_cube.mean() <= 1e-4
    assert distance[~other_cube].max() <= 2


@pytest.mark.parametrize("size", [20, 32])
def test_a_narrow_view_is_the_middle_of_a_wide_one(rng: np.random.Generator, size: int) -> None:
    scenes, viewpoints = sample_scenes(rng, 20), sample_on_sphere(rng, 20)
    angle = 2 * np.degrees(np.arctan(size / 64 * np.tan(FIELD_OF_VIEW / 2)))
    narrow = RaycastRenderer(size, field_of_view=angle).render(scenes, viewpoints)
    wide, edge = RaycastRenderer(64).render(scenes, viewpoints), (64 - size) // 2
    middle = wide[:, edge:-edge, edge:-edge]
    assert (narrow != middle).any(axis=-1).mean() <= 1e-4


@needs_pybullet
@pytest.mark.parametrize("orientation", ["grid", "free"])
@pytest.mark.parametrize(("n", "num_cubes", "size"), [(300, 5, 32), (60, 8, 128)])
def test_at_other_sizes_only_rays_along_an_edge_may_differ(
    rng: np.random.Generator, n: int, num_cubes: int, size: int, orientation: str
) -> None:
    # Where a ray meets an edge to within float32, rounding decides which face or cube it hits. That
    # is rare unless the barycentre, at which every camera looks, lies on an edge: even sizes only.
    other_cube, distance = draw_with_both(rng, n, num_cubes, size, orientation)
    assert (other_cube | (distance > 2)).mean() <= 1e-4


@needs_pybullet
@pytest.mark.slow
@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_over_many_scenes_a_pixel_in_a_million_differs(
    rng: np.random.Generator, orientation: str
) -> None:
    other_cube, distance = draw_with_both(rng, 10_000, 7, 64, orientation)
    assert (other_cube | (distance > 2)).mean() <= 1e-6


def test_chunks_leave_no_seam(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes, viewpoints = sample_scenes(rng, 7), sample_on_sphere(rng, 7)
    expected = RaycastRenderer().render(scenes, viewpoints)
    monkeypatch.setitem(sys.modules["gqn_rl.rendering.raycast"].RAYS_PER_CHUNK, "cpu", 3 * 64 * 64)
    np.testing.assert_array_equal(RaycastRenderer().render(scenes, viewpoints), expected)


def test_precision_chosen_for_training_does_not_move_edges(rng: np.random.Generator) -> None:
    scenes, viewpoints = sample_scenes(rng, 20), sample_on_sphere(rng, 20)
    renderer = RaycastRenderer()
    expected = renderer.render(scenes, viewpoints)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            np.testing.assert_array_equal(renderer.render(scenes, viewpoints), expected)
    finally:
        torch.set_float32_matmul_precision(before)


WITHOUT_BACKENDS = """
import sys
for missing in ("pybullet", "gymnasium", "stable_baselines3"):
    sys.modules[missing] = None

import numpy as np
import gqn_rl
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes
from gqn_rl.geometry.viewpoint import sample_on_sphere

rng = np.random.default_rng(0)
images = make_renderer("raycast").render(sample_scenes(rng, 2), sample_on_sphere(rng, 2))
assert (images > 0).any(axis=(1, 2, 3)).all()
try:
    make_renderer("pybullet")
except UserError as error:
    print(error)
"""


def test_ray_caster_needs_neither_pybullet_nor_gymnasium() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BACKENDS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'pybullet is not installed; pip install "gqn-rl[pybullet]"\n'
