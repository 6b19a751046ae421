"""PPO in the table of algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy, MultiInputActorCriticPolicy
from torch import Tensor
from torch.optim import Optimizer

from agents.algorithms.algorithm import (
    Algorithm,
    Sections,
    Settings,
    Volumes,
    shipped_hyperparameters,
    shipped_search_space,
)
from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.supervision import supervised_arguments
from agents.policies.answer_policy import AnswerPolicy
from agents.restorable import Restorable


class PPOAlgorithm(Algorithm):
    """`AnswerPPO` on Discrete actions."""

    model = AnswerPPO
    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {
        "AnswerPolicy": AnswerPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
    }
    outputs = ("probabilities",)
    plain_settings: Mapping[str, Any] = {"aux_coef": 0.0}  # no second optimiser

    def hyperparameters(self) -> Sections:
        return shipped_hyperparameters("ppo")

    def search_space(self) -> Sections:
        return shipped_search_space("ppo")

    def arguments(
        self, settings: Settings, *, num_envs: int, num_answers: int, volumes: Volumes
    ) -> Settings:
        if "n_steps" in settings:
            batch = dividing_batch(num_envs * settings["n_steps"], settings["batch_size"])
            settings = settings | {"batch_size": batch}
        return supervised_arguments(settings, num_answers, volumes)

    def act(self, policy: Any, observations: dict[str, Tensor]) -> Tensor:
        """Probabilities of the actions (B, A); the best action is the likeliest."""
        features = policy.extract_features(observations, policy.pi_features_extractor)
        logits = policy.action_net(policy.mlp_extractor.forward_actor(features))
        return torch.softmax(logits, dim=1)

    def optimizers(self, model: AnswerPPO) -> dict[str, Optimizer]:
        answer = {"answer": model.answer_optimizer} if model.is_supervised else {}
        return super().optimizers(model) | answer

    def stores(self, model: AnswerPPO) -> dict[str, Restorable]:
        return {"memory": model.answer_memory} if model.is_supervised else {}


def dividing_batch(rollout: int, batch: int) -> int:
    """The largest size up to `batch` that divides the rollout: the last minibatch of an epoch
    would otherwise be a stump."""
    return max(size for size in range(1, min(batch, rollout) + 1) if rollout % size == 0)
