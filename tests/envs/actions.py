"""Actions of every kind of control, by what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from envs.camera.control import NAMED_TURNS, CameraControl

LEFT, RIGHT, UP, DOWN = range(4)


def control_of(env: Any) -> CameraControl:
    """The control of one environment or of many rows, wrapped or not."""
    inner = env.unwrapped
    return getattr(inner, "rows", inner).control


def move(env: Any, direction: int) -> Any:
    """A turn by 30 degrees."""
    return control_of(env).encode_moves([list(NAMED_TURNS)[direction]])[0]


def answer(env: Any, k: int) -> Any:
    """Answer k."""
    return control_of(env).encode_answer([k])[0]


def moves(env: Any, direction: int) -> Any:
    """The same turn in every row."""
    return np.stack([move(env, direction)] * env.num_envs)


def answers(env: Any, k: int) -> Any:
    """The same answer in every row."""
    return np.stack([answer(env, k)] * env.num_envs)


def mixed(env: Any, steps: int, seed: int = 0) -> Iterator[Any]:
    """Mostly camera moves, so that some episodes run out of looks and others are answered."""
    rng = np.random.default_rng(seed)
    env.action_space.seed(seed)
    for _ in range(steps):
        sampled = env.action_space.sample()
        for row in np.flatnonzero(rng.random(env.num_envs) < 0.7):
            sampled[row] = move(env, int(rng.integers(4)))
        yield sampled
