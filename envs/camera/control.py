"""What an action does: turn the camera on the viewing sphere, or answer.

Adding a kind of control is a new class and a line in `CONTROLS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.actions import NO_ANSWER
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError

STEP = np.deg2rad(30.0)
"""How far one discrete move turns the camera, in radians."""
LARGEST_TURN = np.deg2rad(60.0)
"""How far a continuous action of 1 turns the camera, in radians."""
PROBED = np.linspace(-1.0, 1.0, 5)
"""Continuous actions of which an observation tells what they would bring: those of these numbers
that turn as far as one action can, to the side, up or down."""


@dataclass(frozen=True)
class Commands:
    """What N actions ask for.

    Attributes:
        turn: float64 (N, 2), change of azimuth and elevation in radians; 0 where a row answers.
        answer: int64 (N,), -1 where the row moves its camera.
    """

    turn: NDArray[np.float64]
    answer: NDArray[np.int64]


class CameraControl(Protocol):
    """One action space and its meaning."""

    goes_partway: bool
    """What becomes of a move to where the task lets no camera stand: it ends at the border, or
    the camera stays."""
    probes: NDArray[np.float64]
    """Turns (M, 2) of azimuth and elevation in radians of which an observation may tell what they
    would bring: all moves there are, or some of them."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """The actions of one environment."""
        ...

    def read(self, actions: Any, n: int) -> Commands:
        """What the actions of n environments ask for.

        Raises:
            UserError: for an action outside the space, with the value received.
        """
        ...


class DiscreteControl:
    """Camera moves first (0 left, 1 right, 2 up, 3 down, 30 degrees each), then the answers.

    Left and right are the camera's own: right is growing azimuth, up is growing elevation.
    """

    MOVES = np.array([[-STEP, 0.0], [STEP, 0.0], [0.0, STEP], [0.0, -STEP]])
    goes_partway = False
    probes = MOVES

    def __init__(self, num_answers: int) -> None:
        self._action_space = spaces.Discrete(len(self.MOVES) + num_answers)

    @property
    def action_space(self) -> spaces.Discrete:
        return self._action_space

    def read(self, actions: Any, n: int) -> Commands:
        """See `CameraControl.read`; `actions` is an integer array (n,)."""
        values = self._checked(actions, n)
        moves = len(self.MOVES)
        turns = np.concatenate([self.MOVES, np.zeros((1, 2))])[np.minimum(values, moves)]
        return Commands(turns, np.where(values >= moves, values - moves, NO_ANSWER))

    def _checked(self, actions: Any, n: int) -> NDArray[np.int64]:
        values = np.asarray(actions)
        if values.shape != (n,) or not np.issubdtype(values.dtype, np.integer):
            raise UserError(
                f"action {actions!r} is {values.dtype} of shape {values.shape}, "
                f"expected one integer per environment, shape ({n},)"
            )
        outside = (values < 0) | (values >= self._action_space.n)
        if outside.any():
            row = int(outside.argmax())
            raise UserError(
                f"action {values[row]} of environment {row} is outside the action space, "
                f"expected 0 to {self._action_space.n - 1}"
            )
        return values.astype(np.int64)


class ContinuousControl:
    """Numbers from -1 to 1: two turns, a commit channel, then one logit per answer.

    0: turn to the right (growing azimuth), 1: turn up; 1 stands for 60 degrees.
    2: commit; above 0 the action answers and turns nothing, otherwise it turns.
    3 on: the answer is the one with the largest logit, the first of them if several are equal.
    Where there is only one answer there are no logits.
    """

    TURNS, COMMIT = slice(0, 2), 2
    goes_partway = True
    probes = LARGEST_TURN * np.array(
        [(x, y) for x in PROBED for y in PROBED if max(abs(x), abs(y)) == 1.0]
    )

    def __init__(self, num_answers: int) -> None:
        logits = num_answers if num_answers > 1 else 0
        self._action_space = spaces.Box(-1.0, 1.0, (self.COMMIT + 1 + logits,), np.float32)

    @property
    def action_space(self) -> spaces.Box:
        return self._action_space

    def read(self, actions: Any, n: int) -> Commands:
        """See `CameraControl.read`; `actions` is a real array (n, 3 + logits)."""
        values = self._checked(actions, n)
        answering = values[:, self.COMMIT] > 0
        logits = values[:, self.COMMIT + 1 :]
        best = logits.argmax(axis=1) if logits.shape[1] else np.zeros(n, dtype=np.int64)
        turn = np.where(answering[:, None], 0.0, LARGEST_TURN * values[:, self.TURNS])
        return Commands(turn, np.where(answering, best, NO_ANSWER))

    def _checked(self, actions: Any, n: int) -> NDArray[np.float64]:
        values, expected = np.asarray(actions), (n, *self._action_space.shape)
        if values.shape != expected or values.dtype.kind not in "fiu":
            raise UserError(
                f"action {actions!r} is {values.dtype} of shape {values.shape}, "
                f"expected numbers of shape {expected}"
            )
        inside = (values >= -1) & (values <= 1)  # not a number is not inside
        if not inside.all():
            row, part = np.argwhere(~inside)[0]
            raise UserError(
                f"action {values[row].tolist()} of environment {row} is outside the action space: "
                f"number {part} is {values[row, part]}, expected -1 to 1"
            )
        return values.astype(np.float64)


CONTROLS = {
    "discrete": "envs.camera.control:DiscreteControl",
    "continuous": "envs.camera.control:ContinuousControl",
}
"""Name to `module:class`; the class takes the number of answers."""


def make_control(name: str, num_answers: int) -> CameraControl:
    """The control called `name`.

    Raises:
        UserError: for an unknown name.
    """
    control: CameraControl = find("control", name, CONTROLS)(num_answers)
    return control
