"""Measure a trained agent beside simple strategies on the same fresh episodes.

The baselines: random actions; a fixed look-around followed by a classifier that is trained here,
on labelled episodes of that look-around; and an oracle that knows the answer. The output folder
gets metrics.json, comparison.png and episode.gif.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import envs
from agents.baselines import (
    AnswerClassifier,
    LookAroundAgent,
    OracleAgent,
    RandomAgent,
    collect_labelled,
)
from agents.bundle import Agent, load_bundle, shipped_agent
from agents.evaluation import Predictor
from experiments.agent_environment import MOVE_NAMES, AgentEnvironment, make_environment
from experiments.agent_episode import record_episode
from experiments.agent_figures import save_animation, save_comparison
from experiments.agent_report import TEST_SEED, evaluate_with_bar
from experiments.command import new_run_folder, run_command, save_settings
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json

LABELLED_SEED = 3_000_017
"""Added to the seed for the classifier's labelled episodes, so that none is also a test episode."""


@dataclass(frozen=True)
class EvaluateAgentSettings:
    """Flags of `python -m experiments.evaluate_agent`."""

    env_id: str = "GQNShepard-v0"
    """Environment to evaluate on."""
    agent: Path | None = None
    """Run folder or agent file; by default the agent that ships for the environment."""
    episodes: int = 1000
    """Fresh episodes for each strategy, the same for all."""
    encoder: str | None = None
    """Encoder: a name or the path of a checkpoint; by default the one the agent learned with."""
    renderer: str | None = None
    """pybullet or raycast; by default the one the agent was trained with."""
    num_envs: int = 64
    """Environments side by side."""
    look_around: tuple[str, ...] = ("right", "right", "up", "right", "right", "down")
    """Moves of the fixed look-around."""
    labelled_episodes: int = 4000
    """Episodes that train the look-around's classifier."""
    baselines: bool = True
    """Whether to measure the baselines too; --no-baselines leaves them out."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/evaluate_agent-<time>."""
    device: str = "cpu"
    """Device of encoder and agent: cpu, cuda or auto."""


def main(settings: EvaluateAgentSettings) -> None:
    """Measure, print the table, write the output folder."""
    for name in ("episodes", "num_envs", "labelled_episodes"):
        if getattr(settings, name) <= 0:
            raise UserError(f"{name} is {getattr(settings, name)}, expected more than 0")
    agent, environment = agent_and_environment(settings)
    moves = [move_index(name, environment) for name in settings.look_around]
    folder = new_run_folder(settings.output, "evaluate_agent")
    save_settings(folder, settings)

    strategies: dict[str, Predictor] = {"agent": agent}
    labelled: dict[str, Any] | None = None
    if settings.baselines:
        look_around, labelled = train_look_around(settings, environment, moves)
        strategies |= {
            "look around": look_around,
            "random": RandomAgent(environment.bridge.action_space, settings.seed),  # type: ignore[arg-type]
            "oracle": oracle(environment),
        }
    seed = settings.seed + TEST_SEED
    table = {
        name: evaluate_with_bar(name, strategy, environment, settings.episodes, seed).summary()
        for name, strategy in strategies.items()
    }
    print_table(table, environment)
    write_json(
        folder / "metrics.json",
        {
            "env_id": environment.env_id,
            "env_kwargs": environment.env_kwargs,
            "encoder": environment.encoder,
            "agent_path": str(agent.path),
            "seed": settings.seed,
            "chance": environment.chance,
            **table["agent"],
            "baselines": {name: row for name, row in table.items() if name != "agent"},
            "look_around": labelled,
        },
    )
    save_pictures(folder, environment, agent, table, seed + settings.episodes)
    environment.close()
    print(folder)


def agent_and_environment(settings: EvaluateAgentSettings) -> tuple[Agent, AgentEnvironment]:
    """The agent, and the environment it was trained on, refused where they do not fit."""
    env_id = settings.env_id.removeprefix("envs:")
    if env_id not in envs.ENV_IDS:
        raise unknown_name("env-id", env_id, envs.ENV_IDS)
    agent = load_bundle(settings.agent or shipped_agent(env_id), settings.device)
    if agent.record.env_id != env_id:
        raise UserError(
            f"agent {str(agent.path)!r} was trained on {agent.record.env_id!r}, "
            f"but --env-id is {env_id!r}"
        )
    arguments = dict(agent.record.env_kwargs)
    for name in ("encoder", "renderer"):
        if getattr(settings, name) is not None:
            arguments[name] = getattr(settings, name)
    environment = make_environment(env_id, settings.num_envs, arguments, device=settings.device)
    agent.require_environment(
        environment.env_id,
        environment.native.single_observation_space,
        environment.native.single_action_space,
        environment.encoder,
    )
    return agent, environment


def move_index(name: str, environment: AgentEnvironment) -> int:
    known = MOVE_NAMES[: environment.num_moves]
    if name not in known:
        raise unknown_name("move", name, known)
    return known.index(name)


def train_look_around(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, moves: list[int]
) -> tuple[LookAroundAgent, dict[str, Any]]:
    """The fixed look-around with its classifier, and how that was trained."""
    with Console().status(f"training the look-around on {settings.labelled_episodes} episodes"):
        data = collect_labelled(
            environment.bridge,
            moves,
            environment.num_moves,
            settings.labelled_episodes,
            settings.seed + LABELLED_SEED,
        )
        space: Any = environment.native.single_observation_space
        classifier = AnswerClassifier(space, environment.num_answers, settings.seed)
        accuracy = classifier.fit(data)
    description = {
        "moves": list(settings.look_around),
        "labelled_episodes": len(data),
        "validation_accuracy": accuracy,
    }
    return LookAroundAgent(moves, environment.num_moves, classifier), description


def oracle(environment: AgentEnvironment) -> OracleAgent:
    native: Any = environment.native.unwrapped
    return OracleAgent(environment.num_moves, lambda: np.asarray(native.targets))


def print_table(table: dict[str, dict[str, Any]], environment: AgentEnvironment) -> None:
    """The strategies side by side, with 95 % intervals."""
    episodes = next(iter(table.values()))["episodes"]
    title = f"{environment.env_id}, {episodes} episodes, chance {environment.chance:.3f}"
    output = Table("strategy", "accuracy", "looks", "reward", title=title)
    for name, row in table.items():
        output.add_row(name, *(with_interval(row, key) for key in ("accuracy", "looks", "reward")))
    Console().print(output)


def with_interval(row: dict[str, Any], key: str) -> str:
    """Such as "0.93 (0.91 to 0.94)"."""
    low, high = row[f"{key}_95"]
    return f"{row[key]:.2f} ({low:.2f} to {high:.2f})"


def save_pictures(
    folder: Path,
    environment: AgentEnvironment,
    agent: Agent,
    table: dict[str, dict[str, Any]],
    seed: int,
) -> None:
    """The comparison, where there are baselines, and one episode: the first of its seed."""
    if len(table) > 1:
        save_comparison(folder / "comparison.png", table, environment.chance)
    single = environment.again(num_envs=1, render_mode="rgb_array")
    save_animation(folder / "episode.gif", record_episode(single, agent, seed))
    single.close()


if __name__ == "__main__":
    run_command(main, EvaluateAgentSettings, __doc__)
