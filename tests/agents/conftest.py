"""A small trained agent, and the settings that train one in two seconds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.factory import load_hyperparameters, make_model
from agents.sb3_vec_env import GymnasiumVecEnv
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env

SMALL = {
    "batch_size": 128,
    "aux_buffer_size": 5000,
    "aux_batch_size": 128,
    "aux_updates": 8,
    "policy_kwargs": {
        "net_arch": {"pi": [32], "vf": [32]},
        "features_extractor_kwargs": {"hidden": [32, 32], "dropout": 0.0},
    },
}
"""Changes to the default hyperparameters that suit the fake task."""


SMALL_SAC = {
    "buffer_size": 20_000,
    "learning_starts": 1000,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "gradient_steps": 4,
    "aux_batch_size": 128,
    "policy_kwargs": {
        "net_arch": [32, 32],
        "features_extractor_kwargs": {"hidden": [32, 32], "dropout": 0.0},
    },
}


def small_hyperparameters(**changes: Any) -> dict[str, Any]:
    return load_hyperparameters("ppo", "fake", SMALL) | changes


def small_model(
    num_envs: int = 16,
    seed: int = 0,
    continuous: bool = False,
    prospects: bool = False,
    **changes: Any,
) -> BaseAlgorithm:
    """An untrained PPO model on the fake task; with continuous actions it is a hybrid one."""
    return make_model(
        "ppo",
        GymnasiumVecEnv(fake_vector_env(num_envs, continuous=continuous, prospects=prospects)),
        small_hyperparameters(**changes),
        num_answers=NUM_ANSWERS,
        seed=seed,
        device="cpu",
    )


def small_sac_model(
    num_envs: int = 16, seed: int = 0, prospects: bool = False, **changes: Any
) -> BaseAlgorithm:
    """An untrained SAC model on the fake task with continuous actions."""
    return make_model(
        "sac",
        GymnasiumVecEnv(fake_vector_env(num_envs, continuous=True, prospects=prospects)),
        load_hyperparameters("sac", "fake", SMALL_SAC) | changes,
        num_answers=NUM_ANSWERS,
        seed=seed,
        device="cpu",
    )


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Networks of a few thousand weights are slower on two threads than on one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def trained_model() -> BaseAlgorithm:
    """PPO with the auxiliary loss after 20,000 steps of the fake task."""
    return small_model().learn(20_000)


@pytest.fixture(scope="session")
def trained_hybrid_model() -> BaseAlgorithm:
    """The same with hybrid actions, after 12,000."""
    return small_model(continuous=True).learn(12_000)


@pytest.fixture(scope="session")
def trained_sac_model() -> BaseAlgorithm:
    """SAC with the auxiliary loss after 8,000 steps of the fake task."""
    return small_sac_model().learn(8_000, log_interval=1000)
