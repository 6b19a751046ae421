"""An algorithm is one class: all that can be done with the package's own is done with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.algorithms.algorithm import ALGORITHMS, Algorithm, algorithm_named
from agents.algorithms.ppo import dividing_batch
from agents.evaluation import evaluate
from agents.factory import load_hyperparameters, make_model
from agents.saving.acting_network import ActingNetwork
from agents.saving.bundle import Agent, load_bundle, make_record, save_bundle
from agents.saving.sb3_zip import export_zip, import_zip
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.search.space import search_space
from agents.training.checkpoints import CheckpointCallback
from agents.training.model_state import model_state
from agents.training.training_state import NAME, load_training_state, save_training_state
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model, small_sac_model
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env

MODULE = "tests.agents.algorithms.outside"
OUTSIDE = [f"{MODULE}:OutsideA2C", f"{MODULE}:OutsideDQN"]
FIRST, TOTAL = 96, 240


def made(algo: str, seed: int = 0) -> Any:
    """An untrained model of an outside algorithm on the fake task."""
    env = GymnasiumVecEnv(fake_vector_env(4))
    settings = load_hyperparameters(algo, "Fake-v0")
    return make_model(algo, env, settings, num_answers=NUM_ANSWERS, seed=seed, device="cpu")


def record_for(algo: str, model: Any) -> Any:
    return make_record(
        algo=algo,
        hyperparameters=load_hyperparameters(algo, "Fake-v0"),
        num_answers=NUM_ANSWERS,
        env_id="Fake-v0",
        env_kwargs={},
        observation_space=model.env.observation_space,
        action_space=model.env.action_space,
    )


@pytest.fixture(params=OUTSIDE)
def outside(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Agent]:
    """A model of an algorithm from outside after a few steps, and what its bundle gives back."""
    model = made(request.param).learn(FIRST)
    path = save_bundle(tmp_path / "agent", model.policy, record_for(request.param, model))
    return model, load_bundle(path)


def test_an_outside_agent_survives_the_disk(outside: tuple[Any, Agent]) -> None:
    model, agent = outside
    rows = [GymnasiumVecEnv(fake_vector_env(4)) for _ in range(2)]
    mine, theirs = (evaluate(one, env, 12, seed=5) for one, env in zip(outside, rows, strict=True))
    assert mine.records() == theirs.records()
    weights = agent.policy.state_dict()
    for name, weight in model.policy.state_dict().items():
        assert torch.equal(weight, weights[name]), name


def test_an_outside_agent_goes_to_a_zip_and_back(
    outside: tuple[Any, Agent], tmp_path: Path
) -> None:
    model, agent = outside
    export_zip(agent, tmp_path / "agent.zip")
    loaded = type(model).load(tmp_path / "agent.zip", device="cpu")
    observation = model.env.reset()
    expected, _ = agent.predict(observation, deterministic=True)
    imported = import_zip(tmp_path / "agent.zip", agent.record)
    for one in (loaded, imported):
        assert np.array_equal(one.predict(observation, deterministic=True)[0], expected)


@pytest.mark.parametrize("algo", OUTSIDE)
def test_an_outside_training_goes_on_to_the_bit(algo: str, tmp_path: Path) -> None:
    straight = made(algo)
    record = record_for(algo, straight)

    def save_once() -> None:
        if not (tmp_path / NAME).exists() and straight.num_timesteps >= FIRST:
            save_training_state(tmp_path, straight, straight.env, record, {})

    def arrays(model: Any) -> dict[str, Any]:
        return model_state(model, model.env, algorithm_named(algo)).arrays

    straight.learn(TOTAL, callback=CheckpointCallback(save_once, 1))
    other = made(algo, seed=9)
    load_training_state(tmp_path, other, other.env)
    assert FIRST <= other.num_timesteps < TOTAL
    other.learn(TOTAL - other.num_timesteps, reset_num_timesteps=False)
    expected, received = arrays(straight), arrays(other)
    assert expected.keys() == received.keys()
    assert not [name for name, a in expected.items() if not np.array_equal(a, received[name])]


def test_a_training_is_not_taken_up_by_another_algorithm(tmp_path: Path) -> None:
    one, other = (made(algo).learn(40) for algo in OUTSIDE)
    save_training_state(tmp_path, one, one.env, record_for(OUTSIDE[0], one), {})
    with pytest.raises(UserError, match=r"OutsideA2C is of A2C, the model is of DQN"):
        load_training_state(tmp_path, other, other.env)


def test_a_replay_buffer_that_cannot_be_taken_up_again_is_named(tmp_path: Path) -> None:
    algo = f"{MODULE}:ForgetfulDQN"
    model = made(algo).learn(40)
    with pytest.raises(UserError, match=r"DictReplayBuffer has no snapshot.*TargetReplayBuffer"):
        save_training_state(tmp_path, model, model.env, record_for(algo, model), {})


def test_sections_of_an_outside_algorithm_are_laid_over_its_default() -> None:
    algo, other = OUTSIDE
    assert load_hyperparameters(algo, "Fake-v0")["n_steps"] == 8
    assert load_hyperparameters(algo, "Other-v0", {"gamma": 0.5})["n_steps"] == 16
    assert "gamma" in search_space(algo, "Fake-v0")
    assert "gamma" not in search_space(algo, "Other-v0")
    with pytest.raises(UserError, match="OutsideDQN' has no search space"):
        search_space(other, "Fake-v0")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sarsa", "unknown algo 'sarsa'.*'ppo', 'sac'"),
        ("no_such_module:Thing", "needs the package 'no_such_module'"),
        (f"{MODULE}:Nothing", "has no 'Nothing'"),
        (f"{MODULE}:COMMON", "expected a subclass of Algorithm"),
        (f"{MODULE}:A2C", "expected a subclass of Algorithm"),
        (f"{MODULE}:Incomplete", r"lacks \['model'\]"),
    ],
)
def test_what_is_no_algorithm_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        algorithm_named(name)


PLAIN = {"policy": "MultiInputPolicy", "policy_kwargs": {}, "aux_coef": 0.0}
GAIN = {"policy_kwargs": {"confidence_gain": 6.0, "threshold": 0.7}}
BUILT_IN: dict[str, Any] = {
    "ppo": lambda: ("ppo", small_model(4)),
    "ppo, any policy": lambda: ("ppo", small_model(4, **PLAIN)),
    "ppo, hybrid": lambda: ("ppo", small_model(4, continuous=True, **GAIN)),
    "ppo, moves": lambda: (
        "ppo",
        small_model(4, continuous=True, prospects=True, **PLAIN | {"policy": "MovePolicy"}),
    ),
    "ppo, any policy on a box": lambda: ("ppo", small_model(4, continuous=True, **PLAIN)),
    "sac": lambda: ("sac", small_sac_model(4)),
    "sac, biased": lambda: ("sac", small_sac_model(4, **GAIN)),
    "sac, any policy": lambda: ("sac", small_sac_model(4, **PLAIN)),
    "sac, moves": lambda: (
        "sac",
        small_sac_model(4, prospects=True, **PLAIN | {"policy": "MovePolicy"}),
    ),
    **{name: lambda name=name: (name, made(name)) for name in OUTSIDE},
}


@pytest.mark.parametrize("case", BUILT_IN)
def test_the_acting_network_acts_as_the_agent_does(case: str, tmp_path: Path) -> None:
    algo, model = BUILT_IN[case]()
    network = ActingNetwork(Agent(model.policy, record_for(algo, model), tmp_path))
    inputs = network.example(9, seed=3)
    with torch.no_grad():
        found = network(*inputs.values()).numpy()
    observation = {key: value.numpy() for key, value in inputs.items()}
    expected, _ = model.policy.predict(observation, deterministic=True)
    if network.outputs == ("probabilities",):
        np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
        np.testing.assert_array_equal(found.argmax(1), expected)
    else:
        assert network.outputs == ("actions",)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_shipped_algorithm_is_complete(algo: str) -> None:
    algorithm = algorithm_named(algo)
    assert isinstance(algorithm, Algorithm)
    assert algorithm.name == algo
    assert "default" in algorithm.hyperparameters()
    assert "default" in algorithm.search_space()
    for settings in algorithm.hyperparameters().values():
        assert settings.get("policy", "MultiInputPolicy") in algorithm.policies


@pytest.mark.parametrize(
    ("rollout", "batch", "expected"), [(64, 16, 16), (64, 48, 32), (60, 100, 60), (7, 3, 1)]
)
def test_a_batch_divides_the_rollout(rollout: int, batch: int, expected: int) -> None:
    assert dividing_batch(rollout, batch) == expected
