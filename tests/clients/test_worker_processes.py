"""Worker processes of Stable-Baselines3 and Gymnasium show what one process would show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from envs import ENV_IDS

START_METHODS = ("fork", "spawn", "forkserver")
STEPS = 12
TIME_LIMIT = 120.0
"""Seconds: workers that answer at all do so within a few."""


def plain(env_id: str) -> dict[str, Any]:
    """Arguments that load no shipped weights."""
    encoder = {"encoder": "random"} if "ViewPrediction" in env_id else {}
    return {"observation": "state", **encoder}


def sb3_history(env: VecEnv) -> Iterator[Any]:
    """What a reset and steps of sampled actions return, in one type and without times."""
    env.seed(5)
    yield dict(env.reset())
    env.action_space.seed(5)
    for _ in range(STEPS):
        observations, rewards, dones, infos = env.step(
            np.stack([env.action_space.sample() for _ in range(env.num_envs)])
        )
        facts = [{k: v for k, v in info.items() if k != "episode"} for info in infos]
        yield dict(observations), rewards.astype(np.float32), dones, facts


def gymnasium_history(env: gymnasium.vector.VectorEnv) -> Iterator[Any]:
    """What a reset and steps of sampled actions return."""
    yield env.reset(seed=5)
    env.action_space.seed(5)
    for _ in range(STEPS):
        yield env.step(env.action_space.sample())


@pytest.mark.parametrize("method", START_METHODS)
def test_subproc_vec_env_equals_dummy_vec_env(method):
    env_id = "envs:GQNShepard-v0"
    one_process = make_vec_env(env_id, 2, env_kwargs=plain(env_id), vec_env_cls=DummyVecEnv)
    workers = make_vec_env(
        env_id,
        2,
        env_kwargs=plain(env_id),
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": method},
    )
    try:
        ends = 0
        for expected, received in zip(sb3_history(one_process), sb3_history(workers), strict=True):
            assert data_equivalence(expected, received, exact=True)
            ends += int(np.sum(received[2])) if isinstance(received, tuple) else 0
        assert ends > 0
    finally:
        workers.close()


@pytest.mark.parametrize("method", START_METHODS)
def test_async_vector_env_equals_sync_vector_env(method):
    assert_async_equals_sync("GQNShepard-v0", method, observation="state")


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_async_vector_env_takes_every_id(env_id):
    assert_async_equals_sync(env_id, "fork", **plain(env_id))


def test_async_vector_env_gives_the_same_representations():
    assert_async_equals_sync("GQNShepard-v0", "fork", observation="representation")


def assert_async_equals_sync(env_id: str, method: str, **arguments: Any) -> None:
    """Everything that two rows return, to the bit."""
    sync, workers = (
        gymnasium.make_vec(
            f"envs:{env_id}", 2, vectorization_mode=mode, vector_kwargs=options, **arguments
        )
        for mode, options in (("sync", {}), ("async", {"context": method}))
    )
    try:
        for expected, received in zip(
            gymnasium_history(sync), gymnasium_history(workers), strict=True
        ):
            assert data_equivalence(expected, received, exact=True)
    finally:
        workers.close()
        sync.close()


def test_forked_workers_encode_though_their_parent_has_used_threads():
    """They hung: OpenMP's threads do not survive a fork, see `envs.forked`."""
    script = """\
import gymnasium, torch
torch.set_num_threads(2)
matrix = torch.ones(1000, 1000)
assert (matrix @ matrix).mean() == 1000
env = gymnasium.make_vec(
    "envs:GQNShepard-v0", 2, vectorization_mode="async", vector_kwargs={"context": "fork"}
)
observations, _ = env.reset(seed=0)
print(len(observations["representation"]), "rows")
env.close()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        printed, _ = parent.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(parent.pid, signal.SIGKILL)  # with its workers, which would wait for ever
        raise
    assert parent.returncode == 0
    assert printed == "2 rows\n"
