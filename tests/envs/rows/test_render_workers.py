"""Environments with rendering workers: nothing changes but the speed, until one is killed."""

from __future__ import annotations

import copy
import os
import signal
import time
from threading import Timer

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from agents.sb3_vec_env import GymnasiumVecEnv
from envs.assembly import ROWS_PER_GROUP
from gqn_rl.errors import UserError
from gqn_rl.rendering import DEFAULT_RENDERER
from tests.envs.actions import LEFT, UP, answers, mixed, moves
from tests.envs.fake_encoder import FakeDreamer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
SIZE, ROWS, WORKERS = 16, 4, 2
MODES = list(AutoresetMode)
OTHER_TASKS = ("GQNShepardMentalRotation-v0", "GQNShepardViewPrediction-v0")
CASES = [("GQNShepard-v0", mode) for mode in MODES]
CASES += [(OTHER_TASKS[1], AutoresetMode.SAME_STEP)]


@pytest.fixture
def make_small(make_vec):
    """Small images, and workers unless told otherwise."""

    def make(env_id="GQNShepard-v0", num_envs=ROWS, **arguments):
        defaults = {"encoder": FakeDreamer(SIZE), "image_size": SIZE, "render_workers": WORKERS}
        return make_vec(env_id, num_envs, **{**defaults, **arguments})

    return make


def kill(env, worker=0):
    """Kill the worker that draws the first rows, or the last."""
    os.kill(env.unwrapped.renderer.process_ids[worker], signal.SIGKILL)


def without_restarts(results):
    """Everything that an environment returned but what it says about its workers."""
    *others, infos = results
    infos = {key: value for key, value in infos.items() if "worker_restarts" not in key}
    if "final_info" in infos:
        final = infos["final_info"].items()
        infos["final_info"] = {k: v for k, v in final if "worker_restarts" not in k}
    return (*others, infos)


def rows_of(observation, rows):
    return {key: value[rows] for key, value in observation.items()}


MANY = ROWS_PER_GROUP * 2 + 3
"""Rows that are encoded in two groups."""


@pytest.mark.parametrize(
    ("renderer", "workers", "rows", "observation"),
    [
        (DEFAULT_RENDERER, WORKERS, ROWS, "pixels"),
        (DEFAULT_RENDERER, 1, MANY, "representation"),
        ("raycast", 1, ROWS, "representation"),
    ],
)
def test_workers_change_nothing_to_the_bit(
    make_small, task_id, renderer, workers, rows, observation
):
    arguments = {"observation": observation, "renderer": renderer, "max_looks": 4}
    arguments |= {"num_envs": rows, "autoreset_mode": "SameStep"}
    env = make_small(task_id, render_workers=workers, **arguments)
    plain = make_small(task_id, render_workers=0, **arguments)
    resets = [one.reset(seed=3) for one in (env, plain)]
    assert data_equivalence(*map(without_restarts, resets), exact=True)
    for actions in mixed(env, 8):
        steps = [one.step(actions) for one in (env, plain)]
        assert data_equivalence(*map(without_restarts, steps), exact=True)
        np.testing.assert_array_equal(env.images, plain.images)
    assert (steps[0][4]["worker_restarts"] == 0).all()
    assert "worker_restarts" not in steps[1][4]


def test_rows_with_many_groups_can_be_drawn_from(make_small):
    """The encoder draws rows of all groups, in the order asked for."""
    env = make_small("GQNShepardViewPrediction-v0", 3 * ROWS_PER_GROUP, render_workers=1)
    plain = make_small("GQNShepardViewPrediction-v0", 3 * ROWS_PER_GROUP, render_workers=0)
    rows = np.array([90, 3, 40, 41, 2, 95])
    drawn = []
    for one in (env, plain):
        one.reset(seed=0)
        drawn.append(one._rows.memory.draw(rows, one.viewpoints[rows]))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(("task_id", "mode"), CASES)
def test_episodes_of_a_killed_worker_end_truncated(make_small, task_id, mode):
    env = make_small(task_id, autoreset_mode=mode)
    env.reset(seed=0)
    before, *_, infos = env.step(moves(env, LEFT))
    targets, returns = env.targets, env._episodes.returns.copy()
    kill(env)
    after, rewards, over, truncated, infos = env.step(moves(env, UP))
    np.testing.assert_array_equal(truncated, [True, True, False, False])
    assert not over.any()
    np.testing.assert_array_equal(rewards, [0, 0, -0.02, -0.02])
    np.testing.assert_array_equal(infos["worker_restarts"], 1)
    assert (after["looks_left"][2:] < before["looks_left"][2:]).all()
    if mode == AutoresetMode.SAME_STEP:
        np.testing.assert_array_equal(infos["_final_obs"], truncated)
        final, ended = infos["final_obs"], infos["final_info"]
        for row in (0, 1):
            assert data_equivalence(final[row], rows_of(before, row), exact=True)
        np.testing.assert_array_equal(infos["looks"], [1, 1, 3, 3])
        np.testing.assert_array_equal(ended["worker_restarts"][:2], 1)
    else:
        assert data_equivalence(rows_of(after, [0, 1]), rows_of(before, [0, 1]), exact=True)
        np.testing.assert_array_equal(env._episodes.returns[:2], returns[:2])
        ended = infos
    np.testing.assert_array_equal(ended["looks"][:2], 2)
    np.testing.assert_array_equal(ended["answer"][:2], -1)
    np.testing.assert_array_equal(ended["target"][:2], targets[:2])
    assert not ended["is_success"][:2].any()


@pytest.mark.parametrize(("task_id", "mode"), CASES)
def test_it_goes_on_as_if_the_episodes_had_ended_by_themselves(make_small, task_id, mode):
    """The rows whose worker lives see what they would have seen; the others begin anew."""
    env = make_small(task_id, autoreset_mode=mode, max_looks=5)
    plain = make_small(task_id, autoreset_mode=mode, max_looks=5, render_workers=0)
    for one in (env, plain):
        one.reset(seed=0)
        one.step(moves(one, LEFT))
    kill(env, worker=1)
    mine, theirs = env.step(moves(env, UP)), plain.step(moves(plain, UP))
    if mode == AutoresetMode.NEXT_STEP:
        mine = env.step(moves(env, UP))
        theirs = plain.step(moves(plain, UP))
    elif mode == AutoresetMode.DISABLED:
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.step(moves(env, UP))
        mine = env.reset(options={"reset_mask": mine[3].copy()})
    np.testing.assert_array_equal(mine[-1]["looks"][2:], 1)
    assert data_equivalence(rows_of(mine[0], [0, 1]), rows_of(theirs[0], [0, 1]), exact=True)
    for one in (env, plain):
        one.reset(seed=9)
    for actions in mixed(env, 6):
        if mode == AutoresetMode.DISABLED:
            actions = moves(env, LEFT)
            if env._episodes.ended.any():
                break
        steps = [one.step(actions) for one in (env, plain)]
        assert data_equivalence(*map(without_restarts, steps), exact=True)


@pytest.mark.parametrize("task_id", OTHER_TASKS)
def test_first_views_are_drawn_again_and_end_nothing(make_small, task_id):
    env = make_small(task_id, autoreset_mode="SameStep")
    plain = make_small(task_id, autoreset_mode="SameStep", render_workers=0)
    kill(env)
    resets = [one.reset(seed=0) for one in (env, plain)]
    assert data_equivalence(*map(without_restarts, resets), exact=True)
    kill(env, worker=1)
    steps = [one.step(answers(one, 0)) for one in (env, plain)]
    assert data_equivalence(*map(without_restarts, steps), exact=True)
    assert not steps[0][3].any()
    np.testing.assert_array_equal(steps[0][4]["worker_restarts"], 2)
    np.testing.assert_array_equal(steps[0][4]["final_info"]["worker_restarts"], 1)


def test_pictures_are_complete_whatever_becomes_of_the_workers(make_small):
    env = make_small(OTHER_TASKS[0], render_mode="rgb_array")
    plain = make_small(OTHER_TASKS[0], render_mode="rgb_array", render_workers=0)
    for one in (env, plain):
        one.reset(seed=0)
        one._rows.views.expire(np.ones(ROWS, bool), scenes=True)
    kill(env)
    for mine, theirs in zip(env.render(), plain.render(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    env.step(moves(env, LEFT))
    kill(env)
    _, _, _, truncated, _ = env.step(moves(env, LEFT))
    # The camera is back where the last view was taken.
    np.testing.assert_array_equal(env.images, env.renderer.render(env.scenes, env.viewpoints))
    assert truncated.sum() == 2
    env.render()


def test_where_nothing_is_drawn_no_episode_is_cut_off(make_small):
    env = make_small(observation="state")
    env.reset(seed=0)
    kill(env)
    assert not env.step(moves(env, LEFT))[3].any()
    assert env.images.any(axis=(1, 2, 3)).all()


def test_a_copy_taken_in_mid_episode_has_workers_of_its_own(make_small):
    env = make_small()
    env.reset(seed=3)
    env.step(moves(env, LEFT))
    twin = copy.deepcopy(env)
    assert not set(twin.renderer.process_ids) & set(env.renderer.process_ids)
    for actions in mixed(env, 5):
        assert data_equivalence(env.step(actions), twin.step(actions), exact=True)
    twin.close()


def test_closing_an_environment_ends_its_workers(make_small):
    env = make_small()
    processes = [worker.process for worker in env.renderer._workers]
    env.close()
    assert all(process.poll() is not None for process in processes)


def test_a_negative_number_of_workers_is_refused(make_small):
    with pytest.raises(UserError, match="render_workers is -1, expected at least 0"):
        make_small(render_workers=-1)


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_environments_in_worker_processes_may_have_rendering_workers(start_method):
    env = make_vec_env(
        "envs:GQNShepard-v0",
        n_envs=1,
        seed=0,
        env_kwargs={"observation": "pixels", "render_workers": 1, "image_size": SIZE},
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": start_method},
    )
    try:
        assert env.reset()["image"].any()
        _, rewards, *_ = env.step([LEFT])
        assert rewards[0] == pytest.approx(-0.02)
    finally:
        env.close()


class KillWorkers(BaseCallback):
    """Kills a worker now and then, in the middle of collecting experience."""

    def __init__(self) -> None:
        super().__init__()
        self.killed, self.cut_off, self.restarts = 0, 0, 0

    def _on_step(self) -> bool:
        infos = self.locals["infos"]
        self.cut_off += sum(info["TimeLimit.truncated"] for info in infos)
        self.restarts = max(info["worker_restarts"] for info in infos)
        if self.n_calls % 20 == 10:
            kill(self.training_env.venv, worker=self.killed % WORKERS)
            self.killed += 1
        return True


def test_training_goes_on_when_workers_are_killed(make_small):
    """Through the adapter to Stable-Baselines3, with real kills while PPO learns."""
    env = make_small(num_envs=8, observation="representation", autoreset_mode="SameStep")
    torch.manual_seed(0)
    agent = PPO("MultiInputPolicy", GymnasiumVecEnv(env), n_steps=16, batch_size=64, n_epochs=1)
    callback = KillWorkers()
    agent.learn(512, callback=callback)
    assert agent.num_timesteps == 512
    assert callback.killed == 3
    assert callback.restarts == 3
    # A new episode's first view is drawn again, so fewer than all four rows may be cut off.
    assert 3 <= callback.cut_off <= 12
    assert all(bool(p.isfinite().all()) for p in agent.policy.parameters())


def test_a_worker_killed_at_any_moment_stops_nothing(make_small):
    """Kills from outside, at moments that nobody chose."""
    env = make_small(num_envs=16, observation="pixels", autoreset_mode="SameStep")
    env.reset(seed=0)
    rng, kills, stop = np.random.default_rng(0), 0, time.monotonic() + 2.0
    while time.monotonic() < stop:
        if time.monotonic() > stop - 2.0 + 0.5 * kills:
            victim = env.renderer.process_ids[kills % WORKERS]
            Timer(rng.uniform(0.01, 0.1), os.kill, (victim, signal.SIGKILL)).start()
            kills += 1
        observation, _, _, truncated, infos = env.step(moves(env, int(rng.integers(4))))
        assert observation["image"].any(axis=(1, 2, 3)).all()
        assert not truncated.any() or infos["worker_restarts"][0] > 0
    assert infos["worker_restarts"][0] >= kills - 1
