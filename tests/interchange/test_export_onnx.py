"""ONNX files compute what PyTorch does, for any number of scenes and views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.factory import load_hyperparameters
from agents.saving.acting_network import ActingNetwork
from agents.saving.bundle import TRAINED, Agent, load_bundle, make_record, save_bundle
from experiments import export_onnx
from experiments.export_onnx import ExportSettings
from gqn_rl import GenerativeQueryNetwork
from gqn_rl.errors import UserError
from gqn_rl.gqn.families import build, preset
from gqn_rl.onnx_export import Represent, export, require_same
from tests.agents.conftest import (  # noqa: F401
    SMALL,
    SMALL_SAC,
    small_model,
    trained_hybrid_model,
    trained_model,
    trained_sac_model,
)
from tests.agents.fake_env import NUM_ANSWERS
from tests.experiments.running import run

pytestmark = pytest.mark.interchange("onnxruntime")

ENV_IDS = sorted(path.stem for path in TRAINED.glob("*.safetensors"))


def outputs(path: Path, inputs: dict[str, torch.Tensor]) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(None, {k: v.numpy() for k, v in inputs.items()})
    return found


def test_the_shipped_weights_represent_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.onnx"
    assert run(monkeypatch, export_onnx, ExportSettings, weights="small", output=path) == 0
    assert "differs from PyTorch by" in capsys.readouterr().out
    gqn = GenerativeQueryNetwork.from_pretrained("small")
    for scenes, views in ((1, 5), (7, 1), (3, 4)):
        inputs = Represent(gqn).example(scenes, views, seed=scenes)
        r, standardised = outputs(path, inputs)
        expected = gqn.represent(inputs["images"], inputs["poses"])
        assert np.abs(r - expected.numpy()).max() < 1e-4
        assert np.abs(standardised - gqn.standardise(expected).numpy()).max() < 1e-3


@pytest.mark.parametrize("name", ["canonical-tiny", "published-tiny"])
def test_other_families_represent_the_same(name: str, tmp_path: Path) -> None:
    network = Represent(build(preset(name), seed=0).requires_grad_(False))
    path = tmp_path / "model.onnx"
    first = network.example(2, 3, seed=0)
    export(network, path, first, network.outputs, free_axes=2, facts={})
    others = [network.example(*shape, seed=1) for shape in ((1, 1), (4, 2))]
    assert require_same(network, path, [first, *others]) < 1e-4


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_shipped_agent_acts_the_same(
    env_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.onnx"
    assert run(monkeypatch, export_onnx, ExportSettings, agent=env_id, output=path) == 0
    agent = load_bundle(TRAINED / f"{env_id}.safetensors")
    network = ActingNetwork(agent)
    inputs = network.example(9, seed=3)
    acted, _ = agent.predict({k: v.numpy() for k, v in inputs.items()}, deterministic=True)
    if network.outputs == ("actions",):
        (actions,) = outputs(path, inputs)
        alike = np.abs(actions - acted).max(axis=1) < 0.1  # bf16 may differ by so much
        tips = agent.record.algo == "ppo"  # a choice that hangs in the balance does
        assert alike.all() or (tips and alike.mean() > 0.7)
        return
    (probabilities,) = outputs(path, inputs)
    assert np.allclose(probabilities.sum(1), 1.0, atol=1e-5)
    two = np.sort(probabilities, axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 0.05  # PyTorch may compute in bf16 where ONNX does not
    assert clear.any()
    assert np.array_equal(probabilities.argmax(1)[clear], acted[clear])


@pytest.mark.parametrize(
    ("algo", "trained"),
    [("ppo", "trained_model"), ("ppo", "trained_hybrid_model"), ("sac", "trained_sac_model")],
)
def test_agents_of_every_algorithm_act_the_same(
    algo: str, trained: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model: BaseAlgorithm = request.getfixturevalue(trained)
    record = make_record(
        algo=algo,
        hyperparameters=load_hyperparameters(algo, "fake", {"ppo": SMALL, "sac": SMALL_SAC}[algo]),
        num_answers=NUM_ANSWERS,
        env_id="Fake-v0",
        env_kwargs={},
        observation_space=model.env.observation_space,
        action_space=model.env.action_space,
    )
    network = ActingNetwork(load_bundle(save_bundle(tmp_path / "agent", model.policy, record)))
    path = tmp_path / "agent.onnx"
    first = network.example(2, seed=0)
    export(network, path, first, network.outputs, free_axes=1, facts={})
    assert require_same(network, path, [first, network.example(6, seed=1)]) < 1e-4


def test_a_hybrid_agent_of_moves_acts_the_same(tmp_path: Path) -> None:
    plain = {"policy": "MovePolicy", "policy_kwargs": {}, "aux_coef": 0.0}
    model = small_model(4, continuous=True, prospects=True, **plain)
    network = ActingNetwork(
        Agent(
            model.policy,
            make_record(
                algo="ppo",
                hyperparameters=plain,
                num_answers=NUM_ANSWERS,
                env_id="Fake-v0",
                env_kwargs={},
                observation_space=model.env.observation_space,
                action_space=model.env.action_space,
            ),
            tmp_path,
        )
    )
    path = tmp_path / "agent.onnx"
    first = network.example(2, seed=0)
    export(network, path, first, network.outputs, free_axes=1, facts={})
    assert require_same(network, path, [first, network.example(6, seed=1)]) < 1e-4


def test_a_family_that_onnx_fixes_to_one_size_is_refused(tmp_path: Path) -> None:
    network = Represent(build(preset("attention-tiny"), seed=0).requires_grad_(False))
    path = tmp_path / "model.onnx"
    first = network.example(2, 3, seed=0)
    export(network, path, first, network.outputs, free_axes=2, facts={})
    with pytest.raises(UserError, match=r"does not run on .*images.*\(1, 1, 3"):
        require_same(network, path, [first, network.example(1, 1, seed=1)])


def test_a_file_that_differs_is_not_kept(tmp_path: Path) -> None:
    network = Represent(build(preset("canonical-tiny"), seed=0).requires_grad_(False))
    path = tmp_path / "model.onnx"
    first = network.example(2, 3, seed=0)
    export(network, path, first, network.outputs, free_axes=2, facts={})
    other = Represent(build(preset("canonical-tiny"), seed=1).requires_grad_(False))
    with pytest.raises(UserError, match="differs from PyTorch by"):
        require_same(other, path, [first])
