"""`AnswerPolicy` for continuous actions: the answer posterior answers, the actor looks and commits.

The action space is a Box from -1 to 1 whose last K numbers are the answers' logits. Those are not
drawn from the actor's distribution: they are the posterior, which supervision trains, so that the
answer is always the likeliest one. The actor decides the numbers before them, which turn the camera
and say whether to answer, and it alone has an entropy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from agents.policies.answers.posterior import (
    CONFIDENCE,
    MIN_LOG_PROBABILITY,
    answer_network,
    logit_bias,
    with_confidence,
)
from agents.policies.features import SceneFeatures


class PosteriorFeatures(BaseFeaturesExtractor):
    """Features and the answer posterior read off them, see `posterior.with_confidence`.

    Only supervision shapes them: the output carries no gradient.

    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> features = PosteriorFeatures(seen, 10, 0, SceneFeatures, {"hidden": (32,)})
    >>> posterior = features.posterior({"representation": torch.zeros(1, 256)})
    >>> posterior.shape, round(posterior.exp().sum().item(), 4)
    (torch.Size([1, 10]), 1.0)

    Args:
        num_answers: K.
        answer_hidden: hidden units between features and answer posterior; 0 for a linear posterior.
        scene_class, scene_kwargs: the extractor of the features.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        num_answers: int,
        answer_hidden: int,
        scene_class: type[BaseFeaturesExtractor],
        scene_kwargs: dict[str, Any],
    ) -> None:
        scene = scene_class(observation_space, **scene_kwargs)
        super().__init__(observation_space, scene.features_dim + num_answers + CONFIDENCE)
        self.scene = scene
        self.answer_net = answer_network(scene.features_dim, num_answers, answer_hidden)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """(B, features_dim)."""
        with torch.no_grad():
            features = self.scene(observations)
            return with_confidence(features, torch.log_softmax(self.answer_net(features), dim=1))

    def posterior(self, observations: dict[str, Tensor]) -> Tensor:
        """Log-probabilities of the answers (B, K), with gradients."""
        return torch.log_softmax(self.answer_net(self.scene(observations)), dim=1)


class AnswerActor(Actor):
    """Draws the numbers before the logits and appends the posterior.

    The last of those numbers answers if it is above 0. See `AnswerSACPolicy` for `confidence_gain`
    and `threshold`. Observations may be given as their features (B, features_dim).

    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> actions = spaces.Box(-1, 1, (13,))
    >>> policy = AnswerSACPolicy(seen, actions, lambda _: 1e-3, num_answers=10)
    >>> action = policy.actor(torch.zeros(1, policy.actor.features_dim), deterministic=True)
    >>> type(policy.actor).__name__, action.shape  # 2 turns, whether to answer, 10 logits
    ('AnswerActor', torch.Size([1, 13]))
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Box,
        *args: Any,
        num_answers: int,
        confidence_gain: float,
        threshold: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(observation_space, drawn_space(action_space, num_answers), *args, **kwargs)
        self.action_space = action_space
        self.num_answers = num_answers
        self.confidence_gain, self.threshold = confidence_gain, threshold

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "num_answers": self.num_answers,
            "confidence_gain": self.confidence_gain,
            "threshold": self.threshold,
        }

    def extract_features(
        self, obs: PyTorchObs, features_extractor: BaseFeaturesExtractor | None = None
    ) -> Tensor:
        if isinstance(obs, Tensor):
            return obs
        return super().extract_features(obs, features_extractor or self.features_extractor)

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions (B, A) in [-1, 1]."""
        features = self.extract_features(obs)
        drawn = super().forward(features, deterministic)
        return torch.cat([drawn, self.answer_logits(features)], dim=1)

    def best_action(self, observations: PyTorchObs) -> Tensor:
        """The actions (B, A) that `forward` takes at its best, without a distribution."""
        features = self.extract_features(observations)
        drawn = torch.tanh(self.biased(self.mu(self.latent_pi(features)), features))
        return torch.cat([drawn, self.answer_logits(features)], dim=1)

    def action_log_prob(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        """Actions (B, A) and the log-density (B,) of the numbers that were drawn."""
        features = self.extract_features(obs)
        drawn, log_prob = super().action_log_prob(features)
        return torch.cat([drawn, self.answer_logits(features)], dim=1), log_prob

    def get_action_dist_params(self, obs: PyTorchObs) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Means (B, A) and logarithms of deviations (B, A) before tanh."""
        features = self.extract_features(obs)
        means, log_deviations, more = super().get_action_dist_params(features)
        return self.biased(means, features), log_deviations, more

    def biased(self, means: Tensor, features: Tensor) -> Tensor:
        """`means` (B, A) with the inclination to answer."""
        # The best probability is the last of what `with_confidence` appends.
        favour = logit_bias(features[:, -1:], self.confidence_gain, self.threshold)
        return torch.cat([means[:, :-1], means[:, -1:] + favour], dim=1)

    def answer_logits(self, features: Tensor) -> Tensor:
        """The posterior's log-probabilities (B, K), from [-1, 0] to the range of an action."""
        return 1.0 + 2.0 * features[:, -self.num_answers - CONFIDENCE : -CONFIDENCE]


class AnswerCritic(ContinuousCritic):
    """Values features (B, features_dim) with an action (B, A).

    Of the answer it is told how likely the answer posterior now takes it to be. An old transition,
    whose answer was that of an older posterior, then still teaches what an unlikely answer is
    worth.

    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> actions = spaces.Box(-1, 1, (13,))
    >>> policy = AnswerSACPolicy(seen, actions, lambda _: 1e-3, num_answers=10)
    >>> features, actions = torch.zeros(1, policy.actor.features_dim), torch.zeros(1, 13)
    >>> [value.shape for value in policy.critic(features, actions)]  # two critics
    [torch.Size([1, 1]), torch.Size([1, 1])]
    """

    num_answers: int

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        posterior = obs[:, -self.num_answers - CONFIDENCE : -CONFIDENCE] * -MIN_LOG_PROBABILITY
        given = actions[:, -self.num_answers :].argmax(dim=1, keepdim=True)
        likely = posterior.gather(1, given).exp()
        seen = torch.cat([obs, actions[:, : -self.num_answers], likely], dim=1)
        return tuple(network(seen) for network in self.q_networks)


class NoFeatures(BaseFeaturesExtractor):
    """For networks that are handed features.

    >>> NoFeatures(spaces.Box(-1, 1, (3,)), features_dim=3)(torch.ones(1, 3))
    tensor([[1., 1., 1.]])
    """

    def forward(self, observations: Tensor) -> Tensor:
        return observations


class AnswerSACPolicy(SACPolicy):
    """Actor-critic policy for actions that end in K logits, with a posterior over the answers.

    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> policy = AnswerSACPolicy(seen, spaces.Box(-1, 1, (13,)), lambda _: 1e-3, num_answers=10)
    >>> policy.predict({"representation": np.zeros((4, 256), np.float32)})[0].shape
    (4, 13)

    Args:
        num_answers: K, at least 2.
        answer_hidden: see `PosteriorFeatures`.
        confidence_gain, threshold: before anything is learned, the mean of the number that answers,
            taken before tanh, stands `confidence_gain` x (the answer posterior's best probability -
            `threshold`) above 0.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        num_answers: int,
        answer_hidden: int = 128,
        confidence_gain: float = 0.0,
        threshold: float = 0.7,
        features_extractor_class: type[BaseFeaturesExtractor] = SceneFeatures,
        features_extractor_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.num_answers, self.answer_hidden = num_answers, answer_hidden
        self.confidence_gain, self.threshold = confidence_gain, threshold
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=PosteriorFeatures,
            features_extractor_kwargs={
                "num_answers": num_answers,
                "answer_hidden": answer_hidden,
                "scene_class": features_extractor_class,
                "scene_kwargs": features_extractor_kwargs or {},
            },
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        extractor = self.features_extractor_kwargs
        return super()._get_constructor_parameters() | {
            "num_answers": self.num_answers,
            "answer_hidden": self.answer_hidden,
            "confidence_gain": self.confidence_gain,
            "threshold": self.threshold,
            "features_extractor_class": extractor["scene_class"],
            "features_extractor_kwargs": extractor["scene_kwargs"],
        }

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> AnswerActor:
        keywords = self._update_features_extractor(self.actor_kwargs, features_extractor) | {
            "num_answers": self.num_answers,
            "confidence_gain": self.confidence_gain,
            "threshold": self.threshold,
        }
        return AnswerActor(**keywords).to(self.device)

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> AnswerCritic:
        extractor = NoFeatures(self.observation_space, self.actor.features_dim)
        keywords = self._update_features_extractor(self.critic_kwargs, extractor)
        # Of the answer it is told one number.
        valued = drawn_space(self.action_space, self.num_answers - 1)  # type: ignore[arg-type]
        critic = AnswerCritic(**keywords | {"action_space": valued})
        critic.num_answers = self.num_answers
        return critic.to(self.device)

    def features(self, observations: PyTorchObs) -> Tensor:
        """What actor and critic read, (B, features_dim), without gradients and dropout."""
        extractor = self.posterior_features.eval()
        return self.actor.extract_features(observations, extractor)

    def answer_log_probabilities(self, observations: PyTorchObs) -> Tensor:
        """The answer posterior (B, K), with gradients into features and posterior."""
        prepared: Any = preprocess_obs(observations, self.observation_space)
        return self.posterior_features.posterior(prepared)

    @property
    def posterior_features(self) -> PosteriorFeatures:
        extractor = self.actor.features_extractor
        assert isinstance(extractor, PosteriorFeatures)
        return extractor


def drawn_space(action_space: spaces.Box, logits: int) -> spaces.Box:
    """The space of the numbers before the last `logits` of an action."""
    (size,) = action_space.shape
    return spaces.Box(-1.0, 1.0, (size - logits,), np.float32)


def supervised_parameters(policy: AnswerSACPolicy) -> list[nn.Parameter]:
    """Those that only supervision trains."""
    return list(policy.posterior_features.parameters())
