"""The measurement of `evaluate_agent`: an agent and simple strategies on the same episodes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from agents.evaluation import Evaluation, Predictor
from agents.saving.bundle import Agent
from experiments.agent.comparison import (
    IDEAL,
    Measure,
    measured_ideal,
    measured_view_strategies,
    oracle,
    print_table,
    random_agent,
    trained_look_around,
    untrained_environment,
)
from experiments.agent.environment import AgentEnvironment
from experiments.agent.episode import record_episode
from experiments.agent.figures import save_animation, save_comparison
from experiments.agent.report import evaluate_with_bar
from experiments.agent.trained import agent_and_environment
from experiments.evaluation.agent_settings import EvaluateAgentSettings
from experiments.shared import seeds
from experiments.shared.command import (
    make_folder,
    new_run_folder,
    require_at_least,
    require_more_than_zero,
    save_settings,
)
from experiments.shared.threads import use_threads_for_small_batches
from experiments.shared.untrained import UNTRAINED, median_network
from experiments.trials.answering import AnswersInTheEnd
from experiments.trials.figure import save_trials
from experiments.trials.log import TrialLog
from experiments.trials.table import write_trials
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

QUICK_STRATEGIES = ("random views", "farthest views")
WATCHED_EPISODES = 5
"""In the animation: agents that need one or two looks cannot be followed in a single one."""


def evaluate_agent(settings: EvaluateAgentSettings) -> None:
    """Measure, print the table, write the output folder."""
    require_more_than_zero(settings, ("episodes", "num_envs", "labelled_episodes"))
    require_at_least(settings, {"ideal_episodes": 0, "random_networks": 0})
    settings.check_networks()
    use_threads_for_small_batches(settings.threads)
    agent, environment = agent_and_environment(settings, settings.num_envs)
    environment.control.encode_moves(settings.look_around)  # refuses wrong names before a folder
    log = trial_log(settings, agent, environment)
    folder = new_run_folder(settings.output, "evaluate_agent")
    save_settings(folder, settings)

    evaluation = measure(settings, environment, "agent", agent if log is None else log)
    table = {"agent": evaluation.summary()}
    details: dict[str, Any] = {}
    if settings.baselines:
        measured, details = measured_baselines(settings, environment, evaluation)
        table |= measured | measured_ceiling(settings, environment, evaluation)
    title = title_of(environment, evaluation, table)
    print_table(table, title, evaluation.measures)
    if log is not None:
        details["by_angle"] = evaluation.by_angle()
        trials = log.trials(evaluation, settings.participant or agent.path.stem)
        save_trials(folder / "angles.png", trials)
        if settings.trials is not None:
            write_trials(settings.trials, trials)
    write_json(
        folder / "metrics.json",
        facts_of(settings, agent, environment) | figures_of(table) | details,
    )
    if len(table) > 1:
        figure = folder / "comparison.png"
        save_comparison(figure, table, evaluation.measures, environment.chance)
    save_episodes(folder, environment, agent, settings.seed + seeds.TEST + settings.played)
    environment.close()
    print(folder)


def facts_of(
    settings: EvaluateAgentSettings, agent: Agent, environment: AgentEnvironment
) -> dict[str, Any]:
    """What was measured, for metrics.json."""
    return {
        "env_id": environment.env_id,
        "env_kwargs": environment.env_kwargs,
        "encoder": environment.encoder,
        "agent_path": str(agent.path),
        "seed": settings.seed,
        "chance": environment.chance,
    }


def figures_of(table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What came out: the agent's figures, and those of the others by name."""
    others = {name: row for name, row in table.items() if name != "agent"}
    return {**table["agent"], "baselines": others}


def trial_log(
    settings: EvaluateAgentSettings, agent: Agent, environment: AgentEnvironment
) -> TrialLog | None:
    """The agent with a log of its trials; None where nobody wants one and there is no angle.

    Raises:
        UserError: for a table of trials of another task, or a file that cannot be there.
    """
    if settings.trials is None and environment.task.axis is None:
        return None
    if settings.trials is not None:
        if settings.trials.exists():
            raise UserError(f"trials {str(settings.trials)!r} exists; choose another or remove it")
        make_folder("folder of the trials", settings.trials.parent)
    answers = agent if settings.glimpses is None else AnswersInTheEnd(agent, environment)
    return TrialLog(answers, environment)


def title_of(
    environment: AgentEnvironment, evaluation: Evaluation, table: dict[str, dict[str, Any]]
) -> str:
    title = f"{environment.env_id}, {len(evaluation)} episodes"
    if environment.chance is not None:
        title += f", chance {environment.chance:.3f}"
    if IDEAL in table and table[IDEAL]["episodes"] < len(evaluation):
        title += f"; {IDEAL}: the first {table[IDEAL]['episodes']}"
    return title


def measure(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, name: str, strategy: Predictor
) -> Evaluation:
    """The test episodes, the same for every strategy."""
    seed = settings.seed + seeds.TEST
    return evaluate_with_bar(name, strategy, environment, settings.played, seed)


def measured_baselines(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, agent: Evaluation
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The baselines' summaries by name, and what else metrics.json is to say about them."""

    def played(name: str, strategy: Predictor) -> Evaluation:
        return measure(settings, environment, name, strategy)

    random = played("random", random_agent(environment, settings.seed)).summary()
    if environment.is_graded:
        names = None if settings.full else QUICK_STRATEGIES
        table, differences = measured_view_strategies(
            environment, agent, played, settings.seed, names
        )
        return table | {"random": random}, {"agent_minus": differences}
    looked, details = measured_look_around(settings, environment, played)
    others = {"random": random}
    if settings.full:
        others["oracle"] = played("oracle", oracle(environment)).summary()
    return looked | others, details


def measured_look_around(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, played: Measure
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The fixed look-around, on random weights too, and how it was trained; nothing where there
    are no labelled episodes to train it."""
    if not settings.labelled:
        return {}, {}
    look_around, description = trained_look_around(
        environment, settings.look_around, settings.labelled, settings.seed
    )
    trained = {"look around": played("look around", look_around).summary()}
    untrained = measured_random_weights(settings, environment)
    return trained | untrained, {"look_around": description}


def measured_ceiling(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, agent: Evaluation
) -> dict[str, dict[str, Any]]:
    """What the ideal observer reaches in the first of the test episodes."""
    if not settings.ideal:
        return {}
    first = replace(settings, episodes=settings.ideal)
    return measured_ideal(environment, agent, partial(measure, first, environment))


def measured_random_weights(
    settings: EvaluateAgentSettings, environment: AgentEnvironment
) -> dict[str, dict[str, Any]]:
    """The look-around once more, on several untrained encoders; empty where there are none.

    Returns:
        the summary of the network of median accuracy, with the accuracies of all as `networks`.
    """
    found: list[dict[str, Any]] = []
    for seed in range(settings.seed, settings.seed + settings.networks):
        untrained = untrained_environment(environment, seed)
        if untrained is None:
            return {}
        look_around, _ = trained_look_around(
            untrained, settings.look_around, settings.labelled, settings.seed
        )
        name = f"look around, {UNTRAINED} {len(found) + 1}"
        found.append(measure(settings, untrained, name, look_around).summary())
        untrained.close()
    if not found:
        return {}
    middle, scores = median_network(found, lambda summary: summary["accuracy"])
    return {f"look around, {UNTRAINED}": {**middle, "networks": scores}}


def save_episodes(folder: Path, environment: AgentEnvironment, agent: Agent, seed: int) -> None:
    """The first episodes from a seed on, as an animation."""
    single = environment.again(num_envs=1, render_mode="rgb_array")
    episodes = [record_episode(single, agent, seed + i) for i in range(WATCHED_EPISODES)]
    save_animation(folder / "episode.gif", episodes)
    single.close()
