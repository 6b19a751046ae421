"""What an agent does in one pass, from observations to actions, as one network.

`predict` of Stable-Baselines3 is NumPy in, NumPy out; this is what lies between, for those who
want to run an agent elsewhere.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from agents.policies.answer_sac_policy import AnswerActor
from agents.policies.move_sac_policy import MoveActor
from agents.saving.bundle import Agent
from gqn_rl.errors import UserError


class ActingNetwork(nn.Module):
    """Observation parts (B, ...) float32, in the order of `keys`, to what the agent does.

    For Discrete actions that is the probabilities of the actions (B, A); the agent's best action is
    the largest. For a Box it is the mean action (B, A) in [-1, 1], which is the best one.

    Args:
        agent: that sees numbers; agents on pixels need the images of past looks, which no single
            observation holds.

    Raises:
        UserError: for an agent on pixels.
    """

    takes_parts = True
    free_axes = 1

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        space = agent.policy.observation_space
        assert isinstance(space, spaces.Dict)
        if "looks" in space.spaces:
            raise UserError(
                f"agent {str(agent.path)!r} acts on pixels, expected one on representation or "
                "state: it reads images that no single observation holds"
            )
        self.space = space
        self.keys = tuple(space.spaces)
        self.policy: Any = agent.policy.eval()
        self.is_discrete = isinstance(agent.policy.action_space, spaces.Discrete)
        assert isinstance(agent.policy, ActorCriticPolicy | SACPolicy)

    @property
    def outputs(self) -> tuple[str]:
        return ("probabilities",) if self.is_discrete else ("actions",)

    def forward(self, *parts: Tensor) -> Tensor:
        observation = dict(zip(self.keys, parts, strict=True))
        policy = self.policy
        if not self.is_discrete:
            return self._best_action(policy.actor, observation)
        features = policy.extract_features(observation, policy.pi_features_extractor)
        logits = policy.action_net(policy.mlp_extractor.forward_actor(features))
        return torch.softmax(logits, dim=1)

    @staticmethod
    def _best_action(actor: Any, observation: dict[str, Tensor]) -> Tensor:
        """The actor's mode, without the distribution that it belongs to."""
        features = actor.extract_features(observation, actor.features_extractor)
        means = actor.mu(actor.latent_pi(features))
        if isinstance(actor, MoveActor):
            return actor.on_moves(observation, torch.tanh(means))
        if not isinstance(actor, AnswerActor):
            return torch.tanh(means)
        drawn = torch.tanh(actor.biased(means, features))
        return torch.cat([drawn, actor.answer_logits(features)], dim=1)

    def example(self, count: int, seed: int) -> dict[str, Tensor]:
        """Observations anywhere in their space, by key; at most 3 where it has no end."""
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for key, space in self.space.spaces.items():
            assert isinstance(space, spaces.Box)
            low, high = (torch.as_tensor(end).clamp(-3.0, 3.0) for end in (space.low, space.high))
            share = torch.rand(count, *space.shape, generator=generator)
            found[key] = (low + share * (high - low)).float()
        return found
