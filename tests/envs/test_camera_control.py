"""Actions to camera moves and answers."""

from __future__ import annotations

import numpy as np
import pytest

from envs.camera_control import CameraAngles, DiscreteControl
from gqn_rl.errors import UserError
from gqn_rl.viewpoint import SPHERE_RADIUS

LEFT, RIGHT, UP, DOWN = range(4)


def camera(azimuth: float, elevation: float) -> CameraAngles:
    return CameraAngles(np.array([azimuth]), np.array([elevation]))


def after(angles: CameraAngles, *actions: int) -> CameraAngles:
    control = DiscreteControl(10)
    for action in actions:
        angles = angles.turned(control.read(np.array([action]), 1).turn)
    return angles


@pytest.mark.parametrize(("action", "axis", "sign"), [(0, 0, -1), (1, 0, 1), (2, 1, 1), (3, 1, -1)])
def test_a_move_shifts_the_camera_along_its_own_axis(action, axis, sign):
    start = camera(0.4, 0.1)
    before, moved = start.viewpoints(), after(start, action).viewpoints()
    change = (moved.position - before.position)[0]
    assert sign * (change @ before.axes()[0, axis]) > 0
    angle = np.arccos((moved.position @ before.position[0])[0] / SPHERE_RADIUS**2)
    assert angle == pytest.approx(np.deg2rad(30), rel=0.01 if axis == 0 else 1e-9)


def test_twelve_moves_go_round():
    start = camera(1.0, -0.5)
    np.testing.assert_allclose(
        after(start, *[RIGHT] * 12).viewpoints().position, start.viewpoints().position, atol=1e-9
    )


def test_opposite_moves_cancel_away_from_the_poles():
    start = camera(-3.0, 0.2)
    back = after(start, LEFT, UP, RIGHT, DOWN)
    np.testing.assert_allclose(back.stacked(), start.stacked(), atol=1e-12)


def test_elevation_stops_at_the_poles():
    top, bottom = after(camera(0.3, 0.0), *[UP] * 7), after(camera(0.3, 0.0), *[DOWN] * 7)
    assert top.elevation[0] == np.pi / 2
    assert bottom.elevation[0] == -np.pi / 2


def test_the_camera_always_looks_at_the_object_from_the_same_distance():
    rng = np.random.default_rng(0)
    angles = CameraAngles.sample(rng, 200).turned(rng.normal(size=(200, 2)))
    viewpoints = angles.viewpoints()
    np.testing.assert_allclose(np.linalg.norm(viewpoints.position, axis=1), SPHERE_RADIUS)
    np.testing.assert_allclose(
        viewpoints.axes()[:, 2], -viewpoints.position / SPHERE_RADIUS, atol=1e-12
    )


def test_first_views_are_uniform_on_the_sphere():
    heights = np.sin(CameraAngles.sample(np.random.default_rng(0), 20_000).elevation)
    # Archimedes: uniform on the sphere means uniform in height.
    counts, _ = np.histogram(heights, bins=10, range=(-1, 1))
    assert (np.abs(counts - 2000) < 5 * np.sqrt(2000)).all()


def test_the_opposite_camera_sees_the_other_side():
    angles = CameraAngles.sample(np.random.default_rng(1), 50)
    np.testing.assert_allclose(
        angles.opposite().viewpoints().position, -angles.viewpoints().position, atol=1e-12
    )


def test_moves_come_before_answers():
    commands = DiscreteControl(10).read(np.arange(14), 14)
    np.testing.assert_array_equal(commands.answer, [-1] * 4 + list(range(10)))
    assert (np.abs(commands.turn[:4]).sum(axis=1) > 0).all()
    assert not commands.turn[4:].any()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 14], "action 14 of environment 1 .* 0 to 13"),
        ([-1, 0], "action -1 of environment 0"),
        ([0], r"shape \(1,\), expected .* \(2,\)"),
        ([0.0, 1.0], "float64"),
        ([True, False], "bool"),
        (None, "None"),
        ("up", "'up'"),
    ],
)
def test_actions_outside_the_space_are_refused_with_the_value(actions, message):
    with pytest.raises(UserError, match=message):
        DiscreteControl(10).read(actions, 2)
