"""What the observation tells about moves is what happens when they are made."""

from __future__ import annotations

import numpy as np
import pytest

from envs.camera.angles import CameraAngles
from envs.camera.control import CONTROLS, LARGEST_TURN, STEP, make_control
from envs.observation.next_best_view import COLUMNS
from gqn_rl.geometry.viewpoint import Viewpoints
from tests.envs.fake_encoder import FakeDreamer

DISCRETE, CONTINUOUS = "GQNShepardViewPrediction-v0", "GQNShepardViewPredictionContinuous-v0"


class FakeInformed(FakeDreamer):
    """Says how far candidates stand apart from the query, and how many views were taken."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def information_gain(self, representation, query, seen, is_seen, candidates):
        self.asked.append((representation, query, seen, is_seen, candidates))
        distance = np.linalg.norm(candidates[..., :3] - query[:, None, :3], axis=-1)
        left = np.full((len(query), 1), 2.0)
        told = np.concatenate([distance, left], axis=1)
        return (told + 0.1 * is_seen.sum(1, keepdims=True)).astype(np.float32)


def directions(encoded):
    position = Viewpoints.decode(encoded).position
    return position / np.linalg.norm(position, axis=1, keepdims=True)


def parts_of(prospects):
    """Closeness of the moves, of the views so far, and novelty."""
    moves = matrix(prospects)
    return moves[:, :-1, 2], moves[:, -1, 2], moves[:, :-1, 3]


def matrix(prospects):
    return prospects.reshape(len(prospects), -1, COLUMNS)


def action_for(env_id, move, n):
    """The action of one of the probed moves."""
    if env_id == DISCRETE:
        return np.full(n, move)
    control = make_control("continuous", 1)
    action = np.zeros((n, 3), np.float32)
    action[:, :2] = control.probes[move] / LARGEST_TURN
    return action


@pytest.mark.parametrize("env_id", [DISCRETE, CONTINUOUS])
def test_every_move_ends_where_the_prospects_say(make_vec, env_id):
    moves = len(make_control("discrete" if env_id == DISCRETE else "continuous", 1).probes)
    for move in range(moves):
        env = make_vec(env_id, num_envs=40)
        before, _ = env.reset(seed=5)
        closeness, nearest, novelty = parts_of(before["prospects"])
        first, query = directions(before["viewpoint"]), directions(before["cue"])
        np.testing.assert_allclose(nearest, (first * query).sum(1), atol=1e-5)
        after = env.step(action_for(env_id, move, 40))[0]
        there = directions(after["viewpoint"])
        np.testing.assert_allclose(closeness[:, move], (there * query).sum(1), atol=1e-5)
        angle = np.arccos(np.clip((there * first).sum(1), -1, 1))
        np.testing.assert_allclose(novelty[:, move], angle / STEP, atol=2e-3)


def test_novelty_and_closeness_count_from_the_nearest_of_all_views(make_vec):
    env = make_vec(DISCRETE, num_envs=20)
    observation, _ = env.reset(seed=0)
    query, path = directions(observation["cue"]), [directions(observation["viewpoint"])]
    for move in (0, 2, 1, 3, 1):
        observation = env.step(np.full(20, move))[0]
        path.append(directions(observation["viewpoint"]))
    closeness, nearest, novelty = parts_of(observation["prospects"])
    best = np.max([(seen * query).sum(1) for seen in path], axis=0)
    np.testing.assert_allclose(nearest, best, atol=1e-5)
    there = directions(env.step(np.full(20, 2))[0]["viewpoint"])
    apart = [np.arccos(np.clip((there * seen).sum(1), -1, 1)) for seen in path]
    np.testing.assert_allclose(novelty[:, 2], np.min(apart, axis=0) / STEP, atol=2e-3)
    np.testing.assert_allclose(closeness[:, 2], (there * query).sum(1), atol=1e-5)


def test_an_informed_encoder_is_asked_about_what_happened_and_could(make_vec):
    encoder = FakeInformed()
    env = make_vec(DISCRETE, num_envs=6, encoder=encoder, autoreset_mode="SameStep")
    observation, _ = env.reset(seed=1)
    poses = [observation["viewpoint"]]
    for move in (0, 2):
        observation = env.step(np.full(6, move))[0]
        poses.append(observation["viewpoint"])
    representation, query, seen, is_seen, candidates = encoder.asked[-1]
    np.testing.assert_array_equal(representation, observation["representation"])
    np.testing.assert_allclose(query, observation["cue"], atol=1e-6)
    assert is_seen.all()
    np.testing.assert_allclose(seen, np.stack(poses, axis=1), atol=1e-6)
    gain = matrix(observation["prospects"])[..., 4]
    distance = np.linalg.norm(candidates[..., :3] - query[:, None, :3], axis=-1)
    np.testing.assert_allclose(gain[:, :4], np.minimum(distance + 0.3, 10.0), atol=1e-5)
    np.testing.assert_allclose(gain[:, 4], 2.3, atol=1e-5)
    after = env.step(np.full(6, 1))[0]["viewpoint"]
    np.testing.assert_allclose(candidates[:, 1], after, atol=1e-6)


def test_the_next_episode_begins_without_the_views_of_the_last(make_vec):
    encoder = FakeInformed()
    env = make_vec(DISCRETE, num_envs=3, encoder=encoder, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.step(np.array([0, 1, 2]))
    actions = np.array([0, 1, 4])  # the last row predicts
    observation = env.step(actions)[0]
    is_seen = encoder.asked[-1][3]
    np.testing.assert_array_equal(is_seen.sum(1), [3, 3, 1])
    _, nearest, _ = parts_of(observation["prospects"])
    here, query = directions(observation["viewpoint"]), directions(observation["cue"])
    assert nearest[2] == pytest.approx((here * query).sum(1)[2], abs=1e-5)


def test_what_the_encoder_knows_is_told_only_with_its_representation(make_vec):
    for observation in ("pixels", "state"):
        encoder = FakeInformed()
        env = make_vec(DISCRETE, num_envs=2, encoder=encoder, observation=observation)
        assert env.single_observation_space["prospects"].shape == (25,)
        assert not matrix(env.reset(seed=0)[0]["prospects"])[..., 4].any()
        assert not encoder.asked
    informed = make_vec(DISCRETE, num_envs=2, encoder=FakeInformed())
    assert informed.single_observation_space["prospects"].shape == (25,)
    assert matrix(informed.reset(seed=0)[0]["prospects"])[..., 4].all()


@pytest.mark.parametrize("env_id", [DISCRETE, CONTINUOUS])
def test_prospects_name_the_turns_they_tell_of(make_vec, env_id):
    control = make_control("discrete" if env_id == DISCRETE else "continuous", 1)
    seen, _ = make_vec(env_id, num_envs=3, encoder=FakeInformed()).reset(seed=0)
    turns = matrix(seen["prospects"])[..., :2]
    largest = STEP if env_id == DISCRETE else LARGEST_TURN
    np.testing.assert_allclose(turns[:, :-1] * largest, [control.probes] * 3, atol=1e-6)
    np.testing.assert_array_equal(turns[:, -1], 0.0)


def test_nothing_is_new_about_making_no_move(make_vec):
    env = make_vec(CONTINUOUS, num_envs=5, encoder=FakeInformed())
    seen, _ = env.reset(seed=0)
    np.testing.assert_array_equal(matrix(seen["prospects"])[:, -1, 3], 0.0)


@pytest.mark.parametrize("env_id", ["GQNShepard-v0", "GQNShepardMentalRotation-v0"])
def test_tasks_without_a_query_have_no_prospects(make_vec, env_id):
    env = make_vec(env_id, num_envs=2, encoder=FakeInformed())
    assert "prospects" not in env.single_observation_space.spaces


@pytest.mark.parametrize("name", CONTROLS)
def test_probed_moves_are_moves_that_can_be_made(name):
    control = make_control(name, 1)
    start = CameraAngles(np.zeros(1), np.zeros(1))
    for index, turn in enumerate(control.probes):
        action = np.array([index])
        if name == "continuous":
            action = np.zeros((1, 3), np.float32)
            action[0, :2] = turn / LARGEST_TURN
        np.testing.assert_allclose(control.read(action, 1).turn[0], turn, atol=1e-6)
        assert start.turned(turn[None]).distance_to(start)[0] > 0.1


def test_prospects_survive_a_snapshot(make_vec):
    env, other = (make_vec(DISCRETE, num_envs=4, encoder=FakeInformed()) for _ in range(2))
    env.reset(seed=0)
    seen = env.step(np.array([0, 1, 2, 3]))[0]
    other.unwrapped.restore(env.unwrapped.snapshot())
    one, two = (venv.step(np.array([1, 1, 1, 1]))[0] for venv in (env, other))
    np.testing.assert_array_equal(one["prospects"], two["prospects"])
    assert not np.array_equal(one["prospects"], seen["prospects"])
