"""Algorithms of Stable-Baselines3 and sb3-contrib learn on single environments side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env

from envs import ENV_IDS

pytestmark = pytest.mark.client("stable_baselines3", "sb3_contrib")

CONTINUOUS_IDS = tuple(env_id for env_id in ENV_IDS if "Continuous" in env_id)
DISCRETE_IDS = tuple(env_id for env_id in ENV_IDS if "Continuous" not in env_id)
ON_POLICY = {"n_steps": 16, "batch_size": 16, "n_epochs": 1}
OFF_POLICY = {"learning_starts": 16, "train_freq": 16, "batch_size": 16, "buffer_size": 100}
STEPS = 64


@dataclass(frozen=True)
class Algorithm:
    """What one algorithm takes."""

    package: str
    ids: tuple[str, ...]
    settings: dict[str, Any]
    flat_policy: str = "MlpPolicy"
    dict_policy: str | None = "MultiInputPolicy"
    """None where Dict observations are not supported."""
    learn_options: dict[str, Any] = field(default_factory=dict)


ALGORITHMS = {
    "PPO": Algorithm("stable_baselines3", ENV_IDS, ON_POLICY),
    "DQN": Algorithm("stable_baselines3", DISCRETE_IDS, OFF_POLICY),
    "SAC": Algorithm("stable_baselines3", CONTINUOUS_IDS, OFF_POLICY),
    "RecurrentPPO": Algorithm(
        "sb3_contrib", ENV_IDS, ON_POLICY, "MlpLstmPolicy", "MultiInputLstmPolicy"
    ),
    "MaskablePPO": Algorithm(
        "sb3_contrib", DISCRETE_IDS, ON_POLICY, learn_options={"use_masking": False}
    ),
    "TQC": Algorithm("sb3_contrib", CONTINUOUS_IDS, OFF_POLICY),
    "CrossQ": Algorithm("sb3_contrib", CONTINUOUS_IDS, OFF_POLICY, dict_policy=None),
}


def make_model(name: str, policy: str | None, env_id: str, **arguments: Any) -> Any:
    """An untrained model over two environments."""
    torch.set_num_threads(1)
    algorithm = ALGORITHMS[name]
    env = make_vec_env(f"envs:{env_id}", 2, seed=0, env_kwargs=arguments)
    model_type = getattr(import_module(algorithm.package), name)
    return model_type(policy, env, seed=0, device="cpu", **algorithm.settings)


def check_learning(name: str, model: Any) -> None:
    """It takes the steps, its weights move and stay finite, and what it does is an action."""
    before = {key: value.clone() for key, value in model.policy.state_dict().items()}
    model.learn(STEPS, **ALGORITHMS[name].learn_options)
    after = model.policy.state_dict()
    assert model.num_timesteps == STEPS
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(torch.isfinite(value).all() for value in after.values())
    assert len(model.ep_success_buffer) > 0
    actions, _ = model.predict(model.get_env().reset(), deterministic=True)
    assert all(model.action_space.contains(action) for action in np.asarray(actions))
    model.get_env().close()


@pytest.mark.parametrize(
    ("name", "env_id"),
    [(name, i) for name, row in ALGORITHMS.items() if row.dict_policy for i in row.ids],
)
def test_an_algorithm_learns_on_dict_observations(name, env_id):
    check_learning(name, make_model(name, ALGORITHMS[name].dict_policy, env_id))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_learns_on_flat_observations(name):
    algorithm = ALGORITHMS[name]
    check_learning(name, make_model(name, algorithm.flat_policy, algorithm.ids[0], flatten=True))


def test_crossq_has_no_policy_for_dict_observations():
    """When this fails, the table above and docs/clients.md can say so."""
    with pytest.raises(ValueError, match="Policy MultiInputPolicy unknown"):
        make_model("CrossQ", "MultiInputPolicy", "GQNShepardContinuous-v0", observation="state")


def test_maskable_ppo_asks_for_masks_that_no_action_needs():
    """Every action is always allowed, hence `use_masking=False` above."""
    model = make_model("MaskablePPO", "MultiInputPolicy", "GQNShepard-v0", observation="state")
    with pytest.raises(ValueError, match="does not support action masking"):
        model.learn(STEPS)
