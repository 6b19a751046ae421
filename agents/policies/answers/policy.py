"""A policy in two parts: what the object is (a posterior), and whether to look on or to say so.

The action space is Discrete with the camera moves first and the K answers last. The probability
of an action is factored:

    p(move m)   = softmax([move logits, answer logit])[m]
    p(answer k) = softmax([move logits, answer logit])[-1] * sharpened posterior[k]

so that learning when to answer never changes the posterior, and learning a better answer posterior
changes how often the agent answers only as far as `confidence_gain` has it do so: the answer logit
is the controller's plus confidence_gain x (best probability of the answer posterior - threshold).
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.policies.answers.posterior import (
    CONFIDENCE,
    CorrectedPosterior,
    answer_network,
    with_confidence,
)
from agents.policies.factored_head import FactoredActionHead
from agents.policies.features import SceneFeatures
from agents.policies.moves.last_look import LOOKS_LEFT
from gqn_rl.errors import UserError


class PosteriorExtractor(nn.Module):
    """Takes the place of Stable-Baselines3's `MlpExtractor`: features to actor and critic inputs.

    >>> sizes = {"answer_hidden": 0, "net_arch": {"pi": [16], "vf": [16]}}
    >>> extractor = PosteriorExtractor(
    ...     8, 10, **sizes, activation_fn=nn.ReLU, supervised=True, device="cpu"
    ... )
    >>> actor, critic = extractor(torch.zeros(3, 8))
    >>> actor.shape, critic.shape  # 16 units and the posterior; 16 units
    (torch.Size([3, 26]), torch.Size([3, 16]))

    Args:
        features_dim: width of the features.
        num_answers: K.
        answer_hidden: width of the hidden layer between features and answer posterior; 0 for none.
        net_arch: hidden layers of actor and critic, {"pi": [...], "vf": [...]}.
        supervised: whether only supervision shapes the features and the posterior. Then actor and
            critic read them without sending gradients back.
        known: where the features have a posterior to begin with, if anywhere.
        left: where the features have the looks left, which the actor's units then end with.
    """

    def __init__(
        self,
        features_dim: int,
        num_answers: int,
        answer_hidden: int,
        net_arch: dict[str, list[int]],
        activation_fn: type[nn.Module],
        supervised: bool,
        device: torch.device,
        known: slice | None = None,
        left: slice | None = None,
    ) -> None:
        super().__init__()
        self.supervised, self.left = supervised, left
        network = answer_network(features_dim, num_answers, answer_hidden)
        self.answer_net = network if known is None else CorrectedPosterior(network, known)
        self.control = MlpExtractor(
            features_dim + num_answers + CONFIDENCE, net_arch, activation_fn, device=device
        )
        self.latent_dim_pi = self.control.latent_dim_pi + num_answers + (left is not None)
        self.latent_dim_vf = self.control.latent_dim_vf

    def posterior(self, features: Tensor) -> Tensor:
        """Log-probabilities of the answers, (B, K)."""
        return torch.log_softmax(self.answer_net(features), dim=1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        seen, posterior = self._seen(features)
        return self._actor(features, seen, posterior), self._critic(seen)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Units of the actor, the posterior and the looks left: (B, latent_dim_pi)."""
        return self._actor(features, *self._seen(features))

    def forward_critic(self, features: Tensor) -> Tensor:
        return self._critic(self._seen(features)[0])

    def _actor(self, features: Tensor, seen: Tensor, posterior: Tensor) -> Tensor:
        left = [] if self.left is None else [features[:, self.left]]
        return torch.cat([self.control.forward_actor(seen), posterior, *left], 1)

    def _critic(self, seen: Tensor) -> Tensor:
        return self.control.forward_critic(seen)

    def _seen(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What the controller reads, and the answer posterior it answers with."""
        posterior = self.posterior(features)
        if self.supervised:
            features, posterior = features.detach(), posterior.detach()
        return with_confidence(features, posterior), posterior


class AnswerPolicy(MultiInputActorCriticPolicy):
    """Actor-critic policy for "moves first, then answers" with a posterior over the answers.

    >>> import numpy as np
    >>> from agents.saving.bundle import load_bundle, shipped_agent
    >>> policy = load_bundle(shipped_agent("GQNShepard-v0")).policy
    >>> nothing = {key: np.zeros((1, *space.shape), space.dtype)
    ...            for key, space in policy.observation_space.items()}
    >>> posterior = policy.answer_log_probabilities(policy.obs_to_tensor(nothing)[0]).exp()
    >>> posterior.shape, round(posterior.sum().item(), 4)
    (torch.Size([1, 10]), 1.0)

    Args:
        num_answers: K, the last K actions.
        answer_hidden: hidden units between features and answer posterior; 0 for a linear posterior.
        supervised_posterior: see `PosteriorExtractor`; False lets reinforcement shape the answer
            posterior too.
        inverse_temperature: an answer is drawn from the answer posterior to this power. Sampling
            from the posterior itself would make a 90 % sure agent wrong one time in five, and so
            teach it to wait.
        confidence_gain, threshold: before anything is learned, the logit of answering stands
            `confidence_gain` x (the answer posterior's best probability - `threshold`) above those
            of the moves, so that an untrained controller looks on while it is unsure. 0 leaves it
            indifferent.
        prior: key of an observation that begins with probabilities of the K answers, such as
            "posterior"; the answer posterior begins as they are, and corrections are learned.
        answers_at_last: whether it answers where no look is left, see
            `agents.policies.moves.last_look`. Training may then end where it looks till then.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        *,
        num_answers: int,
        answer_hidden: int = 128,
        supervised_posterior: bool = True,
        inverse_temperature: float = 4.0,
        confidence_gain: float = 0.0,
        threshold: float = 0.7,
        prior: str | None = None,
        answers_at_last: bool = False,
        features_extractor_class: type[BaseFeaturesExtractor] = SceneFeatures,
        **kwargs: Any,
    ) -> None:
        self.num_answers, self.answer_hidden = num_answers, answer_hidden
        self.supervised_posterior, self.inverse_temperature = (
            supervised_posterior,
            inverse_temperature,
        )
        self.confidence_gain, self.threshold = confidence_gain, threshold
        self.prior, self.answers_at_last = prior, answers_at_last
        # Orthogonal starts would overwrite the default ones inside LayerNorm'd, SiLU networks.
        kwargs.setdefault("ortho_init", False)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=features_extractor_class,
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "num_answers": self.num_answers,
            "answer_hidden": self.answer_hidden,
            "supervised_posterior": self.supervised_posterior,
            "inverse_temperature": self.inverse_temperature,
            "confidence_gain": self.confidence_gain,
            "threshold": self.threshold,
            "prior": self.prior,
            "answers_at_last": self.answers_at_last,
        }

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = PosteriorExtractor(  # type: ignore[assignment]
            self.features_dim,
            self.num_answers,
            self.answer_hidden,
            self.net_arch,  # type: ignore[arg-type]
            self.activation_fn,
            self.supervised_posterior,
            self.device,
            self._known(),
            self._left(),
        )

    def _left(self) -> slice | None:
        """Where the features have the looks left, as far as they are asked for."""
        return self._scene_features().span(LOOKS_LEFT) if self.answers_at_last else None

    def _scene_features(self) -> SceneFeatures:
        if not isinstance(self.features_extractor, SceneFeatures):
            raise UserError(
                f"prior and answers_at_last need the features of SceneFeatures, received "
                f"{type(self.features_extractor).__name__}"
            )
        return self.features_extractor

    def _known(self) -> slice | None:
        """Where the features have the K probabilities of the prior.

        Raises:
            UserError: for an observation without as many.
        """
        if self.prior is None:
            return None
        span = self._scene_features().span(self.prior)
        if span.stop - span.start < self.num_answers:
            raise UserError(
                f"prior is {self.prior!r}, {span.stop - span.start} numbers, expected the "
                f"probabilities of {self.num_answers} answers"
            )
        return slice(span.start, span.start + self.num_answers)

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        self._build_action_head()
        # The optimizer made by the base class knows the action head that was just replaced.
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[call-arg]
        )

    def _build_action_head(self) -> None:
        """Replace the base class's head."""
        num_moves = int(self.action_space.n) - self.num_answers  # type: ignore[attr-defined]
        self.action_net = self._factored_head(num_moves)

    def _factored_head(self, num_moves: int) -> FactoredActionHead:
        return FactoredActionHead(
            self.mlp_extractor.latent_dim_pi,
            num_moves,
            self.num_answers,
            self.inverse_temperature,
            self.confidence_gain,
            self.threshold,
            is_told_left=self.answers_at_last,
        )

    def answer_log_probabilities(self, observations: PyTorchObs) -> Tensor:
        """The answer posterior (B, K), with gradients into features and posterior."""
        features = self.extract_features(observations)
        posterior: Tensor = self.mlp_extractor.posterior(features)  # type: ignore[operator]
        return posterior

    def evaluate_actions(
        self, obs: PyTorchObs, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As the base class, with the entropy of the choice between the moves and answering.

        The entropy over all actions would also pay for answering while the answer posterior is
        uncertain.
        """
        features = self.extract_features(obs)
        latent_pi, latent_vf = self.mlp_extractor(features)
        distribution = self._get_action_dist_from_latent(latent_pi)
        entropy = self._entropy(distribution)
        return self.value_net(latent_vf), distribution.log_prob(actions), entropy

    def _entropy(self, distribution: Any) -> Tensor:
        logits = distribution.distribution.logits
        answer = torch.logsumexp(logits[:, -self.num_answers :], dim=1, keepdim=True)
        choice = torch.cat([logits[:, : -self.num_answers], answer], dim=1)
        return -(choice.exp() * choice).sum(1)
