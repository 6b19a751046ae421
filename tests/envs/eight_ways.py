"""A camera's control that is no part of the package, in one class: sideways, up, and an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.camera.control import STEP, CameraControl, Commands
from gqn_rl.errors import UserError

NAME = f"{__name__}:EightWays"


class EightWays(CameraControl):
    """Three integers: one step left, none or right; one step down, none or up; 0 or 1 + answer."""

    name = "eight ways"
    turns = STEP * np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y])

    def __init__(self, num_answers: int) -> None:
        super().__init__(num_answers)
        self._action_space = spaces.MultiDiscrete([3, 3, 1 + num_answers])

    @property
    def action_space(self) -> spaces.MultiDiscrete:
        return self._action_space

    def read(self, actions: Any, n: int) -> Commands:
        values = np.asarray(actions)
        if values.shape != (n, 3) or not np.issubdtype(values.dtype, np.integer):
            raise UserError(f"action {actions!r}, expected three integers per environment")
        if not ((values >= 0) & (values < self._action_space.nvec)).all():
            raise UserError(f"action {values.tolist()}, expected {self._action_space}")
        turn = STEP * (values[:, :2] - 1.0)
        return Commands(np.where(values[:, 2:] > 0, 0.0, turn), values[:, 2].astype(np.int64) - 1)

    def encode_turn(self, turns: ArrayLike) -> NDArray[np.int64]:
        steps = np.clip(np.rint(np.asarray(turns) / STEP), -1, 1).astype(np.int64)
        return np.column_stack([1 + steps, np.zeros(len(steps), np.int64)])

    def encode_answer(self, answers: ArrayLike) -> NDArray[np.int64]:
        given = self.checked_answers(answers)
        return np.column_stack([np.ones((len(given), 2), np.int64), 1 + given])
