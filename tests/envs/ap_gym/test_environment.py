"""Predictions beside movements: ap_gym's reward, with our episodes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from envs.ap_gym.environment import ActivePerceptionEnv, ActivePerceptionVectorEnv, make, make_vec
from envs.ap_gym.losses import AnswerLoss, ImageLoss
from envs.scene_vector_env import LOOK_COST
from gqn_rl.errors import UserError
from tests.envs.fake_encoder import FakeDreamer

LOOKS = 3


def arguments(env_id: str) -> dict[str, Any]:
    """A cheap environment of a few looks."""
    encoder = {"encoder": FakeDreamer(32)} if "Prediction" in env_id else {}
    return {"observation": "state", "image_size": 32, "max_looks": LOOKS} | encoder


def right(env: Any, target: Any) -> Any:
    """A prediction that says the target, as surely as the space allows."""
    if isinstance(env.prediction_target_space, gymnasium.spaces.Discrete):
        return np.eye(env.prediction_target_space.n, dtype=np.float32)[target] * 50.0
    return target


def episode(env: Any, predict: Any, seed: int = 0) -> list[Any]:
    """What each step of an episode returned; `predict` gets the environment."""
    env.reset(seed=seed)
    env.action_space.seed(seed)
    steps: list[Any] = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        action = {"action": env.inner_action_space.sample(), "prediction": predict(env)}
        steps.append(env.step(action))
    return steps


def blind(env: Any) -> Any:
    """The prediction of one who has seen nothing."""
    return np.zeros(env.prediction_space.shape, np.float32)


def test_every_look_is_followed_by_one_prediction(env_id: str) -> None:
    env = make(env_id, **arguments(env_id))
    steps = episode(env, blind)
    env.close()
    assert len(steps) == LOOKS
    assert [step[4]["looks"] for step in steps] == [2, 3, 3]
    for index, (_, reward, terminated, truncated, info) in enumerate(steps):
        base = 0.0 if index == LOOKS - 1 else -LOOK_COST
        assert info["base_reward"] == pytest.approx(base)
        assert reward == pytest.approx(base - info["prediction"]["loss"])
        assert terminated == (index == LOOKS - 1)
        assert not truncated


def test_the_truth_costs_nothing_and_is_an_answer(env_id: str) -> None:
    env = make(env_id, **arguments(env_id))
    first = episode(env, blind)
    target = first[0][4]["prediction"]["target"]
    assert env.prediction_target_space.contains(target)
    again = episode(env, lambda env: right(env, target))
    env.close()
    for step, one in zip(again, first, strict=True):
        info = step[4]["prediction"]
        assert np.array_equal(info["target"], target)
        assert info["loss"] == pytest.approx(0.0, abs=1e-6)
        assert one[4]["prediction"]["loss"] > 0.001
    if "Prediction" not in env_id:
        assert again[-1][4]["is_success"]
        assert again[-1][4]["answer"] == target


def test_a_uniform_guess_costs_one() -> None:
    env = make("GQNShepard-v0", **arguments("GQNShepard-v0"), gallery_size=7)
    for step in episode(env, blind):
        assert step[4]["prediction"]["loss"] == pytest.approx(1.0)
    assert env.loss_fn.blind_guessing_expected_value == 1.0
    env.close()


def test_predictions_change_nothing_in_the_world(env_id: str) -> None:
    env = make(env_id, **arguments(env_id))
    one, two = episode(env, blind), episode(env, lambda env: env.prediction_space.sample() * 0 + 1)
    env.close()
    for (seen, *_), (also, *_) in zip(one, two, strict=True):
        assert all(np.array_equal(seen[key], also[key]) for key in seen)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_rows_repeat_single_environments(task_id: str, mode: AutoresetMode) -> None:
    rows = make_vec(task_id, 2, **arguments(task_id), autoreset_mode=mode)
    singles = [make(task_id, **arguments(task_id)) for _ in range(2)]
    rows.reset(seed=5)
    for index, env in enumerate(singles):
        env.reset(seed=5 + index)
    prediction = np.ones((2, *rows.single_prediction_space.shape), np.float32)
    for moves in ([0, 1], [2, 3], [1, 1]):
        _, rewards, over, _, info = rows.step({"action": np.array(moves), "prediction": prediction})
        for index, env in enumerate(singles):
            expected = env.step({"action": moves[index], "prediction": prediction[index]})
            assert rewards[index] == pytest.approx(expected[1])
            assert over[index] == expected[2]
            said = expected[4]["prediction"]
            assert info["prediction"]["loss"][index] == pytest.approx(said["loss"])
            assert np.array_equal(info["prediction"]["target"][index], said["target"])
    assert over.all()
    for env in (rows, *singles):
        env.close()


def test_a_step_that_only_begins_an_episode_is_free() -> None:
    rows = make_vec("GQNShepard-v0", 2, **arguments("GQNShepard-v0"))
    rows.reset(seed=1)
    action = {"action": np.zeros(2, np.int64), "prediction": np.zeros((2, 10), np.float32)}
    rewards = [rows.step(action)[1] for _ in range(LOOKS + 2)]
    rows.close()
    assert np.allclose(rewards[LOOKS], 0.0)
    assert np.allclose(rewards[LOOKS + 1], -1.0 - LOOK_COST)


def test_gymnasium_finds_no_fault() -> None:
    env = make("GQNShepard-v0", **arguments("GQNShepard-v0"))
    check_env(env, skip_render_check=True)
    env.close()


def test_the_losses_are_the_same_in_pytorch_and_have_gradients(rng: np.random.Generator) -> None:
    cases = [
        (AnswerLoss(), rng.normal(size=(4, 3, 6)), rng.integers(6, size=(4, 3))),
        (ImageLoss(), rng.random((4, 3, 8, 8, 3)), rng.random((4, 3, 8, 8, 3))),
    ]
    for loss_fn, prediction, target in cases:
        expected = loss_fn(prediction, target, (4, 3))
        assert expected.shape == (4, 3)
        variable = torch.tensor(prediction, requires_grad=True)
        received = loss_fn.torch(variable, torch.tensor(target), (4, 3))
        assert np.allclose(received.detach().numpy(), expected)
        received.sum().backward()
        assert variable.grad is not None
        assert variable.grad.abs().sum() > 0


def test_wrong_predictions_are_refused_naming_what_was_expected() -> None:
    env = make("GQNShepard-v0", **arguments("GQNShepard-v0"))
    env.reset(seed=0)
    for prediction, message in (
        (np.zeros(3), r"shape \(1, 3\), expected numbers of shape \(1, 10\)"),
        (np.full(10, np.nan), "prediction nan is outside"),
    ):
        with pytest.raises(UserError, match=message):
            env.step({"action": 0, "prediction": prediction})
    env.close()


def test_other_environments_are_refused() -> None:
    with pytest.raises(UserError, match=r"CartPole.*expected one of the ids"):
        ActivePerceptionEnv(gymnasium.make("CartPole-v1"))
    with pytest.raises(UserError, match=r"CartPole.*expected one of the ids"):
        ActivePerceptionVectorEnv(gymnasium.make_vec("CartPole-v1", 2))
