"""The fixed camera: the same moves in every episode, whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn, VecEnvWrapper

RIGHT, UP, DOWN = 1, 2, 3
"""Moves of `envs.camera.control.DiscreteControl`."""
SCHEDULE = (RIGHT, RIGHT, UP, RIGHT, RIGHT, DOWN)
"""240 degrees round the object in the eleven moves of an episode of twelve looks, at the first
view's height and 30 degrees above; `evaluate_agent` looks around in the same way."""


class ScheduledCamera(VecEnvWrapper):
    """Action 0 makes the schedule's next move, action 1 + k gives answer k.

    Args:
        venv: Discrete, the camera moves first.
        num_moves: how many of those there are.
        schedule: moves, begun anew with each episode and when it is through.
    """

    def __init__(self, venv: VecEnv, num_moves: int, schedule: Sequence[int] = SCHEDULE) -> None:
        given = venv.action_space
        assert isinstance(given, spaces.Discrete)
        if not schedule or not all(0 <= move < num_moves for move in schedule):
            raise ValueError(f"schedule is {schedule}, expected moves from 0 to {num_moves - 1}")
        super().__init__(venv, action_space=spaces.Discrete(int(given.n) - num_moves + 1))
        self._num_moves = num_moves
        self._schedule = np.asarray(schedule, dtype=np.int64)
        self._made = np.zeros(venv.num_envs, dtype=np.int64)

    def reset(self) -> VecEnvObs:
        self._made[:] = 0
        return self.venv.reset()

    def step_async(self, actions: NDArray[Any]) -> None:
        scheduled = self._schedule[self._made % len(self._schedule)]
        self._made += 1
        self.venv.step_async(np.where(actions == 0, scheduled, actions - 1 + self._num_moves))

    def step_wait(self) -> VecEnvStepReturn:
        observation, rewards, dones, infos = self.venv.step_wait()
        self._made[dones] = 0
        return observation, rewards, dones, infos
