"""The native vector environment against Gymnasium's own vectorisation of single environments."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from envs.scene_env import SceneEnv
from gqn_rl.rendering import make_renderer
from gqn_rl.view import Views
from tests.envs.fake_encoder import CountingRenderer, FakeEncoder

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]
ROWS = 6


def sync(env_id, mode, **arguments):
    make_one = partial(gymnasium.make, env_id, encoder=FakeEncoder(), **arguments)
    return SyncVectorEnv([make_one] * ROWS, autoreset_mode=mode)


def mixed_actions(env, steps, seed=0):
    """Mostly camera moves, so that some episodes run out of looks and others are answered."""
    rng = np.random.default_rng(seed)
    answers = env.action_space.sample
    env.action_space.seed(seed)
    for _ in range(steps):
        moves = rng.integers(4, size=env.num_envs)
        yield np.where(rng.random(env.num_envs) < 0.8, moves, answers())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"max_looks": 3},
        {"max_looks": 1},
        {"observation": "pixels", "max_looks": 4, "orientation": "free"},
        {"observation": "state", "orientation": "free"},
        {"observation": "pixels", "renderer": "raycast", "orientation": "free"},
    ],
)
def test_a_vector_environment_is_its_single_environments_to_the_bit(
    make_vec, env_id, mode, arguments
):
    reference = sync(env_id, mode, **arguments)
    env = make_vec(env_id, num_envs=ROWS, autoreset_mode=mode, **arguments)
    assert env.observation_space == reference.observation_space
    assert env.action_space == reference.action_space
    assert env.metadata == reference.metadata
    assert data_equivalence(env.reset(seed=11), reference.reset(seed=11), exact=True)
    ends = set()
    for actions in mixed_actions(env, 60):
        mine, theirs = env.step(actions), reference.step(actions)
        assert data_equivalence(mine, theirs, exact=True)
        ends |= set(mine[1].tolist())
    assert {-1.0, -0.02} <= ends or arguments["max_looks"] == 1
    reference.close()


@pytest.mark.parametrize("observation", ["representation", "pixels"])
def test_a_row_is_the_single_environment_with_its_seed(make, make_vec, env_id, observation):
    env = make_vec(env_id, num_envs=ROWS, observation=observation, orientation="free")
    rows, _ = env.reset(seed=100)
    for row in range(ROWS):
        single = make(env_id, observation=observation, orientation="free")
        expected, _ = single.reset(seed=100 + row)
        assert data_equivalence({k: v[row] for k, v in rows.items()}, expected, exact=True)
        np.testing.assert_array_equal(env.images[row], single.unwrapped.rows.images[0])


def test_a_list_of_seeds_gives_one_to_each_row(make_vec, env_id):
    env = make_vec(env_id, num_envs=3)
    counted, _ = env.reset(seed=5)
    listed, _ = env.reset(seed=[5, 6, 7])
    assert data_equivalence(counted, listed, exact=True)
    assert env.np_random_seed == (5, 6, 7)
    swapped, _ = env.reset(seed=[7, 6, 5])
    np.testing.assert_array_equal(swapped["representation"], listed["representation"][::-1])
    with pytest.raises(ValueError, match="2 seeds, expected one for each of 3 rows"):
        env.reset(seed=[1, 2])


def test_rows_show_different_episodes(make_vec, env_id):
    images = make_vec(env_id, num_envs=ROWS, observation="pixels").reset(seed=0)[0]["image"]
    assert len(np.unique(images.reshape(ROWS, -1), axis=0)) == ROWS


@pytest.mark.parametrize("mode", MODES)
def test_a_step_draws_new_views_only_in_one_call_and_encodes_once(
    make_vec, env_id, mode, monkeypatch
):
    monkeypatch.setattr(
        "envs.scene_vector_env.make_renderer",
        lambda *arguments, **options: CountingRenderer(make_renderer(*arguments, **options)),
    )
    encoder = FakeEncoder()
    env = make_vec(env_id, num_envs=ROWS, autoreset_mode=mode, max_looks=3, encoder=encoder)
    env.reset(seed=0)
    assert (env.renderer.calls, env.renderer.images, encoder.updates) == (1, ROWS, 1)
    for actions in mixed_actions(env, 50):
        calls, images, updates = env.renderer.calls, env.renderer.images, encoder.updates
        *_, over, _, _ = env.step(actions)
        new_views = ROWS if mode == AutoresetMode.SAME_STEP else ROWS - over.sum()
        assert env.renderer.images - images == new_views
        assert env.renderer.calls - calls == encoder.updates - updates == (new_views > 0)


def test_the_final_observation_is_of_the_episode_that_ended(make_vec, env_id):
    env = make_vec(env_id, num_envs=ROWS, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    before, *_ = env.step(np.zeros(ROWS, dtype=np.int64))
    targets = env.targets
    actions = np.zeros(ROWS, dtype=np.int64)
    actions[::2] = env.single_action_space.n - 1
    after, _, over, _, infos = env.step(actions)
    np.testing.assert_array_equal(over, [True, False] * 3)
    for row in range(0, ROWS, 2):
        last = {key: value[row] for key, value in before.items()}
        assert data_equivalence(infos["final_obs"][row], last, exact=True)
        assert not np.array_equal(after["representation"][row], last["representation"])
    np.testing.assert_array_equal(infos["final_info"]["target"][::2], targets[::2])
    np.testing.assert_array_equal(infos["final_info"]["looks"][::2], 2)
    np.testing.assert_array_equal(infos["looks"], [1, 3] * 3)


def test_a_new_episode_remembers_nothing_of_the_last(make_vec, env_id):
    env = make_vec(env_id, num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    env.step(np.array([1, 1]))
    observation, *_ = env.step(np.array([env.single_action_space.n - 1, 2]))
    fresh = FakeEncoder()
    views = Views(env.images, env.viewpoints)
    alone = fresh.representation(fresh.update(fresh.initial_state(2), views))
    np.testing.assert_array_equal(observation["representation"][0], alone[0])
    assert not np.array_equal(observation["representation"][1], alone[1])


def test_without_autoreset_an_ended_row_asks_for_a_reset(make_vec, env_id):
    env = make_vec(env_id, num_envs=2, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.step(np.array([0, env.single_action_space.n - 1]))
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.array([0, 0]))
    env.reset(options={"reset_mask": np.array([True, True])})
    env.step(np.array([0, 0]))
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([True, False])})


def test_the_single_environment_has_no_implementation_of_its_own(env_id):
    env = SceneEnv(observation="state")
    assert env.rows.num_envs == 1
    env.reset(seed=4)
    assert env.np_random is env.rows.np_random[0]
