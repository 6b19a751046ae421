"""View prediction: the formula of the reward, and who may stand where."""

from __future__ import annotations

import numpy as np
import pytest

from envs.camera.angles import CameraAngles
from envs.rows.query_errors import root_mean_square_error
from envs.tasks import NO_ANSWER, QueryErrors, make_task
from envs.tasks.view_prediction import CLEARANCE, SUCCESS
from gqn_rl.evaluation.metrics import image_errors
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from tests.envs.actions import DOWN, LEFT, RIGHT, UP, answer, answers, mixed, move
from tests.envs.fake_encoder import FakeDreamer

IDS = ("GQNShepardViewPrediction-v0", "GQNShepardViewPredictionContinuous-v0")


def score(first, last, given=None):
    task = make_task("view_prediction")
    first, last = np.atleast_1d(first).astype(float), np.atleast_1d(last).astype(float)
    given = np.zeros(len(first), dtype=np.int64) if given is None else given
    trials = task.sample(np.random.default_rng(0), len(first))
    return task.score(trials, given, QueryErrors(first, last))


def test_the_reward_is_the_share_of_the_first_error_that_is_gone():
    first, last = np.array([20.0, 20, 20, 20, 40]), np.array([20.0, 10, 0, 30, 10])
    np.testing.assert_allclose(score(first, last).reward, 1 - last / first)


@pytest.mark.parametrize("first", [0.0, 1e-300, 0.3, 1.0, 17.3, 255.0])
def test_the_same_error_again_is_exactly_nothing(first):
    assert score(first, first).reward == 0.0


def test_the_reward_is_bounded_and_a_number_whatever_the_errors():
    first, last = (grid.ravel() for grid in np.meshgrid([0.0, 1e-9, 0.5, 20, 255], [0.0, 9, 255]))
    reward = score(first, last).reward
    assert np.isfinite(reward).all()
    assert (np.abs(reward) <= 1).all()
    assert (reward[last > first] < 0).all()


def test_a_first_error_below_one_grey_level_does_not_blow_small_changes_up():
    np.testing.assert_allclose(score([0.01, 0.0, 0.2], [0.02, 0.1, 0.0]).reward, [-0.01, -0.1, 0.2])


def test_the_reward_falls_as_the_error_grows():
    assert (np.diff(score(np.full(50, 20.0), np.linspace(0, 40, 50)).reward) < 0).all()


def test_success_is_a_reward_at_the_threshold_or_above():
    first, reward = np.full(3, 100.0), np.array([SUCCESS - 0.01, SUCCESS, SUCCESS + 0.01])
    np.testing.assert_array_equal(score(first, first * (1 - reward)).success, [False, True, True])


def test_no_answer_costs_one_even_if_all_was_seen():
    outcome = score([20.0], [-1.0], np.array([NO_ANSWER]))
    assert (outcome.reward[0], outcome.success[0]) == (-1.0, False)


def test_the_error_is_the_one_that_the_prediction_metrics_report():
    rng = np.random.default_rng(0)
    images, truth = (rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    expected = 255.0 * np.sqrt(image_errors(images / 255.0, truth).squared)
    np.testing.assert_allclose(root_mean_square_error(images, truth), expected)
    np.testing.assert_array_equal(root_mean_square_error(truth, truth), 0.0)


def test_query_viewpoints_are_uniform_on_the_sphere_and_told_by_the_cue():
    trials = make_task("view_prediction").sample(np.random.default_rng(0), 20_000)
    counts, _ = np.histogram(np.sin(trials.query.elevation), bins=10, range=(-1, 1))
    assert (np.abs(counts - 2000) < 5 * np.sqrt(2000)).all()
    told = Viewpoints.decode(trials.cue)
    np.testing.assert_allclose(told.position, trials.query.viewpoints().position, atol=1e-5)


def clearances(env):
    position = env.viewpoints.position
    cameras = CameraAngles(
        np.arctan2(position[:, 1], position[:, 0]),
        np.arcsin(np.clip(position[:, 2] / np.linalg.norm(position, axis=1), -1, 1)),
    )
    return cameras.distance_to(env.trials.query)


@pytest.mark.parametrize("env_id", IDS)
def test_no_view_is_taken_from_near_the_query_viewpoint(make_vec, env_id):
    small = {"image_size": 8, "encoder": FakeDreamer(8)}
    env = make_vec(env_id, num_envs=100, max_looks=30, **small)
    env.reset(seed=0)
    closest = [clearances(env).min()]
    assert closest[0] < np.deg2rad(45)
    for actions in mixed(env, 25):
        env.step(actions)
        closest.append(clearances(env).min())
    assert min(closest) > CLEARANCE - 1e-9


def test_first_views_are_uniform_over_where_a_camera_may_stand(make_vec):
    small = {"image_size": 8, "encoder": FakeDreamer(8)}
    env = make_vec(IDS[0], num_envs=2_000, observation="pixels", **small)
    env.reset(seed=0)
    # Archimedes, with the query viewpoint for a pole.
    heights = np.cos(clearances(env))
    counts, _ = np.histogram(heights, bins=10, range=(-1, np.cos(CLEARANCE)))
    assert (np.abs(counts - 200) < 5 * np.sqrt(200)).all()


def towards(env):
    """The move that brings a single camera closest to the query viewpoint."""
    rows = env.unwrapped.rows
    position, query = rows.viewpoints.position[0], rows.trials.query
    here = CameraAngles(np.arctan2(position[1:2], position[:1]), np.arcsin(position[2:3] / 9.0))
    turns = np.deg2rad(30.0) * np.array([[-1.0, 0], [1, 0], [0, 1], [0, -1]])
    after = [here.turned(turn[None]).distance_to(query)[0] for turn in turns]
    return int(np.argmin(after)), min(after)


@pytest.mark.parametrize("env_id", IDS)
def test_a_move_into_the_forbidden_part_stops_there_and_counts(make, env_id):
    env = make(env_id, max_looks=40, observation="pixels")
    tried = 0
    for seed in range(12):
        before, info = env.reset(seed=seed)
        for _ in range(12):
            direction, distance = towards(env)
            after, reward, _, _, now = env.step(move(env, direction))
            assert (reward, now["looks"]) == (-0.02, info["looks"] + 1)
            if distance < CLEARANCE:
                tried += 1
                if "Continuous" in env_id:
                    assert clearances(env.unwrapped.rows)[0] == pytest.approx(CLEARANCE, abs=1e-9)
                else:
                    np.testing.assert_array_equal(after["viewpoint"], before["viewpoint"])
                    np.testing.assert_array_equal(after["image"], before["image"])
                break
            before, info = after, now
    assert tried >= 6


@pytest.mark.parametrize("observation", ["representation", "pixels", "state"])
@pytest.mark.parametrize("env_id", IDS)
def test_answering_at_once_gives_exactly_nothing(make_vec, env_id, observation):
    env = make_vec(env_id, num_envs=20, observation=observation, autoreset_mode="SameStep")
    _, infos = env.reset(seed=0)
    first = infos["first_error"]
    assert (first > 0).all()
    np.testing.assert_array_equal(infos["error"], -1.0)
    _, rewards, over, _, infos = env.step(answers(env, 0))
    assert over.all()
    np.testing.assert_array_equal(rewards, 0.0)
    final = infos["final_info"]
    np.testing.assert_array_equal(final["error"], first)
    np.testing.assert_array_equal(final["first_error"], first)
    assert not final["is_success"].any()


@pytest.mark.parametrize("observation", ["representation", "pixels", "state"])
def test_the_reward_comes_from_what_the_encoder_draws(make, observation):
    encoder = FakeDreamer()
    env = make(IDS[0], observation=observation, encoder=encoder)
    for seed, directions in enumerate([(UP,), (LEFT, DOWN), (RIGHT, RIGHT, UP)]):
        _, info = env.reset(seed=seed)
        rows = env.unwrapped.rows
        query = rows.trials.query.viewpoints()
        truth = rows.renderer.render(rows.scenes, query)
        state = encoder.update(encoder.initial_state(1), Views(rows.images, rows.viewpoints))
        first = root_mean_square_error(encoder.predict_view(state, query), truth)
        for direction in directions:
            env.step(move(env, direction))
            state = encoder.update(state, Views(rows.images, rows.viewpoints))
        last = root_mean_square_error(encoder.predict_view(state, query), truth)
        _, reward, terminated, _, info = env.step(answer(env, 0))
        assert terminated
        assert (info["first_error"], info["error"]) == (first[0], last[0])
        expected = np.clip(1 - last[0] / first[0], -1, 1)
        assert reward == pytest.approx(expected)
        assert info["is_success"] == (expected >= SUCCESS)


def test_running_out_of_looks_is_not_a_prediction(make):
    env = make(IDS[0], max_looks=2)
    _, info = env.reset(seed=0)
    env.step(UP)
    _, reward, terminated, _, last = env.step(UP)
    assert (reward, terminated) == (-1.0, True)
    assert (last["error"], last["answer"]) == (-1.0, -1)
    assert last["first_error"] == info["first_error"]
