"""Hyperparameter files and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.factory import load_hyperparameters, make_model, merged, schedule
from agents.policies.features import SceneFeatures
from agents.saving.sb3_zip import SpacesOnly
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.conftest import small_hyperparameters
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env


def settings_in_their_spaces(algo: str) -> Iterator[tuple[dict[str, Any], GymnasiumVecEnv]]:
    """Every section of an algorithm's file, with the fake task in every kind of actions.

    What a `MovePolicy` is made of depends on the kind: that of the section's id alone.
    """
    algorithm = algorithm_named(algo)
    for env_id in algorithm.hyperparameters():
        settings = load_hyperparameters(algo, env_id)
        for kind in algorithm.action_spaces(settings["policy"]):
            continuous = kind is spaces.Box
            if settings["policy"] == "MovePolicy" and continuous != ("Continuous" in env_id):
                continue
            rows = fake_vector_env(4, continuous=continuous, prospects=True, posterior=True)
            yield settings, GymnasiumVecEnv(rows)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_section_of_every_file_builds_a_model(algo: str) -> None:
    algorithm = algorithm_named(algo)
    for settings, env in settings_in_their_spaces(algo):
        model: Any = make_model(algo, env, settings, num_answers=NUM_ANSWERS, device="cpu")
        assert isinstance(model, algorithm.model)
        assert model.gamma == settings["gamma"]
        assert type(model.policy) is algorithm.policy(settings["policy"], env.action_space)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_policy_acts_the_same_after_its_own_save_and_load(algo: str, tmp_path: Path) -> None:
    for settings, env in settings_in_their_spaces(algo):
        if settings["policy"] == "AnswerPolicy":
            settings = merged(settings, {"policy_kwargs": {"answer_hidden": 24}})  # not the default
        model: Any = make_model(algo, env, settings, num_answers=NUM_ANSWERS, device="cpu", seed=1)
        model.policy.save(str(tmp_path / "policy.pt"))
        loaded = type(model.policy).load(str(tmp_path / "policy.pt"), device="cpu")
        observations: Any = env.reset()
        for _ in range(5):
            expected, _ = model.policy.predict(observations, deterministic=True)
            received, _ = loaded.predict(observations, deterministic=True)
            np.testing.assert_array_equal(received, expected, err_msg=type(loaded).__name__)
            observations, *_ = env.step(expected)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_actions_of_the_other_kind_are_refused(algo: str) -> None:
    seen = GymnasiumVecEnv(fake_vector_env(2)).observation_space
    others: list[spaces.Space] = [spaces.MultiDiscrete([3, 4]), spaces.Discrete(9)]
    for space in others[: 1 if algo == "ppo" else 2]:
        env = DummyVecEnv([lambda space=space: SpacesOnly(seen, space)])
        with pytest.raises(UserError, match=f"{algo} needs a .*Box action space, the environment"):
            make_model(algo, env, load_hyperparameters(algo, "x"), num_answers=NUM_ANSWERS)


@pytest.mark.parametrize(
    ("policy", "keywords"),
    [
        ("MovePolicy", {"features_extractor_class": "scene"}),
        ("MultiInputPolicy", {"features_extractor_kwargs": {"heads": 4}}),
        ("MultiInputPolicy", {"nonsense": 1}),
    ],
)
def test_settings_that_a_policy_does_not_take_are_refused(
    policy: str, keywords: dict[str, Any]
) -> None:
    settings = load_hyperparameters("sac", "x") | {
        "policy": policy,
        "policy_kwargs": keywords,
        "aux_coef": 0.0,
    }
    env = GymnasiumVecEnv(fake_vector_env(2, continuous=True, prospects=True))
    with pytest.raises(UserError, match=f"policy '{policy}' does not take its policy_kwargs: .*"):
        make_model("sac", env, settings, num_answers=NUM_ANSWERS, device="cpu")


def test_schedules() -> None:
    assert schedule(0.5) == 0.5
    linear = schedule("lin_3e-4")
    assert callable(linear)
    assert (linear(1.0), linear(0.5), linear(0.0)) == (3e-4, 1.5e-4, 0.0)
    assert linear(-0.1) == 0.0  # the last rollout may end after the last step
    for wrong in ("lin_", "lin_-1", "cos_1", "fast"):
        with pytest.raises(UserError, match="schedule is"):
            schedule(wrong)


def test_learning_rate_schedule_reaches_both_optimisers() -> None:
    env = GymnasiumVecEnv(fake_vector_env(2))
    settings = small_hyperparameters(learning_rate="lin_1e-3", aux_coef=0.5, n_steps=16)
    model = make_model("ppo", env, settings, num_answers=NUM_ANSWERS, device="cpu")
    model.learn(128, callback=lambda *_: model.num_timesteps <= 32)  # one rollout of four
    assert model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(7.5e-4)
    assert model.answer_optimizer.param_groups[0]["lr"] == pytest.approx(3.75e-4)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"algo 'sarsa'.*'ppo'"):
        load_hyperparameters("sarsa", "x")
    with pytest.raises(UserError, match=r"hyperparameter 'gama'.*'gamma'"):
        load_hyperparameters("ppo", "x", {"gama": 1})
    env = GymnasiumVecEnv(fake_vector_env(2))
    for wrong in ({"policy": "Mlp"}, {"policy_kwargs": {"activation_fn": "sine"}}):
        with pytest.raises(UserError, match="unknown"):
            make_model("ppo", env, small_hyperparameters(**wrong), num_answers=NUM_ANSWERS)


def test_merging_is_deep_and_leaves_both_alone() -> None:
    base, changes = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}}
    assert merged(base, changes) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize("num_envs", [1, 3, 16])
def test_minibatches_divide_the_rollout(num_envs: int) -> None:
    env = GymnasiumVecEnv(fake_vector_env(num_envs))
    model = make_model("ppo", env, small_hyperparameters(), num_answers=NUM_ANSWERS, device="cpu")
    assert (model.n_steps * num_envs) % model.batch_size == 0
    assert model.batch_size > 1


def test_features_take_each_kind_of_observation() -> None:
    space = spaces.Dict(
        {
            "representation": spaces.Box(-10, 10, (300,), np.float32),
            "image": spaces.Box(0, 255, (3, 32, 32), np.uint8),
            "viewpoint": spaces.Box(-9, 9, (7,), np.float32),
        }
    )
    features = SceneFeatures(space, hidden=(20, 10), image_features=30)
    batch = {
        "representation": torch.randn(4, 300),
        "image": torch.rand(4, 3, 32, 32),
        "viewpoint": torch.randn(4, 7),
    }
    output = features(batch)
    assert output.shape == (4, 10 + 30 + 7) == (4, features.features_dim)
    assert torch.equal(output[:, -7:], batch["viewpoint"])
    output.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in features.parameters())


def test_what_is_ignored_changes_nothing_and_needs_no_weights() -> None:
    wide, narrow = (spaces.Box(-10, 10, (n,), np.float32) for n in (40, 14))
    space = spaces.Dict({"prospects": narrow, "representation": wide})
    features = SceneFeatures(space, ignored=["representation", "image"])
    batch = {"prospects": torch.randn(3, 14), "representation": torch.randn(3, 40)}
    assert torch.equal(features(batch), batch["prospects"])
    assert features.features_dim == 14
    assert not list(features.parameters())


def test_two_of_a_kind_are_compared_by_one_network() -> None:
    wide = spaces.Box(-10, 10, (30,), np.float32)
    space = spaces.Dict(
        {"cue": wide, "representation": wide, "looks_left": spaces.Box(0, 1, (1,), np.float32)}
    )
    features = SceneFeatures(space, hidden=(20, 8), compare=True)
    assert sum(p.numel() for p in features.parameters()) == sum(
        p.numel() for p in SceneFeatures(spaces.Dict({"cue": wide}), hidden=(20, 8)).parameters()
    )
    batch = {
        "cue": torch.randn(4, 30),
        "representation": torch.randn(4, 30),
        "looks_left": torch.rand(4, 1),
    }
    output = features(batch)
    assert output.shape == (4, 4 * 8 + 1) == (4, features.features_dim)
    swapped = features(batch | {"cue": batch["representation"], "representation": batch["cue"]})
    assert torch.equal(output[:, :8], swapped[:, 8:16])
    assert torch.equal(output[:, 16:], swapped[:, 16:])  # how they compare has no order
    alike = features(batch | {"cue": batch["representation"]})
    assert torch.equal(alike[:, 24:32], torch.zeros(4, 8))
    assert output[:, 24:32].sum() > 0


def test_products_say_how_two_poses_lie_to_each_other() -> None:
    """The cosine between two positions is a sum of products."""
    bounds = np.full(3, 9.0, np.float32)
    pose = spaces.Box(-bounds, bounds)
    free = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    features = SceneFeatures(spaces.Dict({"a": pose, "b": pose, "c": free}), products=True)
    a, b = (9 * torch.nn.functional.normalize(torch.randn(64, 3), dim=1) for _ in range(2))
    output = features({"a": a, "b": b, "c": torch.randn(64, 1)})
    assert output.shape == (64, 28 + 7) == (64, features.features_dim)
    assert torch.equal(output[:, -7:-1], torch.cat([a, b], dim=1))
    assert torch.allclose(output[:, 0], (a[:, 0] / 9) ** 2)
    first, second = np.triu_indices(7)
    dot = [int(np.flatnonzero((first == i) & (second == 3 + i))[0]) for i in range(3)]
    assert torch.allclose(output[:, dot].sum(1), (a * b).sum(1) / 81, atol=1e-6)
    assert not list(features.parameters())
