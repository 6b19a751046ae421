"""Frames: where the grid of an object lies, found and compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.canonical.frame import (
    Frame,
    direction_angle,
    fourfold,
    grid_pose_error,
    quarter_angle,
)
from gqn_rl.gqn.canonical.frame_finder import _phases
from gqn_rl.scenes.scene import sample_scenes
from tests.gqn_rl.gqn.models import as_tensors, make_model, random_views


def test_cubes_fill_whole_cells_of_their_grid(rng: np.random.Generator) -> None:
    for orientation in ("grid", "free"):
        scenes = sample_scenes(rng, 50, orientation=orientation)
        frame = Frame.unpack(torch.from_numpy(scenes.grid_poses()).double())
        centres = frame.to_frame(torch.from_numpy(scenes.cube_centres()))
        torch.testing.assert_close(centres % 1, torch.full_like(centres, 0.5), rtol=0, atol=1e-5)


def test_grid_poses_are_within_one_period_and_level_in_grid_orientation(
    rng: np.random.Generator,
) -> None:
    poses = sample_scenes(rng, 200, orientation="free").grid_poses()
    assert (np.abs(poses[:, 0]) <= np.pi / 4 + 1e-6).all()
    assert (np.abs(poses[:, 1:]) <= 0.5 + 1e-6).all()
    assert poses[:, 0].std() > 0.3
    np.testing.assert_allclose(sample_scenes(rng, 20).grid_poses()[:, 0], 0, atol=1e-6)


def test_a_tilted_grid_has_no_pose(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 3)
    cos, sin = np.cos(0.3), np.sin(0.3)
    scenes.rotation[1] = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ scenes.rotation[1]
    assert np.isnan(scenes.grid_poses()).all(1).tolist() == [False, True, False]


def test_the_error_is_zero_for_every_pose_that_puts_the_planes_in_place(
    rng: np.random.Generator,
) -> None:
    scenes = sample_scenes(rng, 40, orientation="free")
    truth = torch.from_numpy(scenes.grid_poses())
    same = []
    for turns in range(-2, 3):
        turned = Frame(truth[:, 0] + turns * math.pi / 2, torch.zeros(1, 3))
        centre = torch.from_numpy(scenes.cube_centres()[:, :1]).float()
        offset = turned.to_frame(centre)[:, 0] - 0.5 + torch.randint(-2, 3, (40, 3))
        same.append(torch.cat([turned.yaw[:, None], offset], dim=1))
    error = grid_pose_error(torch.stack(same, dim=1), truth)
    torch.testing.assert_close(error, torch.zeros(40), rtol=0, atol=1e-4)


def test_the_error_of_guesses_is_five_and_unknown_poses_have_none(rng: np.random.Generator) -> None:
    truth = torch.from_numpy(sample_scenes(rng, 4000, orientation="free").grid_poses())
    guesses = torch.rand(4000, 1, 4, generator=torch.Generator().manual_seed(0)) * 7
    error = grid_pose_error(guesses, truth)
    assert float(error.detach().mean()) == pytest.approx(5.0, abs=0.15)
    truth[0] = math.nan
    guesses.requires_grad_()
    error = grid_pose_error(guesses, truth)
    error.sum().backward()
    assert float(error[0].detach()) == 0.0
    assert guesses.grad is not None
    assert bool(guesses.grad.isfinite().all())
    assert not guesses.grad[0].any()


def test_frames_there_and_back(rng: np.random.Generator) -> None:
    frame = Frame(torch.tensor([0.4, -1.0]), torch.tensor([[0.1, 0.2, 0.3], [0.0, -0.4, 0.5]]))
    points = torch.from_numpy(rng.normal(size=(2, 9, 3))).float()
    torch.testing.assert_close(frame.to_world(frame.to_frame(points)), points)
    matrix = torch.from_numpy(yaw_matrices(frame.yaw.numpy())).float()
    torch.testing.assert_close(frame.axes(), matrix.mT)
    torch.testing.assert_close(Frame.unpack(frame.pack()), frame)


def test_angles_have_the_gradient_of_the_arctangent_and_a_bounded_one_near_zero() -> None:
    long = torch.tensor([[1.0, 2.0], [-0.5, 0.1]], dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(direction_angle(long).sum(), long)
    (exact,) = torch.autograd.grad(torch.atan2(long[:, 1], long[:, 0]).sum(), long)
    torch.testing.assert_close(ours, exact)
    short = torch.tensor([[1e-9, 0.0]], requires_grad=True)
    (bounded,) = torch.autograd.grad(direction_angle(short).sum(), short)
    assert float(bounded.abs().max()) < 1.0
    yaw = torch.linspace(-0.7, 0.7, 9)
    torch.testing.assert_close(quarter_angle(fourfold(yaw)), yaw)


def test_the_strongest_wave_lies_along_the_grid_and_its_phase_is_the_offset() -> None:
    frame = Frame(torch.tensor([0.3]), torch.tensor([[0.2, -0.3, 0.4]]))
    steps = torch.arange(-3.0, 3.01, 0.25)
    planes = torch.cartesian_prod(torch.arange(-3.0, 4.0), steps, steps)
    crossing = torch.cartesian_prod(steps, torch.arange(-3.0, 4.0), steps)
    places = frame.to_world(torch.cat([planes, crossing])[None])
    waves = make_model("canonical-tiny").network.finder.waves
    level = torch.ones(1, places.shape[1], 1)
    energy = _phases(places[..., :2] @ waves, level).square().sum(-1)[0]
    energy = energy[: len(energy) // 2] + energy[len(energy) // 2 :]
    strongest = int(energy.argmax())
    assert float(torch.atan2(waves[1], waves[0])[strongest]) == pytest.approx(0.3, abs=0.07)
    turned = Frame(frame.yaw, torch.zeros(1, 3)).turn(places)
    phases = direction_angle(_phases(turned[..., :2], level))
    expected = 2 * math.pi * frame.offset[:, :2]
    torch.testing.assert_close(phases, expected, rtol=0, atol=1e-3)


def test_what_is_known_with_the_queries_reaches_the_other_frame() -> None:
    model = make_model("canonical-tiny")
    assert isinstance(model, CanonicalGQN)
    r = model.represent(*as_tensors(random_views(2, 3)))
    # Nothing near the rim, where a shift leaves the ball of cells.
    inner = model.network.cells.points.norm(dim=-1) < 2.7
    r[:, 4:] *= inner.repeat_interleave(model.config.slot_channels)
    same = model.posterior(r, r)
    shifted = r.clone()
    shifted[:, 1:4] += torch.tensor([1.0, 0.0, 0.0])
    assert not torch.equal(model.posterior(r, shifted).mean, same.mean)
    volume = model._volume(r)
    there = model.network.cells.to_slots(torch.roll(volume, -1, dims=2)).flatten(1)
    moved = torch.cat([shifted[:, :4], there], dim=1)
    interior = (..., slice(1, 3), slice(1, 3), slice(1, 3))
    torch.testing.assert_close(
        model.posterior(r, moved).mean[interior], same.mean[interior], rtol=0, atol=1e-3
    )
