"""What an action does: turn the camera on the viewing sphere, or answer.

Azimuth and elevation are the camera's state, so that a move past a pole is a clip of one number.
Adding a kind of control is a new class and a line in `CONTROLS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.tables import load
from gqn_rl.errors import UserError
from gqn_rl.viewpoint import Viewpoints, look_at_origin, wrap_angle

STEP = np.deg2rad(30.0)
"""How far one discrete move turns the camera, in radians."""
NO_ANSWER = -1


@dataclass(frozen=True)
class CameraAngles:
    """Where N cameras are on the viewing sphere.

    Attributes:
        azimuth: float64 (N,), radians in [-pi, pi).
        elevation: float64 (N,), radians in [-pi/2, pi/2].
    """

    azimuth: NDArray[np.float64]
    elevation: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.azimuth)

    def __getitem__(self, index: slice | NDArray) -> CameraAngles:
        return CameraAngles(self.azimuth[index], self.elevation[index])

    @staticmethod
    def concatenate(parts: list[CameraAngles]) -> CameraAngles:
        return CameraAngles(
            np.concatenate([p.azimuth for p in parts]), np.concatenate([p.elevation for p in parts])
        )

    def stacked(self) -> NDArray[np.float64]:
        """float64 (N, 2): azimuth and elevation."""
        return np.column_stack([self.azimuth, self.elevation])

    @staticmethod
    def sample(rng: np.random.Generator, n: int) -> CameraAngles:
        """n positions, uniform on the sphere."""
        return CameraAngles(rng.uniform(-np.pi, np.pi, n), np.arcsin(rng.uniform(-1.0, 1.0, n)))

    def viewpoints(self) -> Viewpoints:
        return look_at_origin(self.azimuth, self.elevation)

    def opposite(self) -> CameraAngles:
        """The positions on the other side of the object."""
        return CameraAngles(_wrapped(self.azimuth + np.pi), -self.elevation)

    def turned(self, turn: NDArray[np.float64]) -> CameraAngles:
        """After a turn (N, 2) of azimuth and elevation; elevation stops at the poles."""
        return CameraAngles(
            _wrapped(self.azimuth + turn[:, 0]),
            np.clip(self.elevation + turn[:, 1], -np.pi / 2, np.pi / 2),
        )

    def replaced(self, mask: NDArray[np.bool_], new: CameraAngles) -> CameraAngles:
        """These with `new`, in order, in the rows of `mask` (N,); a fresh copy."""
        azimuth, elevation = self.azimuth.copy(), self.elevation.copy()
        azimuth[mask], elevation[mask] = new.azimuth, new.elevation
        return CameraAngles(azimuth, elevation)


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


def _wrapped(azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(wrap_angle(azimuth), dtype=np.float64)


CONTROLS = {
    "discrete": "envs.camera_control:DiscreteControl",
}
"""Name to `module:class`; the class takes the number of answers."""


def make_control(name: str, num_answers: int) -> CameraControl:
    """The control called `name`.

    Raises:
        UserError: for an unknown name.
    """
    control: CameraControl = load("control", name, CONTROLS)(num_answers)
    return control
