"""Cells to pixels: exact lengths, gradients, and the true cells against the renderer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.canonical.traversal import traverse
from gqn_rl.rendering.base import AMBIENT, DIFFUSE, LIGHT_DIRECTION
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from tests.gqn_rl.gqn.models import make_model

CELLS = 8


@pytest.fixture(scope="module")
def model() -> CanonicalGQN:
    return make_model("canonical-tiny").eval().requires_grad_(False)


def random_rays(seed: int = 0, n: int = 2, rays: int = 200) -> tuple[Tensor, Tensor]:
    """Origins on a sphere around the grid, and unit directions towards places near it, float64."""
    generator = torch.Generator().manual_seed(seed)
    origins = torch.randn(n, rays, 3, generator=generator, dtype=torch.float64)
    origins = 9 * torch.nn.functional.normalize(origins, dim=-1)
    goals = 3 * torch.randn(n, rays, 3, generator=generator, dtype=torch.float64)
    return origins, torch.nn.functional.normalize(goals - origins, dim=-1)


def true_scene(scenes: SceneBatch) -> CellScene:
    """The cells as they are: opaque where there is a cube, empty elsewhere, lit as rendered."""
    frame = Frame.unpack(torch.from_numpy(scenes.grid_poses()))
    centres = frame.to_frame(torch.from_numpy(scenes.cube_centres()).float())
    place = (centres + CELLS / 2).floor().long()
    index = (place[..., 0] * CELLS + place[..., 1]) * CELLS + place[..., 2]
    content = torch.zeros(len(scenes), 4, CELLS**3)
    colour = torch.from_numpy(np.floor(255 * scenes.colour) / 255)
    filled = torch.cat([torch.full((*index.shape, 1), 1e6), colour], dim=-1).mT
    content.scatter_(2, index[:, None].expand(-1, 4, -1), filled)
    axes = frame.axes()
    light = torch.nn.functional.normalize(torch.tensor(LIGHT_DIRECTION), dim=0)
    lit = torch.stack([axes, -axes], dim=2).flatten(1, 2) @ light
    return CellScene(frame, AMBIENT + DIFFUSE * lit.clamp(min=0), content)


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_true_cells_look_as_the_renderer_draws_them(
    model: CanonicalGQN, orientation: str, rng: np.random.Generator
) -> None:
    scenes = sample_scenes(rng, 16, orientation=orientation)
    viewpoints = sample_on_sphere(rng, 16)
    truth = RaycastRenderer(64).render(scenes, viewpoints).astype(np.float32)
    drawn = model.draw_images(true_scene(scenes), torch.from_numpy(viewpoints.encode()))
    difference = np.abs(255 * drawn.permute(0, 2, 3, 1).numpy() - truth).max(-1)
    # A ray along an edge may count to either side of it.
    assert (difference > 2).mean() < 2e-3


def test_stretches_add_up_to_the_way_through_the_grid() -> None:
    origins, directions = random_rays()
    crossed = traverse(origins, directions, CELLS)
    steps = torch.linspace(0, 20, 40_001, dtype=torch.float64)
    for row in range(0, 200, 20):
        points = origins[0, row] + steps[:, None] * directions[0, row]
        inside = (points.abs() <= CELLS / 2).all(-1).sum() * float(steps[1])
        assert float(crossed.length[0, row].sum()) == pytest.approx(float(inside), abs=2e-3)


def test_a_stretch_lies_in_its_cell_and_enters_through_its_face() -> None:
    origins, directions = random_rays(seed=1)
    crossed = traverse(origins, directions, CELLS)
    n, ray, k = (crossed.length > 1e-3).nonzero(as_tuple=True)
    assert len(n) > 1000
    cell = crossed.cell[n, ray, k]
    low = torch.stack([cell // CELLS**2, cell // CELLS % CELLS, cell % CELLS], -1) - CELLS / 2
    start, slope = origins[n, ray], directions[n, ray]
    ends = torch.stack([(low - start) / slope, (low + 1 - start) / slope])
    enter, axis = ends.amin(0).max(-1)
    leave = ends.amax(0).amin(-1)
    torch.testing.assert_close(leave - enter, crossed.length[n, ray, k], rtol=0, atol=1e-9)
    first = (start + enter[:, None] * slope).abs().amax(-1) > CELLS / 2 - 1e-9
    face = 2 * axis + (slope.gather(1, axis[:, None])[:, 0] > 0)
    assert bool((face == crossed.face[n, ray, k])[~first].all())


def test_rays_that_miss_cross_nothing() -> None:
    origins = torch.tensor([[[9.0, 0.0, 0.0]]])
    directions = torch.tensor([[[0.0, 1.0, 0.0]]])
    assert float(traverse(origins, directions, CELLS).length.sum()) == 0.0


def test_the_picture_tells_in_which_direction_the_frame_is_wrong(
    model: CanonicalGQN, rng: np.random.Generator
) -> None:
    scenes = sample_scenes(rng, 8, orientation="free")
    viewpoints = torch.from_numpy(sample_on_sphere(rng, 8).encode())
    exact = true_scene(scenes)
    truth = model.draw_images(exact, viewpoints)
    for number in range(4):
        pose = exact.frame.pack()
        pose[:, number] += 0.06
        pose.requires_grad_()
        soft = exact.content.clone()
        soft[:, 0] = soft[:, 0].clamp(max=20.0)
        moved = exact._replace(frame=Frame.unpack(pose), content=soft)
        drawn = model.draw_images(moved, viewpoints)
        (drawn - truth).square().mean().backward()
        assert pose.grad is not None
        assert float(pose.grad[:, number].mean()) > 0
