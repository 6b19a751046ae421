"""Policies for hybrid actions: whether to look or what to answer is a choice, the turn is a number.

    p(look)     = softmax([look logit, answer logit])[0]
    p(answer k) = softmax([look logit, answer logit])[1] * sharpened posterior[k]
    p(turn)     = Gaussian, where the choice is to look

Whether to answer has a probability and is not a number above or below a threshold: the gradient of
the choice and that of the turn go to logits and means of their own.
"""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from agents.policies.answers.policy import AnswerPolicy
from agents.policies.hybrid.actions import (
    HybridActionHead,
    HybridActions,
    HybridDistribution,
    deviations,
)
from gqn_rl.errors import UserError


class HybridActorCritic(MultiInputActorCriticPolicy):
    """What hybrid policies are made of; a policy has `_layout` before its networks are built.

    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> policy = HybridPolicy(seen, spaces.Box(-1, 1, (13,)), lambda _: 1e-3, num_answers=10)
    >>> isinstance(policy, HybridActorCritic), policy.log_std.tolist()
    (True, [0.0, 0.0])

    Attributes:
        log_std: logarithms of the deviations of turns (T,), learned, in units of the largest turn.
    """

    _layout: HybridActions
    log_std: nn.Parameter

    def _act_by(self, head: nn.Module) -> None:
        """Take a head of choices and turns in the place of the base class's."""
        self.action_net = head
        self.log_std = deviations(self._layout.turns, self.log_std_init)
        self.action_dist = HybridDistribution(self._layout)

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> HybridDistribution:
        logits, means = self.action_net(latent_pi)
        return HybridDistribution(self._layout).proba_distribution(logits, means, self.log_std)

    def best_action(self, observations: dict[str, Tensor]) -> Tensor:
        """The likeliest choices with the mean turns, (B, A) in [-1, 1]."""
        features = self.extract_features(observations, self.pi_features_extractor)
        assert isinstance(features, Tensor)
        logits, means = self.action_net(self.mlp_extractor.forward_actor(features))
        return self._layout.encode(logits.argmax(dim=1), means.clamp(-1.0, 1.0))


class HybridPolicy(HybridActorCritic, AnswerPolicy):
    """`AnswerPolicy` for a Box of hybrid actions, with a posterior over the answers.

    >>> import numpy as np
    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> policy = HybridPolicy(seen, spaces.Box(-1, 1, (13,)), lambda _: 1e-3, num_answers=10)
    >>> policy.predict({"representation": np.zeros((4, 256), np.float32)})[0].shape
    (4, 13)

    Args:
        num_answers: K, at least 2; the last K numbers of an action.
        log_std_init: `log_std` before anything is learned.
        kwargs: of `AnswerPolicy`.

    Raises:
        UserError: for another action space, or generalised state-dependent exploration.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        num_answers: int,
        log_std_init: float = 0.0,
        **kwargs: Any,
    ) -> None:
        require_no_sde(kwargs)
        self._layout = HybridActions(action_space, num_answers)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            num_answers=num_answers,
            log_std_init=log_std_init,
            **kwargs,
        )

    def _build_action_head(self) -> None:
        extractor: Any = self.mlp_extractor
        hidden = extractor.control.latent_dim_pi
        choice = self._factored_head(num_moves=1)
        self._act_by(HybridActionHead(choice, hidden, self._layout.turns))

    def _entropy(self, distribution: Any) -> Tensor:
        entropy: Tensor = distribution.entropy()
        return entropy


def require_no_sde(keywords: dict[str, Any]) -> None:
    """`UserError` for generalised state-dependent exploration, which is for Gaussians alone."""
    if keywords.get("use_sde"):
        raise UserError("use_sde is True, expected False with a hybrid policy")
