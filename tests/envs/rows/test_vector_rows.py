"""The native vector environment against Gymnasium's own vectorisation of single environments."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from envs.registration import ENVIRONMENTS
from envs.scene_env import SceneEnv
from gqn_rl.encoders.loading import random_weights
from gqn_rl.geometry.view import Views
from gqn_rl.rendering import make_renderer
from tests.envs.actions import LEFT, RIGHT, UP, answer, answers, mixed, moves
from tests.envs.fake_encoder import CountingRenderer, FakeDreamer

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]
ROWS = 4


SIZE = 32
"""Of the images: small ones say the same and are drawn faster."""


def both(make_vec, env_id, mode, **arguments):
    """The native environment, and Gymnasium's vectorisation of single ones."""
    arguments = {"image_size": SIZE, "encoder": FakeDreamer(SIZE), **arguments}
    make_one = partial(gymnasium.make, env_id, **arguments)
    reference = SyncVectorEnv([make_one] * ROWS, autoreset_mode=mode)
    return make_vec(env_id, num_envs=ROWS, autoreset_mode=mode, **arguments), reference


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"max_looks": 3},
        {"max_looks": 1},
        {"observation": "pixels", "max_looks": 4, "orientation": "free"},
        {"observation": "state", "orientation": "free"},
        {"observation": "pixels", "renderer": "raycast", "orientation": "free"},
        {"flatten": True, "max_looks": 4},
    ],
)
def test_a_vector_environment_is_its_single_environments_to_the_bit(
    make_vec, env_id, mode, arguments
):
    env, reference = both(make_vec, env_id, mode, **arguments)
    assert env.observation_space == reference.observation_space
    assert env.action_space == reference.action_space
    assert env.metadata == reference.metadata
    assert data_equivalence(env.reset(seed=11), reference.reset(seed=11), exact=True)
    rewards = set()
    for actions in mixed(env, 30):
        mine, theirs = env.step(actions), reference.step(actions)
        assert data_equivalence(mine, theirs, exact=True)
        rewards |= set(mine[1].tolist())
    assert {-1.0, -0.02} & rewards
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


@pytest.fixture
def counting(monkeypatch):
    """Environments made from here on have a renderer that counts."""
    monkeypatch.setattr(
        "envs.assembly.make_renderer",
        lambda *arguments, **options: CountingRenderer(make_renderer(*arguments, **options)),
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_step_draws_new_views_only_in_one_call_and_encodes_once(make_vec, env_id, mode, counting):
    encoder = FakeDreamer()
    env = make_vec(env_id, num_envs=ROWS, autoreset_mode=mode, max_looks=3, encoder=encoder)
    poses = env.task.cue_views
    beside = int(env.task.has_query) if poses is None else len(poses)
    encodings = 0 if poses is None else len(poses)
    env.reset(seed=0)
    assert (env.renderer.calls, env.renderer.images) == (1, ROWS * (1 + beside))
    assert encoder.updates == 1 + encodings
    waiting = np.zeros(ROWS, dtype=bool)
    for actions in mixed(env, 30):
        calls, images, updates = env.renderer.calls, env.renderer.images, encoder.updates
        *_, over, _, _ = env.step(actions)
        same_step = mode == AutoresetMode.SAME_STEP
        beginning = over if same_step else waiting
        looking = ROWS if same_step else ROWS - over.sum()
        assert env.renderer.images - images == looking + beside * beginning.sum()
        assert env.renderer.calls - calls == (looking > 0)
        assert encoder.updates - updates == (looking > 0) + encodings * beginning.any()
        waiting = over


@pytest.mark.parametrize("mode", MODES)
def test_query_views_are_drawn_once_after_the_first_look_and_once_at_the_answer(make_vec, mode):
    encoder = FakeDreamer()
    env = make_vec(
        "GQNShepardViewPrediction-v0", ROWS, autoreset_mode=mode, max_looks=4, encoder=encoder
    )
    env.reset(seed=0)
    assert encoder.drawn == [ROWS]
    looks, ended = np.ones(ROWS, dtype=int), np.zeros(ROWS, dtype=bool)
    for actions in mixed(env, 30):
        encoder.drawn.clear()
        *_, over, _, infos = env.step(actions)
        again = over & (actions == 4) & (looks > 1)
        begun = over if mode == AutoresetMode.SAME_STEP else ended
        assert encoder.drawn == [rows.sum() for rows in (again, begun) if rows.any()]
        looks, ended = infos["looks"], over


def test_the_final_observation_is_of_the_episode_that_ended(make_vec, env_id):
    env = make_vec(env_id, num_envs=ROWS, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    before, *_ = env.step(moves(env, LEFT))
    targets = env.targets
    actions = moves(env, LEFT)
    actions[::2] = answer(env, env.task.num_answers - 1)
    after, _, over, _, infos = env.step(actions)
    np.testing.assert_array_equal(over, [True, False] * 2)
    for row in range(0, ROWS, 2):
        last = {key: value[row] for key, value in before.items()}
        assert data_equivalence(infos["final_obs"][row], last, exact=True)
        assert not np.array_equal(after["representation"][row], last["representation"])
    np.testing.assert_array_equal(infos["final_info"]["target"][::2], targets[::2])
    np.testing.assert_array_equal(infos["final_info"]["looks"][::2], 2)
    np.testing.assert_array_equal(infos["looks"], [1, 3] * 2)


def test_a_new_episode_remembers_nothing_of_the_last(make_vec, env_id):
    env = make_vec(env_id, num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    env.step(moves(env, RIGHT))
    actions = moves(env, UP)
    actions[0] = answer(env, 0)
    observation, *_ = env.step(actions)
    fresh = FakeDreamer()
    views = Views(env.images, env.viewpoints)
    alone = fresh.representation(fresh.update(fresh.initial_state(2), views))
    np.testing.assert_array_equal(observation["representation"][0], alone[0])
    assert not np.array_equal(observation["representation"][1], alone[1])


@pytest.mark.parametrize("arguments", [{}, {"observation": "pixels"}, {"flatten": True}])
@pytest.mark.parametrize("seed", [None, 40])
def test_without_autoreset_the_rows_of_a_mask_begin_anew(make_vec, env_id, arguments, seed):
    env, reference = both(make_vec, env_id, AutoresetMode.DISABLED, max_looks=3, **arguments)
    assert data_equivalence(env.reset(seed=5), reference.reset(seed=5), exact=True)
    resets = 0
    for actions in mixed(env, 25):
        mine, theirs = env.step(actions), reference.step(actions)
        assert data_equivalence(mine, theirs, exact=True)
        if mine[2].any():
            resets += not mine[2].all()
            mine, theirs = (
                one.reset(seed=seed, options={"reset_mask": mine[2].copy()})
                for one in (env, reference)
            )
            assert data_equivalence(mine, theirs, exact=True)
    assert resets > 0
    reference.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_may_end_episodes_early(make_vec, env_id, mode):
    env = make_vec(env_id, num_envs=3, autoreset_mode=mode)
    env.reset(seed=0)
    before, *_ = env.step(moves(env, LEFT))
    mask = np.array([True, False, True])
    after, infos = env.reset(options={"reset_mask": mask})
    assert data_equivalence(
        {key: value[1] for key, value in before.items()},
        {key: value[1] for key, value in after.items()},
        exact=True,
    )
    assert (before["viewpoint"][mask] != after["viewpoint"][mask]).any(axis=1).all()
    np.testing.assert_array_equal(infos["_looks"], mask)
    *_, infos = env.step(moves(env, LEFT))
    np.testing.assert_array_equal(infos["looks"], [2, 3, 2])


def test_without_autoreset_an_ended_row_asks_for_a_reset(make_vec, env_id):
    env = make_vec(env_id, num_envs=2, autoreset_mode="Disabled")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset(seed=0)
    actions = moves(env, LEFT)
    actions[1] = answer(env, 0)
    env.step(actions)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(moves(env, LEFT))
    env.reset(options={"reset_mask": np.array([False, True])})
    env.step(answers(env, 0))


@pytest.mark.parametrize(
    "mask", [np.zeros(2, bool), np.ones(3, bool), np.array([1, 0]), [[True, False]], True, "all"]
)
def test_a_mask_that_is_none_is_refused(make_vec, mask):
    env = make_vec(num_envs=2, observation="state")
    before, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="reset_mask is"):
        env.reset(options={"reset_mask": mask})
    after, *_ = env.step(answers(env, 0))
    np.testing.assert_array_equal(before["state"], after["state"])


def test_the_single_environment_has_no_implementation_of_its_own(env_id):
    env = SceneEnv(observation="state", **ENVIRONMENTS[env_id], encoder=FakeDreamer())
    assert env.rows.num_envs == 1
    env.reset(seed=4)
    assert env.np_random is env.rows.np_random[0]
    env.close()


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.1)])
def test_rows_with_a_gqn_are_single_environments_up_to_rounding(
    make, make_vec, task_id, precision, tolerance
):
    encoder = random_weights("cpu")
    encoder.precision = precision
    env = make_vec(task_id, num_envs=3, encoder=encoder)
    singles = [make(task_id, encoder=encoder) for _ in range(3)]
    rows, _ = env.reset(seed=50)
    expected = [single.reset(seed=50 + row)[0] for row, single in enumerate(singles)]
    for action in (LEFT, UP, 4):
        for row in range(3):
            for key, value in expected[row].items():
                np.testing.assert_allclose(rows[key][row], value, atol=tolerance)
        rows, rewards, over, _, infos = env.step(np.full(3, action))
        results = [single.step(action) for single in singles]
        expected = [result[0] for result in results]
        np.testing.assert_allclose(rewards, [result[1] for result in results], atol=tolerance)
        np.testing.assert_array_equal(over, [result[2] for result in results])
    if "error" in infos:
        errors = [result[4]["error"] for result in results]
        np.testing.assert_allclose(infos["error"], errors, atol=100 * tolerance)
