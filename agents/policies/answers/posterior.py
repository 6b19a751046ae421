"""The answer posterior, in the form in which actor and critic read it."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor, nn

MIN_LOG_PROBABILITY = -8.0
"""Floor of the answer posterior as the policy sees it; below it nothing is decided differently."""
LEAST_KNOWN = 1e-6
"""What a probability of a known posterior counts as at least."""
CONFIDENCE = 2
"""Entropy and best probability, which come after the posterior."""


@runtime_checkable
class PosteriorPolicy(Protocol):
    """A policy that says what it takes the answer to be; its constructor takes `num_answers`."""

    def answer_log_probabilities(self, observations: PyTorchObs) -> Tensor:
        """The answer posterior (B, K), with gradients into features and posterior."""
        ...


def answer_network(features_dim: int, num_answers: int, hidden: int) -> nn.Sequential:
    """Features (B, features_dim) to the logits of the answers (B, K).

    Args:
        hidden: width of the hidden layer between them; 0 for none.
    """
    layers: list[nn.Module] = []
    if hidden:
        layers = [nn.Linear(features_dim, hidden), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(hidden or features_dim, num_answers))


class CorrectedPosterior(nn.Module):
    """Logits of the answers (B, K) that begin as a posterior among the features; what is learned
    corrects it.

    >>> corrected = CorrectedPosterior(answer_network(5, 3, hidden=8), slice(1, 4))
    >>> corrected(torch.tensor([[9.0, 0.5, 0.25, 0.25, 9.0]])).softmax(1)
    tensor([[0.5000, 0.2500, 0.2500]], grad_fn=<SoftmaxBackward0>)

    Args:
        network: all features to the corrections.
        known: where the K probabilities are among the features.
    """

    def __init__(self, network: nn.Sequential, known: slice) -> None:
        super().__init__()
        self.network, self.known = network, known
        for parameter in network[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.network(features)
        return logits + features[:, self.known].clamp_min(LEAST_KNOWN).log()


def with_confidence(features: Tensor, posterior: Tensor) -> Tensor:
    """What actor and critic read, (B, features + K + CONFIDENCE).

    The features, the answer posterior's log-probabilities scaled to [-1, 0], its entropy in units
    of the largest possible, and its best probability.

    Args:
        posterior: log-probabilities (B, K).
    """
    probability = posterior.exp()
    # Confidence is what "answer now?" hangs on: hand it over rather than let it be learned.
    entropy = -(probability * posterior).sum(1, keepdim=True) / math.log(posterior.shape[1])
    best = probability.max(dim=1, keepdim=True).values
    clipped = posterior.clamp_min(MIN_LOG_PROBABILITY) / -MIN_LOG_PROBABILITY
    return torch.cat([features, clipped, entropy, best], 1)


def logit_bias(best: Tensor, confidence_gain: float, threshold: float) -> Tensor:
    """How much answering is favoured before anything is learned, as `best`.

    An untrained controller looks on while the answer posterior is unsure and answers once it is
    sure; what is learned is added, and can overrule it.

    Args:
        best: the answer posterior's best probability.
        confidence_gain: the slope; 0 leaves the controller indifferent.
        threshold: the best probability at which it is indifferent.
    """
    return confidence_gain * (best - threshold)
