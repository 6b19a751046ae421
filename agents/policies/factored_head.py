"""The action head of a policy in two parts: moves or an answer, and which answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.policies.answers.posterior import logit_bias
from agents.policies.moves.last_look import LEFT, answering_at_last


class FactoredActionHead(nn.Module):
    """Actor units and answer posterior (B, H + K) to the logits of all actions (B, moves + K).

    See `AnswerPolicy` for `inverse_temperature`, `confidence_gain` and `threshold`.

    >>> sharp = {"inverse_temperature": 4.0, "confidence_gain": 0.0, "threshold": 0.9}
    >>> head = FactoredActionHead(16 + 10, 4, 10, **sharp)
    >>> head(torch.zeros(3, 16 + 10)).shape  # 4 moves, then 10 answers
    torch.Size([3, 14])

    Args:
        latent_dim: H + K, and one more where the looks left are told.
        is_told_left: whether the looks left come last; without one there is no move.
    """

    def __init__(
        self,
        latent_dim: int,
        num_moves: int,
        num_answers: int,
        inverse_temperature: float,
        confidence_gain: float,
        threshold: float,
        is_told_left: bool = False,
    ) -> None:
        super().__init__()
        self.num_answers, self.inverse_temperature = num_answers, inverse_temperature
        self.confidence_gain, self.threshold = confidence_gain, threshold
        self.num_moves, self.is_told_left = num_moves, is_told_left
        self.choice = nn.Linear(latent_dim - num_answers - is_told_left, num_moves + 1)
        # As Stable-Baselines3 starts its action heads: all choices nearly equally likely.
        nn.init.orthogonal_(self.choice.weight, gain=0.01)
        nn.init.zeros_(self.choice.bias)

    def forward(self, latent: Tensor) -> Tensor:
        left = latent[:, LEFT]
        latent = latent[:, :-1] if self.is_told_left else latent
        hidden, posterior = latent[:, : -self.num_answers], latent[:, -self.num_answers :]
        choice = self.choice(hidden)
        answers = torch.log_softmax(self.inverse_temperature * posterior, dim=1)
        best = posterior.max(dim=1, keepdim=True).values.exp()
        answering = choice[:, -1:] + logit_bias(best, self.confidence_gain, self.threshold)
        logits = torch.cat([choice[:, :-1], answering + answers], dim=1)
        return answering_at_last(logits, self.num_moves, left) if self.is_told_left else logits
