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
    DecidedActor,
    Sections,
    Settings,
    Volumes,
    shipped_hyperparameters,
    shipped_search_space,
)
from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.supervision import supervised_arguments
from agents.policies.answers.policy import AnswerPolicy
from agents.policies.hybrid.policy import HybridPolicy
from agents.policies.moves.discrete_policy import DiscreteMovePolicy
from agents.policies.moves.hybrid_policy import HybridMovePolicy
from agents.restorable import Restorable

HYBRID: Mapping[type[BasePolicy], type[BasePolicy]] = {
    AnswerPolicy: HybridPolicy,
    DiscreteMovePolicy: HybridMovePolicy,
}
"""Which policy of hybrid actions takes the place of which of Discrete ones."""


class PPOAlgorithm(Algorithm):
    """`AnswerPPO` on Discrete actions, and on a Box of hybrid ones."""

    model = AnswerPPO
    action_space = spaces.Discrete
    policies: Mapping[str, type[BasePolicy]] = {
        "AnswerPolicy": AnswerPolicy,
        "MovePolicy": DiscreteMovePolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
    }
    outputs = ("probabilities",)
    plain_settings: Mapping[str, Any] = {"aux_coef": 0.0}  # no second optimiser

    def action_spaces(self, policy: str) -> tuple[type[spaces.Space], ...]:
        """See `Algorithm`."""
        return (spaces.Discrete, spaces.Box)

    def policy(self, name: str, action_space: spaces.Space | None = None) -> type[BasePolicy]:
        """See `Algorithm`; a Box is answered in by a hybrid policy."""
        policy = super().policy(name)
        return HYBRID.get(policy, policy) if isinstance(action_space, spaces.Box) else policy

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

    def outputs_of(self, policy: BasePolicy) -> tuple[str, ...]:
        """See `Algorithm`; what is drawn from a Gaussian has no probabilities."""
        return ("actions",) if isinstance(policy.action_space, spaces.Box) else self.outputs

    def act(self, policy: Any, observations: dict[str, Tensor]) -> Tensor:
        """Probabilities of Discrete actions (B, A), of which the likeliest is the best one.

        Of a Box the best actions (B, A) themselves.
        """
        if isinstance(policy, DecidedActor):
            return policy.best_action(observations)
        features = policy.extract_features(observations, policy.pi_features_extractor)
        means = policy.action_net(policy.mlp_extractor.forward_actor(features))
        space = policy.action_space
        if isinstance(space, spaces.Box):
            low, high = (
                torch.as_tensor(end, device=means.device) for end in (space.low, space.high)
            )
            return torch.clamp(means, low, high)
        return torch.softmax(means, dim=1)

    def optimizers(self, model: AnswerPPO) -> dict[str, Optimizer]:
        answer = {"answer": model.answer_optimizer} if model.is_supervised else {}
        return super().optimizers(model) | answer

    def stores(self, model: AnswerPPO) -> dict[str, Restorable]:
        return {"memory": model.answer_memory} if model.is_supervised else {}


def dividing_batch(rollout: int, batch: int) -> int:
    """The largest size up to `batch` that divides the rollout: the last minibatch of an epoch
    would otherwise be a stump."""
    return max(size for size in range(1, min(batch, rollout) + 1) if rollout % size == 0)
