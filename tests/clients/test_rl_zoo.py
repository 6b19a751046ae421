"""rl-baselines3-zoo trains and replays by its own commands."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO

from envs import ENV_IDS

pytestmark = pytest.mark.client("rl_zoo3")

HYPERPARAMETERS = Path(__file__).parent / "zoo_ppo.yml"
STEPS = 256


def zoo(command: str, folder: Path, env_id: str, *flags: Any) -> subprocess.CompletedProcess[str]:
    """Run one of the zoo's commands in `folder`."""
    common = ["--algo", "ppo", "--env", env_id, "--num-threads", "1", "--seed", "1"]
    return subprocess.run(
        [sys.executable, "-m", f"rl_zoo3.{command}", *common, *map(str, flags)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def train(folder: Path, env_id: str, *flags: Any) -> Path:
    """Train for a few hundred steps; the folder that the zoo leaves."""
    done = zoo(
        "train", folder, env_id, "--gym-packages", "envs", "--conf-file", HYPERPARAMETERS,
        "--n-timesteps", STEPS, *flags,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "logs" / "ppo" / f"{env_id}_1"


def episodes(run: Path) -> list[dict[str, str]]:
    """The rows of the zoo's monitor files."""
    rows: list[dict[str, str]] = []
    for path in sorted(run.glob("*.monitor.csv")):
        with path.open() as file:
            next(file)  # a comment
            rows += csv.DictReader(file)
    return rows


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_the_zoo_trains_on_every_id(tmp_path, env_id):
    run = train(tmp_path, env_id, "--eval-freq", -1, "--env-kwargs", "observation:'state'")
    lengths = [int(row["l"]) for row in episodes(run)]
    assert 0 < sum(lengths) <= STEPS
    assert PPO.load(run / f"{env_id}.zip").num_timesteps == STEPS


def test_the_zoo_trains_evaluates_and_replays_on_representations(tmp_path):
    run = train(tmp_path, "GQNShepard-v0", "--eval-freq", STEPS // 2, "--eval-episodes", 3)
    assert all(-1.22 <= float(row["r"]) <= 1.0 for row in episodes(run))
    evaluations = np.load(run / "evaluations.npz")
    assert evaluations["results"].shape == evaluations["successes"].shape == (2, 3)
    played = zoo(
        "enjoy", tmp_path, "GQNShepard-v0", "--gym-packages", "envs", "--folder", "logs",
        "--n-timesteps", 40, "--no-render",
    )  # fmt: skip
    assert played.returncode == 0, played.stderr
    assert "Mean reward" in played.stdout


def test_the_zoo_trains_with_worker_processes(tmp_path):
    run = train(tmp_path, "GQNShepard-v0", "--eval-freq", -1, "--vec-env", "subproc")
    assert PPO.load(run / "GQNShepard-v0.zip").num_timesteps == STEPS


def test_the_zoo_looks_ids_up_before_it_imports_anything(tmp_path):
    """Hence `--gym-packages envs` above; when this fails, docs/clients.md can be shorter."""
    done = zoo("train", tmp_path, "envs:GQNShepard-v0", "--conf-file", HYPERPARAMETERS)
    assert done.returncode != 0
    assert "envs:GQNShepard-v0 not found in gym registry" in done.stderr
