"""Camera poses: their encoding, their axes and the viewing sphere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gqn_rl.geometry.viewpoint import (
    SPHERE_RADIUS,
    Viewpoints,
    look_at_origin,
    sample_on_sphere,
    wrap_angle,
)


def random_poses(rng: np.random.Generator, n: int) -> Viewpoints:
    return Viewpoints(
        rng.normal(0, 5, (n, 3)),
        rng.uniform(-np.pi, np.pi, n),
        rng.uniform(-np.pi / 2, np.pi / 2, n),
    )


def pose(x: float, y: float, z: float, yaw: float, pitch: float) -> Viewpoints:
    """One pose, angles in degrees."""
    return Viewpoints(
        np.array([[x, y, z]]), np.array([np.deg2rad(yaw)]), np.array([np.deg2rad(pitch)])
    )


HALF, ROOT = 0.5, np.sqrt(0.75)


@pytest.mark.parametrize(
    ("yaw", "pitch", "expected"),
    [
        (0, 0, [1, 0, 1, 0]),
        (90, 0, [0, 1, 1, 0]),
        (180, 0, [-1, 0, 1, 0]),
        (-60, 30, [HALF, -ROOT, ROOT, HALF]),
        (30, -90, [ROOT, HALF, 0, -1]),
    ],
)
def test_encoding_is_position_then_cosine_before_sine(
    yaw: float, pitch: float, expected: list[float]
) -> None:
    encoding = pose(1.5, -2.0, 3.0, yaw, pitch).encode()
    assert encoding.dtype == np.float32
    np.testing.assert_allclose(encoding, [[1.5, -2.0, 3.0, *expected]], atol=1e-7)


def test_decoding_inverts_encoding(rng: np.random.Generator) -> None:
    poses = random_poses(rng, 1000)
    decoded = Viewpoints.decode(poses.encode())
    np.testing.assert_allclose(decoded.position, poses.position, atol=1e-5)
    np.testing.assert_allclose(wrap_angle(decoded.yaw - poses.yaw), 0, atol=1e-6)
    np.testing.assert_allclose(decoded.pitch, poses.pitch, atol=1e-6)


def test_decoding_refuses_another_width() -> None:
    with pytest.raises(ValueError, match=r"\(3, 5\), expected \(N, 7\)"):
        Viewpoints.decode(np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("yaw", "pitch", "right", "up", "forward"),
    [
        (0, 0, [0, -1, 0], [0, 0, 1], [1, 0, 0]),
        (90, 0, [1, 0, 0], [0, 0, 1], [0, 1, 0]),
        (0, 90, [0, -1, 0], [-1, 0, 0], [0, 0, 1]),
        (0, 30, [0, -1, 0], [-HALF, 0, ROOT], [ROOT, 0, HALF]),
    ],
)
def test_axes_of_known_poses(
    yaw: float, pitch: float, right: list[float], up: list[float], forward: list[float]
) -> None:
    np.testing.assert_allclose(pose(0, 0, 0, yaw, pitch).axes(), [[right, up, forward]], atol=1e-15)


def test_axes_are_orthonormal_right_handed_and_level(rng: np.random.Generator) -> None:
    axes = random_poses(rng, 500).axes()
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), np.tile(np.eye(3), (500, 1, 1)), atol=1e-12
    )
    right, up, forward = axes.transpose(1, 0, 2)
    np.testing.assert_allclose(np.cross(right, up), -forward, atol=1e-12)
    assert (right[:, 2] == 0).all(), "the camera never rolls"
    assert (up[:, 2] >= 0).all()


def test_view_matrix_of_a_known_pose() -> None:
    # From (9, 0, 0) towards the origin: +y is to the right, and the origin lies 9 ahead.
    matrix = pose(9, 0, 0, 180, 0).view_matrices()[0]
    expected = [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, -9], [0, 0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-14)


def test_view_matrices_agree_with_pybullet(rng: np.random.Generator) -> None:
    pybullet = pytest.importorskip("pybullet")
    poses = random_poses(rng, 200)
    for matrix, eye, axes in zip(poses.view_matrices(), poses.position, poses.axes(), strict=True):
        theirs = pybullet.computeViewMatrix(
            eye.tolist(), (eye + axes[2]).tolist(), axes[1].tolist()
        )
        np.testing.assert_allclose(matrix, np.reshape(theirs, (4, 4)).T, atol=2e-5)


def test_cameras_on_the_sphere_see_its_centre_in_the_middle(rng: np.random.Generator) -> None:
    poses = look_at_origin(rng.uniform(-7, 7, 300), rng.uniform(-np.pi / 2, np.pi / 2, 300))
    origin_in_camera = poses.view_matrices()[:, :3, 3]
    np.testing.assert_allclose(
        origin_in_camera, np.tile([0, 0, -SPHERE_RADIUS], (300, 1)), atol=1e-12
    )


def test_azimuth_and_elevation_say_where_the_camera_stands() -> None:
    poses = look_at_origin(np.array([0, np.pi / 2, 0]), np.array([0, 0, np.pi / 2]), radius=2.0)
    np.testing.assert_allclose(poses.position, [[2, 0, 0], [0, 2, 0], [0, 0, 2]], atol=1e-15)


def test_sampled_cameras_are_uniform_on_the_sphere(rng: np.random.Generator) -> None:
    directions = sample_on_sphere(rng, 20_000).position / SPHERE_RADIUS
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(axis=0)).max() < 0.02
    # Archimedes: each coordinate of a uniform point on the sphere is uniform.
    for coordinate in directions.T:
        assert stats.kstest(coordinate, "uniform", args=(-1, 2)).pvalue > 0.01


def test_sampling_repeats_with_the_generator_and_differs_without() -> None:
    first, again, other = (
        sample_on_sphere(np.random.default_rng(seed), 5).encode() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_angles_wrap_to_half_open_interval() -> None:
    wrapped = wrap_angle(np.deg2rad([0, 180, -180, 190, 540, -350]))
    np.testing.assert_allclose(np.rad2deg(wrapped), [0, -180, -180, -170, -180, 10], atol=1e-12)


def test_selection_and_concatenation_are_inverse(rng: np.random.Generator) -> None:
    poses = random_poses(rng, 10)
    joined = Viewpoints.concatenate([poses[:3], poses[np.arange(3, 10)]])
    np.testing.assert_array_equal(joined.encode(), poses.encode())
    assert len(poses[np.arange(10) % 2 == 0]) == 5


def test_inconsistent_fields_are_refused() -> None:
    with pytest.raises(ValueError, match=r"yaw has shape \(3,\), expected \(2,\)"):
        Viewpoints(np.zeros((2, 3)), np.zeros(3), np.zeros(2))
