"""Cameras look where actions aim them, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from envs.camera.aim import AimRange, aimed
from envs.camera.angles import CameraAngles
from envs.camera.control import CONTROLS, NAMED_TURNS, NO_ANSWER, CameraControl, make_control
from envs.camera.paths import AimedPaths
from gqn_rl.errors import UserError
from tests.envs.eight_ways import NAME
from tests.envs.episodes import play
from tests.renderers import needs_pybullet

Make = Callable[..., Any]
NARROW = {"observation": "pixels", "field_of_view": 5.0, "image_size": 16}
RANGE = AimRange.of(5.0)


@pytest.fixture(params=CONTROLS)
def built(request: pytest.FixtureRequest) -> CameraControl:
    """Every control that can aim, with three answers."""
    return make_control(request.param, 3, RANGE)


def by_name(env: Any, *names: str) -> Any:
    """One action for every row."""
    return env.unwrapped.control.encode_moves(names)


def test_every_turn_and_aim_is_read_back_as_it_was_encoded(built: CameraControl) -> None:
    for turns in (built.turns, built.probes, np.array(list(built.named_turns.values()))):
        assert turns.shape[1] == 4
        actions = built.encode_turn(turns)
        assert all(action in built.action_space for action in actions)
        commands = built.read(actions, len(turns))
        np.testing.assert_allclose(commands.turn, turns, atol=1e-6)
        assert (commands.answer == NO_ANSWER).all()
    assert len(np.unique(built.turns.round(9), axis=0)) == len(built.turns)
    assert built.turns[:, 2:].any(axis=1).any()


def test_answers_are_given_and_change_nothing(built: CameraControl) -> None:
    commands = built.read(built.encode_answer(np.arange(3)), 3)
    np.testing.assert_array_equal(commands.answer, np.arange(3))
    assert not commands.turn.any()


def test_turns_alone_are_turns(built: CameraControl) -> None:
    space = built.turn_space
    space.seed(0)
    turns = built.read_turn(np.stack([space.sample() for _ in range(20)]), 20)
    assert turns.shape == (20, 4)
    np.testing.assert_allclose(built.read(built.encode_turn(turns), 20).turn, turns, atol=1e-6)


def test_moves_of_the_camera_come_first_as_ever(built: CameraControl) -> None:
    usual = make_control(built.name, 3)
    assert list(built.named_turns)[:4] == list(usual.named_turns)
    for name in NAMED_TURNS:
        ((moved,), (before,)) = built.encode_moves([name]), usual.encode_moves([name])
        np.testing.assert_array_equal(np.ravel(moved)[:2], np.ravel(before)[:2])
        commands = built.read(np.asarray([moved]), 1)
        np.testing.assert_allclose(commands.turn[0, :2], NAMED_TURNS[name], atol=1e-6)
        assert not commands.turn[0, 2:].any()


def test_moves_have_names_for_people(built: CameraControl) -> None:
    told = [built.describe(action, str) for action in built.encode_moves(["aim-left", "aim-up"])]
    assert "left" in told[0]
    assert "up" in told[1]
    assert all("aim" in line for line in told)
    with pytest.raises(UserError, match=r"unknown move 'pan'; expected one of \['aim-down', "):
        built.encode_moves(["pan"])


def cameras(rng: np.random.Generator, n: int = 500) -> CameraAngles:
    """Anywhere, the poles included."""
    poles = CameraAngles(np.array([0.3, -2.0]), np.array([1.0, -1.0]) * np.pi / 2)
    return CameraAngles.concatenate([CameraAngles.sample(rng, n - 2), poles])


def test_an_aim_of_nothing_is_the_centre_to_the_bit(rng: np.random.Generator) -> None:
    some = cameras(rng)
    plain, same = some.viewpoints(), aimed(some, np.zeros((len(some), 2)))
    for name in ("position", "yaw", "pitch"):
        np.testing.assert_array_equal(getattr(same, name), getattr(plain, name))


def test_the_line_of_sight_meets_the_plane_through_the_centre_where_it_is_aimed(
    rng: np.random.Generator,
) -> None:
    some, aim = cameras(rng), rng.uniform(-RANGE.limit, RANGE.limit, (500, 2))
    straight, poses = some.viewpoints(), aimed(some, aim)
    np.testing.assert_array_equal(poses.position, straight.position)
    right, up, forward = np.moveaxis(straight.axes(), 1, 0)
    sight = poses.axes()[:, 2]
    depth = (sight * forward).sum(axis=1)
    beside = np.stack([(sight * axis).sum(axis=1) / depth for axis in (right, up)], axis=1)
    np.testing.assert_allclose(beside, np.tan(aim), atol=1e-9)
    assert (np.abs(poses.pitch) <= np.pi / 2).all()


def test_views_stay_where_the_object_can_be_seen() -> None:
    for angle in (1.0, 20.0, 44.0):
        found = AimRange.of(angle)
        assert np.rad2deg(found.limit) + angle / 2 == pytest.approx(22.5)
        paths, row = AimedPaths(1, 3, found), np.array([True])
        paths.turn(row, np.array([[0.0, 0.0, 3.0, -3.0]]), None, partway=False)
        np.testing.assert_array_equal(paths.aim[0], [found.limit, -found.limit])


def test_a_lost_view_takes_the_aim_back() -> None:
    paths, row, move = AimedPaths(1, 3, RANGE), np.array([True]), np.array([[0.1, 0.0, 0.1, 0.2]])
    paths.note(row)
    paths.turn(row, move, None, partway=False)
    paths.note(row)
    before = paths.viewpoints()
    paths.turn(row, move, None, partway=False)
    paths.go_back(row)
    np.testing.assert_array_equal(paths.viewpoints().axes(), before.axes())
    np.testing.assert_array_equal(paths.poses_of(0).axes()[-1:], before.axes())


@pytest.mark.parametrize("env_id", ["GQNShepard-v0", "GQNShepardMentalRotation-v0"])
def test_an_aim_is_a_look_and_shows_something_else(env_id: str, make: Make) -> None:
    env = make(env_id, aim="free", **NARROW)
    control, before = env.unwrapped.rows.control, env.reset(seed=0)[0]
    after, reward, _, _, info = env.step(control.encode_moves(["aim-right"])[0])
    assert (reward, info["looks"]) == (-0.02, 2)
    np.testing.assert_array_equal(after["viewpoint"][:3], before["viewpoint"][:3])
    assert not np.array_equal(after["viewpoint"][3:], before["viewpoint"][3:])
    assert not np.array_equal(after["image"], before["image"])
    assert env.unwrapped.rows.aim == "free"
    again = env.reset()[0]["viewpoint"]  # a new episode begins at the centre
    sight = np.array([again[3] * again[5], again[4] * again[5], again[6]])
    np.testing.assert_allclose(sight, -again[:3] / 9, atol=1e-6)


def test_without_a_change_of_the_aim_episodes_are_as_ever(make_vec: Make) -> None:
    free, usual = (make_vec(num_envs=3, aim=aim, **NARROW) for aim in ("free", "centre"))
    seen = [[env.reset(seed=4)[0]] for env in (free, usual)]
    for name in ("up", "left", "up", "up", "right"):
        for env, views in zip((free, usual), seen, strict=True):
            views.append(env.step(by_name(env, name, name, name))[0])
    assert data_equivalence(*seen, exact=True)


def test_what_is_beside_the_middle_comes_into_it(make_vec: Make) -> None:
    given, n, size = {"observation": "pixels", "renderer": "raycast"}, 32, 128
    wide = make_vec(num_envs=n, image_size=size, **given)
    narrow = make_vec(num_envs=n, field_of_view=2.0, image_size=16, aim="free", **given)
    whole, found, other = wide.reset(seed=0)[0]["image"].astype(int), [], []
    for name in ("aim-left", "aim-right", "aim-up", "aim-down"):
        narrow.reset(seed=0)
        middle = narrow.step(by_name(narrow, *[name] * n))[0]["image"][:, 7, 8].astype(int)
        aim = narrow.unwrapped.control.named_turns[name][2:]
        right, up = np.rint(np.tan(aim) / np.tan(np.pi / 8) * size / 2).astype(int)
        for sign, alike in ((1, found), (-1, other)):
            there = whole[:, size // 2 - 1 - sign * up, size // 2 + sign * right]
            alike.append((np.abs(middle - there).max(axis=1) <= 2).mean())
    assert np.mean(found) > 0.9  # but where an edge passes within a pixel
    assert np.mean(other) < 0.7


@needs_pybullet
@pytest.mark.parametrize("field_of_view", [20.0, 2.0])
def test_both_renderers_draw_what_is_aimed_at(field_of_view: float, make_vec: Make) -> None:
    given = {**NARROW, "field_of_view": field_of_view, "aim": "free", "image_size": 64}
    one, two = (
        make_vec("GQNShepardContinuous-v0", 16, renderer=name, max_looks=5, **given)
        for name in ("pybullet", "raycast")
    )
    views = [[env.reset(seed=2)[0]["image"]] for env in (one, two)]
    rng = np.random.default_rng(0)
    for _ in range(4):
        turns = one.unwrapped.control.turns
        actions = one.unwrapped.control.encode_turn(turns[rng.integers(len(turns), size=16)])
        for env, seen in zip((one, two), views, strict=True):
            seen.append(env.step(actions)[0]["image"])
    apart = np.abs(np.stack(views[0]).astype(int) - np.stack(views[1])).max(axis=-1)
    assert np.stack(views[0]).any(axis=-1).mean() > 0.05
    assert (apart > 2).mean() <= 1e-4


@pytest.mark.parametrize("control", ["", "Continuous"])
def test_where_moves_lead_is_where_they_lead(control: str, make_vec: Make) -> None:
    env = make_vec(f"GQNShepard{control}-v0", 1, aim="free", **NARROW)
    rows = env.unwrapped
    env.reset(seed=3)
    env.step(by_name(env, "aim-up"))
    turns = rows.control.turns[:: max(1, len(rows.control.turns) // 9)]
    told, snapshot = rows.landings(0, turns), rows.snapshot()
    for number, turn in enumerate(turns):
        rows.restore({name: value.copy() for name, value in snapshot.items()})
        env.step(rows.control.encode_turn(turn[None]))
        for name in ("position", "yaw", "pitch"):
            reached, expected = getattr(rows.viewpoints, name)[0], getattr(told, name)[number]
            np.testing.assert_allclose(reached, expected, atol=1e-6)


@pytest.mark.parametrize("env_id", ["GQNShepard-v0", "GQNShepardContinuous-v0"])
def test_rows_are_as_single_environments(env_id: str, make: Make, make_vec: Make) -> None:
    many, one = make_vec(env_id, 3, aim="free", **NARROW), make(env_id, aim="free", **NARROW)
    many.reset(seed=5)
    one.reset(seed=7)
    names = ("aim-left", "down", "aim-down", "aim-down")
    for name in names:
        action = by_name(many, name)[0]
        seen, alone = many.step(np.stack([action] * 3))[0], one.step(action)[0]
        for key, value in alone.items():
            np.testing.assert_array_equal(seen[key][2], value)


def test_it_goes_on_from_a_snapshot(make_vec: Make) -> None:
    first, second, usual = (
        make_vec("GQNShepardContinuous-v0", 3, aim=aim, autoreset_mode="SameStep", **NARROW)
        for aim in ("free", "free", "centre")
    )
    first.reset(seed=1)
    first.action_space.seed(0)
    actions = [first.action_space.sample() for _ in range(12)]
    for action in actions[:4]:
        first.step(action)
    snapshot = {name: value.copy() for name, value in first.unwrapped.snapshot().items()}
    expected = [first.step(action) for action in actions[4:]]
    usual.reset(seed=1)
    with pytest.raises(UserError, match=r"aims? is float64 .*, expected none"):
        usual.unwrapped.restore(dict(snapshot))
    second.reset(seed=9)
    second.unwrapped.restore(snapshot)
    received = [second.step(action) for action in actions[4:]]
    for one, other in zip(expected, received, strict=True):
        assert data_equivalence(one[:4], other[:4], exact=True)


@pytest.mark.parametrize("env_id", ["GQNShepard-v0", "GQNShepardMentalRotationFlatContinuous-v0"])
def test_it_is_an_environment_like_any_other(env_id: str, make: Make) -> None:
    env = make(env_id, aim="free", render_mode="rgb_array", **NARROW)
    check_env(env.unwrapped, skip_render_check=True)
    first, again = play(env, 3), play(env, 3)
    assert data_equivalence(first, again, exact=True)
    assert env.render().ndim == 3


@pytest.mark.parametrize(
    ("env_id", "arguments", "message"),
    [
        ("GQNShepard-v0", {}, 'aim is "free" and field_of_view 45, expected less than 45'),
        ("GQNShepard-v0", {"field_of_view": 50}, "field_of_view is 50, expected 1 to 45"),
        ("GQNShepard-v0", {"aim": "edge"}, "unknown aim 'edge'"),
        (
            "GQNShepardViewPrediction-v0",
            {"field_of_view": 5.0},
            'aim is "free", expected "centre" in ViewPredictionTask',
        ),
        ("GQNShepard-v0", {"field_of_view": 5.0, "control": NAME}, "'.*EightWays' cannot aim"),
    ],
)
def test_an_aim_that_says_nothing_is_refused(
    env_id: str, arguments: dict[str, Any], message: str, make: Make
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make(env_id, **{"observation": "pixels", "aim": "free", **arguments})
    assert "\n" not in str(caught.value)
