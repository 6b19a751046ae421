"""ap_gym takes our environments for its own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from envs.ap_gym.environment import make, make_vec
from envs.ap_gym.losses import AnswerLoss, ImageLoss
from tests.envs.fake_encoder import FakeDreamer

pytestmark = pytest.mark.interchange("ap_gym")

ARGUMENTS = {"observation": "state", "image_size": 32, "max_looks": 4}


@pytest.fixture
def ap_gym() -> Any:
    return import_module("ap_gym")


def finished(env: Any) -> tuple[list[float], dict[str, Any]]:
    """The rewards of an episode of random actions, and its last info."""
    env.reset(seed=3)
    env.action_space.seed(3)
    rewards: list[float] = []
    over = False
    while not over:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        rewards.append(float(reward))
        over = bool(terminated or truncated)
    return rewards, info


def test_they_are_environments_of_its_kind(ap_gym: Any) -> None:
    env, rows = make(**ARGUMENTS), make_vec(num_envs=2, **ARGUMENTS)
    assert ap_gym.ensure_active_perception_env(env) is env
    assert ap_gym.ensure_active_perception_vector_env(rows) is rows
    for name in ("loss_fn", "prediction_space", "prediction_target_space", "inner_action_space"):
        assert hasattr(env, name)
        assert hasattr(rows, name)
    env.close()
    rows.close()


def test_its_logs_follow_the_predictions(ap_gym: Any) -> None:
    env = ap_gym.ActiveClassificationLogWrapper(make(**ARGUMENTS))
    rewards, info = finished(env)
    env.close()
    assert len(rewards) == 4
    logged = info["stats"]["vector"]["accuracy"]
    assert len(logged) == 4
    assert bool(logged[-1]) == info["is_success"]


def test_its_vector_logs_follow_the_predictions(ap_gym: Any) -> None:
    rows = ap_gym.ActiveClassificationVectorLogWrapper(make_vec(num_envs=3, **ARGUMENTS))
    rows.reset(seed=3)
    rows.action_space.seed(3)
    for _ in range(4):
        _, _, over, _, info = rows.step(rows.action_space.sample())
    assert over.all()
    final = info["stats"]["scalar"]["final_accuracy"]
    assert np.array_equal(final.astype(bool), info["is_success"])
    rows.close()


def test_its_image_logs_follow_view_prediction(ap_gym: Any) -> None:
    arguments = ARGUMENTS | {"encoder": FakeDreamer(32)}
    env = ap_gym.ActiveRegressionLogWrapper(make("envs:GQNShepardViewPrediction-v0", **arguments))
    _, info = finished(env)
    env.close()
    assert info["stats"]["scalar"]["final_mse"] == pytest.approx(
        float(info["prediction"]["loss"]), rel=1e-5
    )


def test_wrappers_of_gymnasium_are_seen_through(ap_gym: Any) -> None:
    wrapped = gymnasium.wrappers.TimeLimit(make(**ARGUMENTS), 2)
    restored = ap_gym.ensure_active_perception_env(wrapped)
    assert isinstance(restored.loss_fn, AnswerLoss)
    assert isinstance(restored.prediction_target_space, gymnasium.spaces.Discrete)
    wrapped.close()


def test_registered_with_it_they_are_made_by_name_sparse_or_not(ap_gym: Any) -> None:
    ap_gym.register(id="GQNShepardActive-v0", entry_point=make, kwargs=ARGUMENTS)
    env, sparse = ap_gym.make("GQNShepardActive-v0"), ap_gym.make("GQNShepardActive-sparse-v0")
    every, _ = finished(env)
    last, _ = finished(sparse)
    env.close()
    sparse.close()
    assert every[-1] == pytest.approx(last[-1])
    assert all(reward == pytest.approx(-0.02) for reward in last[:-1])
    assert all(reward < -0.1 for reward in every[:-1])


def test_the_losses_are_its_own(ap_gym: Any, rng: np.random.Generator) -> None:
    logits, target = rng.normal(size=(5, 8)), rng.integers(8, size=5)
    theirs, ours = ap_gym.CrossEntropyLossFn(num_classes=8).normalized, AnswerLoss()
    assert np.allclose(ours(logits, target, (5,)), theirs(logits, target, (5,)))
    tensors = torch.tensor(logits), torch.tensor(target)
    assert torch.allclose(ours.torch(*tensors, (5,)), theirs.torch(*tensors, (5,)))
    assert ours.blind_guessing_expected_value == theirs.blind_guessing_expected_value
    image, truth = rng.random((2, 4, 4, 3)), rng.random((2, 4, 4, 3))
    flat = ap_gym.MSELossFn()(image.reshape(2, -1), truth.reshape(2, -1), (2,))
    assert np.allclose(ImageLoss()(image, truth, (2,)), flat)
