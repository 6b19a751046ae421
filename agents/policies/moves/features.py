"""A features extractor that reads the prospects of moves as a set of moves.

What makes a move a good one is the same for all of them, so one network judges each, and what is
handed on are averages of the moves, weighted by how they were judged (attention).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.policies.moves.last_look import LOOKS_LEFT
from gqn_rl.errors import UserError
from gqn_rl.geometry.next_best_view import CLOSENESS, COLUMNS, KEY, NOVELTY, TURN, as_matrix


def moves_of(observations: dict[str, Tensor]) -> Tensor:
    """The next-best-view features as matrices, (B, M + 1, 5); the last row is of no move."""
    return as_matrix(observations[KEY])


class KnownFeatures(BaseFeaturesExtractor):
    """What is known without a move: the row of no move, without its turn, `keys` and, as the last
    number, the looks left.

    >>> moves = {"prospects": spaces.Box(-1, 1, (25,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> known = KnownFeatures(spaces.Dict(moves))
    >>> known.features_dim  # closeness, novelty and gain of no move; what is left
    4

    Raises:
        UserError: for an observation without prospects.
    """

    def __init__(self, observation_space: spaces.Dict, keys: Sequence[str] = ()) -> None:
        if KEY not in observation_space.spaces:
            raise UserError(
                f"this policy needs an observation with {KEY!r}, as in view prediction, "
                f"the environment's has {list(observation_space.spaces)}"
            )
        self.keys = [key for key in keys if key != LOOKS_LEFT] + [LOOKS_LEFT]
        size = sum(spaces.flatdim(observation_space[key]) for key in self.keys)
        super().__init__(observation_space, COLUMNS - TURN.stop + size)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Dict of (B, ...) to (B, features_dim), float32."""
        told = (observations[key].flatten(1) for key in self.keys)
        return torch.cat([moves_of(observations)[:, -1, TURN.stop :], *told], dim=1)


class MoveFeatures(BaseFeaturesExtractor):
    """For each head of attention its average of the moves, the turn first; then what is known.

    >>> moves = {"prospects": spaces.Box(-1, 1, (25,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> features = MoveFeatures(spaces.Dict(moves), hidden=(16,), heads=2)
    >>> features({"prospects": torch.zeros(3, 25), "looks_left": torch.ones(3, 1)}).shape
    torch.Size([3, 14])

    Args:
        observation_space: Dict with `prospects`, a Box (5 (M + 1),).
        hidden: widths of the network that judges a move.
        heads: averages.
        keys: see `KnownFeatures`; also told to that network.
        dropout: probability, after each layer of that network; active only while training.

    References:
        Zaheer et al., Deep Sets, NeurIPS 2017 (one network for every element).
        Lee et al., Set Transformer, ICML 2019 (attention in place of the sum over elements).
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        hidden: Sequence[int] = (64, 64),
        heads: int = 4,
        keys: Sequence[str] = (),
        dropout: float = 0.0,
    ) -> None:
        known = KnownFeatures(observation_space, keys)
        super().__init__(observation_space, heads * COLUMNS + known.features_dim)
        self.known = known
        layers: list[nn.Module] = []
        width = COLUMNS + known.features_dim
        for size in hidden:
            layers += [nn.Linear(width, size), nn.SiLU(), nn.Dropout(dropout)]
            width = size
        self.judge = nn.Sequential(*layers, nn.Linear(width, heads, bias=False))

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Dict of (B, ...) to (B, features_dim), float32."""
        moves, known = moves_of(observations)[:, :-1], self.known(observations)
        told = known[:, None].expand(-1, moves.shape[1], -1)
        weights = self.judge(torch.cat([moves, told], dim=2)).softmax(dim=1)
        wanted = torch.einsum("bmh,bmc->bhc", weights, moves).flatten(1)
        return torch.cat([wanted, known], dim=1)


def next_best_view_features_of(
    observations: dict[str, Tensor], turn: Tensor, width: float
) -> Tensor:
    """What is known of the moves near a turn (B, 2), float32 (B, 3).

    The rows of all moves, weighted by a Gaussian of the distance between the turns; differentiable
    in the turn. The row of no move counts as a move by nothing, with no gain.

    Args:
        width: standard deviation of the Gaussian, in units of turns.
    """
    rows = moves_of(observations)
    distance = (rows[..., TURN] - turn[:, None]).square().sum(-1)
    weights = (-distance / (2 * width**2)).softmax(dim=1)
    facts = rows[..., CLOSENESS:].clone()
    facts[:, -1, NOVELTY - CLOSENESS :] = 0.0
    return torch.einsum("bm,bmc->bc", weights, facts)


def nearest_move(observations: dict[str, Tensor], turn: Tensor) -> Tensor:
    """Of the moves told of the turn that is nearest to another each, (B, 2)."""
    turns = moves_of(observations)[:, :-1, TURN]
    nearest = (turns - turn[:, None]).square().sum(-1).argmin(1)
    return turns.gather(1, nearest[:, None, None].expand(-1, 1, turns.shape[2]))[:, 0]
