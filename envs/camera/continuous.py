"""The control of turns by any angle up to 60 degrees, with a number that says when to answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.camera.actions import NO_ANSWER
from envs.camera.aim import AimRange
from envs.camera.base import CameraControl, Commands
from gqn_rl.errors import UserError

LARGEST_TURN = np.deg2rad(60.0)
"""How far a continuous action of 1 turns the camera, in radians."""
PROBED = np.linspace(-1.0, 1.0, 5)
"""Continuous actions of which an observation tells what they would bring: those of these numbers
that turn as far as one action can, to the side, up or down."""
GRID = np.linspace(-1.0, 1.0, 9)
"""The numbers from which a strategy chooses, in each direction."""
ROUNDING = 1e-5
"""How far beyond -1 and 1 a number may be: as arithmetic in float32 leaves it, not on purpose."""


class ContinuousControl(CameraControl):
    """Numbers from -1 to 1: a turn, a commit channel, then one logit per answer.

    0: turn to the right (growing azimuth), 1: turn up; 1 stands for 60 degrees.
    2: commit; above 0 the action answers and turns nothing, otherwise it turns.
    3 on: the answer is the one with the largest logit, the first of them if several are equal.
    Where there is only one answer there are no logits.

    With a free aim numbers 2 and 3 take it to the right and up; 1 stands for as far as it may go
    from the centre. The commit channel and the logits follow. Strategies turn or aim.

    >>> control = ContinuousControl(num_answers=3)
    >>> control.encode_moves(["right"])
    array([[ 0.5,  0. , -1. ,  0. ,  0. ,  0. ]], dtype=float32)
    >>> aiming = ContinuousControl(num_answers=1, aim_range=AimRange.of(5.0))
    >>> aiming.encode_moves(["aim-left"]).round(2)
    array([[ 0.  ,  0.  , -0.32,  0.  , -1.  ]], dtype=float32)
    """

    TURNS, COMMIT = slice(0, 2), 2
    name = "continuous"
    goes_partway = True
    can_aim = True
    turns = LARGEST_TURN * np.array([(x, y) for x in GRID for y in GRID if (x, y) != (0.0, 0.0)])
    probes = LARGEST_TURN * np.array(
        [(x, y) for x in PROBED for y in PROBED if max(abs(x), abs(y)) == 1.0]
    )

    def __init__(self, num_answers: int, aim_range: AimRange | None = None) -> None:
        super().__init__(num_answers, aim_range)
        self._largest = np.full(2, LARGEST_TURN)
        if aim_range is not None:
            self._take_aim(aim_range)
        logits = num_answers if num_answers > 1 else 0
        self._action_space = spaces.Box(-1.0, 1.0, (self.COMMIT + 1 + logits,), np.float32)

    def _take_aim(self, aim_range: AimRange) -> None:
        """Two more numbers in each turn, and turns that change the aim alone."""
        self.TURNS, self.COMMIT = slice(0, 4), 4
        self._largest = np.array([LARGEST_TURN] * 2 + [aim_range.limit] * 2)
        self.turns = _with_aims(self.turns, GRID, aim_range)
        self.probes = _with_aims(self.probes, PROBED, aim_range)

    @property
    def action_space(self) -> spaces.Box:
        return self._action_space

    @property
    def turn_space(self) -> spaces.Box:
        """The numbers of a turn, float32 (T,)."""
        return spaces.Box(-1.0, 1.0, self._largest.shape, np.float32)

    def read(self, actions: Any, n: int) -> Commands:
        """See `CameraControl.read`; `actions` is a real array (n, T + 1 + logits)."""
        values = shares(actions, (n, *self._action_space.shape))
        answering = values[:, self.COMMIT] > 0
        logits = values[:, self.COMMIT + 1 :]
        best = logits.argmax(axis=1) if logits.shape[1] else np.zeros(n, dtype=np.int64)
        turn = np.where(answering[:, None], 0.0, self._largest * values[:, self.TURNS])
        return Commands(turn, np.where(answering, best, NO_ANSWER))

    def read_turn(self, chosen: Any, n: int) -> NDArray[np.float64]:
        """See `CameraControl.read_turn`; `chosen` is a real array (n, T)."""
        return self._largest * shares(chosen, (n, len(self._largest)))

    def encode_turn(self, turns: ArrayLike) -> NDArray[np.float32]:
        """See `CameraControl.encode_turn`; float32 (n, T + 1 + logits), none beyond the largest."""
        asked = np.asarray(turns, np.float64) / self._largest
        actions = np.zeros((len(asked), *self._action_space.shape), np.float32)
        actions[:, self.TURNS] = np.clip(asked, -1.0, 1.0)
        actions[:, self.COMMIT] = -1.0
        return actions

    def encode_answer(self, answers: ArrayLike) -> NDArray[np.float32]:
        """See `CameraControl.encode_answer`; float32 (n, T + 1 + logits)."""
        given = self.checked_answers(answers)
        actions = np.zeros((len(given), *self._action_space.shape), np.float32)
        actions[:, self.COMMIT] = 1.0
        if self.num_answers > 1:
            actions[np.arange(len(given)), self.COMMIT + 1 + given] = 1.0
        return actions


def _with_aims(
    turns: NDArray[np.float64], shares: NDArray[np.float64], aim_range: AimRange
) -> NDArray[np.float64]:
    """Turns (M, 2) of the camera, and then of the aim by all pairs of shares but none, (M', 4)."""
    aims = aim_range.limit * np.array([(x, y) for x in shares for y in shares if (x, y) != (0, 0)])
    return np.concatenate([np.pad(turns, ((0, 0), (0, 2))), np.pad(aims, ((0, 0), (2, 0)))])


def shares(actions: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Actions of environments that are numbers from -1 to 1, float64 of a shape (n, A).

    Those that rounding has put beyond an end, as Gymnasium's `RescaleAction` does, are that end.

    Raises:
        UserError: for other actions, with the value received.
    """
    values = np.asarray(actions)
    if values.shape != shape or values.dtype.kind not in "fiu":
        raise UserError(
            f"action {actions!r} is {values.dtype} of shape {values.shape}, "
            f"expected numbers of shape {shape}"
        )
    end = 1.0 + ROUNDING
    inside = (values >= -end) & (values <= end)  # not a number is not inside
    if not inside.all():
        row, part = np.argwhere(~inside)[0]
        raise UserError(
            f"action {values[row].tolist()} of environment {row} is outside the action space: "
            f"number {part} is {values[row, part]}, expected -1 to 1"
        )
    return np.clip(values.astype(np.float64), -1.0, 1.0)
