"""The ids where looking must pay: what every id promises, and that a view leaves much open."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

from envs.registration import FLAT_IDS, HARD_ENV_IDS, HARD_TASKS, known_id
from tests.envs.episodes import play

FLAT = [flat for flat, env_id in FLAT_IDS.items() if env_id in HARD_ENV_IDS]


@pytest.mark.parametrize("env_id", [*HARD_ENV_IDS, *FLAT])
def test_they_are_made_without_an_argument_and_pass_the_checkers(env_id: str) -> None:
    env = gymnasium.make(env_id, render_mode="rgb_array").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
        check_env_for_sb3(env)
    env.close()


@pytest.mark.parametrize("env_id", HARD_ENV_IDS)
def test_their_episodes_are_reproducible(env_id: str) -> None:
    first, again = (gymnasium.make(env_id) for _ in range(2))
    assert known_id(env_id) == env_id
    assert data_equivalence(play(first, 3), play(again, 3), exact=True)


@pytest.mark.parametrize("stem", HARD_TASKS)
def test_their_arguments_are_defaults(stem: str) -> None:
    env: Any = gymnasium.make(f"{stem}-v0", observation="pixels", image_size=32, num_cubes=7)
    assert env.reset(seed=0)[0]["image"].shape == (32, 32, 3)
    assert env.unwrapped.rows.num_cubes == 7
    assert env.unwrapped.rows.field_of_view == HARD_TASKS[stem][1]["field_of_view"]


@pytest.mark.parametrize("stem", HARD_TASKS)
def test_one_view_leaves_the_answer_open(stem: str) -> None:
    env = gymnasium.make_vec(f"{stem}-v0", num_envs=24)
    answers = env.reset(seed=0)[0]["posterior"][:, :10]
    assert (answers.max(axis=1) < 0.99).mean() > 0.6
    named = np.asarray(answers.argmax(axis=1) == env.unwrapped.targets)  # type: ignore[attr-defined]
    assert named.mean() < 0.8
    env.close()
