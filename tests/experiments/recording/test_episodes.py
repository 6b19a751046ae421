"""Recorded episodes: each can be played again, and none depends on which row played it."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from envs import ENV_IDS
from experiments.recording.episodes import RecordedEpisode, recorded_episodes
from experiments.recording.minari_dataset import recorded_spec

SEED = 11
LONGEST = 4
"""Looks that `Wanderer` takes at most."""


class Wanderer:
    """Moves while the scene's first number and the looks left say so, then answers; remembers
    which rows it was told begin."""

    def __init__(self, env):
        self._control = env.unwrapped.control
        self.starts = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.starts.append(episode_start.copy())
        n = len(episode_start)
        moves = np.repeat(self._control.encode_moves(["left"]), n, axis=0)
        answers = self._control.encode_answer(np.zeros(n, np.int64))
        taken = np.rint((1 - observation["looks_left"][:, 0]) * 11) + 1
        wanted = 1 + np.abs(observation["state"][:, 0] * 1e4).astype(int) % LONGEST
        goes_on = (taken < wanted).reshape(-1, *[1] * (moves.ndim - 1))
        return np.where(goes_on, moves, answers), state


def rows(env_id, num_envs):
    return gymnasium.make_vec(
        f"envs:{env_id}", num_envs=num_envs, observation="state", autoreset_mode="Disabled"
    )


def record(env_id, num_envs, episodes, epsilon=0.0) -> list[RecordedEpisode]:
    env = rows(env_id, num_envs)
    return list(recorded_episodes(Wanderer(env), env, episodes, seed=SEED, epsilon=epsilon))


IDS = [env_id for env_id in ENV_IDS if "ViewPrediction" not in env_id]
"""Those that play without an encoder, in which a batch of another size rounds differently."""


@pytest.mark.parametrize("env_id", IDS)
def test_every_episode_plays_again_from_its_seed_and_its_actions(env_id):
    env = gymnasium.make(f"envs:{env_id}", observation="state")
    episodes = record(env_id, 3, 8, epsilon=0.2)
    assert [episode.seed for episode in episodes] == [SEED + k for k in range(8)]
    assert len({len(episode) for episode in episodes}) > 1
    for episode in episodes:
        observations, infos = ([first] for first in env.reset(seed=episode.seed))
        ends = []
        for action in episode.actions:
            assert action in env.action_space
            observation, *end, info = env.step(action)
            observations.append(observation)
            infos.append(info)
            ends.append(end)
        for told, again in ((episode.observations, observations), (episode.infos, infos)):
            assert told.keys() == again[0].keys()
            for key, values in told.items():
                np.testing.assert_array_equal(values, np.array([one[key] for one in again]))
        recorded = episode.rewards, episode.terminations, episode.truncations
        np.testing.assert_array_equal(np.array(ends).T, np.array(recorded))
        over = episode.terminations | episode.truncations
        assert over[-1]
        assert not over[:-1].any()


@pytest.mark.parametrize("env_id", IDS[:2])
@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_the_episodes_do_not_depend_on_how_many_are_played_at_once(env_id, epsilon):
    one, many = (record(env_id, num_envs, 7, epsilon) for num_envs in (1, 5))
    assert len(one) == len(many) == 7
    for a, b in zip(one, many, strict=True):
        assert data_equivalence(vars(a), vars(b), exact=True)


def test_epsilon_is_the_share_of_actions_that_are_random():
    env = rows("GQNShepard-v0", 50)
    left, answer = Wanderer(env)._control.encode_moves(["left"])[0], 4
    other = {
        epsilon: np.mean(
            [
                action not in (left, answer)
                for episode in recorded_episodes(
                    Wanderer(env), env, 300, seed=SEED, epsilon=epsilon
                )
                for action in episode.actions
            ]
        )
        for epsilon in (0.0, 0.5, 1.0)
    }
    # 12 of the 14 actions are ones that the strategy never takes.
    assert other[0.0] == 0.0
    assert other[0.5] == pytest.approx(0.5 * 12 / 14, abs=0.08)
    assert other[1.0] == pytest.approx(12 / 14, abs=0.05)


def test_a_strategy_is_told_which_episodes_begin():
    env = rows("GQNShepard-v0", 2)
    player = Wanderer(env)
    episodes = list(recorded_episodes(player, env, 6, seed=SEED))
    starts = np.array(player.starts)
    assert starts[0].all()
    assert starts.sum() >= len(episodes)
    assert not starts.all()


def test_the_recorded_environment_is_the_one_that_was_played_and_ids_stay_what_they_were():
    before = gymnasium.spec("GQNShepard-v0").to_json()
    spec = recorded_spec("GQNShepard-v0", {"observation": "state", "max_looks": 3}, is_flat=True)
    env = gymnasium.make(spec)
    assert env.observation_space.shape == (42 + 7 + 1,)
    assert env.unwrapped.rows.max_looks == 3
    assert gymnasium.spec("GQNShepard-v0").to_json() == before
