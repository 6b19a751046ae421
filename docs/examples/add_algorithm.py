"""A2C as Stable-Baselines3 has it: it learns from the reward alone."""

from __future__ import annotations

from collections.abc import Mapping

from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3.common.policies import BasePolicy, MultiInputActorCriticPolicy

from agents.algorithms.algorithm import Algorithm, Sections


class A2CAlgorithm(Algorithm):
    """On Discrete actions; one optimiser, nothing remembered from rollout to rollout."""

    model = A2C
    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {"MultiInputPolicy": MultiInputActorCriticPolicy}

    def hyperparameters(self) -> Sections:
        default = {
            "n_timesteps": 200_000,
            "num_envs": 64,
            "policy": "MultiInputPolicy",
            "policy_kwargs": {"net_arch": [64, 64], "features_extractor_class": "scene"},
            "learning_rate": "lin_2e-3",  # falls to 0 over the training
            "n_steps": 8,
            "gamma": 0.99,
            "ent_coef": 0.005,
        }
        return {"default": default, "GQNShepardMentalRotation-v0": {"n_timesteps": 50_000}}

    def search_space(self) -> Sections:
        rate = {"low": 3e-4, "high": 5e-3, "log": True, "as": "lin_{}"}
        return {"default": {"learning_rate": rate, "n_steps": {"choices": [5, 8, 16]}}}
