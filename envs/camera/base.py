"""The camera's control: one space of actions, read by the environment and written by strategies.

A turn is a change of azimuth and elevation, in radians: right is growing azimuth, up is growing
elevation, and both are the camera's own directions. Where cameras need not look at the centre it is
four numbers: the last two change the aim, to the right and up, see `envs.camera.aim`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.camera.actions import NO_ANSWER
from envs.camera.aim import AimRange
from gqn_rl.errors import UserError, unknown_name

STEP = np.deg2rad(30.0)
"""How far one discrete move turns the camera, in radians."""
NAMED_TURNS = {
    "left": (-STEP, 0.0),
    "right": (STEP, 0.0),
    "up": (0.0, STEP),
    "down": (0.0, -STEP),
}
"""What people call the turns by one step, in the order of the Discrete actions."""


@dataclass(frozen=True)
class Commands:
    """What N actions ask for.

    >>> from envs.camera.discrete import DiscreteControl
    >>> commands = DiscreteControl(num_answers=10).read([2, 4 + 7], 2)  # up, and answer 7
    >>> np.rad2deg(commands.turn).round()
    array([[ 0., 30.],
           [ 0.,  0.]])
    >>> commands.answer
    array([-1,  7])

    Attributes:
        turn: float64 (N, T), change of azimuth and elevation in radians, with a free aim of that
            too; 0 where a row answers.
        answer: int64 (N,), -1 where the row moves its camera.
    """

    turn: NDArray[np.float64]
    answer: NDArray[np.int64]


class CameraControl(ABC):
    """One action space and its meaning, in both directions.

    A control of one's own has `name`, `turns`, `action_space`, `read`, `encode_turn` and
    `encode_answer`; the rest follows from them. No one else knows how actions are laid out.

    >>> class Carousel(CameraControl):  # 0 turns to the right, 1 + k answers k
    ...     name, turns = "carousel", np.array([NAMED_TURNS["right"]])
    ...
    ...     def __init__(self, num_answers):
    ...         super().__init__(num_answers)
    ...         self._space = spaces.Discrete(1 + num_answers)
    ...
    ...     @property
    ...     def action_space(self):
    ...         return self._space
    ...
    ...     def read(self, actions, n):
    ...         values = whole_numbers(actions, n, 1 + self.num_answers)
    ...         return Commands(np.where(values[:, None] == 0, self.turns, 0.0), values - 1)
    ...
    ...     def encode_turn(self, turns):
    ...         return np.zeros(len(turns), np.int64)
    ...
    ...     def encode_answer(self, answers):
    ...         return 1 + self.checked_answers(answers)
    >>> control = Carousel(num_answers=10)
    >>> control.encode_moves(["right"]), control.encode_answer([7])
    (array([0]), array([8]))
    >>> control.read([0, 8], 2).answer
    array([-1,  7])

    Args:
        num_answers: K; an answer is an integer in [0, K).
        aim_range: how far beside the centre the cameras may look; None for the centre alone. Given
            only where the control `can_aim`.

    Attributes:
        name: what it is called.
        turns: float64 (M, T), those from which a strategy chooses: all that an action can ask for,
            or some of them. T is 2, with a free aim 4.
        named_turns: those that people have a name for, by that name.
        can_aim: whether it takes an `aim_range`.
        goes_partway: what becomes of a move to where the task lets no camera stand: it ends at the
            border, or the camera stays.
    """

    name: str
    turns: NDArray[np.float64]
    named_turns: Mapping[str, tuple[float, ...]] = NAMED_TURNS
    goes_partway: bool = False
    can_aim: bool = False

    def __init__(self, num_answers: int, aim_range: AimRange | None = None) -> None:
        self.num_answers = num_answers
        if aim_range is not None:
            self.named_turns = aim_range.named(NAMED_TURNS)

    @property
    @abstractmethod
    def action_space(self) -> spaces.Space[Any]:
        """The actions of one environment; always the same object."""

    @abstractmethod
    def read(self, actions: Any, n: int) -> Commands:
        """What the actions of n environments ask for.

        Raises:
            UserError: for an action outside the space, with the value received.
        """

    @abstractmethod
    def encode_turn(self, turns: ArrayLike) -> NDArray[Any]:
        """The actions (n, ...) that turn n cameras and answer nothing.

        The inverse of `read` for the turns that an action can ask for; of others it is the nearest.

        Args:
            turns: (n, T), azimuth and elevation in radians, with a free aim that too.
        """

    @abstractmethod
    def encode_answer(self, answers: ArrayLike) -> NDArray[Any]:
        """The actions (n, ...) that answer and turn nothing, the inverse of `read`.

        Args:
            answers: integers (n,).

        Raises:
            UserError: for an answer that there is not.
        """

    @property
    def probes(self) -> NDArray[np.float64]:
        """Turns (P, 2) of which an observation may tell what they would bring."""
        return self.turns

    @property
    def turn_space(self) -> spaces.Space[Any]:
        """Turns alone, for clients whose actions are no answers: by default one of `turns`."""
        return spaces.Discrete(len(self.turns))

    def read_turn(self, chosen: Any, n: int) -> NDArray[np.float64]:
        """The turns (n, 2) for n elements of `turn_space`.

        Raises:
            UserError: for one outside the space, with the value received.
        """
        return self.turns[whole_numbers(chosen, n, len(self.turns))]

    def encode_moves(self, names: Sequence[str]) -> NDArray[Any]:
        """The actions (n, ...) of n turns by their names in `named_turns`.

        Raises:
            UserError: for another name.
        """
        for name in names:
            if name not in self.named_turns:
                raise unknown_name("move", name, self.named_turns)
        turns = [self.named_turns[name] for name in names]
        return self.encode_turn(np.reshape(turns, (len(names), self.turns.shape[1])))

    def describe(self, action: Any, answer_name: Callable[[int], str]) -> str:
        """What a person calls an action.

        Args:
            answer_name: what a person calls an answer.
        """
        commands = self.read(np.asarray(action)[None], 1)
        if commands.answer[0] != NO_ANSWER:
            return answer_name(int(commands.answer[0]))
        return self.describe_turn(commands.turn[0])

    def describe_turn(self, turn: NDArray[np.float64]) -> str:
        """What a person calls a turn (T,): by default how far it goes, in degrees."""
        names = [
            ("right", "left"),
            ("up", "down"),
            ("aim right", "aim left"),
            ("aim up", "aim down"),
        ]
        parts = [(value, *both) for value, both in zip(np.rad2deg(turn), names, strict=False)]
        return ", ".join(f"{a if v > 0 else b} {abs(v):.0f}°" for v, a, b in parts)

    def nearest_turn(self, turns: ArrayLike) -> NDArray[np.int64]:
        """Of `turns` that nearest to each turn (n, T), int64 (n,); the first of equally near."""
        away = np.asarray(turns, np.float64)[:, None] - self.turns
        return np.square(away).sum(axis=2).argmin(axis=1).astype(np.int64)

    def checked_answers(self, answers: ArrayLike) -> NDArray[np.int64]:
        """Answers to be encoded, int64 (n,).

        Raises:
            UserError: for an answer that there is not.
        """
        given = np.asarray(answers, dtype=np.int64)
        outside = (given < 0) | (given >= self.num_answers)
        if outside.any():
            raise UserError(f"answer is {given[outside][0]}, expected 0 to {self.num_answers - 1}")
        return given


def whole_numbers(actions: Any, n: int, count: int) -> NDArray[np.int64]:
    """Actions of n environments that are integers from 0 to `count` - 1, int64 (n,).

    Raises:
        UserError: for other actions, with the value received.
    """
    values = np.asarray(actions)
    if values.shape != (n,) or not np.issubdtype(values.dtype, np.integer):
        raise UserError(
            f"action {actions!r} is {values.dtype} of shape {values.shape}, "
            f"expected one integer per environment, shape ({n},)"
        )
    outside = (values < 0) | (values >= count)
    if outside.any():
        row = int(outside.argmax())
        raise UserError(
            f"action {values[row]} of environment {row} is outside the action space, "
            f"expected 0 to {count - 1}"
        )
    return values.astype(np.int64)
