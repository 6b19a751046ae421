"""Camera moves and answers as actions of either kind of control, and what people call them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.control import LARGEST_TURN, STEP, CameraControl, DiscreteControl, make_control
from envs.registration import fixed_arguments
from envs.tasks import NO_ANSWER
from gqn_rl.errors import unknown_name

MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
"""Name to the direction in azimuth and elevation, in the order of the Discrete actions."""
GRID = np.linspace(-1.0, 1.0, 9)
"""The continuous turns from which a strategy chooses, in each direction."""


@dataclass(frozen=True)
class Controls:
    """How strategies that know where they want to look say so in an environment's actions.

    Attributes:
        control: what reads the actions in the environment.
        num_answers: K.
        actions: (M, ...), camera moves to choose from: all there are, or a grid of them.
        turns: float64 (M, 2), the change of azimuth and elevation that each asks for, radians.
    """

    control: CameraControl
    num_answers: int
    actions: NDArray[Any]
    turns: NDArray[np.float64]

    def move(self, name: str) -> NDArray[Any]:
        """The action that turns the camera by 30 degrees to the "left", "right", "up" or "down".

        Raises:
            UserError: for another name.
        """
        if name not in MOVES:
            raise unknown_name("move", name, MOVES)
        if isinstance(self.control, DiscreteControl):
            return np.asarray(list(MOVES).index(name))
        action = np.zeros(self._width, np.float32)
        action[:2] = np.array(MOVES[name]) * STEP / LARGEST_TURN
        return action

    def probe(self, index: int) -> NDArray[Any]:
        """The action that makes a move of `control.probes`."""
        if isinstance(self.control, DiscreteControl):
            return np.asarray(index)
        action = np.zeros(self._width, np.float32)
        action[:2] = self.control.probes[index] / LARGEST_TURN
        return action

    def answers(self, answers: NDArray[np.int64]) -> NDArray[Any]:
        """The actions that answer (n,), (n, ...)."""
        given = np.asarray(answers, dtype=np.int64)
        if isinstance(self.control, DiscreteControl):
            return len(MOVES) + given
        actions = np.zeros((len(given), self._width), np.float32)
        actions[:, 2] = 1.0
        if self.num_answers > 1:
            actions[np.arange(len(given)), 3 + given] = 1.0
        return actions

    def name(self, action: Any, answer_name: Callable[[int], str]) -> str:
        """What a person calls an action."""
        commands = self.control.read(np.asarray(action)[None], 1)
        if commands.answer[0] != NO_ANSWER:
            return answer_name(int(commands.answer[0]))
        azimuth, elevation = np.rad2deg(commands.turn[0])
        if isinstance(self.control, DiscreteControl):
            return list(MOVES)[int(action)]
        parts = [(azimuth, "right", "left"), (elevation, "up", "down")]
        return ", ".join(f"{a if v > 0 else b} {abs(v):.0f}°" for v, a, b in parts)

    @property
    def _width(self) -> int:
        return int((self.control.action_space.shape or (1,))[0])


def controls_of(env_id: str, num_answers: int) -> Controls:
    """The controls of a registered environment."""
    control = make_control(fixed_arguments(env_id)["control"], num_answers)
    if isinstance(control, DiscreteControl):
        count = len(DiscreteControl.MOVES)
        return Controls(control, num_answers, np.arange(count), DiscreteControl.MOVES.copy())
    assert isinstance(control.action_space, spaces.Box)
    directions = np.array([(x, y) for x in GRID for y in GRID if (x, y) != (0.0, 0.0)])
    actions = np.zeros((len(directions), *control.action_space.shape), np.float32)
    actions[:, :2] = directions
    return Controls(control, num_answers, actions, LARGEST_TURN * directions)
