"""A policy that judges the Discrete moves told of in advance, each by the same network.

The logit of a move comes from what its own row of the next-best-view features says, that of an
answer from all of them together. What is learned of a move to the left holds for one upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from agents.policies.hybrid.actions import small_linear
from agents.policies.moves.features import KnownFeatures, moves_of
from agents.policies.moves.last_look import LEFT, answering_at_last
from gqn_rl.errors import UserError
from gqn_rl.geometry.next_best_view import COLUMNS, KEY, TURN

FACTS = COLUMNS - TURN.stop
"""Numbers of a move without its turn: which way it goes is the same to what it brings."""


class MoveRows(BaseFeaturesExtractor):
    """The facts of each move, one after the other, then what is known without a move.

    >>> moves = {"prospects": spaces.Box(-1, 1, (25,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> rows = MoveRows(spaces.Dict(moves))
    >>> rows.num_moves, rows.features_dim  # closeness, novelty and gain of four moves; 4 more
    (4, 16)

    Args:
        observation_space: Dict with `prospects`, a Box (5 (M + 1),), and `looks_left`.
    """

    def __init__(self, observation_space: spaces.Dict) -> None:
        known = KnownFeatures(observation_space)
        self.num_moves = spaces.flatdim(observation_space[KEY]) // COLUMNS - 1
        super().__init__(observation_space, self.num_moves * FACTS + known.features_dim)
        self.known = known

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Dict of (B, ...) to (B, features_dim), float32."""
        facts = moves_of(observations)[:, :-1, TURN.stop :]
        return torch.cat([facts.flatten(1), self.known(observations)], dim=1)


class MoveJudge(nn.Module):
    """Takes the place of Stable-Baselines3's `MlpExtractor`: features to logits and critic inputs.

    >>> judge = MoveJudge(16, num_moves=4, num_answers=1, hidden=[8], critic=[8], device="cpu")
    >>> logits, units = judge(torch.zeros(3, 16))
    >>> logits.shape, units.shape  # four moves and an answer; 8 units
    (torch.Size([3, 5]), torch.Size([3, 8]))

    Args:
        features_dim: of `MoveRows`.
        num_moves, num_answers: M and K.
        hidden: widths of the network that judges a move, and of the one that judges answering.
        critic: widths of the critic, which reads the mean and the largest of the judgements.
    """

    def __init__(
        self,
        features_dim: int,
        num_moves: int,
        num_answers: int,
        hidden: Sequence[int],
        critic: Sequence[int],
        device: torch.device | str,
        activation_fn: type[nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.num_moves = num_moves
        known, width = features_dim - num_moves * FACTS, hidden[-1]
        self.judge = _layers(FACTS + known, hidden, activation_fn)
        self.wanted = small_linear(width, 1)
        together = 2 * width + known
        self.answer = nn.Sequential(
            _layers(together, hidden, activation_fn), small_linear(width, num_answers)
        )
        self.critic = _layers(together, critic, activation_fn)
        self.latent_dim_pi, self.latent_dim_vf = num_moves + num_answers, critic[-1]
        self.to(device)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        judged, together = self._judged(features)
        return self._logits(features, judged, together), self.critic(together)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Logits of the moves, then of the answers: (B, M + K)."""
        return self._logits(features, *self._judged(features))

    def forward_critic(self, features: Tensor) -> Tensor:
        units: Tensor = self.critic(self._judged(features)[1])
        return units

    def _logits(self, features: Tensor, judged: Tensor, together: Tensor) -> Tensor:
        logits = torch.cat([self.wanted(judged)[..., 0], self.answer(together)], dim=1)
        return answering_at_last(logits, self.num_moves, features[:, LEFT])

    def _judged(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What is thought of each move (B, M, H), and of all and what is known (B, 2 H + known)."""
        split = self.num_moves * FACTS
        facts = features[:, :split].reshape(len(features), self.num_moves, FACTS)
        known = features[:, split:]
        told = known[:, None].expand(-1, self.num_moves, -1)
        judged = self.judge(torch.cat([facts, told], dim=2))
        return judged, torch.cat([judged.mean(1), judged.amax(1), known], dim=1)


class DiscreteMovePolicy(MultiInputActorCriticPolicy):
    """Actor-critic policy that reads the next-best-view features of moves, for Discrete actions.

    >>> import numpy as np
    >>> moves = {"prospects": spaces.Box(-1, 1, (25,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> policy = DiscreteMovePolicy(spaces.Dict(moves), spaces.Discrete(5), lambda _: 1e-3)
    >>> seen = {key: np.zeros((3, *space.shape), np.float32) for key, space in moves.items()}
    >>> policy.predict(seen)[0].shape
    (3,)

    Args:
        net_arch: widths, {"pi": of what judges moves and answers, "vf": of the critic}, or one
            list for both.

    Raises:
        UserError: for an observation whose moves are not the first actions.

    References:
        Zaheer et al., Deep Sets, NeurIPS 2017 (one network for every element).
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("ortho_init", False)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=MoveRows,
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        parameters = super()._get_constructor_parameters()
        del parameters["features_extractor_class"]  # it is always the same
        return parameters

    def _build_mlp_extractor(self) -> None:
        rows = self.features_extractor
        assert isinstance(rows, MoveRows)
        same_for_both = {"pi": self.net_arch, "vf": self.net_arch}
        widths: Any = self.net_arch if isinstance(self.net_arch, dict) else same_for_both
        answers = int(self.action_space.n) - rows.num_moves  # type: ignore[attr-defined]
        if answers < 1:
            raise UserError(
                f"MovePolicy needs an action for each of the {rows.num_moves} moves told of and "
                f"at least one answer, received {self.action_space}"
            )
        self.mlp_extractor = MoveJudge(  # type: ignore[assignment]
            self.features_dim,
            rows.num_moves,
            answers,
            widths["pi"],
            widths["vf"],
            self.device,
            self.activation_fn,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()  # the judge's are the logits
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[call-arg]
        )


def _layers(width: int, hidden: Sequence[int], activation_fn: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*create_mlp(width, -1, list(hidden), activation_fn))
