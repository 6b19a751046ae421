"""Algorithms that the package does not know: one class each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.policies import BasePolicy, MultiInputActorCriticPolicy
from stable_baselines3.dqn.policies import MultiInputPolicy

from agents.algorithms.algorithm import Algorithm, Sections, Settings, Volumes
from agents.algorithms.replay import TargetReplayBuffer

COMMON: dict[str, Any] = {"n_timesteps": 1000, "num_envs": 4, "policy": "MultiInputPolicy"}
EVERY = {"policy_kwargs": {"net_arch": [16]}, "learning_rate": "lin_1e-3", "gamma": 0.9}


class OutsideA2C(Algorithm):
    """On policy, with the optimiser of its own, RMSprop."""

    model = A2C
    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {"MultiInputPolicy": MultiInputActorCriticPolicy}

    def hyperparameters(self) -> Sections:
        return {"default": COMMON | EVERY | {"n_steps": 8}, "Other-v0": {"n_steps": 16}}

    def search_space(self) -> Sections:
        return {"default": {"gamma": {"low": 0.8, "high": 0.99}}, "Other-v0": {"gamma": None}}


class OutsideDQN(Algorithm):
    """Off policy: a replay buffer, and numbers that only it counts."""

    model = DQN
    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {"MultiInputPolicy": MultiInputPolicy}
    counters = (*Algorithm.counters, "_n_calls", "exploration_rate")

    def hyperparameters(self) -> Sections:
        own = {"learning_starts": 40, "buffer_size": 400, "batch_size": 16}
        return {"default": COMMON | EVERY | own | {"target_update_interval": 60}}

    def arguments(
        self, settings: Settings, *, num_envs: int, num_answers: int, volumes: Volumes
    ) -> Settings:
        memory = {"replay_buffer_class": TargetReplayBuffer, "replay_buffer_kwargs": {"seed": 0}}
        return memory | settings


class ForgetfulDQN(OutsideDQN):
    """With Stable-Baselines3's own replay buffer."""

    def arguments(self, settings: Settings, **_: Any) -> Settings:
        return settings


class Incomplete(Algorithm):
    """Without a model."""

    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {}

    def hyperparameters(self) -> Sections:
        return {"default": COMMON}
