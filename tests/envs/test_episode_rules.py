"""Looks, rewards and endings of an episode."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.geometry.view import Views
from tests.envs.fake_encoder import FakeEncoder
from tests.renderers import needs_pybullet

LEFT, RIGHT, UP, DOWN, FIRST_ANSWER = range(5)


def test_the_right_answer_pays_one_and_a_wrong_one_costs_one(make):
    env = make()
    for shift, reward in ((0, 1.0), (1, -1.0)):
        _, info = env.reset(seed=9)
        assert (info["answer"], info["is_success"]) == (-1, False)
        answer = (info["target"] + shift) % 10
        _, received, terminated, truncated, info = env.step(FIRST_ANSWER + answer)
        assert (received, terminated, truncated) == (reward, True, False)
        assert (info["answer"], info["is_success"], info["looks"]) == (answer, shift == 0, 1)


def test_every_move_is_a_look_and_costs_a_little(make):
    env = make(max_looks=5)
    observation, info = env.reset(seed=0)
    for looks in range(1, 5):
        assert info["looks"] == looks
        assert observation["looks_left"] == pytest.approx((5 - looks) / 4)
        observation, reward, terminated, _, info = env.step(LEFT)
        assert (reward, terminated) == (-0.02, False)
    assert observation["looks_left"] == 0


def test_running_out_of_looks_is_a_wrong_answer_but_the_last_look_may_be_answered(make):
    for answers in (False, True):
        env = make(max_looks=3)
        _, info = env.reset(seed=0)
        env.step(UP)
        env.step(UP)
        action = FIRST_ANSWER + info["target"] if answers else UP
        _, reward, terminated, truncated, info = env.step(action)
        assert (reward, terminated, truncated) == (1.0 if answers else -1.0, True, False)
        assert info["looks"] == 3
        assert info["is_success"] == answers
        assert (info["answer"] == -1) == (not answers)


@pytest.mark.parametrize("action", [LEFT, RIGHT, UP, DOWN])
def test_a_move_shows_the_scene_from_the_new_viewpoint(make, action):
    env = make(observation="pixels")
    before, _ = env.reset(seed=1)
    scenes = env.unwrapped.rows.scenes
    after, *_ = env.step(action)
    rows = env.unwrapped.rows
    assert not np.array_equal(before["viewpoint"], after["viewpoint"])
    np.testing.assert_array_equal(rows.scenes.colour, scenes.colour)
    drawn = rows.renderer.render(scenes, rows.viewpoints)[0]
    np.testing.assert_array_equal(after["image"], drawn)
    np.testing.assert_allclose(after["viewpoint"], rows.viewpoints.encode()[0], atol=1e-6)


def test_the_representation_holds_every_view_of_the_episode(make):
    env, encoder = make(), FakeEncoder()
    state = encoder.initial_state(1)
    observation, _ = env.reset(seed=2)
    for action in (LEFT, UP, UP, RIGHT):
        state = encoder.update(state, current_views(env))
        np.testing.assert_array_equal(
            observation["representation"], encoder.representation(state)[0]
        )
        observation, *_ = env.step(action)


def current_views(env):
    rows = env.unwrapped.rows
    return Views(rows.images, rows.viewpoints)


def test_extreme_representations_are_clipped_into_the_space(make):
    class LoudEncoder(FakeEncoder):
        def representation(self, state):
            return 1e6 * (super().representation(state) - 0.1)

    env = make(encoder=LoudEncoder())
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert np.abs(observation["representation"]).max() == 10


def test_the_state_is_where_the_cubes_are_and_how_they_are_coloured(make):
    env = make(observation="state", num_cubes=6)
    state = env.reset(seed=0)[0]["state"]
    scenes = env.unwrapped.rows.scenes
    np.testing.assert_allclose(state[:18].reshape(6, 3), scenes.cube_centres()[0], atol=1e-6)
    np.testing.assert_array_equal(state[18:].reshape(6, 3), scenes.colour[0])
    # An observation of the truth needs no picture; asking for one draws it.
    assert env.unwrapped.rows.images[0].any()


def test_answering_the_target_always_succeeds_and_blind_answers_are_at_chance(make_vec):
    env = make_vec(num_envs=50, observation="state", autoreset_mode="SameStep")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    right = [env.step(FIRST_ANSWER + env.targets)[1] for _ in range(5)]
    blind = [env.step(FIRST_ANSWER + rng.integers(10, size=50))[1] for _ in range(60)]
    assert (np.array(right) == 1.0).all()
    accuracy = (np.array(blind) == 1.0).mean()
    assert abs(accuracy - 0.1) < 5 * np.sqrt(0.1 * 0.9 / 3000)


def test_gallery_size_sets_the_number_of_answers(make):
    assert make(gallery_size=25).action_space.n == 4 + 25


@needs_pybullet
def test_both_renderers_show_the_same_episode(make):
    pictures = [
        make(observation="pixels", renderer=renderer).reset(seed=6)[0]["image"].astype(int)
        for renderer in ("pybullet", "raycast")
    ]
    assert (np.abs(pictures[0] - pictures[1]).max(axis=-1) > 2).mean() <= 1e-3
