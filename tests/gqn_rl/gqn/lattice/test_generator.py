"""Volumes to pixels: against closed forms, a slow reference and the true geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gqn_rl.geometry.rays import camera_axes, pixel_directions
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.gqn.families import preset
from gqn_rl.gqn.lattice.generator import DENSITY_SCALE
from gqn_rl.gqn.lattice.lattice_gqn import LatticeGQN
from gqn_rl.gqn.volumes.points import OBJECT_RADIUS, lattice_points
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from tests.gqn_rl.gqn.models import make_model

VOXELS = 18
"""Per axis in the tiny preset."""


@pytest.fixture(scope="module")
def model() -> LatticeGQN:
    return make_model().eval().requires_grad_(False)


@pytest.fixture
def poses(rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(sample_on_sphere(rng, 4).encode())


def world_rays(pose: Tensor, size: int = 64) -> tuple[Tensor, Tensor]:
    """Origins and unit directions (H * W, 3) of all pixels, float64."""
    axes = camera_axes(pose.double())
    directions = pixel_directions(size).double() @ axes
    directions = directions / directions.norm(dim=-1, keepdim=True)
    return pose[:3].double().expand_as(directions), directions


def miss_distance(pose: Tensor) -> Tensor:
    """How far each pixel's ray passes by the origin, (64, 64)."""
    origins, directions = world_rays(pose)
    along = (origins * directions).sum(-1, keepdim=True)
    return (origins - along * directions).norm(dim=-1).view(64, 64)


def constant_volume(n: int, density: float, colour: tuple[float, float, float]) -> Tensor:
    logits = torch.tensor(colour).logit(1e-6)
    values = torch.cat([torch.tensor([density]), logits])
    return values[None, :, None, None, None].expand(n, 4, VOXELS, VOXELS, VOXELS).contiguous()


def test_an_opaque_volume_is_a_ball_of_its_colour(model: LatticeGQN, poses: Tensor) -> None:
    colour = (0.9, 0.5, 0.2)
    images = model.draw_images(constant_volume(4, 50.0, colour), poses)
    for image, pose in zip(images, poses, strict=True):
        distance = miss_distance(pose)
        inside, outside = distance < OBJECT_RADIUS - 0.1, distance > OBJECT_RADIUS + 1e-3
        assert 0.2 < inside.float().mean() < 0.9
        assert outside.any()
        expected = torch.tensor(colour)[:, None].expand(3, int(inside.sum()))
        torch.testing.assert_close(image[:, inside], expected, rtol=0, atol=1e-3)
        assert bool((image[:, outside] == 0).all())


def test_an_empty_volume_is_black(model: LatticeGQN, poses: Tensor) -> None:
    images = model.draw_images(constant_volume(4, -50.0, (1.0, 1.0, 1.0)), poses)
    assert float(images.abs().max()) < 1e-6


def test_brightness_through_thin_fog_is_that_of_beer_and_lambert(
    model: LatticeGQN, poses: Tensor
) -> None:
    density = -4.0
    image = model.draw_images(constant_volume(1, density, (0.5, 0.5, 0.5)), poses[:1])[0, 0]
    chord = 2 * (OBJECT_RADIUS**2 - miss_distance(poses[0]).square()).clamp(min=0).sqrt()
    absorption = math.log1p(math.exp(density)) * DENSITY_SCALE
    expected = 0.5 * (1 - (-absorption * chord).exp())
    torch.testing.assert_close(image, expected.float(), rtol=1e-4, atol=1e-5)


def test_drawing_agrees_with_a_slow_plain_reference(model: LatticeGQN, poses: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    volume = 2 * torch.randn(1, 4, VOXELS, VOXELS, VOXELS, generator=generator)
    image = model.draw_images(volume, poses[:1])[0].permute(1, 2, 0).reshape(-1, 3)
    origins, directions = world_rays(poses[0])
    chosen = torch.randint(64 * 64, (40,), generator=generator).tolist()
    chosen += [32 * 64 + 32, 20 * 64 + 40]
    config = model.config
    for pixel in chosen:
        expected = slow_ray(
            volume[0].double().numpy(),
            origins[pixel].numpy(),
            directions[pixel].numpy(),
            config.extent,
            config.ray_samples,
        )
        np.testing.assert_allclose(image[pixel], expected, atol=2e-5)


def slow_ray(
    volume: np.ndarray, origin: np.ndarray, direction: np.ndarray, extent: float, samples: int
) -> np.ndarray:
    """The quadrature of the rendering integral, one sample after the other in float64."""
    closest = -float(origin @ direction)
    distance = np.linalg.norm(origin + closest * direction)
    colour = np.zeros(3)
    if distance >= OBJECT_RADIUS:
        return colour
    half = math.sqrt(OBJECT_RADIUS**2 - distance**2)
    light, step = 1.0, 2 * half / samples
    for k in range(samples):
        point = origin + (closest - half + (k + 0.5) * step) * direction
        value = trilinear(volume, (point + extent) / (2 * extent) * VOXELS - 0.5)
        alpha = 1 - math.exp(-math.log1p(math.exp(value[0])) * DENSITY_SCALE * step)
        colour += light * alpha / (1 + np.exp(-value[1:]))
        light *= 1 - alpha
    return colour


def trilinear(volume: np.ndarray, where: np.ndarray) -> np.ndarray:
    where = np.clip(where, 0, VOXELS - 1)
    low = np.minimum(where.astype(int), VOXELS - 2)
    part = where - low
    value = np.zeros(len(volume))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part))
        value += weight * volume[(slice(None), *(low + corner))]
    return value


def test_a_volume_of_the_true_cubes_shows_the_true_silhouette(rng: np.random.Generator) -> None:
    model = LatticeGQN(preset("small")).eval().requires_grad_(False)
    scenes, viewpoints = sample_scenes(rng, 8, orientation="free"), sample_on_sphere(rng, 8)
    true, _ = RaycastRenderer().render_with_segmentation(scenes, viewpoints)
    poses = torch.from_numpy(viewpoints.encode())
    drawn = model.draw_images(true_volume(model, scenes), poses).permute(0, 2, 3, 1).numpy()
    ours, theirs = drawn.max(-1) > 0.25, true.max(-1) > 0
    overlap = (ours & theirs).sum() / (ours | theirs).sum()
    assert overlap > 0.85
    both = ours & theirs
    error = np.abs(drawn - true / 255.0)[both].mean()
    other_way = np.abs(drawn[..., ::-1] - true / 255.0)[both].mean()
    assert error < 0.15 < other_way, "each cube has its own colour"


def true_volume(model: LatticeGQN, scenes: SceneBatch) -> Tensor:
    """Density above zero inside the cubes, and the colour of the nearest one."""
    config = model.config
    voxels = config.cells * config.voxels_per_cell
    points = lattice_points(voxels, config.extent)
    centres = torch.from_numpy(scenes.cube_centres()).float()
    rotation = torch.from_numpy(scenes.rotation).float()
    relative = (points[None, :, None] - centres[:, None]) @ rotation[:, None]  # object axes
    outside = relative.abs().amax(-1) - 0.5  # (N, X, P), below 0 inside the cube
    depth, nearest = outside.min(-1)
    colour = torch.from_numpy(scenes.colour).gather(1, nearest[..., None].expand(-1, -1, 3))
    logits = torch.cat([-60 * depth[..., None], (0.8 * colour).logit(1e-3)], -1)
    return logits.mT.reshape(len(scenes), 4, voxels, voxels, voxels)


def test_jitter_moves_samples_only_within_their_interval(model: LatticeGQN, poses: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    volume = torch.randn(1, 4, VOXELS, VOXELS, VOXELS, generator=generator)
    pixels = torch.arange(64 * 20, 64 * 44)[None]
    pose = poses[:1, None].expand(-1, pixels.shape[1], -1)
    middle = model.draw(volume, pose, pixels, torch.full((1, pixels.shape[1], 1), 0.5))
    torch.testing.assert_close(middle, model.draw(volume, pose, pixels), rtol=0, atol=0)
    jitter = torch.rand(1, pixels.shape[1], 1, generator=generator)
    moved = model.draw(volume, pose, pixels, jitter)
    assert 0 < float((moved - middle).abs().mean()) < 0.1


def test_prior_and_posterior_start_close_and_thin(model: LatticeGQN) -> None:
    r = torch.randn(2, model.representation_size, generator=torch.Generator().manual_seed(0))
    prior, posterior = model.prior(r), model.posterior(r, r)
    assert prior.event_shape == (model.config.latent_channels, 3, 3, 3)
    kl = torch.distributions.kl_divergence(posterior, prior)
    assert kl.shape == (2,)
    assert bool((kl >= 0).all())
    assert float(kl.max()) < 10
