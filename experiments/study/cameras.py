"""The fixed camera: the same moves in every episode, whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn, VecEnvWrapper

from envs.camera.control import CameraControl
from gqn_rl.errors import UserError

RIGHT, UP, DOWN = "right", "up", "down"
SCHEDULE = (RIGHT, RIGHT, UP, RIGHT, RIGHT, DOWN)
"""240 degrees round the object in the eleven moves of an episode of twelve looks, at the first
view's height and 30 degrees above; `evaluate_agent` looks around in the same way."""


class ScheduledCamera(VecEnvWrapper):
    """Action 0 makes the schedule's next move, action 1 + k gives answer k.

    Args:
        venv: the environment.
        control: of its camera.
        schedule: names of moves, begun anew with each episode and when it is through.

    Raises:
        UserError: for a schedule of no moves, or of moves that have no name.
    """

    def __init__(
        self, venv: VecEnv, control: CameraControl, schedule: Sequence[str] = SCHEDULE
    ) -> None:
        if not schedule:
            raise UserError(f"schedule is {schedule}, expected names of moves")
        super().__init__(venv, action_space=spaces.Discrete(1 + control.num_answers))
        self._control, self._schedule = control, control.encode_moves(schedule)
        self._made = np.zeros(venv.num_envs, dtype=np.int64)

    def reset(self) -> VecEnvObs:
        self._made[:] = 0
        return self.venv.reset()

    def step_async(self, actions: NDArray[Any]) -> None:
        given = self._schedule[self._made % len(self._schedule)]
        self._made += 1
        answering = actions > 0
        given[answering] = self._control.encode_answer(actions[answering] - 1)
        self.venv.step_async(given)

    def step_wait(self) -> VecEnvStepReturn:
        observation, rewards, dones, infos = self.venv.step_wait()
        self._made[dones] = 0
        return observation, rewards, dones, infos
