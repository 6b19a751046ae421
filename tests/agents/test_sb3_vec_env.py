"""The bridge shows Stable-Baselines3 exactly what `DummyVecEnv` over the same rows would."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.sb3_vec_env import GymnasiumVecEnv, split_infos
from gqn_rl.errors import UserError
from tests.agents.fake_env import NUM_MOVES, FakeRecognitionEnv, fake_vector_env

OPTIONS = {"time_limit": 4}


def dummy(num_envs: int) -> DummyVecEnv:
    return DummyVecEnv([lambda: Monitor(FakeRecognitionEnv(**OPTIONS)) for _ in range(num_envs)])


def bridge(num_envs: int) -> GymnasiumVecEnv:
    return GymnasiumVecEnv(fake_vector_env(num_envs, **OPTIONS))


def trained_weights(env: VecEnv) -> dict[str, torch.Tensor]:
    model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, n_epochs=2, seed=3)
    model.learn(200)
    return model.policy.state_dict()


def test_ppo_learns_bit_identical_weights() -> None:
    expected, received = trained_weights(dummy(3)), trained_weights(bridge(3))
    assert expected.keys() == received.keys()
    for name, weight in expected.items():
        assert torch.equal(weight, received[name]), name


def test_every_step_equals_dummy_vec_env() -> None:
    """Observations, rewards, dones and whole infos, over several episode ends of both kinds."""
    rng = np.random.default_rng(0)
    one, two = dummy(4), bridge(4)
    for env in (one, two):
        env.seed(11)
    first, second = one.reset(), two.reset()
    ends = {"answered": 0, "truncated": 0}
    for _ in range(60):
        for key in first:
            assert np.array_equal(first[key], second[key])
            assert first[key].dtype == second[key].dtype
        actions = rng.integers(0, NUM_MOVES + 1, size=4)
        first, reward_one, done_one, info_one = one.step(actions)
        second, reward_two, done_two, info_two = two.step(actions)
        assert np.array_equal(reward_one, reward_two)
        assert reward_one.dtype == reward_two.dtype
        assert np.array_equal(done_one, done_two)
        for row in range(4):
            assert_same_info(info_one[row], info_two[row])
            assert one.reset_infos[row] == two.reset_infos[row]
        ends["answered"] += int(done_one.sum())
        ends["truncated"] += sum(info["TimeLimit.truncated"] for info in info_one)
    assert ends["truncated"] > 0
    assert ends["answered"] > ends["truncated"]


def assert_same_info(expected: dict, received: dict) -> None:
    assert expected.keys() == received.keys()
    for key, value in expected.items():
        if key == "terminal_observation":
            assert all(np.array_equal(value[name], received[key][name]) for name in value)
        elif key == "episode":
            assert (value["r"], value["l"]) == (received[key]["r"], received[key]["l"])
        else:
            assert value == received[key], key
            assert type(value) is type(received[key]), key


def test_refuses_other_autoreset_modes() -> None:
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED):
        with pytest.raises(UserError, match="SAME_STEP"):
            GymnasiumVecEnv(fake_vector_env(2, mode))


def test_observations_survive_the_next_step() -> None:
    env = GymnasiumVecEnv(fake_vector_env(2))
    env.venv.copy = False  # the vector environment reuses its buffers
    env.seed(0)
    before = env.reset()
    kept = before["representation"].copy()
    env.step(np.zeros(2, dtype=np.int64))
    assert np.array_equal(before["representation"], kept)


def test_seed_repeats_episodes_and_rows_differ() -> None:
    env = bridge(3)
    seen = []
    for seed in (5, 5, 6):
        env.seed(seed)
        seen.append(env.reset()["representation"])
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0][1:], seen[2][:-1])  # row i has the seed `seed + i`
    assert not np.array_equal(seen[0][0], seen[0][1])


def test_attributes_and_methods_of_rows() -> None:
    env = bridge(3)
    env.reset()
    env.set_attr("noise", 0.1, indices=[1])
    assert env.get_attr("noise") == [0.3, 0.1, 0.3]
    assert env.env_method("_info", 2, indices=1)[0]["answer"] == 2
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert not env.has_attr("nonsense")


def test_attributes_of_a_native_vector_env_are_shared() -> None:
    class Native:
        """The parts of a native vector environment, without Sync's per-row access."""

        def __init__(self) -> None:
            self._rows = fake_vector_env(2)
            self.num_envs = 2
            self.metadata = self._rows.metadata
            self.single_observation_space = self._rows.single_observation_space
            self.single_action_space = self._rows.single_action_space
            self.render_mode = None
            self.targets = np.array([1, 3])
            self.unwrapped = self

    env = GymnasiumVecEnv(Native())  # type: ignore[arg-type]
    assert env.get_attr("targets", indices=[0])[0].tolist() == [1, 3]
    env.set_attr("targets", "other")
    assert env.get_attr("targets") == ["other", "other"]
    with pytest.raises(ValueError, match="shared by all 2 rows"):
        env.set_attr("targets", "other", indices=[0])


def test_statistics_reach_sb3s_logs() -> None:
    env = bridge(2)
    model = PPO("MultiInputPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=0)
    model.learn(64)
    assert len(model.ep_info_buffer) > 0
    assert len(model.ep_success_buffer) == len(model.ep_info_buffer)
    rewards, lengths = evaluate_policy(model, env, n_eval_episodes=4, return_episode_rewards=True)
    assert len(rewards) == len(lengths) == 4


def test_split_infos_respects_masks() -> None:
    infos = {
        "target": np.array([4, 0]),
        "_target": np.array([True, False]),
        "nested": {"a": np.array([1.5, 2.5]), "_a": np.array([False, True])},
        "_nested": np.array([False, True]),
        "shared": np.array([[1, 2], [3, 4]]),
    }
    rows = split_infos(infos, 2)
    assert rows[0]["target"] == 4
    assert "nested" not in rows[0]
    assert "target" not in rows[1]
    assert rows[1]["nested"] == {"a": 2.5}
    assert rows[1]["shared"].tolist() == [3, 4]
