"""Shaped rewards: the same returns, differently spread, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agents.algorithms.shaping import PotentialShaping
from agents.factory import load_hyperparameters
from agents.sb3_vec_env import GymnasiumVecEnv
from experiments.agent.environment import make_environment
from experiments.agent.settings import TrainAgentSettings
from experiments.agent.training import model_for, shaped
from gqn_rl.errors import UserError
from tests.agents.fake_env import fake_vector_env
from tests.envs.fake_encoder import FakeDreamer

ROWS, STEPS = 6, 60
ENV_ID = "GQNShepardViewPrediction-v0"


def environment() -> GymnasiumVecEnv:
    native = gymnasium.make_vec(
        f"envs:{ENV_ID}",
        num_envs=ROWS,
        encoder=FakeDreamer(),
        max_looks=4,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    return GymnasiumVecEnv(native)


@pytest.fixture
def pair() -> Iterator[tuple[GymnasiumVecEnv, Any]]:
    """Two environments with the same episodes; the second can be wrapped."""
    plain, other = environment(), environment()
    for env in (plain, other):
        env.seed(11)
    yield plain, other
    plain.close()
    other.close()


def played(env: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rewards and ends (STEPS, ROWS) of the same actions in any environment."""
    rng = np.random.default_rng(3)
    rewards, ends = [], []
    env.reset()
    for _ in range(STEPS):
        _, reward, done, _ = env.step(rng.integers(5, size=ROWS))
        rewards.append(reward.copy())
        ends.append(done.copy())
    return np.stack(rewards), np.stack(ends)


def returns(rewards: np.ndarray, ends: np.ndarray, gamma: float) -> list[float]:
    """Discounted, of every episode that ended."""
    found = []
    for row in range(ROWS):
        begin = 0
        for end in np.flatnonzero(ends[:, row]):
            part = rewards[begin : end + 1, row]
            found.append(float((part * gamma ** np.arange(len(part))).sum()))
            begin = end + 1
    return found


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_every_episode_returns_what_it_did(pair: tuple[Any, Any], gamma: float) -> None:
    """An episode begins with one look, after which answering pays nothing, and ends at nothing."""
    plain, other = pair
    expected, ends = played(plain)
    received, same_ends = played(PotentialShaping(other, gamma))
    np.testing.assert_array_equal(ends, same_ends)
    assert ends.sum() > 20
    assert not np.allclose(expected, received)
    np.testing.assert_allclose(
        returns(received, ends, gamma), returns(expected, ends, gamma), atol=1e-5
    )


def test_a_look_is_paid_by_what_it_changed(pair: tuple[Any, Any]) -> None:
    plain, other = pair
    paid = PotentialShaping(other, 1.0)
    plain.reset()
    paid.reset()
    before = plain.venv.unwrapped.potential()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(before, 0.0)
    move = np.zeros(ROWS, dtype=np.int64)
    _, cost, _, _ = plain.step(move)
    _, reward, _, _ = paid.step(move)
    after = plain.venv.unwrapped.potential()  # type: ignore[attr-defined]
    assert np.abs(after).max() > 0.01
    np.testing.assert_allclose(reward - cost, after, atol=1e-6)


def test_hyperparameters_say_whether_looks_are_paid() -> None:
    env = environment()
    assert shaped(env, {"gamma": 0.9}) is env
    assert shaped(env, {"gamma": 0.9, "potential_shaping": False}) is env
    assert isinstance(shaped(env, {"gamma": 0.9, "potential_shaping": True}), PotentialShaping)
    env.close()


@pytest.mark.parametrize("paid", [True, False])
def test_whatever_trains_learns_from_the_rewards_that_its_hyperparameters_name(paid: bool) -> None:
    """`train_agent` and the trials of a search make their models alike."""
    environment = make_environment(ENV_ID, ROWS, {}, encoder=FakeDreamer())
    hyperparameters = load_hyperparameters("ppo", ENV_ID, {"potential_shaping": paid})
    settings = TrainAgentSettings(env_id=ENV_ID)
    model = model_for(settings, environment, hyperparameters, seed=0)
    assert isinstance(model.get_env(), PotentialShaping) == paid
    environment.close()


def test_an_environment_that_cannot_say_what_answering_pays_is_refused() -> None:
    with pytest.raises(UserError, match="potential"):
        PotentialShaping(GymnasiumVecEnv(fake_vector_env(2)), 1.0)
