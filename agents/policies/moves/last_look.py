"""No move where no look is left: it would end the episode as a wrong answer does, so none is lost.

The likeliest action is not what is drawn: a policy that answers with a chance of 0.4 at every look
has soon answered, and its likeliest action looks on until the looks run out.

References:
    Huang and Ontanon, A Closer Look at Invalid Action Masking in Policy Gradient Algorithms,
    FLAIRS 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOOKS_LEFT = "looks_left"
"""Of the observation."""
LEFT = slice(-1, None)
"""Where vectors that end with the looks left have them."""
IMPOSSIBLE = -1e4
"""A logit that leaves no probability, and is finite."""


def answering_at_last(logits: Tensor, num_moves: int, looks_left: Tensor) -> Tensor:
    """Logits (B, M + K) without the M moves, which come first, where no look is left, (B, 1).

    >>> answering_at_last(torch.zeros(2, 3), 2, torch.tensor([[0.5], [0.0]])).softmax(1)
    tensor([[0.3333, 0.3333, 0.3333],
            [0.0000, 0.0000, 1.0000]])
    """
    moves = torch.where(looks_left > 0, logits[:, :num_moves], IMPOSSIBLE)
    return torch.cat([moves, logits[:, num_moves:]], dim=1)
