"""Single-file algorithms such as CleanRL's: an id, Gymnasium's wrappers, and a loop over rows.

CleanRL's own scripts were tried by hand, see docs/clients.md; these are the wrappers around one row
and the loops around several that they have in common.
"""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces, wrappers
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from envs.registration import FLAT_IDS

N, STEPS = 3, 60
DISCRETE = sorted(env_id for env_id in FLAT_IDS if "Continuous" not in env_id)
CONTINUOUS = sorted(env_id for env_id in FLAT_IDS if "Continuous" in env_id)


def with_statistics(env):
    return wrappers.RecordEpisodeStatistics(env)


def normalised(env):
    """Observations and rewards of spread 1, actions without bounds."""
    env = wrappers.RecordEpisodeStatistics(wrappers.FlattenObservation(env))
    env = wrappers.NormalizeObservation(wrappers.ClipAction(env))
    env = wrappers.TransformObservation(env, lambda seen: np.clip(seen, -10, 10), None)
    env = wrappers.NormalizeReward(env, gamma=0.99)
    return wrappers.TransformReward(env, lambda reward: float(np.clip(reward, -10, 10)))


@pytest.fixture
def rows(make):
    """Rows of an id behind wrappers, reset."""

    def make_rows(env_id, wrap, mode=AutoresetMode.NEXT_STEP):
        short = {"observation": "state", "max_looks": 4}
        one = [lambda: wrap(make(f"envs:{env_id}", **short)) for _ in range(N)]
        venv = SyncVectorEnv(one, autoreset_mode=mode)
        venv.single_action_space.seed(1)
        return venv, venv.reset(seed=1)[0]

    return make_rows


def actions_of(venv):
    return np.array([venv.single_action_space.sample() for _ in range(N)])


@pytest.mark.parametrize("env_id", sorted(FLAT_IDS))
def test_a_rollout_fits_into_arrays_made_from_the_spaces(rows, env_id):
    venv, seen = rows(env_id, with_statistics)
    space, acts = venv.single_observation_space, venv.single_action_space
    assert isinstance(space, spaces.Box)
    assert space.dtype == np.float32
    kept = np.full((STEPS, N, *space.shape), np.nan, np.float32)
    done = np.full((STEPS, N, *acts.shape), -99, acts.dtype)
    for step in range(STEPS):
        kept[step], done[step] = seen, actions_of(venv)
        assert space.contains(kept[step, 0])
        seen, rewards, terminated, truncated, _ = venv.step(done[step])
        assert rewards.shape == terminated.shape == truncated.shape == (N,)
    assert np.isfinite(kept).all()
    assert len(np.unique(kept.reshape(STEPS, -1), axis=0)) > STEPS / 2  # it is not one picture


@pytest.mark.parametrize("env_id", sorted(FLAT_IDS))
def test_the_statistics_of_an_episode_are_its_rewards_and_steps(rows, env_id):
    venv, _ = rows(env_id, with_statistics)
    returns, lengths, episodes = np.zeros(N), np.zeros(N), 0
    was_over = np.zeros(N, bool)
    for _ in range(STEPS):
        _, rewards, terminated, truncated, infos = venv.step(actions_of(venv))
        returns, lengths = returns + rewards, lengths + ~was_over
        over = terminated | truncated
        for row in np.flatnonzero(over):
            assert infos["_episode"][row]
            assert infos["episode"]["r"][row] == pytest.approx(returns[row], abs=1e-5)
            assert infos["episode"]["l"][row] == lengths[row]
            episodes += 1
        returns[over], lengths[over] = 0.0, 0.0
        was_over = over
    assert episodes > N


@pytest.mark.parametrize("env_id", DISCRETE)
def test_only_the_resets_of_the_next_step_mode_are_rewarded_by_nothing(rows, env_id):
    """What a loop has to leave out of what it learns from, unless its rows are in SAME_STEP."""
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        venv, _ = rows(env_id, with_statistics, mode)
        was_over, resets = np.zeros(N, bool), 0
        for _ in range(STEPS):
            _, rewards, terminated, truncated, infos = venv.step(actions_of(venv))
            over = terminated | truncated
            if mode == AutoresetMode.NEXT_STEP:
                assert not (was_over & over).any()
                assert (rewards[was_over] == 0).all()
                resets += was_over.sum()
            else:
                assert ("final_obs" in infos) == over.any()
            was_over = over
        assert (resets > N) == (mode == AutoresetMode.NEXT_STEP)


@pytest.mark.parametrize("env_id", CONTINUOUS)
def test_actions_of_a_gaussian_are_clipped_and_what_is_seen_is_normalised(rows, env_id):
    venv, seen = rows(env_id, normalised)
    rng = np.random.default_rng(0)
    lows, highs, last = [], [], None
    for _ in range(STEPS):
        wide = rng.normal(scale=2.0, size=(N, *venv.single_action_space.shape))
        seen, rewards, *_ = venv.step(wide.astype(np.float32))
        lows.append(seen.min()), highs.append(seen.max())
        assert np.isfinite(seen).all()
        assert np.isfinite(rewards).all()
        last = seen
    assert min(lows) >= -10
    assert max(highs) <= 10
    assert last.std() > 0.1


@pytest.mark.parametrize("env_id", sorted(FLAT_IDS))
def test_rows_by_id_alone_seeded_alike_play_alike(rows, env_id):
    histories = []
    for _ in range(2):
        venv, seen = rows(env_id, with_statistics)
        history = [seen]
        for _ in range(10):
            history.append(venv.step(actions_of(venv))[0])
        histories.append(np.array(history))
    np.testing.assert_array_equal(*histories)
    assert not np.array_equal(histories[0][0, 0], histories[0][0, 1])


def test_a_script_needs_the_id_and_its_module_alone():
    """No import, no arguments: what is before the colon registers the ids."""
    code = (
        "import gymnasium; assert 'GQNShepardFlat-v0' not in gymnasium.registry; "
        "print(gymnasium.make('envs:GQNShepardFlat-v0').observation_space.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    shape = gymnasium.make("envs:GQNShepardFlat-v0").observation_space.shape
    assert done.stdout.strip() == str(shape), done.stderr
