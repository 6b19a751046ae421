"""The simple strategies do what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from agents.baselines import (
    AnswerClassifier,
    LookAroundAgent,
    OracleAgent,
    RandomAgent,
    collect_labelled,
)
from agents.evaluation import evaluate
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.fake_env import LEFT, NUM_ANSWERS, NUM_MOVES, RIGHT, fake_vector_env

AROUND = (LEFT, RIGHT, RIGHT)


def answering(answers: np.ndarray) -> np.ndarray:
    return NUM_MOVES + answers


@pytest.fixture
def env() -> GymnasiumVecEnv:
    return GymnasiumVecEnv(fake_vector_env(8))


def test_random_is_at_chance(env: GymnasiumVecEnv) -> None:
    accuracy = evaluate(RandomAgent(env.action_space, seed=0), env, 600, seed=0).accuracy
    assert 0.18 < accuracy < 0.32


def test_random_fills_a_box() -> None:
    space = spaces.Box(np.float32([-1.0, 0.0]), np.float32([1.0, 5.0]))
    actions, _ = RandomAgent(space, seed=0).predict({"x": np.zeros((4000, 1))})
    assert actions.shape == (4000, 2)
    assert actions.dtype == np.float32
    assert all(action in space for action in actions[:50])
    assert np.allclose(actions.mean(axis=0), [0.0, 2.5], atol=0.1)


def test_oracle_is_always_right_at_the_first_look(env: GymnasiumVecEnv) -> None:
    oracle = OracleAgent(answering, lambda: np.array(env.get_attr("target")))
    evaluation = evaluate(oracle, env, 50, seed=0)
    assert (evaluation.accuracy, evaluation.looks, evaluation.reward) == (1.0, 1.0, 1.0)


def look_around(env: GymnasiumVecEnv, moves: tuple[int, ...]) -> LookAroundAgent:
    classifier = AnswerClassifier(env.observation_space, NUM_ANSWERS, hidden=(32,))
    classifier.fit(collect_labelled(env, moves, answering, 2000, seed=5), epochs=30)
    return LookAroundAgent(moves, answering, classifier)


def test_look_around_answers_from_what_it_saw(env: GymnasiumVecEnv) -> None:
    both = evaluate(look_around(env, AROUND), env, 200, seed=0)
    one = evaluate(look_around(env, (LEFT,)), env, 200, seed=0)
    none = evaluate(look_around(env, ()), env, 200, seed=0)
    assert both.accuracy > 0.95
    assert both.looks == 4
    assert 0.38 < one.accuracy < 0.62
    assert one.looks == 2
    assert none.accuracy < 0.38
    assert none.looks == 1


def test_labelled_episodes_are_seen_just_before_the_answer(env: GymnasiumVecEnv) -> None:
    data = collect_labelled(env, AROUND, answering, 20, seed=5)
    assert len(data) == 20
    assert data.observations["representation"].shape == (20, 16)
    assert (data.observations["viewpoint"][:, 2] == 1).all()  # they stand at the right end
    again = collect_labelled(env, AROUND, answering, 20, seed=5)
    assert np.array_equal(data.targets, again.targets)
    assert len(set(data.targets)) == NUM_ANSWERS


def test_more_moves_than_the_budget_are_refused(env: GymnasiumVecEnv) -> None:
    with pytest.raises(UserError, match="look-around of 12 moves"):
        collect_labelled(env, (LEFT,) * 12, answering, 8, seed=0)


def test_classifier_takes_images_as_the_environment_gives_them() -> None:
    space = spaces.Dict({"image": spaces.Box(0, 255, (16, 16, 3), np.uint8)})
    classifier = AnswerClassifier(space, 3)
    images = np.zeros((5, 16, 16, 3), np.uint8)
    assert classifier.answers({"image": images}).shape == (5,)
