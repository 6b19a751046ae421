"""Copies, specs, workers, threads and the end of an environment."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import gymnasium
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from envs.camera.control import make_control
from envs.scene_vector_env import SceneVectorEnv
from gqn_rl.gqn.checkpoint import pretrained_path
from tests.envs.actions import LEFT, RIGHT, mixed, move, moves
from tests.envs.episodes import play
from tests.renderers import EVERY_RENDERER

OBSERVATIONS = ("representation", "pixels", "state")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_copy_taken_in_mid_episode_goes_on_the_same_way(make_vec, env_id, observation, duplicate):
    env = make_vec(env_id, observation=observation)
    env.reset(seed=3)
    env.step(moves(env, LEFT))
    twin = duplicate(env)
    for actions in list(mixed(env, 12)):
        assert data_equivalence(env.step(actions), twin.step(actions), exact=True)
    twin.close()


def test_the_spec_survives_json_and_makes_the_same_environment(env_id, plain):
    env = gymnasium.make(env_id, **plain, max_looks=5, num_cubes=6)
    spec = EnvSpec.from_json(env.spec.to_json())
    json.loads(env.spec.to_json())
    twin = spec.make()
    assert data_equivalence(play(env, 1), play(twin, 1), exact=True)
    assert twin.unwrapped.rows.max_looks == 5
    env.close()
    twin.close()


@pytest.mark.parametrize("make_some", [gymnasium.make, gymnasium.make_vec])
def test_the_spec_survives_json_when_the_encoder_is_a_path(make_some):
    path = pretrained_path("small")
    env = make_some("GQNShepard-v0", encoder=path)
    spec = EnvSpec.from_json(env.spec.to_json())
    twin = make_some(spec)
    assert spec.kwargs["encoder"] == str(path)
    seen = [one.reset(seed=0)[0] for one in (env, twin)]
    assert data_equivalence(*seen, exact=True)
    env.close()
    twin.close()


def test_make_vec_uses_the_native_implementation(env_id, plain):
    env = gymnasium.make_vec(env_id, num_envs=9, **plain)
    assert type(env) is SceneVectorEnv
    assert env.num_envs == 9
    assert isinstance(env.metadata["autoreset_mode"], AutoresetMode)
    twin = gymnasium.make_vec(EnvSpec.from_json(env.spec.to_json()))
    assert (type(twin), twin.num_envs) == (SceneVectorEnv, 9)
    env.close()
    twin.close()


def test_two_environments_do_not_disturb_each_other(make, env_id):
    alone = play(make(env_id), 5)
    first, second = make(env_id).unwrapped, make(env_id).unwrapped
    first.action_space.seed(5)
    together = [first.reset(seed=5)]
    second.reset(seed=6)
    while len(together) < len(alone):
        together.append(first.step(first.action_space.sample()))
        if second.step(move(second, RIGHT))[2]:
            second.reset()
    second.close()
    assert data_equivalence(alone, together, exact=True)


def test_environments_work_in_threads(make, env_id):
    expected = [play(make(env_id), seed) for seed in range(4)]
    env = [make(env_id) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        received = list(pool.map(lambda seed: play(env[seed], seed), range(4)))
    assert data_equivalence(expected, received, exact=True)


def test_an_environment_may_be_made_in_one_thread_and_used_in_another(make, env_id):
    expected = play(make(env_id), 3)
    with ThreadPoolExecutor(1) as pool:
        env = pool.submit(make, env_id).result()
    assert data_equivalence(expected, play(env, 3), exact=True)


def test_step_before_reset_and_after_the_end_asks_for_a_reset(make, make_vec, env_id):
    single, many = make(env_id).unwrapped, make_vec(env_id)
    with pytest.raises(gymnasium.error.ResetNeeded):
        single.step(move(single, LEFT))
    with pytest.raises(gymnasium.error.ResetNeeded):
        many.step(moves(many, LEFT))
    play(single, 0)
    with pytest.raises(gymnasium.error.ResetNeeded):
        single.step(move(single, LEFT))


def test_close_may_be_called_twice_and_nothing_works_after_it(make, make_vec, env_id):
    single, many = make(env_id, render_mode="rgb_array").unwrapped, make_vec(env_id)
    actions = (move(single, LEFT), moves(many, LEFT))
    for env, action in zip((single, many), actions, strict=True):
        env.reset(seed=0)
        env.close()
        env.close()
        with pytest.raises(gymnasium.error.ClosedEnvironmentError):
            env.step(action)
        with pytest.raises(gymnasium.error.ClosedEnvironmentError):
            env.reset()
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        single.render()


def test_an_environment_that_was_never_reset_can_be_closed(make, env_id):
    make(env_id).close()


@pytest.mark.parametrize("renderer", EVERY_RENDERER)
def test_a_process_that_computes_in_float64_sees_the_same(task_id, renderer):
    histories = []
    for number in (torch.float32, torch.float64):
        torch.set_default_dtype(number)
        try:
            env = gymnasium.make(task_id, renderer=renderer, max_looks=3)
            histories.append(play(env, 4))
            env.close()
        finally:
            torch.set_default_dtype(torch.float32)
    assert data_equivalence(*histories, exact=True)


def test_spawned_workers_find_the_ids():
    """In worker processes of their own; one import of everything for all ids."""
    env_id = "envs:GQNShepardMentalRotationContinuous-v0"
    env = make_vec_env(
        env_id,
        n_envs=1,
        seed=0,
        env_kwargs={"observation": "state"},
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": "spawn"},
    )
    try:
        observation = env.reset()
        assert observation["state"].shape == observation["cue"].shape == (1, 42)
        _, _, dones, infos = env.step(make_control("continuous", 2).encode_answer([1]))
        assert dones[0]
        assert infos[0]["answer"] == 1
    finally:
        env.close()
