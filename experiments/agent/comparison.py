"""The strategies that an agent is measured beside, made for its environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.baselines import (
    AnswerClassifier,
    LookAroundAgent,
    OracleAgent,
    RandomAgent,
    collect_labelled,
)
from agents.evaluation import Evaluation, Predictor, paired_difference
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.ideal import ideal_agent, ideal_views
from experiments.agent.ideal.ladder import choices
from experiments.agent.view_strategies import looks_of, view_strategies
from experiments.shared import seeds
from experiments.shared.terminal import console
from experiments.shared.untrained import untrained_encoder

IDEAL = "ideal observer"
LOOKING_PAYS = 1.5
"""Views that the ideal observer needs, from which it is told what it needs of other views."""
Measure = Callable[[str, Predictor], Evaluation]
"""Plays the test episodes with a strategy of some name."""


def random_agent(environment: AgentEnvironment, seed: int) -> RandomAgent:
    return RandomAgent(environment.bridge.action_space, seed)


def oracle(environment: AgentEnvironment) -> OracleAgent:
    native: Any = environment.native.unwrapped
    return OracleAgent(environment.control.encode_answer, lambda: np.asarray(native.targets))


def trained_look_around(
    environment: AgentEnvironment, names: tuple[str, ...], episodes: int, seed: int
) -> tuple[LookAroundAgent, dict[str, Any]]:
    """The fixed look-around with its classifier, and how that was trained.

    Args:
        names: of the moves before the answer, see `CameraControl.encode_moves`.
        episodes: labelled ones.
    """
    moves = list(environment.control.encode_moves(names))
    answering = environment.control.encode_answer
    with Console().status(f"training the look-around on {episodes} episodes"):
        data = collect_labelled(
            environment.bridge, moves, answering, episodes, seed + seeds.LABELLED
        )
        space: Any = environment.native.single_observation_space
        classifier = AnswerClassifier(space, environment.num_answers, seed)
        accuracy = classifier.fit(data)
    description = {
        "moves": list(names),
        "labelled_episodes": len(data),
        "validation_accuracy": accuracy,
    }
    return LookAroundAgent(moves, answering, classifier), description


def untrained_environment(environment: AgentEnvironment, seed: int) -> AgentEnvironment | None:
    """The same seen through random weights; None where no network makes what is seen."""
    space: Any = environment.native.single_observation_space
    if environment.encoder is None or "representation" not in space.spaces:
        return None
    trained: Any = environment.native.unwrapped
    encoder = untrained_encoder(trained.encoder, seed, environment.env_kwargs)
    if encoder is None:
        return None
    return make_environment(
        environment.env_id,
        environment.native.num_envs,
        environment.env_kwargs,
        device=environment.device,
        encoder=encoder,
    )


def measured_view_strategies(
    environment: AgentEnvironment,
    agent: Evaluation,
    measure: Measure,
    seed: int,
    names: tuple[str, ...] | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The view strategies, each with as many looks as the agent took in the same episode.

    Args:
        names: of those to measure; None for all.

    Returns:
        Summaries by name, and by how much more the agent's error and reward are, episode by
        episode (see `paired_difference`): a negative difference of errors speaks for the agent.
    """
    clearance = environment.task.clearance
    strategies = view_strategies(
        environment.control, clearance, looks_of(agent), seed, environment.is_informed
    )
    table, differences = {}, {}
    for name in strategies if names is None else names:
        evaluation = measure(name, strategies[name])
        table[name] = evaluation.summary()
        differences[name] = {
            key: paired_difference(agent, evaluation, key) for key in ("error", "reward")
        }
    return table, differences


def measured_ideal(
    environment: AgentEnvironment, agent: Evaluation, measure: Measure
) -> dict[str, dict[str, Any]]:
    """The ideal observer; empty for tasks of which it knows nothing.

    In view prediction it takes as many looks as the agent took in the same episode.
    """
    if (strategy := ideal_agent(environment)) is not None:
        found = {IDEAL: measure(IDEAL, strategy).summary()}
        return found | measured_other_eyes(environment, found[IDEAL]["looks"], measure)
    if (views := ideal_views(environment, looks_of(agent))) is not None:
        return {IDEAL: views.regraded(measure(IDEAL, views)).summary()}
    return {}


def measured_other_eyes(
    environment: AgentEnvironment, looks: float, measure: Measure
) -> dict[str, dict[str, Any]]:
    """The ideal observer that takes farthest and random views; empty where one view tells nearly
    all, since it makes no difference there which is taken.

    Args:
        looks: how many it needs of its own choice.
    """
    if looks < LOOKING_PAYS:
        return {}
    table = {}
    for name, choose in choices(0).items():
        strategy = None if choose is None else ideal_agent(environment, choose)
        if strategy is not None:
            table[f"{IDEAL}, {name}"] = measure(f"{IDEAL}, {name}", strategy).summary()
    return table


def print_table(table: dict[str, dict[str, Any]], title: str, measures: tuple[str, ...]) -> None:
    """The strategies side by side, with 95 % intervals; several random networks by their median."""
    output = Table("strategy", *measures, title=title)
    for name, row in table.items():
        networks = row.get("networks", ())
        if len(networks) > 1:
            low, high = networks[0], networks[-1]
            output.caption = f"{name}: median of {len(networks)} networks, {low:.2f} to {high:.2f}"
        output.add_row(name, *(with_interval(row, key) for key in measures))
    console().print(output)


def with_interval(row: dict[str, Any], key: str) -> str:
    """Such as "0.93 (0.91 to 0.94)"; "-" for no value."""
    if row[key] is None:
        return "-"
    low, high = row[f"{key}_95"]
    return f"{row[key]:.2f} ({low:.2f} to {high:.2f})"
