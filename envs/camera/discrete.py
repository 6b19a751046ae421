"""The control of four moves by 30 degrees, and the answers after them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.camera.actions import NO_ANSWER
from envs.camera.base import NAMED_TURNS, CameraControl, Commands, whole_numbers


class DiscreteControl(CameraControl):
    """Camera moves first (0 left, 1 right, 2 up, 3 down, 30 degrees each), then the answers.

    >>> control = DiscreteControl(num_answers=10)
    >>> control.encode_moves(["right", "up"])
    array([1, 2])
    >>> control.read(control.encode_answer([7]), 1).answer
    array([7])
    """

    MOVES = np.array(list(NAMED_TURNS.values()))
    name = "discrete"
    turns = MOVES

    def __init__(self, num_answers: int) -> None:
        super().__init__(num_answers)
        self._action_space = spaces.Discrete(len(self.MOVES) + num_answers)

    @property
    def action_space(self) -> spaces.Discrete:
        return self._action_space

    def read(self, actions: Any, n: int) -> Commands:
        """See `CameraControl.read`; `actions` is an integer array (n,)."""
        values = whole_numbers(actions, n, int(self._action_space.n))
        moves = len(self.MOVES)
        turns = np.concatenate([self.MOVES, np.zeros((1, 2))])[np.minimum(values, moves)]
        return Commands(turns, np.where(values >= moves, values - moves, NO_ANSWER))

    def encode_turn(self, turns: ArrayLike) -> NDArray[np.int64]:
        """See `CameraControl.encode_turn`; int64 (n,), the nearest moves."""
        return self.nearest_turn(turns)

    def encode_answer(self, answers: ArrayLike) -> NDArray[np.int64]:
        """See `CameraControl.encode_answer`; int64 (n,)."""
        return len(self.MOVES) + self.checked_answers(answers)

    def describe_turn(self, turn: NDArray[np.float64]) -> str:
        """The name of a move."""
        return list(self.named_turns)[int(self.nearest_turn(turn[None])[0])]
