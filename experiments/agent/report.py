"""The report of a training: numbers, curves and pictures in its run folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from agents.evaluation import Evaluation, Predictor, evaluate
from experiments.agent.comparison import random_agent
from experiments.agent.environment import AgentEnvironment
from experiments.agent.episode import record_episode
from experiments.agent.figures import save_film_strip, save_learning_curve
from experiments.shared import seeds
from gqn_rl.files import write_text


@dataclass(frozen=True)
class FinishedTraining:
    """A finished training.

    Attributes:
        algo, seed: as given.
        timesteps: of the model in all, also before a resumption.
        steps, seconds: since the beginning or the resumption.
        timed_out: whether the time limit ended it.
        curve: rows of `agents.training.callbacks.CurveCallback`.
        evaluations: rows of `agents.training.callbacks.EvaluationCallback`.
    """

    algo: str
    seed: int
    timesteps: int
    steps: int
    seconds: float
    timed_out: bool
    curve: Sequence[dict[str, Any]]
    evaluations: Sequence[dict[str, Any]]


RANDOM_EPISODES = 200
"""Enough to see that an agent is better than chance; a view costs as much as the agent's own."""


def report(
    folder: Path,
    held_out: AgentEnvironment,
    training: FinishedTraining,
    agent: Predictor,
    episodes: int,
) -> dict[str, Any]:
    """Write curves and pictures to `folder`; measure the agent on fresh episodes.

    Args:
        agent: the best one of the training.

    Returns:
        The numbers of metrics.json.
    """
    write_curves(folder / "curves.csv", training.curve, training.evaluations)
    seed = training.seed + seeds.TEST
    final = evaluate_with_bar("final evaluation", agent, held_out, episodes, seed)
    picture = folder / "learning_curve.png"
    save_learning_curve(
        picture, training.curve, training.evaluations, final.measures, held_out.chance
    )
    guessing = random_agent(held_out, training.seed)
    few = min(episodes, RANDOM_EPISODES)
    random = evaluate_with_bar("random baseline", guessing, held_out, few, seed)
    single = held_out.again(num_envs=1)
    episode = record_episode(single, agent, seed + episodes)
    single.close()
    save_film_strip(folder / "episode.png", episode, held_out.env_id)
    return {
        "env_id": held_out.env_id,
        "env_kwargs": held_out.env_kwargs,
        "encoder": held_out.encoder,
        "algo": training.algo,
        "seed": training.seed,
        **final.summary(),
        "chance": held_out.chance,
        "baselines": {"random": random.summary()},
        "timesteps": training.timesteps,
        "time_limit_reached": training.timed_out,
        "training_seconds": round(training.seconds, 1),
        "steps_per_second": round(training.steps / max(training.seconds, 1e-9), 1),
    }


def describe(metrics: dict[str, Any]) -> str:
    """The numbers that matter, for the end of a command."""
    score = describe_error(metrics) if "error" in metrics else describe_accuracy(metrics)
    return (
        f"{score}, {metrics['looks']:.1f} looks, reward "
        f"{metrics['reward']:.2f}, over {metrics['episodes']} fresh episodes\n"
        f"{metrics['wall_seconds']:.0f} s in all, "
        f"{metrics['steps_per_second']:.0f} training steps/s"
    )


def describe_accuracy(metrics: dict[str, Any]) -> str:
    low, high = metrics["accuracy_95"]
    return (
        f"accuracy {metrics['accuracy']:.3f} (95 % interval {low:.3f} to {high:.3f}; "
        f"chance {metrics['chance']:.3f})"
    )


def describe_error(metrics: dict[str, Any]) -> str:
    if metrics["error"] is None:
        return "no prediction was made"
    low, high = metrics["error_95"]
    return (
        f"prediction error {metrics['error']:.2f} (95 % interval {low:.2f} to {high:.2f}; "
        f"{metrics['first_error']:.2f} after the first look)"
    )


def evaluate_with_bar(
    what: str, predictor: Predictor, environment: AgentEnvironment, episodes: int, seed: int
) -> Evaluation:
    """`evaluate` with a progress bar."""
    with Progress() as bar:
        task = bar.add_task(what, total=episodes)
        advance: Callable[[], None] = lambda: bar.advance(task)  # noqa: E731
        return evaluate(predictor, environment.bridge, episodes, seed=seed, on_episode=advance)


def write_curves(
    path: Path, training: Sequence[dict[str, Any]], evaluations: Sequence[dict[str, Any]]
) -> None:
    """Both curves in one table; `kind` says which; intervals as two columns."""
    score = "error" if any("error" in row for row in evaluations) else "accuracy"
    names = ["kind", "timesteps", "seconds", score, "looks", "reward", "length"]
    names += [f"{key}_{end}" for key in (score, "looks", "reward") for end in ("low", "high")]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in training:
        writer.writerow({"kind": "training", **row})
    for row in evaluations:
        bounds = {}
        for key in (score, "looks", "reward"):
            bounds[f"{key}_low"], bounds[f"{key}_high"] = row[f"{key}_95"] or ("", "")
        writer.writerow({"kind": "evaluation", **row, **bounds})
    write_text(path, text.getvalue())
