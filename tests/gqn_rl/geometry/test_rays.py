"""The camera in PyTorch agrees with the camera in NumPy and with what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gqn_rl.geometry.rays import camera_axes, pixel_directions, project
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import sample_scenes


def test_axes_are_those_of_the_viewpoints(rng: np.random.Generator) -> None:
    viewpoints = sample_on_sphere(rng, 50)
    axes = camera_axes(torch.from_numpy(viewpoints.encode()))
    np.testing.assert_allclose(axes.numpy(), viewpoints.axes(), atol=1e-6)


@pytest.mark.parametrize("size", [32, 64, 84])
def test_a_point_on_a_pixels_ray_projects_to_that_pixel(
    rng: np.random.Generator, size: int
) -> None:
    poses = torch.from_numpy(sample_on_sphere(rng, 20).encode())
    pixel = torch.from_numpy(rng.integers(size * size, size=20))
    depth = torch.from_numpy(rng.uniform(4, 14, 20)).float()
    directions = torch.einsum("na,nai->ni", pixel_directions(size)[pixel], camera_axes(poses))
    points = poses[:, :3] + depth[:, None] * directions
    where, found = project(points, poses, size)
    where, found = torch.diagonal(where).T, torch.diagonal(found)
    # grid_sample with align_corners=False: pixel i has its centre at (2 i + 1) / size - 1.
    column, row = pixel % size, pixel // size
    expected = (2 * torch.stack([column, row], -1) + 1) / size - 1
    torch.testing.assert_close(where, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(found, depth, rtol=0, atol=1e-4)


def test_cubes_project_onto_pixels_that_show_them_or_a_nearer_cube(
    rng: np.random.Generator,
) -> None:
    scenes, viewpoints = sample_scenes(rng, 100, orientation="free"), sample_on_sphere(rng, 100)
    _, shown = RaycastRenderer().render_with_segmentation(scenes, viewpoints)
    poses = torch.from_numpy(viewpoints.encode())
    num_shown = 0
    for n, centres in enumerate(torch.from_numpy(scenes.cube_centres()).float()):
        where, depth = project(centres, poses[n : n + 1], 64)
        column, row = (((where[0] + 1) * 64 - 1) / 2).round().long().T
        for cube, seen in enumerate(shown[n, row, column]):
            assert seen >= 0
            # Of two boxes on one ray the nearer has the nearer centre, up to half a diagonal each.
            assert depth[0, seen] < depth[0, cube] + 0.9
            num_shown += int(seen == cube)
    assert num_shown > 300, "most centres are not hidden"


def test_behind_the_camera_is_a_negative_depth_and_finite(rng: np.random.Generator) -> None:
    poses = torch.from_numpy(sample_on_sphere(rng, 5).encode())
    where, depth = project(1.5 * poses[:1, :3], poses[:1], 64)
    assert bool((depth < 0).all())
    assert bool(where.isfinite().all())
