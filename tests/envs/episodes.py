"""Whole episodes for the tests."""

from __future__ import annotations

from typing import Any


def play(env: Any, seed: int | None = None) -> list[Any]:
    """One episode of sampled actions, everything it returned."""
    env.action_space.seed(seed)
    history: list[Any] = [env.reset(seed=seed)]
    while len(history) < 2 or not (history[-1][2] or history[-1][3]):
        history.append(env.step(env.action_space.sample()))
    return history
