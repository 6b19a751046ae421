"""SAC in the table of algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.sac.policies import MultiInputPolicy
from torch import Tensor, nn
from torch.optim import Optimizer

from agents.algorithms.algorithm import (
    Algorithm,
    DecidedActor,
    Sections,
    Settings,
    Volumes,
    shipped_hyperparameters,
    shipped_search_space,
)
from agents.algorithms.answer_sac import AnswerSAC
from agents.algorithms.supervision import supervised_arguments
from agents.hyperparameter_values import ENTROPY, RULES, Rule
from agents.policies.answers.sac_policy import AnswerSACPolicy
from agents.policies.moves.sac_policy import MoveSACPolicy


class SACAlgorithm(Algorithm):
    """`AnswerSAC` on a Box of actions."""

    model = AnswerSAC
    action_space = spaces.Box
    policies: Mapping[str, type[BasePolicy]] = {
        "AnswerPolicy": AnswerSACPolicy,
        "MovePolicy": MoveSACPolicy,
        "MultiInputPolicy": MultiInputPolicy,
    }
    log_interval = 500
    rules: Mapping[str, Rule] = {**RULES, "ent_coef": ENTROPY}

    def hyperparameters(self) -> Sections:
        return shipped_hyperparameters("sac")

    def search_space(self) -> Sections:
        return shipped_search_space("sac")

    def arguments(
        self, settings: Settings, *, num_envs: int, num_answers: int, volumes: Volumes
    ) -> Settings:
        return supervised_arguments(settings, num_answers, volumes)

    def acting_part(self, policy: Any) -> nn.Module:
        """The actor: only training needs the critics."""
        actor: nn.Module = policy.actor
        return actor

    def act(self, policy: Any, observations: dict[str, Tensor]) -> Tensor:
        """The best actions (B, A) in [-1, 1]: the actor's mode, without the distribution."""
        actor = policy.actor
        if isinstance(actor, DecidedActor):
            return actor.best_action(observations)
        features = actor.extract_features(observations, actor.features_extractor)
        return torch.tanh(actor.mu(actor.latent_pi(features)))

    def optimizers(self, model: AnswerSAC) -> dict[str, Optimizer]:
        found: dict[str, Any] = {
            "actor": model.actor.optimizer,
            "critic": model.critic.optimizer,
            "entropy": model.ent_coef_optimizer,
            "answer": model.answer_optimizer if model.is_supervised else None,
        }
        return {name: optimizer for name, optimizer in found.items() if optimizer is not None}

    def tensors(self, model: AnswerSAC) -> dict[str, Tensor]:
        return {} if model.log_ent_coef is None else {"log_ent_coef": model.log_ent_coef}
