"""Actions are read as camera moves and answers, and written from them."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.wrappers import RescaleAction

from envs.camera.angles import CameraAngles
from envs.camera.control import (
    CONTROLS,
    LARGEST_TURN,
    NAMED_TURNS,
    NO_ANSWER,
    CameraControl,
    ContinuousControl,
    DiscreteControl,
    make_control,
)
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from tests.envs.actions import DOWN, LEFT, RIGHT, UP
from tests.envs.eight_ways import NAME

BY_NAME = {name: find("control", name, CONTROLS) for name in [*CONTROLS, NAME]}
"""Those of the table, and one of a stranger's."""


@pytest.fixture(params=BY_NAME)
def built(request: pytest.FixtureRequest) -> CameraControl:
    """Every control in turn, with three answers."""
    return make_control(request.param, 3)


def camera(azimuth: float, elevation: float) -> CameraAngles:
    return CameraAngles(np.array([azimuth]), np.array([elevation]))


def after(angles: CameraAngles, *directions: int, control=DiscreteControl) -> CameraAngles:
    control = control(10)
    for direction in directions:
        action = control.encode_moves([list(NAMED_TURNS)[direction]])
        angles = angles.turned(control.read(action, 1).turn)
    return angles


@pytest.mark.parametrize("control", BY_NAME.values())
@pytest.mark.parametrize(
    ("direction", "axis", "sign"), [(LEFT, 0, -1), (RIGHT, 0, 1), (UP, 1, 1), (DOWN, 1, -1)]
)
def test_a_move_shifts_the_camera_along_its_own_axis(control, direction, axis, sign):
    start = camera(0.4, 0.1)
    before = start.viewpoints()
    moved = after(start, direction, control=control).viewpoints()
    change = (moved.position - before.position)[0]
    assert sign * (change @ before.axes()[0, axis]) > 0
    angle = np.arccos((moved.position @ before.position[0])[0] / SPHERE_RADIUS**2)
    assert angle == pytest.approx(np.deg2rad(30), rel=0.01 if axis == 0 else 1e-6)


def test_twelve_moves_go_round():
    start = camera(1.0, -0.5)
    np.testing.assert_allclose(
        after(start, *[RIGHT] * 12).viewpoints().position, start.viewpoints().position, atol=1e-9
    )


def test_opposite_moves_cancel_away_from_the_poles():
    start = camera(-3.0, 0.2)
    back = after(start, LEFT, UP, RIGHT, DOWN)
    np.testing.assert_allclose(back.stacked(), start.stacked(), atol=1e-12)


@pytest.mark.parametrize("control", BY_NAME.values())
def test_elevation_stops_at_the_poles(control):
    top = after(camera(0.3, 0.0), *[UP] * 7, control=control)
    bottom = after(camera(0.3, 0.0), *[DOWN] * 7, control=control)
    assert top.elevation[0] == np.pi / 2
    assert bottom.elevation[0] == -np.pi / 2


def test_discrete_moves_come_before_answers():
    commands = DiscreteControl(10).read(np.arange(14), 14)
    np.testing.assert_array_equal(commands.answer, [-1] * 4 + list(range(10)))
    assert (np.abs(commands.turn[:4]).sum(axis=1) > 0).all()
    assert not commands.turn[4:].any()


@pytest.mark.parametrize("num_answers", [1, 2, 10])
@pytest.mark.parametrize("control", BY_NAME.values())
def test_every_answer_can_be_given_and_turns_nothing(control, num_answers):
    built = control(num_answers)
    commands = built.read(built.encode_answer(np.arange(num_answers)), num_answers)
    np.testing.assert_array_equal(commands.answer, np.arange(num_answers))
    assert not commands.turn.any()


def test_every_turn_is_read_back_as_it_was_encoded(built):
    for turns in (built.turns, built.probes, np.array(list(built.named_turns.values()))):
        actions = built.encode_turn(turns)
        assert all(action in built.action_space for action in actions)
        commands = built.read(actions, len(turns))
        np.testing.assert_allclose(commands.turn, turns, atol=1e-6)
        assert (commands.answer == NO_ANSWER).all()
        # What has been encoded once is encoded in the same way again.
        np.testing.assert_array_equal(built.encode_turn(commands.turn), actions)


def test_a_turn_that_no_action_asks_for_becomes_the_nearest(built):
    asked = np.deg2rad([[28.0, 3.0], [-300.0, 1.0], [0.0, 200.0], [40.0, -5.0]])
    there_is = built.read(built.encode_turn(asked), len(asked)).turn
    away = np.linalg.norm(there_is - asked, axis=1)
    others = np.linalg.norm(built.turns[:, None] - asked, axis=2).min(0)
    assert (away <= others + 1e-6).all()


def test_turns_alone_are_turns(built):
    space = built.turn_space
    space.seed(0)
    drawn = np.stack([space.sample() for _ in range(50)])
    turns = built.read_turn(drawn, 50)
    read = built.read(built.encode_turn(turns), 50)
    np.testing.assert_allclose(read.turn, turns, atol=1e-6)
    assert len(np.unique(turns, axis=0)) > 3
    for outside in (drawn + 100, drawn[:-1]):
        with pytest.raises(UserError, match=r"(?s)action .*expected"):
            built.read_turn(outside, 50)


def test_moves_are_called_by_their_names(built):
    names = list(built.named_turns)
    commands = built.read(built.encode_moves(names), len(names))
    np.testing.assert_allclose(commands.turn, list(built.named_turns.values()), atol=1e-6)
    assert len(built.encode_moves([])) == 0
    with pytest.raises(UserError, match=r"move 'sideways'.*'left'"):
        built.encode_moves(["left", "sideways"])


def test_people_read_what_an_action_does(built):
    def name(actions: np.ndarray) -> str:
        return built.describe(actions[0], lambda answer: f"shape {answer}")

    said = {move: name(built.encode_moves([move])) for move in built.named_turns}
    assert all(move in words for move, words in said.items())
    assert len(set(said.values())) == len(said)
    for k in range(3):
        assert name(built.encode_answer([k])) == f"shape {k}"


def test_continuous_turns_are_named_in_degrees():
    action = np.array([-0.5, 1.0, -1.0, 0.0, 0.0, 0.0], np.float32)
    assert ContinuousControl(3).describe(action, str) == "left 30°, up 60°"


def test_moves_of_the_discrete_camera_have_the_names_alone():
    control = DiscreteControl(3)
    assert [control.describe(k, str) for k in range(4)] == ["left", "right", "up", "down"]


@pytest.mark.parametrize("answer", [-1, 3])
def test_an_answer_that_there_is_not_is_refused(built, answer):
    with pytest.raises(UserError, match=f"answer is {answer}, expected 0 to 2"):
        built.encode_answer([0, answer])


def test_controls_are_called_what_the_table_calls_them():
    for name in CONTROLS:
        assert BY_NAME[name].name == name


@pytest.mark.parametrize("num_answers", [1, 2, 10])
def test_every_point_of_the_box_turns_the_camera_or_answers(num_answers):
    control = ContinuousControl(num_answers)
    assert control.action_space.shape == (3 + (num_answers if num_answers > 1 else 0),)
    actions = np.random.default_rng(0).uniform(-1, 1, (1_000, *control.action_space.shape))
    corners = np.sign(actions)
    for values in (actions, corners, np.zeros_like(actions)):
        commands = control.read(values.astype(np.float32), 1_000)
        committed = values[:, 2] > 0
        np.testing.assert_array_equal(commands.answer >= 0, committed)
        assert (commands.answer < num_answers).all()
        assert not commands.turn[committed].any()
        np.testing.assert_allclose(
            commands.turn[~committed], LARGEST_TURN * values[~committed, :2], rtol=1e-6
        )


def test_the_largest_logit_answers_and_the_first_of_equals():
    logits = np.array([[-0.5, 0.2, -1.0], [-1.0, -0.9, -0.9], [0.0, 0.0, 0.0]], np.float32)
    actions = np.concatenate([np.full((3, 3), 0.5, np.float32), logits], axis=1)
    np.testing.assert_array_equal(ContinuousControl(3).read(actions, 3).answer, [1, 1, 0])


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
def test_discrete_actions_outside_the_space_are_refused_with_the_value(actions, message):
    with pytest.raises(UserError, match=message):
        DiscreteControl(10).read(actions, 2)


@pytest.mark.parametrize("number", [1.0, -1.0])
def test_a_number_that_rounding_put_beyond_an_end_is_that_end(number):
    beyond = np.nextafter(np.float32(number), np.float32(2 * number))
    for off in (beyond, np.float32(number) * np.float32(1 + 9e-6)):
        commands = ContinuousControl(1).read(np.array([[off, off, -1.0]]), 1)
        np.testing.assert_array_equal(commands.turn, [[number * LARGEST_TURN] * 2])


def test_what_rescaling_wrappers_make_of_the_ends_is_an_action(make):
    """In float32 they give 1.0000001 for some."""
    env = make("GQNShepardContinuous-v0", observation="state").unwrapped
    rescaled = RescaleAction(env, np.float32(-0.1), np.float32(0.7))
    rescaled.reset(seed=0)
    for end in (rescaled.action_space.low, rescaled.action_space.high):
        rescaled.step(np.nextafter(end, 2 * end))
        rescaled.reset()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([[0, 0, 1.00002], [0, 0, 0]], "number 2 is 1.00002"),
        ([[0, 0, 0], [0, 1.5, 0]], r"environment 1 .* number 1 is 1.5, expected -1 to 1"),
        ([[0, 0, -1.001], [0, 0, 0]], r"environment 0 .* number 2 is -1.001"),
        ([[0, 0, 0], [np.nan, 0, 0]], "number 0 is nan"),
        ([[0, np.inf, 0], [0, 0, 0]], "number 1 is inf"),
        ([[0, 0, 0], [0, 0, np.iinfo(np.int64).min]], "number 2 is -9223372036854775808"),
        ([0, 0], r"shape \(2,\), expected numbers of shape \(2, 3\)"),
        ([[0, 0, 0, 0]] * 2, r"shape \(2, 4\), expected"),
        ([[True, False, True]] * 2, "bool"),
        (None, "None"),
        ("up", "'up'"),
    ],
)
def test_continuous_actions_outside_the_space_are_refused_with_the_value(actions, message):
    with pytest.raises(UserError, match=message):
        ContinuousControl(1).read(actions, 2)
