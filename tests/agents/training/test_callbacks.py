"""Callbacks: evaluation, curves, the clock."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.callbacks import (
    CurveCallback,
    EvaluationCallback,
    ProgressCallback,
    TimeLimitCallback,
)
from tests.agents.conftest import small_model
from tests.agents.fake_env import fake_vector_env


def test_best_model_is_reported_only_when_it_improves() -> None:
    reported: list[tuple[int, float]] = []
    callback = EvaluationCallback(
        GymnasiumVecEnv(fake_vector_env(8)),
        every=2_000,
        episodes=64,
        seed=500,
        on_best=lambda model, score: reported.append((model.num_timesteps, score.reward)),
    )
    small_model().learn(12_000, callback=callback)
    steps = [row["timesteps"] for row in callback.curve]
    rewards = [row["reward"] for row in callback.curve]
    assert steps[-1] == 12_288  # whole rollouts
    assert np.diff(steps[:-1]).min() >= 2_000
    running = [
        (s, r)
        for i, (s, r) in enumerate(zip(steps, rewards, strict=True))
        if r > max(rewards[:i], default=-9)
    ]
    assert reported == running
    assert rewards[-1] > rewards[0]


def test_time_limit_ends_between_rollouts() -> None:
    limit = TimeLimitCallback(0.5)
    model = small_model()
    start = time.monotonic()
    model.learn(10_000_000, callback=limit)
    assert limit.reached
    assert 0.5 <= time.monotonic() - start < 5
    assert model.num_timesteps % (16 * 32) == 16  # one step of a rollout that does not count
    assert model._n_updates > 0


def test_curve_and_progress() -> None:
    curve, sparse, progress = CurveCallback(), CurveCallback(every=1000), ProgressCallback()
    small_model().learn(2_048, callback=[curve, sparse, progress])
    assert [row["timesteps"] for row in curve.curve] == [512, 1024, 1536, 2048]
    assert [row["timesteps"] for row in sparse.curve] == [512, 1536]
    assert all(0 <= row["accuracy"] <= 1 for row in curve.curve)


def test_the_curve_of_a_graded_task_is_its_error() -> None:
    model = small_model()
    step = model.env.step_wait

    def with_errors() -> Any:
        observation, rewards, dones, infos = step()
        for info, done in zip(infos, dones, strict=True):
            info["error"] = 3.0 if done else -1.0
        return observation, rewards, dones, infos

    model.env.step_wait = with_errors
    curve = CurveCallback()
    model.learn(512, callback=curve)
    assert [row["error"] for row in curve.curve] == [3.0]
    assert "accuracy" not in curve.curve[0]
