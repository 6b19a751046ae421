"""Environments whose encoder refines: the checkers, flat observations, snapshots."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

from gqn_rl.encoders import make_encoder
from tests.envs.actions import mixed

STEPS = 4


@pytest.fixture(scope="module")
def encoder():
    return make_encoder("refined", device="cpu")


def test_the_environment_checkers_have_nothing_to_say(make, task_id, encoder):
    env = make(task_id, encoder=encoder, max_looks=2, render_mode="rgb_array").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_for_sb3(env)
        check_env(env, skip_render_check=True)


def test_rows_of_all_tasks_stay_inside_the_space_and_say_what_views_tell(
    make_vec, task_id, encoder
):
    env = make_vec(task_id, num_envs=3, encoder=encoder, autoreset_mode="SameStep")
    assert env.reset(seed=0)[0] in env.observation_space
    for actions in mixed(env, STEPS):
        observation = env.step(actions)[0]
        assert observation in env.observation_space
    assert observation["representation"].shape == (3, encoder.representation_size)
    assert ("comparison" in observation) == ("MentalRotation" in task_id)
    if "ViewPrediction" in task_id:
        assert env.unwrapped.prospects.is_informed
        assert observation["prospects"].reshape(3, -1, 5)[..., 4].max() > 0


def test_a_flat_observation_has_the_cells(make, encoder):
    flat, parts = (make(encoder=encoder, flatten=f).reset(seed=1)[0] for f in (True, False))
    assert flat.size == sum(part.size for part in parts.values())


def test_a_restored_environment_goes_on_to_the_bit(make_vec, encoder):
    one, other = (
        make_vec("GQNShepardViewPrediction-v0", num_envs=3, encoder=encoder).unwrapped
        for _ in range(2)
    )
    one.reset(seed=2)
    actions = list(mixed(one, STEPS))
    one.step(actions[0])
    other.reset(seed=3)
    other.restore(one.snapshot())
    for action in actions[1:]:
        assert data_equivalence(one.step(action), other.step(action), exact=True)
    np.testing.assert_array_equal(one.potential(), other.potential())
