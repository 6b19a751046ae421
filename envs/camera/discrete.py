"""The control of four moves by 30 degrees, four of the aim if it is free, and then the answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.camera.actions import NO_ANSWER
from envs.camera.aim import AimRange
from envs.camera.base import NAMED_TURNS, CameraControl, Commands, whole_numbers


class DiscreteControl(CameraControl):
    """Camera moves first (0 left, 1 right, 2 up, 3 down, 30 degrees each), then the answers.

    With a free aim 4 to 7 take it left, right, up and down, by the step of its range, and the
    answers follow.

    >>> control = DiscreteControl(num_answers=10)
    >>> control.encode_moves(["right", "up"])
    array([1, 2])
    >>> control.read(control.encode_answer([7]), 1).answer
    array([7])
    >>> DiscreteControl(num_answers=10, aim_range=AimRange.of(5.0)).encode_moves(["up", "aim-up"])
    array([2, 6])
    """

    MOVES = np.array(list(NAMED_TURNS.values()))
    name = "discrete"
    turns = MOVES
    can_aim = True

    def __init__(self, num_answers: int, aim_range: AimRange | None = None) -> None:
        super().__init__(num_answers, aim_range)
        self.turns = np.array(list(self.named_turns.values()))
        self._action_space = spaces.Discrete(len(self.turns) + num_answers)

    @property
    def action_space(self) -> spaces.Discrete:
        return self._action_space

    def read(self, actions: Any, n: int) -> Commands:
        """See `CameraControl.read`; `actions` is an integer array (n,)."""
        values = whole_numbers(actions, n, int(self._action_space.n))
        moves = len(self.turns)
        turns = np.pad(self.turns, ((0, 1), (0, 0)))[np.minimum(values, moves)]
        return Commands(turns, np.where(values >= moves, values - moves, NO_ANSWER))

    def encode_turn(self, turns: ArrayLike) -> NDArray[np.int64]:
        """See `CameraControl.encode_turn`; int64 (n,), the nearest moves."""
        return self.nearest_turn(turns)

    def encode_answer(self, answers: ArrayLike) -> NDArray[np.int64]:
        """See `CameraControl.encode_answer`; int64 (n,)."""
        return len(self.turns) + self.checked_answers(answers)

    def describe_turn(self, turn: NDArray[np.float64]) -> str:
        """The name of a move."""
        return list(self.named_turns)[int(self.nearest_turn(turn[None])[0])]
