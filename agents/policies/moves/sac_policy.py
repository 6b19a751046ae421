"""SAC's actor and critic for continuous moves of which some are told of in advance."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor

from agents.policies.moves.features import (
    KnownFeatures,
    MoveFeatures,
    nearest_move,
    next_best_view_features_of,
)
from gqn_rl.geometry.next_best_view import COLUMNS, TURN

WIDTH = 0.25
"""Of the Gaussian between moves told of, which are half a unit apart."""


class MoveActor(Actor):
    """Explores all turns; at its best it makes the move told of that is nearest to its mean.

    Of the turns between those moves it is told nothing.

    >>> moves = {"prospects": spaces.Box(-1, 1, (85,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> policy = MoveSACPolicy(spaces.Dict(moves), spaces.Box(-1, 1, (3,)), lambda _: 1e-3)
    >>> type(policy.actor).__name__, policy.action_space.shape  # 2 turns, whether to predict now
    ('MoveActor', (3,))
    """

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions (B, A) in [-1, 1]."""
        actions = super().forward(obs, deterministic)
        return self.on_moves(obs, actions) if deterministic else actions  # type: ignore[arg-type]

    def best_action(self, observations: dict[str, Tensor]) -> Tensor:
        """The actions (B, A) that `forward` takes at its best, without a distribution."""
        features = self.extract_features(observations, self.features_extractor)
        return self.on_moves(observations, torch.tanh(self.mu(self.latent_pi(features))))

    @staticmethod
    def on_moves(observations: dict[str, Tensor], actions: Tensor) -> Tensor:
        """The actions (B, A) with the nearest of the moves told of for their turns."""
        turns = nearest_move(observations, actions[:, TURN])
        return torch.cat([turns, actions[:, TURN.stop :]], dim=1)


class MoveCritic(ContinuousCritic):
    """Values a turn by what is known of the moves near it, and by nothing else.

    One function of few numbers for all turns is learned from far fewer of the noisy rewards than
    one of a turn and of all that could be done instead.

    >>> moves = {"prospects": spaces.Box(-1, 1, (85,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> policy = MoveSACPolicy(spaces.Dict(moves), spaces.Box(-1, 1, (3,)), lambda _: 1e-3)
    >>> type(policy.critic).__name__, len(policy.critic.q_networks)
    ('MoveCritic', 2)
    """

    def forward(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, ...]:
        features = self.extract_features(obs, self.features_extractor)
        near = next_best_view_features_of(obs, actions[:, TURN], WIDTH)  # type: ignore[arg-type]
        seen = torch.cat([features, near, actions[:, TURN.stop :]], dim=1)
        return tuple(network(seen) for network in self.q_networks)


class MoveSACPolicy(SACPolicy):
    """Actor and critic that read the prospects of moves, see `MoveFeatures`.

    >>> import numpy as np
    >>> moves = {"prospects": spaces.Box(-1, 1, (85,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> policy = MoveSACPolicy(spaces.Dict(moves), spaces.Box(-1, 1, (3,)), lambda _: 1e-3)
    >>> seen = {key: np.zeros((4, *space.shape), np.float32) for key, space in moves.items()}
    >>> policy.predict(seen)[0].shape
    (4, 3)

    Args:
        features_extractor_kwargs: of `MoveFeatures`.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=MoveFeatures,
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        parameters = super()._get_constructor_parameters()
        del parameters["features_extractor_class"]  # it is always the same
        return parameters

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> MoveActor:
        keywords = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return MoveActor(**keywords).to(self.device)

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> MoveCritic:
        assert isinstance(self.actor.features_extractor, MoveFeatures)
        known = KnownFeatures(self.observation_space, self.actor.features_extractor.known.keys)  # type: ignore[arg-type]
        keywords = self._update_features_extractor(self.critic_kwargs, known)
        # What is known of a turn comes in the place of its two numbers.
        keywords["features_dim"] += COLUMNS - 2 * TURN.stop
        return MoveCritic(**keywords).to(self.device)
