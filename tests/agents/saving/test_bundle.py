"""Agents survive the disk, and nothing that is not an agent gets through."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import save_file
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.algorithm import algorithm_named
from agents.factory import load_hyperparameters
from agents.saving import bundle
from agents.saving.bundle import (
    load_bundle,
    make_record,
    read_weights,
    save_bundle,
    shipped_agent,
    weights_path,
)
from agents.saving.spaces_json import space_from_json, space_to_json
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from tests.agents.conftest import SMALL, SMALL_SAC, small_model, small_sac_model
from tests.agents.fake_env import NUM_ANSWERS


@pytest.fixture(scope="module")
def trained_model() -> BaseAlgorithm:
    """As elsewhere, but for few steps: whether it has learned anything, no file says."""
    return small_model().learn(1_000)


@pytest.fixture(scope="module")
def trained_hybrid_model() -> BaseAlgorithm:
    return small_model(continuous=True).learn(1_000)


@pytest.fixture(scope="module")
def trained_sac_model() -> BaseAlgorithm:
    return small_sac_model().learn(1_500, log_interval=1000)


def saved_bundle(path: Path, trained_model: BaseAlgorithm, algo: str) -> Path:
    changes = {"ppo": SMALL, "sac": SMALL_SAC}[algo]
    record = make_record(
        algo=algo,
        hyperparameters=load_hyperparameters(algo, "fake", changes),
        num_answers=NUM_ANSWERS,
        env_id="Fake-v0",
        env_kwargs={"max_looks": 10},
        observation_space=trained_model.env.observation_space,
        action_space=trained_model.env.action_space,
        encoder={"name": "none", "sha256": "aa"},
        training={"timesteps": trained_model.num_timesteps},
    )
    return save_bundle(path, trained_model.policy, record)


@pytest.fixture
def saved(tmp_path: Path, trained_model: BaseAlgorithm) -> Path:
    return saved_bundle(tmp_path / "agent", trained_model, "ppo")


@pytest.mark.parametrize(
    ("algo", "trained"),
    [("ppo", "trained_model"), ("ppo", "trained_hybrid_model"), ("sac", "trained_sac_model")],
)
def test_round_trip_acts_the_same(
    algo: str, trained: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(trained)
    agent = load_bundle(saved_bundle(tmp_path / "agent", model, algo))
    observation = model.env.reset()
    expected, _ = model.predict(observation, deterministic=True)
    received, _ = agent.predict(observation, deterministic=True)
    assert np.array_equal(expected, received)
    algorithm = algorithm_named(algo)
    weights = algorithm.acting_part(model.policy).state_dict()
    for name, weight in algorithm.acting_part(agent.policy).state_dict().items():
        assert torch.equal(weight, weights[name])
    assert agent.record.training == {"timesteps": model.num_timesteps}


def test_critics_are_left_at_home(tmp_path: Path, trained_sac_model: BaseAlgorithm) -> None:
    path = saved_bundle(tmp_path / "agent", trained_sac_model, "sac")
    weights, _ = read_weights(path)
    assert not [name for name in weights if name.startswith(("critic", "qf"))]
    assert set(weights) == set(trained_sac_model.policy.actor.state_dict())


def test_found_by_folder_and_by_either_name(saved: Path) -> None:
    for path in (saved.parent, saved, saved.with_suffix(".json"), saved.with_suffix("")):
        assert load_bundle(path).path == saved
    assert weights_path(Path("trained/GQNShepard-v0.1")).name == "GQNShepard-v0.1.safetensors"


def test_no_file_of_it_can_run_code(saved: Path) -> None:
    """Both files parse as what they claim to be; loading imports no pickle reader's input."""
    assert sorted(file.name for file in saved.parent.iterdir()) == [
        "agent.json",
        "agent.safetensors",
    ]
    json.loads(saved.with_suffix(".json").read_text())
    length = int.from_bytes(saved.read_bytes()[:8], "little")
    json.loads(saved.read_bytes()[8 : 8 + length])


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_weights_are_refused(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(UserError, match="cannot be read"):
        load_bundle(saved)


def test_corrupt_or_missing_files_are_refused(saved: Path) -> None:
    saved.with_suffix(".json").write_text('{"algo": ')
    with pytest.raises(UserError, match="cannot be read"):
        load_bundle(saved)
    saved.with_suffix(".json").unlink()
    with pytest.raises(UserError, match=r"no 'agent\.json'"):
        load_bundle(saved)
    saved.unlink()
    with pytest.raises(UserError, match="does not exist"):
        load_bundle(saved.parent)


def test_other_tensors_are_refused(saved: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, saved)
    with pytest.raises(UserError, match="holds no agent"):
        load_bundle(saved)
    content = json.loads(saved.with_suffix(".json").read_text())
    save_file({"x": torch.zeros(2)}, saved, metadata={"agent": json.dumps(content)})
    with pytest.raises(UserError, match="cannot be read"):
        load_bundle(saved)


def test_a_write_that_fails_leaves_the_old_agent(
    saved: Path, trained_model: BaseAlgorithm, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    record = load_bundle(saved).record

    def full_disk(weights: object, path: Path, metadata: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_bundle(saved, trained_model.policy, record)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 2


def test_the_wrong_environment_is_refused_naming_both_values(
    saved: Path, trained_model: BaseAlgorithm
) -> None:
    agent = load_bundle(saved)
    env = trained_model.env
    observation, action = env.observation_space, env.action_space
    agent.require_environment("Fake-v0", observation, action, {"sha256": "aa"})
    agent.require_environment("Fake-v0", observation, action, None)
    agent.require_environment("Other-v0", observation, action, None)
    wider = spaces.Dict(
        {**observation.spaces, "representation": spaces.Box(-np.inf, np.inf, (17,), np.float32)}
    )
    fewer = spaces.Dict({"viewpoint": observation["viewpoint"]})
    cases = [
        (("Other-v0", observation, spaces.Discrete(9), None), "'n': 6.*Other-v0' has.*'n': 9"),
        (("Fake-v0", wider, action, None), r"'representation' shape \[16\].*\[17\]"),
        (("Fake-v0", fewer, action, None), "observations .*looks_left.*'viewpoint'"),
        (("Fake-v0", observation, spaces.Discrete(9), None), "action_space .*'n': 6.*'n': 9"),
        (("Fake-v0", observation, action, {"sha256": "bb"}), "encoder weights.*'aa'.*'bb'"),
    ]
    for arguments, message in cases:
        with pytest.raises(UserError, match=message) as error:
            agent.require_environment(*arguments)
        assert "\n" not in str(error.value)


def test_shipped_agent_is_a_path_or_a_clear_error() -> None:
    with pytest.raises(UserError, match=r"no trained agent ships for 'Nowhere-v0'.*--agent"):
        shipped_agent("Nowhere-v0")


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(5, start=2),
        spaces.Box(-np.inf, np.inf, (3,), np.float32),
        spaces.Box(np.float32([-1.0, -2.0]), np.float32([0.5, np.inf]), dtype=np.float32),
        spaces.Box(0, 255, (8, 8, 3), np.uint8),
        spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Box(0, 1, (1,), np.float64)}),
    ],
)
def test_spaces_survive_json(space: spaces.Space) -> None:
    text = json.dumps(space_to_json(space), allow_nan=False)
    assert space_from_json(json.loads(text)) == space


def test_unknown_spaces_are_refused() -> None:
    with pytest.raises(TypeError, match="cannot be written"):
        space_to_json(spaces.MultiBinary(3))
    with pytest.raises(ValueError, match="unknown kind"):
        space_from_json({"type": "Text"})


def test_an_agent_of_a_release_out_of_the_range_is_refused_naming_both(saved: Path) -> None:
    agent = load_bundle(saved)
    for version, is_read in (("2.7.0", True), ("2.999.1", True), ("2.6.0", False), ("3.0", False)):
        save_bundle(saved, agent.policy, replace(agent.record, stable_baselines3=version))
        if is_read:
            load_bundle(saved)
            continue
        message = f"stable-baselines3 {version}, expected 2.7 to before 3.0"
        with pytest.raises(UserError, match=message):
            load_bundle(saved)


def test_agents_act_the_same_in_a_process_that_computes_in_float64() -> None:
    actions = []
    for number in (torch.float32, torch.float64):
        torch.set_default_dtype(number)
        try:
            policy = load_bundle(shipped_agent("GQNShepardContinuous-v0"), device="auto").policy
            space = policy.observation_space
            space.seed(0)
            actions.append(policy.predict(space.sample(), deterministic=True)[0])
        finally:
            torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(*actions)


def test_an_algorithm_that_the_hub_names_is_imported_by_the_user_or_not_at_all(
    tmp_path: Path, trained_model: BaseAlgorithm, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "pull", lambda address, kind: saved)
    assert load_bundle(Path("hub:someone/agent")).record.algo == "ppo"
    record = replace(load_bundle(saved).record, algo="this:Zen")
    foreign = tmp_path / "foreign.safetensors"
    weights, _ = read_weights(saved)
    save_file(weights, foreign, metadata={"agent": json.dumps(asdict(record))})
    write_json(foreign.with_suffix(".json"), asdict(record))
    monkeypatch.setattr(bundle, "pull", lambda address, kind: foreign)
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(UserError, match=r"algo 'this:Zen'.* import it first"):
        load_bundle(Path("hub:someone/agent"))
    assert "this" not in sys.modules
