"""What every registered id promises, whatever its task."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from importlib.util import find_spec

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv

from envs.scene_vector_env import SceneVectorEnv
from tests.envs.fake_encoder import FakeEncoder

OBSERVATIONS = ("representation", "pixels", "state")
CHEAP = [
    {"encoder": FakeEncoder()},
    {"observation": "pixels"},
    {"observation": "state"},
    {"observation": "pixels", "renderer": "raycast"},
    {"observation": "state", "orientation": "free", "shapes": "test", "max_looks": 1},
]


@pytest.mark.parametrize("arguments", CHEAP)
@pytest.mark.parametrize("check", [check_env, check_env_for_sb3])
def test_the_environment_checkers_have_nothing_to_say(make, env_id, check, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(make(env_id, **arguments, render_mode="rgb_array").unwrapped)


@pytest.mark.skipif(not find_spec("gqn_rl.encoders.gqn_encoder"), reason="no GQN in this build")
def test_a_gqn_of_random_weights_passes_the_checkers(make, env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for check in (check_env, check_env_for_sb3):
            check(make(env_id, encoder="random", render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_same_seed_gives_the_same_episodes_and_another_seed_others(make, env_id, observation):
    first, again, other = (make(env_id, observation=observation) for _ in range(3))
    histories = [play(env, seed) for env, seed in ((first, 7), (again, 7), (other, 8))]
    assert data_equivalence(histories[0], histories[1], exact=True)
    assert not data_equivalence(histories[0], histories[2], exact=True)
    # A second reset with the seed starts over.
    assert data_equivalence(histories[0], play(first, 7), exact=True)


def test_unseeded_environments_differ(make, env_id):
    pictures = [make(env_id, observation="pixels").reset()[0]["image"] for _ in range(2)]
    assert not np.array_equal(*pictures)


def test_observations_stay_inside_the_space(make_vec, env_id):
    for observation in OBSERVATIONS:
        env = make_vec(env_id, num_envs=16, observation=observation)
        env.action_space.seed(0)
        assert env.reset(seed=0)[0] in env.observation_space
        for _ in range(30):
            assert env.step(env.action_space.sample())[0] in env.observation_space


def test_observations_are_not_shared_between_calls(make_vec, env_id):
    env = make_vec(env_id)
    before, infos = env.reset(seed=0)
    kept = copy.deepcopy((before, infos))
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())
    assert data_equivalence((before, infos), kept, exact=True)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_copy_taken_in_mid_episode_goes_on_the_same_way(make_vec, env_id, observation, duplicate):
    env = make_vec(env_id, observation=observation)
    env.reset(seed=3)
    env.step(np.zeros(4, dtype=np.int64))
    twin = duplicate(env)
    env.action_space.seed(0)
    for actions in [env.action_space.sample() for _ in range(20)]:
        assert data_equivalence(env.step(actions), twin.step(actions), exact=True)
    twin.close()


def test_the_spec_survives_json_and_makes_the_same_environment(env_id):
    env = gymnasium.make(env_id, observation="state", max_looks=5, num_cubes=6)
    spec = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json())
    json.loads(env.spec.to_json())
    twin = spec.make()
    assert data_equivalence(play(env, 1), play(twin, 1), exact=True)
    assert twin.unwrapped.rows.max_looks == 5


def test_make_vec_uses_the_native_implementation(env_id):
    env = gymnasium.make_vec(env_id, num_envs=64, observation="state")
    assert type(env) is SceneVectorEnv
    assert env.num_envs == 64
    assert isinstance(env.metadata["autoreset_mode"], AutoresetMode)
    twin = gymnasium.make_vec(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert (type(twin), twin.num_envs) == (SceneVectorEnv, 64)


def test_step_before_reset_and_after_the_end_asks_for_a_reset(make, make_vec, env_id):
    single = make(env_id).unwrapped
    for env, action in ((single, 0), (make_vec(env_id), np.zeros(4, dtype=np.int64))):
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.step(action)
    play(single, 0)
    with pytest.raises(gymnasium.error.ResetNeeded):
        single.step(0)


def test_close_may_be_called_twice_and_nothing_works_after_it(make, make_vec, env_id):
    for env, action in ((make(env_id).unwrapped, 0), (make_vec(env_id), np.zeros(4, int))):
        env.reset(seed=0)
        env.close()
        env.close()
        with pytest.raises(gymnasium.error.ClosedEnvironmentError):
            env.step(action)
        with pytest.raises(gymnasium.error.ClosedEnvironmentError):
            env.reset()


@pytest.mark.parametrize("action", [-1, 10_000, 1.0, "left", None, [0]])
def test_a_bad_action_is_refused_and_changes_nothing(make, env_id, action):
    env, twin = make(env_id).unwrapped, make(env_id).unwrapped
    for one in (env, twin):
        one.reset(seed=2)
        one.step(1)
    with pytest.raises(ValueError, match="action") as caught:
        env.step(action)
    assert "expected" in str(caught.value)
    assert data_equivalence(env.step(2), twin.step(2), exact=True)


def test_monitor_reports_success(env_id):
    env = Monitor(gymnasium.make(env_id, observation="state"), info_keywords=("is_success",))
    env.reset(seed=0)
    done = False
    while not done:
        *_, done, _, info = env.step(env.action_space.n - 1)
    assert info["episode"]["is_success"] == info["is_success"]


def test_spawned_workers_find_the_id(env_id):
    env = make_vec_env(
        f"envs:{env_id}",
        n_envs=1,
        seed=0,
        env_kwargs={"observation": "state"},
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": "spawn"},
    )
    try:
        observation = env.reset()
        assert observation["state"].shape == (1, 42)
    finally:
        env.close()


def play(env, seed):
    """One episode of sampled actions, everything it returned."""
    env.action_space.seed(seed)
    history = [env.reset(seed=seed)]
    while len(history) < 2 or not (history[-1][2] or history[-1][3]):
        history.append(env.step(env.action_space.sample()))
    return history
