"""The installed wheel works where there is no repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.distribution.conftest import ROOT, Run

pytestmark = pytest.mark.dist

COMMANDS = sorted(
    path.stem
    for path in (ROOT / "experiments").glob("*.py")
    if '__name__ == "__main__"' in path.read_text()
)


def test_it_imports_from_the_environment(run_installed: Run) -> None:
    code = "import gqn_rl, envs, agents, experiments as e; print(e.__file__)"
    found = run_installed("-c", code)
    assert found.returncode == 0, found.stderr
    assert "site-packages" in found.stdout
    assert str(ROOT) not in found.stdout


def test_evaluate_agent_measures_the_shipped_agent(run_installed: Run, tmp_path: Path) -> None:
    output = tmp_path / "run"
    done = run_installed(
        "-m", "experiments.evaluate_agent", "--episodes", 64, "--num-envs", 16,
        "--labelled-episodes", 64, "--output", output,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads((output / "metrics.json").read_text())
    assert "site-packages" in metrics["agent_path"]
    assert metrics["episodes"] == 64
    assert metrics["accuracy"] > 0.85
    assert {path.name for path in output.iterdir()} >= {"comparison.png", "episode.gif"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run_installed: Run, command: str) -> None:
    told = run_installed("-m", f"experiments.{command}", "--help")
    assert told.returncode == 0, told.stderr
    assert "usage" in told.stdout.lower()
