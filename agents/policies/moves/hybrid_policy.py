"""A hybrid policy for moves of which some are told of in advance.

Whether to look on or to predict now is a choice. The turn of a look is a Gaussian around an average
of the moves told of, weighted by one network that judges each (`MoveFeatures`).
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import MlpExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.policies.hybrid.actions import HybridActions, small_linear
from agents.policies.hybrid.policy import HybridActorCritic, require_no_sde
from agents.policies.moves.features import MoveFeatures, nearest_move
from agents.policies.moves.last_look import LEFT, answering_at_last
from gqn_rl.errors import UserError
from gqn_rl.geometry.next_best_view import TURN


class TurnExtractor(nn.Module):
    """Takes the place of Stable-Baselines3's `MlpExtractor`; the actor also gets the looks left and
    a turn.

    >>> sizes = {"pi": [16], "vf": [16]}
    >>> actor, critic = TurnExtractor(24, sizes, nn.ReLU, "cpu")(torch.zeros(3, 24))
    >>> actor.shape, critic.shape  # 16 units, the looks left and the turn; 16 units
    (torch.Size([3, 19]), torch.Size([3, 16]))

    Args:
        features_dim: of `MoveFeatures`, whose first head's average of the turns comes first and
            the looks left last.
        net_arch: hidden layers of actor and critic.
    """

    def __init__(
        self,
        features_dim: int,
        net_arch: Any,
        activation_fn: type[nn.Module],
        device: torch.device | str,
    ) -> None:
        super().__init__()
        self.control = MlpExtractor(features_dim, net_arch, activation_fn, device=device)
        self.latent_dim_pi = self.control.latent_dim_pi + 1 + TURN.stop
        self.latent_dim_vf = self.control.latent_dim_vf

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Hidden units of the actor, the looks left, then the turn: (B, latent_dim_pi)."""
        units = self.control.forward_actor(features)
        return torch.cat([units, features[:, LEFT], features[:, TURN]], dim=1)

    def forward_critic(self, features: Tensor) -> Tensor:
        return self.control.forward_critic(features)


class MoveHead(nn.Module):
    """Actor units, the looks left and a turn (B, H + 3) to choices (B, 1 + K) and turns (B, 2).

    >>> logits, means = MoveHead(16, num_answers=1)(torch.ones(3, 16 + 3))
    >>> logits.shape, means.shape
    (torch.Size([3, 2]), torch.Size([3, 2]))
    """

    def __init__(self, hidden: int, num_answers: int) -> None:
        super().__init__()
        self.choice = small_linear(hidden, 1 + num_answers)
        self.shift = small_linear(hidden, TURN.stop)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        units, turn = latent[:, : -TURN.stop], latent[:, -TURN.stop :]
        hidden, left = units[:, :-1], units[:, LEFT]
        return answering_at_last(self.choice(hidden), 1, left), turn + self.shift(hidden)


class HybridMovePolicy(HybridActorCritic):
    """Actor-critic policy that reads the next-best-view features of moves, for hybrid actions.

    It explores all turns; at its best it makes the move told of that is nearest to its mean, since
    of the turns between those moves it is told nothing.

    >>> import numpy as np
    >>> moves = {"prospects": spaces.Box(-1, 1, (85,)), "looks_left": spaces.Box(0, 1, (1,))}
    >>> policy = HybridMovePolicy(spaces.Dict(moves), spaces.Box(-1, 1, (3,)), lambda _: 1e-3)
    >>> seen = {key: np.zeros((4, *space.shape), np.float32) for key, space in moves.items()}
    >>> policy.predict(seen)[0].shape
    (4, 3)

    Args:
        log_std_init: `log_std` before anything is learned.
        features_extractor_kwargs: of `MoveFeatures`.

    Raises:
        UserError: for another action space or observation.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        log_std_init: float = 0.0,
        **kwargs: Any,
    ) -> None:
        require_no_sde(kwargs)
        kwargs.setdefault("ortho_init", False)
        self._layout = layout_of_moves(action_space)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            log_std_init=log_std_init,
            features_extractor_class=MoveFeatures,
            **kwargs,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        parameters = super()._get_constructor_parameters()
        del parameters["features_extractor_class"]  # it is always the same
        return parameters

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = TurnExtractor(  # type: ignore[assignment]
            self.features_dim, self.net_arch, self.activation_fn, self.device
        )

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        extractor: Any = self.mlp_extractor
        self._act_by(MoveHead(extractor.control.latent_dim_pi, self._layout.num_answers))
        # The optimizer made by the base class knows the action head that was just replaced.
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[call-arg]
        )

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        if deterministic:
            return self.best_action(observation)  # type: ignore[arg-type]
        return super()._predict(observation)

    def best_action(self, observations: dict[str, Tensor]) -> Tensor:
        """The likeliest choices with the moves told of nearest to the mean turns, (B, A)."""
        actions = super().best_action(observations)
        choices, turns = self._layout.decode(actions)
        return self._layout.encode(choices, nearest_move(observations, turns))


def layout_of_moves(action_space: spaces.Space) -> HybridActions:
    """That of actions whose turns are those of moves: two numbers, and as many answers as follow.

    Raises:
        UserError: for an action space without room for a turn.
    """
    size = action_space.shape[0] if isinstance(action_space, spaces.Box) else 0
    logits = size - TURN.stop - 1
    if logits < 0 or logits == 1:  # of a single answer there is none
        raise UserError(
            f"MovePolicy needs a Box of {TURN.stop} numbers of a turn, a commit channel and the "
            f"logits of the answers, received {action_space}"
        )
    return HybridActions(action_space, max(1, logits))
