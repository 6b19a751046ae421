"""What every registered id promises, whatever its task and its kind of action."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from stable_baselines3.common.monitor import Monitor

from envs.camera.control import CONTROLS
from envs.registration import CONTROL_IDS, ENVIRONMENTS, HARD_TASKS, TASK_IDS
from envs.tasks import TASKS
from tests.envs.actions import RIGHT, UP, answer, answers, move, moves
from tests.envs.episodes import play

OBSERVATIONS = ("representation", "pixels", "rgb", "state")
CHEAP = [
    {"observation": "representation"},
    {"observation": "pixels"},
    {"observation": "rgb"},
    {"observation": "state"},
    {"observation": "representation", "flatten": True},
    {"observation": "pixels", "flatten": True},
    {"observation": "pixels", "renderer": "raycast"},
    {"observation": "state", "position": "random", "num_cubes": 10},
    {"observation": "state", "orientation": "free", "shapes": "test", "max_looks": 1},
]


def test_every_task_has_an_id_for_every_control():
    assert set(TASK_IDS.values()) == set(TASKS)
    assert set(CONTROL_IDS.values()) == set(CONTROLS)
    assert len(ENVIRONMENTS) == (len(TASK_IDS) + len(HARD_TASKS)) * len(CONTROL_IDS)
    assert {"GQNShepard-v0", "GQNShepardMentalRotationContinuous-v0"} <= set(ENVIRONMENTS)


def test_only_the_continuous_ids_take_a_box_of_actions(make_vec, env_id):
    kind = spaces.Box if "Continuous" in env_id else spaces.Discrete
    assert isinstance(make_vec(env_id, observation="state").single_action_space, kind)


@pytest.mark.parametrize("arguments", CHEAP)
@pytest.mark.parametrize("check", [check_env, check_env_for_sb3])
def test_the_environment_checkers_have_nothing_to_say(make, env_id, check, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(make(env_id, **arguments, render_mode="rgb_array").unwrapped)


def test_a_gqn_of_random_weights_passes_the_checkers(make, task_id):
    env = make(task_id, encoder="random", max_looks=2, render_mode="rgb_array").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_for_sb3(env)
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_same_seed_gives_the_same_episodes_and_another_seed_others(make, env_id, observation):
    first, again, other = (make(env_id, observation=observation) for _ in range(3))
    histories = [play(env, seed) for env, seed in ((first, 7), (again, 7), (other, 8))]
    assert data_equivalence(histories[0], histories[1], exact=True)
    assert not data_equivalence(histories[0], histories[2], exact=True)
    # A second reset with the seed starts over.
    assert data_equivalence(histories[0], play(first, 7), exact=True)


def test_unseeded_environments_differ(make, env_id):
    pictures = [make(env_id, observation="pixels").reset()[0]["image"] for _ in range(2)]
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_observations_stay_inside_the_space(make_vec, env_id, observation):
    env = make_vec(env_id, num_envs=8, observation=observation)
    env.action_space.seed(0)
    assert env.reset(seed=0)[0] in env.observation_space
    for _ in range(20):
        assert env.step(env.action_space.sample())[0] in env.observation_space


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_flat_observation_is_the_parts_in_the_order_of_their_keys(make, env_id, observation):
    flat, parts = (
        make(env_id, observation=observation, flatten=flatten).unwrapped
        for flatten in (True, False)
    )
    names = list(parts.observation_space)
    assert names == sorted(names)
    assert isinstance(flat.observation_space, spaces.Box)
    for step in (lambda env: env.reset(seed=1), lambda env: env.step(move(env, UP))):
        together, apart = step(flat)[0], step(parts)[0]
        expected = np.concatenate([apart[name].ravel() for name in names])
        np.testing.assert_array_equal(together, expected)
        np.testing.assert_array_equal(together, spaces.flatten(parts.observation_space, apart))


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_no_two_spaces_share_their_random_generator(make, env_id, observation):
    envs = [make(env_id, observation=observation).unwrapped for _ in range(2)]
    parts = [part for env in envs for part in env.observation_space.values()]
    parts += [env.action_space for env in envs]
    assert len({id(part) for part in parts}) == len(parts)


def test_observations_are_not_shared_between_calls(make_vec, env_id):
    env = make_vec(env_id)
    before, infos = env.reset(seed=0)
    kept = copy.deepcopy((before, infos))
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())
    assert data_equivalence((before, infos), kept, exact=True)


def spoil(result):
    """Overwrite every array of a result."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, tuple):
        for part in result:
            spoil(part)
    elif result is not None and result.dtype == object:
        spoil(tuple(result))
    elif result is not None:
        result[...] = 1


@pytest.mark.parametrize("arguments", [{}, {"flatten": True}, {"observation": "pixels"}])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_nothing_that_is_returned_is_memory_of_the_environment(make_vec, env_id, mode, arguments):
    env, twin = (make_vec(env_id, max_looks=2, autoreset_mode=mode, **arguments) for _ in range(2))
    spoil(env.reset(seed=0))
    twin.reset(seed=0)
    twin.action_space.seed(0)
    for _ in range(8):
        actions = twin.action_space.sample()
        result = env.step(actions.copy())
        assert data_equivalence(result, twin.step(actions), exact=True)
        spoil(result)


def test_infos_of_one_environment_have_the_types_of_the_arrays_of_many(make, make_vec, env_id):
    env, rows = make(env_id), make_vec(env_id)
    one, many = env.reset(seed=0)[1], rows.reset(seed=0)[1]
    ended = env.step(answer(env, 0))[4]
    assert one.keys() == ended.keys() == {name for name in many if not name.startswith("_")}
    for name in one:
        assert one[name].dtype == ended[name].dtype == many[name].dtype
        assert one[name].shape == ended[name].shape == ()


def test_gymnasiums_own_vector_environments_can_take_the_mean_of_infos(make, env_id):
    rows = SyncVectorEnv([lambda: make(env_id)] * 3)
    rows.reset(seed=0)
    infos = rows.step(np.stack([answer(row.unwrapped, 0) for row in rows.envs]))[4]
    assert infos["is_success"].mean() in (0.0, 1 / 3, 2 / 3, 1.0)
    assert {infos[name].dtype.kind for name in infos} <= set("bif")


def bad_actions(env):
    good = move(env, RIGHT)
    if np.issubdtype(env.action_space.dtype, np.integer):
        return [good - 100, good + 100, good * 1.0, "left", None, [good]]
    broken = [good.copy() for _ in range(3)]
    broken[0][0], broken[1][1], broken[2][-1] = np.nan, 1.01, -np.inf
    return [*broken, good[:-1], 0, "left", None]


def test_a_bad_action_is_refused_and_moves_no_camera(make, env_id):
    env, twin = make(env_id).unwrapped, make(env_id).unwrapped
    for one in (env, twin):
        one.reset(seed=2)
        one.step(move(one, RIGHT))
    for action in bad_actions(env):
        with pytest.raises(ValueError, match="action") as caught:
            env.step(action)
        assert "expected" in str(caught.value)
        np.testing.assert_array_equal(env.rows.viewpoints.position, twin.rows.viewpoints.position)
    up = move(env, UP)
    assert data_equivalence(env.step(up), twin.step(up), exact=True)


def test_monitor_reports_success(make, env_id):
    env = Monitor(make(env_id, observation="state"), info_keywords=("is_success",))
    env.reset(seed=0)
    done = False
    while not done:
        *_, done, _, info = env.step(answer(env, 0))
    assert info["episode"]["is_success"] == info["is_success"]


def test_what_answering_is_worth_is_what_it_pays(env_id, make_vec):
    """In every id: asked before, and without changing anything."""
    env = make_vec(env_id, 5, max_looks=4, autoreset_mode="SameStep")
    env.reset(seed=3)
    for looks in range(1, 4):
        if looks > 1:
            env.step(moves(env, RIGHT))
        before = env.unwrapped.snapshot()
        worth = env.unwrapped.potential()
        after = env.unwrapped.snapshot()
        assert all(np.array_equal(before[name], after[name]) for name in before)
    _, rewards, ends, _, _ = env.step(answers(env, 0))
    assert ends.all()
    np.testing.assert_allclose(worth, rewards)
