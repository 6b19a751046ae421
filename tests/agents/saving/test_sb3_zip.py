"""Agents go to Stable-Baselines3's files and come back; nothing in such a file is run."""

from __future__ import annotations

import os
import pickle
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.saving.bundle import Agent, load_bundle
from agents.saving.sb3_zip import VERSION, WEIGHTS, export_zip, import_zip
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model, small_sac_model
from tests.agents.saving.test_bundle import saved_bundle

MODELS: dict[str, Any] = {"ppo": small_model, "sac": small_sac_model}
MADE: dict[str, Any] = {**MODELS, "hybrid ppo": partial(small_model, continuous=True)}


@pytest.fixture(params=MADE)
def agent(request: pytest.FixtureRequest, tmp_path: Path) -> Agent:
    """An agent of every algorithm, untrained."""
    model = MADE[request.param](num_envs=2)
    algo = request.param.split()[-1]
    return load_bundle(saved_bundle(tmp_path / "agent", model, algo))


def observed(agent: Agent) -> Any:
    return MODELS[agent.record.algo](num_envs=2).env.reset()


def test_an_exported_agent_acts_the_same(agent: Agent, tmp_path: Path) -> None:
    export_zip(agent, tmp_path / "agent.zip")
    model = algorithm_named(agent.record.algo).model.load(tmp_path / "agent.zip")
    observation = observed(agent)
    expected, _ = agent.predict(observation, deterministic=True)
    received, _ = model.predict(observation, deterministic=True)
    assert np.array_equal(expected, received)


@pytest.mark.parametrize("continuous", [False, True])
def test_plain_stable_baselines3_reads_an_exported_ppo(continuous: bool, tmp_path: Path) -> None:
    made = small_model(num_envs=2, continuous=continuous)
    agent = load_bundle(saved_bundle(tmp_path / "agent", made, "ppo"))
    export_zip(agent, tmp_path / "agent.zip")
    model = PPO.load(tmp_path / "agent.zip")
    observation = observed(agent)
    expected, _ = agent.predict(observation, deterministic=True)
    assert np.array_equal(model.predict(observation, deterministic=True)[0], expected)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_saved_model_is_imported_as_it_was(algo: str, tmp_path: Path) -> None:
    model: BaseAlgorithm = MODELS[algo](num_envs=2, seed=5)
    model.save(tmp_path / "model.zip")
    record = load_bundle(saved_bundle(tmp_path / "agent", MODELS[algo](num_envs=2), algo)).record
    policy = import_zip(tmp_path / "model.zip", record)
    algorithm = algorithm_named(algo)
    weights = algorithm.acting_part(policy).state_dict()
    for name, weight in algorithm.acting_part(model.policy).state_dict().items():
        assert torch.equal(weight, weights[name])


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("inside", [WEIGHTS, "data", "pytorch_variables.pth"])
def test_a_file_that_carries_code_runs_none(agent: Agent, inside: str, tmp_path: Path) -> None:
    export_zip(agent, tmp_path / "good.zip")
    with (
        zipfile.ZipFile(tmp_path / "good.zip") as good,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad,
    ):
        for name in good.namelist():
            content = pickle.dumps(Payload(tmp_path / "owned")) if name == inside else None
            bad.writestr(name, content or good.read(name))
    if inside == WEIGHTS:
        with pytest.raises(UserError, match="cannot be read"):
            import_zip(tmp_path / "bad.zip", agent.record)
    else:
        import_zip(tmp_path / "bad.zip", agent.record)  # the weights are good
    assert not (tmp_path / "owned").exists()


def test_what_is_no_agent_is_refused(agent: Agent, tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    with pytest.raises(UserError, match="cannot be read"):
        import_zip(path, agent.record)
    path.write_bytes(b"not a zip")
    with pytest.raises(UserError, match="cannot be read"):
        import_zip(path, agent.record)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(VERSION, "1.0.0")
        archive.writestr(WEIGHTS, b"")
    with pytest.raises(UserError, match=r"stable-baselines3 1\.0\.0, expected"):
        import_zip(path, agent.record)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    agents = {
        algo: load_bundle(saved_bundle(tmp_path / algo, MODELS[algo](num_envs=2), algo))
        for algo in ALGORITHMS
    }
    export_zip(agents["ppo"], tmp_path / "agent.zip")
    with pytest.raises(UserError, match="cannot be read"):
        import_zip(tmp_path / "agent.zip", agents["sac"].record)
