"""Gymnasium's wrappers around every id: what they promise of any environment holds of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.wrappers import vector

SEED, STEPS = 3, 14
Wrap = Callable[[Any], Any]
WRAPPERS: dict[str, Wrap] = {
    "in order": wrappers.OrderEnforcing,
    "checked": wrappers.PassiveEnvChecker,
    "reset by itself": wrappers.Autoreset,
    "cut short": lambda env: wrappers.TimeLimit(env, 3),
    "told the time": lambda env: wrappers.TimeAwareObservation(wrappers.TimeLimit(env, 5)),
    "with statistics": wrappers.RecordEpisodeStatistics,
    "flat": wrappers.FlattenObservation,
    "one part": lambda env: wrappers.FilterObservation(env, ["viewpoint"]),
    "stacked": lambda env: wrappers.FrameStackObservation(env, 3),
    "late": lambda env: wrappers.DelayObservation(env, 2),
    "with pictures": lambda env: wrappers.AddRenderObservation(env, render_only=False),
    "scaled rewards": wrappers.NormalizeReward,
    "clipped rewards": lambda env: wrappers.ClipReward(env, -0.5, 0.5),
    "flat and normalised": lambda env: wrappers.NormalizeObservation(
        wrappers.FlattenObservation(env)
    ),
    "repeated actions": lambda env: wrappers.StickyAction(env, 0.5),
}
OF_BOXES: dict[str, Wrap] = {
    "clipped": wrappers.ClipAction,
    "rescaled": lambda env: wrappers.RescaleAction(env, np.float32(-0.3), np.float32(2.1)),
}
OF_ROWS: dict[str, Wrap] = {
    "with statistics": vector.RecordEpisodeStatistics,
    "flat": vector.FlattenObservation,
    "infos in a list": vector.DictInfoToList,
    "scaled rewards": vector.NormalizeReward,
    "clipped rewards": lambda env: vector.ClipReward(env, -0.5, 0.5),
    "flat and normalised": lambda env: vector.NormalizeObservation(vector.FlattenObservation(env)),
}


@pytest.fixture
def one(make, env_id) -> gymnasium.Env:
    return make(env_id, max_looks=4, render_mode="rgb_array")


def played(env: Any) -> list[Any]:
    """What some random actions bring, from a seed on."""
    env.action_space.seed(SEED)
    history = [env.reset(seed=SEED)]
    for _ in range(STEPS):
        history.append(env.step(env.action_space.sample()))
        if history[-1][2] or history[-1][3]:
            history.append(env.reset())
    return history


@pytest.mark.parametrize("name", WRAPPERS)
def test_observations_lie_in_the_wrapped_space(name, one):
    env = WRAPPERS[name](one)
    history = played(env)
    assert all(step[0] in env.observation_space for step in history)
    assert len({len(step) for step in history}) == 2 or name == "reset by itself"


def test_wrapping_and_unwrapping_changes_no_episode(one):
    bare = played(one)
    for name in ("in order", "checked", "flat", "clipped rewards"):
        played(WRAPPERS[name](one))
    assert data_equivalence(played(one), bare, exact=True)


@pytest.mark.parametrize("name", OF_BOXES)
def test_actions_may_be_wrapped(name, make):
    env = OF_BOXES[name](make("GQNShepardContinuous-v0", max_looks=4))
    for end in (env.action_space.low, env.action_space.high):
        env.reset(seed=SEED)
        env.step(np.clip(end, -3.0, 3.0, dtype=np.float32))
    played(env)


def test_statistics_are_those_of_the_episode(one):
    env = wrappers.RecordEpisodeStatistics(one)
    total = length = 0
    for step in played(env):
        if len(step) == 2:
            total = length = 0
            continue
        total, length = total + step[1], length + 1
        if step[2]:
            assert step[4]["episode"]["l"] == length
            assert step[4]["episode"]["r"] == pytest.approx(total)


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_may_be_wrapped(name, make_vec, env_id):
    env = OF_ROWS[name](make_vec(env_id, num_envs=3, max_looks=2))
    env.action_space.seed(SEED)
    assert env.reset(seed=SEED)[0] in env.observation_space
    for _ in range(STEPS):
        assert env.step(env.action_space.sample())[0] in env.observation_space


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_statistics_of_rows_are_those_of_their_episodes(mode, make_vec, env_id):
    rows = make_vec(env_id, num_envs=3, max_looks=2, autoreset_mode=mode)
    env = vector.RecordEpisodeStatistics(rows)
    env.reset(seed=SEED)
    env.action_space.seed(SEED)
    totals, counted = np.zeros(3), 0
    for _ in range(STEPS):
        _, rewards, ended, _, infos = env.step(env.action_space.sample())
        totals += rewards
        if ended.any():
            np.testing.assert_allclose(infos["episode"]["r"][ended], totals[ended], atol=1e-6)
        counted += int(ended.sum())
        totals[ended] = 0.0
    assert env.episode_count == counted > 3
