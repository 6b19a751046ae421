"""Agents of Stable-Baselines3 as they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stable_baselines3 import DQN, PPO

from experiments import train_stock_agent
from experiments.results.stock import AGENTS, line, seen
from experiments.stock.training import made, made_model
from experiments.train_stock_agent import TrainStockAgentSettings
from tests.experiments.running import run

QUICK = {
    "observation": "state",
    "num_envs": 4,
    "total_timesteps": 2048,
    "eval_every": 1024,
    "eval_every_episodes": 8,
    "eval_episodes": 8,
}


@pytest.mark.parametrize(("algo", "kind"), [("ppo", PPO), ("dqn", DQN)])
def test_a_stock_agent_trains_and_leaves_its_curve_and_a_file_of_its_library(
    algo: str,
    kind: type[PPO | DQN],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = {**QUICK, "algo": algo, "output": tmp_path / "run"}
    assert run(monkeypatch, train_stock_agent, TrainStockAgentSettings, **flags) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["algo"] == algo
    assert metrics["episodes"] == 8
    assert seen(metrics) == "state"
    assert line(metrics).startswith(f"| {AGENTS[algo]} | state |")
    steps = [row["timesteps"] for row in metrics["evaluations"]]
    assert steps == sorted(set(steps))
    assert steps[-1] == metrics["timesteps"] == 2048
    assert kind.load(tmp_path / "run" / "agent.zip").num_timesteps == 2048
    for name in ("learning_curve.png", "episode.png", "curves.csv"):
        assert (tmp_path / "run" / name).stat().st_size > 0
    assert "step 2,048 of 2,048" in capsys.readouterr().out


@pytest.mark.parametrize("num_envs", [1, 4, 32])
def test_the_number_of_rows_changes_neither_rollouts_nor_updates(num_envs: int) -> None:
    settings = TrainStockAgentSettings(observation="state", num_envs=num_envs)
    environment = made(settings)
    ppo = made_model(settings, environment)
    assert isinstance(ppo, PPO)
    assert ppo.n_steps * num_envs == 2048  # the default of PPO, whose rows are one
    environment.close()
    settings = TrainStockAgentSettings(algo="dqn", observation="state", num_envs=num_envs)
    environment = made(settings)
    dqn = made_model(settings, environment)
    assert isinstance(dqn, DQN)
    assert dqn.train_freq.frequency * num_envs == 4 * dqn.gradient_steps  # type: ignore[union-attr]
    environment.close()


def test_an_algorithm_that_does_not_take_the_actions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {**QUICK, "algo": "dqn", "env_id": "GQNShepardContinuous-v0", "output": tmp_path / "r"}
    assert run(monkeypatch, train_stock_agent, TrainStockAgentSettings, **flags) == 2
    assert "dqn refuses GQNShepardContinuous-v0" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
