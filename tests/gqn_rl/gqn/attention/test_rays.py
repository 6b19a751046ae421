"""Rays, places and patches of the attention GQN: geometry against plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gqn_rl.errors import UserError
from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.gqn.attention.config import AttentionConfig
from gqn_rl.gqn.attention.places import Nearness, ray_distances2, spacing, spread
from gqn_rl.gqn.attention.ray_encodings import (
    RAY_ENCODINGS,
    PointsOnRay,
    Rays,
    fourier,
    make_ray_encoding,
    world_rays,
)
from gqn_rl.gqn.attention.transformer import attend
from gqn_rl.gqn.attention.view_encoder import patch_directions, to_patches

RADIUS = 3.7


@pytest.fixture
def rays(rng: np.random.Generator) -> Rays:
    """All pixels of an 8 x 8 image seen from five poses."""
    poses = torch.from_numpy(sample_on_sphere(rng, 5).encode())
    directions = pixel_directions(8).expand(5, -1, -1)
    return world_rays(poses[:, None].expand(-1, 64, -1), directions)


def test_rays_start_at_the_camera_and_the_middle_one_meets_the_origin(
    rng: np.random.Generator,
) -> None:
    viewpoints = sample_on_sphere(rng, 5)
    poses = torch.from_numpy(viewpoints.encode())
    origins, directions = world_rays(poses, torch.tensor([0.0, 0.0, 1.0]).expand(5, -1))
    torch.testing.assert_close(origins, poses[:, :3], rtol=0, atol=0)
    towards = -origins / origins.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(directions, towards, rtol=0, atol=1e-6)


def test_distances_agree_with_the_cross_product(rays: Rays) -> None:
    points = spread(12, RADIUS)
    relative = points - rays.origins[:, :, None]
    area = torch.linalg.cross(relative, rays.directions[:, :, None].expand_as(relative))
    expected = area.square().sum(-1)
    torch.testing.assert_close(ray_distances2(points, rays), expected, rtol=1e-4, atol=1e-4)


def test_what_is_near_gets_more_attention_and_each_head_has_its_own_strength() -> None:
    nearness = Nearness(3)
    with torch.no_grad():
        nearness.log_strength.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    distances2 = torch.tensor([0.0, 1.0, 4.0]).view(1, 1, 1, 3)
    logits = nearness(distances2)
    assert logits.shape == (1, 3, 1, 3)
    expected = -torch.tensor([math.exp(-1), 1.0, math.e])[:, None] * torch.tensor([0.0, 1.0, 4.0])
    torch.testing.assert_close(logits[0, :, 0], expected)


@pytest.mark.parametrize("count", [1, 8, 64, 200])
def test_places_fill_the_ball_evenly(count: int) -> None:
    places = spread(count, RADIUS)
    assert places.shape == (count, 3)
    assert float(places.norm(dim=-1).max()) <= RADIUS
    probe = spread(2000, RADIUS)
    widest_gap = torch.cdist(probe, places).amin(1).max()
    assert float(widest_gap) < 1.6 * spacing(count, RADIUS)


def test_the_spacing_divides_the_volume() -> None:
    assert math.isclose(50 * spacing(50, 2.0) ** 3, 4 / 3 * math.pi * 8)


def test_rays_through_one_place_share_a_point_and_stay_in_the_ball() -> None:
    """From three sides through the origin: the middle of each chord is the same place."""
    directions = torch.eye(3)
    rays = Rays(-9 * directions, directions)
    encoding = PointsOnRay(RADIUS)
    encoding.num_points = 3
    features = encoding(rays).view(3, 3, 3, -1)  # ray, point, axis, feature
    positions = features[..., 0] * 2 * RADIUS
    expected = torch.tensor([-RADIUS, 0.0, RADIUS])[None, :, None] * directions[:, None]
    torch.testing.assert_close(positions, expected, rtol=0, atol=1e-5)


def test_points_lie_in_front_of_the_camera() -> None:
    rays = Rays(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]]))
    encoding = PointsOnRay(RADIUS)
    points = encoding(rays).view(encoding.num_points, 3, -1)[..., 0] * 2 * RADIUS
    assert float(points[:, 0].min()) == 0.0
    assert math.isclose(float(points[:, 0].max()), RADIUS, rel_tol=1e-6)


@pytest.mark.parametrize("name", sorted(RAY_ENCODINGS))
def test_every_ray_encoding_tells_rays_apart(name: str, rays: Rays) -> None:
    encoding = make_ray_encoding(name, RADIUS)
    features = encoding(rays)
    assert features.shape == (5, 64, encoding.out_channels)
    assert not list(encoding.parameters())
    flat = features.flatten(0, 1)
    apart = torch.cdist(flat, flat) + 1e3 * torch.eye(len(flat))
    assert float(apart.min()) > 1e-2


@pytest.mark.parametrize("name", sorted(RAY_ENCODINGS))
def test_a_ray_that_misses_the_scene_or_starts_in_it_has_finite_features(name: str) -> None:
    origins = torch.tensor([[9.0, 0, 0], [0, 0, 0], [0, 0, 3.7]])
    directions = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 1, 0]])
    features = make_ray_encoding(name, RADIUS)(Rays(origins, directions))
    assert bool(features.isfinite().all())


def test_pluecker_features_do_not_depend_on_where_along_the_ray_the_camera_is(rays: Rays) -> None:
    encoding = make_ray_encoding("pluecker", RADIUS)
    moved = Rays(rays.origins + 0.7 * rays.directions, rays.directions)
    torch.testing.assert_close(encoding(moved), encoding(rays), rtol=0, atol=1e-4)


def test_fourier_features_are_octaves() -> None:
    value = torch.tensor([[0.1]], dtype=torch.float64)
    angles = [2 * math.pi * 0.1 * 2**k for k in range(3)]
    expected = [0.1, *(math.sin(a) for a in angles), *(math.cos(a) for a in angles)]
    assert fourier(value, 3)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_patches_keep_every_pixel_and_go_row_by_row() -> None:
    images = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    patches = to_patches(images, 4)
    assert patches.shape == (2, 4, 48)
    torch.testing.assert_close(patches[1, 1].view(3, 4, 4), images[1, :, :4, 4:], rtol=0, atol=0)
    torch.testing.assert_close(patches[0, 2].view(3, 4, 4), images[0, :, 4:, :4], rtol=0, atol=0)


def test_a_patch_looks_where_its_pixels_look_on_average() -> None:
    directions = pixel_directions(8).view(8, 8, 3)
    expected = directions[4:, :4].mean(dim=(0, 1))
    torch.testing.assert_close(patch_directions(8, 4)[2], expected)


@pytest.mark.parametrize("biased", [False, True])
def test_attention_in_bf16_agrees_with_float32(biased: bool) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    queries, keys, values = draw(2, 3, 5, 8), draw(2, 3, 7, 8), draw(2, 3, 7, 8)
    bias = draw(2, 3, 5, 7) if biased else None
    exact = attend(queries, keys, values, bias)
    logits = queries @ keys.mT / 8**0.5 + (0 if bias is None else bias)
    torch.testing.assert_close(exact, logits.softmax(-1) @ values, rtol=1e-5, atol=1e-6)
    half = attend(queries.bfloat16(), keys.bfloat16(), values.bfloat16(), bias)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 60},
        {"width": 130},
        {"radius": 0.0},
        {"slots": 0},
        {"latent_channels": 0},
        {"query_layers": 0},
        {"view_layers": -1},
        {"heads": 0},
        {"patch_size": 0},
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UserError, match=rf"{next(iter(change))}(=| is )") as refusal:
        AttentionConfig(**change)  # type: ignore[arg-type]
    assert str(next(iter(change.values()))) in str(refusal.value)


def test_an_unknown_ray_encoding_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'polar'.*pluecker.*points"):
        AttentionConfig(ray_encoding="polar")
