"""Actions of every kind of control, by what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import spaces

from envs.camera.control import LARGEST_TURN, ContinuousControl, DiscreteControl

LEFT, RIGHT, UP, DOWN = range(4)


def move(space: spaces.Space[Any], direction: int) -> Any:
    """A turn by 30 degrees."""
    if isinstance(space, spaces.Discrete):
        return np.int64(direction)
    action = np.zeros(space.shape, np.float32)
    action[ContinuousControl.TURNS] = DiscreteControl.MOVES[direction] / LARGEST_TURN
    action[ContinuousControl.COMMIT] = -1.0
    return action


def answer(space: spaces.Space[Any], k: int) -> Any:
    """Answer k."""
    if isinstance(space, spaces.Discrete):
        return np.int64(len(DiscreteControl.MOVES) + k)
    action = np.zeros(space.shape, np.float32)
    action[ContinuousControl.COMMIT] = 1.0
    action[ContinuousControl.COMMIT + 1 :][k : k + 1] = 1.0
    return action


def moves(env: Any, direction: int) -> Any:
    """The same turn in every row."""
    return np.stack([move(env.single_action_space, direction)] * env.num_envs)


def answers(env: Any, k: int) -> Any:
    """The same answer in every row."""
    return np.stack([answer(env.single_action_space, k)] * env.num_envs)


def mixed(env: Any, steps: int, seed: int = 0) -> Iterator[Any]:
    """Mostly camera moves, so that some episodes run out of looks and others are answered."""
    rng = np.random.default_rng(seed)
    env.action_space.seed(seed)
    for _ in range(steps):
        sampled = env.action_space.sample()
        for row in np.flatnonzero(rng.random(env.num_envs) < 0.7):
            sampled[row] = move(env.single_action_space, int(rng.integers(4)))
        yield sampled
