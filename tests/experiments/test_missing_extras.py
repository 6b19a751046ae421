"""A feature whose package is not installed says so in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from experiments import export_onnx, pretrain_gqn, record_dataset, train_agent
from experiments.agent.settings import TrainAgentSettings
from experiments.export_onnx import ExportSettings
from experiments.hub import __main__ as hub
from experiments.record_dataset import RecordDatasetSettings
from gqn_rl.errors import UserError
from gqn_rl.extras import require
from tests.experiments.running import run


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if these packages were not installed."""
    for name in names:
        for loaded in [*sys.modules]:
            if loaded.split(".")[0] == name:
                monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "meta_path", [Missing(name), *sys.meta_path])


class Missing:
    """A finder that says of one package that it is not there."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_onnx(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    without(monkeypatch, "onnx")
    output = tmp_path / "model.onnx"
    assert run(monkeypatch, export_onnx, ExportSettings, output=output) == 2
    expected = 'error: onnx is not installed; pip install "gqn-rl[onnx]"\n'
    assert capsys.readouterr().err == expected
    assert not output.exists()


def test_minari(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    without(monkeypatch, "minari", "h5py")
    output = tmp_path / "recorded"
    assert run(monkeypatch, record_dataset, RecordDatasetSettings, output=output) == 2
    expected = 'error: minari is not installed; pip install "gqn-rl[minari]"\n'
    assert capsys.readouterr().err == expected
    assert not output.exists()


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        (hub.PushSettings, {"source": "small", "repository": "someone/gqn"}),
        (hub.PullSettings, {"repository": "someone/gqn"}),
    ],
)
def test_the_hub(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: type,
    flags: dict[str, str],
) -> None:
    without(monkeypatch, "huggingface_hub")
    action = ModuleType("hub")
    action.main = hub.push_source if "source" in flags else hub.pull_files  # type: ignore[attr-defined]
    assert run(monkeypatch, action, settings, **flags) == 2
    expected = 'error: huggingface_hub is not installed; pip install "gqn-rl[hub]"\n'
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("command", "settings"),
    [(train_agent, TrainAgentSettings), (pretrain_gqn, pretrain_gqn.Settings)],
)
def test_wandb(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: ModuleType,
    settings: type,
) -> None:
    without(monkeypatch, "wandb")
    output = tmp_path / "run"
    assert run(monkeypatch, command, settings, logger="wandb", output=output) == 2
    expected = 'error: wandb is not installed; pip install "gqn-rl[wandb]"\n'
    assert capsys.readouterr().err == expected
    assert run(monkeypatch, command, settings, logger="paper", output=output) == 2
    assert "unknown logger 'paper'; expected one of" in capsys.readouterr().err
    assert not output.exists()


def test_a_package_that_is_broken_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "termios")
    with pytest.raises(ModuleNotFoundError, match="termios"):
        require("tty", "onnx")
    with pytest.raises(UserError, match=r'termios is not installed; pip install "gqn-rl\[x\]"'):
        require("termios", "x")


WITHOUT_PYBULLET = """
import sys, warnings
sys.modules["pybullet"] = None
"""
DEFAULTS = """
import gymnasium, envs
from gqn_rl.rendering import DEFAULT_RENDERER, make_renderer
env = gymnasium.make_vec("GQNShepard-v0", num_envs=2, observation="pixels")
env.reset(seed=0)
assert DEFAULT_RENDERER == make_renderer().identity.name == "raycast"
from experiments.agent.settings import TrainAgentSettings
assert TrainAgentSettings().renderer == "raycast"
try:
    make_renderer("pybullet")
except ValueError as error:
    print(error)
"""
RENDERERS = """
from tests.experiments.running import COMMANDS
for name, command in COMMANDS.items():
    renderer = getattr(command.parts()[1], "renderer", None)
    assert renderer in (None, "raycast"), (name, renderer)
    print(renderer)
"""
EVALUATE = """
from experiments import evaluate_agent
from experiments.shared.command import run_command
run_command(evaluate_agent.main, evaluate_agent.EvaluateAgentSettings, None)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_PYBULLET + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_pybullet_its_twin_draws_and_says_so_once() -> None:
    done = python(DEFAULTS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'pybullet is not installed; pip install "gqn-rl[pybullet]"\n'
    assert done.stderr.count("PyBullet is not installed, so the ray caster draws") == 1


def test_without_pybullet_no_command_draws_with_it_unless_told_to() -> None:
    done = python(RENDERERS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("raycast") >= 5


def test_an_agent_trained_with_pybullet_acts_without_it(tmp_path: Path) -> None:
    flags = ["--episodes", "20", "--labelled-episodes", "20", "--ideal-episodes", "0"]
    flags += ["--random-networks", "0", "--no-baselines", "--output", str(tmp_path / "run")]
    done = python(EVALUATE, *flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("PyBullet is not installed, so the ray caster draws") == 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.5


def test_pybullet_that_is_asked_for_and_missing_is_one_line(tmp_path: Path) -> None:
    flags = ["--renderer", "pybullet", "--episodes", "2", "--output", str(tmp_path / "run")]
    done = python(EVALUATE, *flags)
    assert done.returncode == 2
    assert done.stderr == 'error: pybullet is not installed; pip install "gqn-rl[pybullet]"\n'
