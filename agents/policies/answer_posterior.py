"""What an agent takes the answer to be, in the form in which actor and critic read it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MIN_LOG_PROBABILITY = -8.0
"""Floor of the belief as the policy sees it; below it nothing is decided differently."""
CONFIDENCE = 2
"""Entropy and best probability, which come after the belief."""


def answer_network(features_dim: int, num_answers: int, hidden: int) -> nn.Sequential:
    """Features (B, features_dim) to the logits of the answers (B, K).

    Args:
        hidden: width of the hidden layer between them; 0 for none.
    """
    layers: list[nn.Module] = []
    if hidden:
        layers = [nn.Linear(features_dim, hidden), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(hidden or features_dim, num_answers))


def with_confidence(features: Tensor, belief: Tensor) -> Tensor:
    """What actor and critic read, (B, features + K + CONFIDENCE).

    The features, the belief's log-probabilities scaled to [-1, 0], its entropy in units of the
    largest possible, and its best probability.

    Args:
        belief: log-probabilities (B, K).
    """
    probability = belief.exp()
    # Confidence is what "answer now?" hangs on: hand it over rather than let it be learned.
    entropy = -(probability * belief).sum(1, keepdim=True) / math.log(belief.shape[1])
    best = probability.max(dim=1, keepdim=True).values
    clipped = belief.clamp_min(MIN_LOG_PROBABILITY) / -MIN_LOG_PROBABILITY
    return torch.cat([features, clipped, entropy, best], 1)


def inclination(best: Tensor, assurance: float, threshold: float) -> Tensor:
    """How much answering is favoured before anything is learned, as `best`.

    An untrained controller looks on while the belief is unsure and answers once it is sure; what is
    learned is added, and can overrule it.

    Args:
        best: the belief's best probability.
        assurance: the slope; 0 leaves the controller indifferent.
        threshold: the best probability at which it is indifferent.
    """
    return assurance * (best - threshold)
