"""The 24 rotations of the cube and the two kinds of object orientation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import (
    GRID_ROTATIONS,
    nearest_rotations,
    rotation_angles,
    sample_grid_rotations,
    sample_orientations,
    yaw_matrices,
)


def test_grid_rotations_are_the_group_of_the_cube() -> None:
    members = {rotation.tobytes() for rotation in GRID_ROTATIONS}
    assert len(members) == 24
    np.testing.assert_array_equal(GRID_ROTATIONS[0], np.eye(3))
    for first in GRID_ROTATIONS:
        assert round(np.linalg.det(first)) == 1
        assert all((first @ second).tobytes() in members for second in GRID_ROTATIONS)


def test_grid_rotations_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match="read-only"):
        GRID_ROTATIONS[0, 0, 0] = 5


def test_grid_rotations_are_drawn_uniformly(rng: np.random.Generator) -> None:
    drawn = sample_grid_rotations(rng, 4800)
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 0.01


def test_yaw_turns_x_towards_y() -> None:
    quarter = yaw_matrices(np.array([np.pi / 2]))[0]
    np.testing.assert_allclose(quarter @ [1, 0, 5], [0, 1, 5], atol=1e-15)


def test_free_orientation_is_a_grid_rotation_and_a_turn_about_the_vertical(
    rng: np.random.Generator,
) -> None:
    rotations = sample_orientations(rng, 300, "free")
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    # One of the object's axes stays vertical; the other two are turned off the world's axes.
    vertical = np.isclose(np.abs(rotations[:, 2]), 1).sum(axis=1)
    np.testing.assert_array_equal(vertical, 1)
    turn = np.arctan2(rotations[:, 1], rotations[:, 0])
    assert np.isclose(np.sin(2 * turn), 0, atol=1e-3).all(axis=1).mean() < 0.02


def test_unknown_orientation_is_a_user_error(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match=r"unknown orientation 'upright'.*'free', 'grid'"):
        sample_orientations(rng, 1, "upright")


def test_rotation_angles_are_those_that_were_turned(rng: np.random.Generator) -> None:
    angle = rng.uniform(0, np.pi, 50)
    turned = sample_orientations(rng, 50, "free")
    about_some_axis = turned @ yaw_matrices(angle) @ np.swapaxes(turned, 1, 2)
    np.testing.assert_allclose(rotation_angles(about_some_axis), angle, atol=1e-7)


def test_the_nearest_rotation_is_a_rotation_and_no_other_is_nearer(
    rng: np.random.Generator,
) -> None:
    matrices = rng.standard_normal((20, 3, 3))
    nearest = nearest_rotations(matrices)
    identity = np.tile(np.eye(3), (20, 1, 1))
    np.testing.assert_allclose(nearest @ np.swapaxes(nearest, 1, 2), identity, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(nearest), 1)
    distance = np.linalg.norm(matrices - nearest, axis=(1, 2))
    for _ in range(50):
        other = sample_orientations(rng, 20, "free")
        assert (np.linalg.norm(matrices - other, axis=(1, 2)) >= distance - 1e-12).all()
    exact = sample_orientations(rng, 20, "free")
    np.testing.assert_allclose(nearest_rotations(exact), exact, atol=1e-12)
