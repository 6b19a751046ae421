"""The report of a training by RLlib: that of `train_agent`, and what only Ray has."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.agent.environment import AgentEnvironment
from experiments.agent.report import report as report_training
from experiments.rllib.agent import load_agent
from experiments.rllib.settings import TrainRllibSettings
from experiments.rllib.training import RLlibTraining


def report(
    folder: Path, settings: TrainRllibSettings, held_out: AgentEnvironment, training: RLlibTraining
) -> dict[str, Any]:
    """Measure the best agent of `folder` on fresh episodes; write and return the numbers."""
    agent, progressed = load_agent(folder), training.progressed
    finished = training.finished()
    metrics = report_training(folder, held_out, finished, agent, settings.eval_episodes)
    return metrics | {
        "library": f"ray {version('ray')}",
        "best_at": agent.record.training,
        "training_seconds": round(progressed.seconds, 1),
        "env_runners": {"number": settings.num_env_runners, "restarts": progressed.restarts},
    }
