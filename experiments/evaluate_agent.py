"""Measure a trained agent beside simple strategies on the same fresh episodes.

Where there are right answers: random actions; a fixed look-around followed by a classifier that is
trained here, on labelled episodes of that look-around; the same on an encoder with random weights;
an oracle that knows the answer; and the ideal observer, which knows how scenes are made and drawn,
and sees what the agent sees (docs/ideal-observer.md). In view prediction: random actions; and
random views, farthest-point views, the views nearest to the query, those of which the encoder
expects most and those of which the ideal observer does, each with as many looks in every episode as
the agent took in it. The output folder gets
metrics.json, comparison.png and episode.gif, a few episodes one after the other; of mental rotation
angles.png too, accuracy and looks against the angle between the objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from agents.evaluation import Evaluation, Predictor
from agents.saving.bundle import Agent, load_bundle, shipped_agent
from envs import known_id
from experiments.agent.comparison import (
    IDEAL,
    measured_ideal,
    measured_view_strategies,
    oracle,
    print_table,
    random_agent,
    trained_look_around,
    untrained_environment,
)
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.episode import record_episode
from experiments.agent.figures import save_angles, save_animation, save_comparison
from experiments.agent.report import TEST_SEED, evaluate_with_bar
from experiments.shared.command import new_run_folder, run_command, save_settings
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

WATCHED_EPISODES = 5
"""In the animation: agents that need one or two looks cannot be followed in a single one."""


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
    shapes: str | None = None
    """train, validation or test; by default those the agent was trained on."""
    num_envs: int = 64
    """Environments side by side."""
    look_around: tuple[str, ...] = ("right", "right", "up", "right", "right", "down")
    """Moves of the fixed look-around."""
    labelled_episodes: int = 4000
    """Episodes that train the look-around's classifier."""
    baselines: bool = True
    """Whether to measure the baselines too; --no-baselines leaves them out."""
    ideal_episodes: int = 200
    """Episodes, the first ones, that the ideal observer plays too, to say what is possible
    (docs/ideal-observer.md); 0 leaves it out."""
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
    if settings.ideal_episodes < 0:
        raise UserError(f"ideal_episodes is {settings.ideal_episodes}, expected 0 or more")
    agent, environment = agent_and_environment(settings)
    for name in settings.look_around:
        environment.controls.move(name)  # refuses wrong names before the folder is made
    folder = new_run_folder(settings.output, "evaluate_agent")
    save_settings(folder, settings)

    evaluation = measure(settings, environment, "agent", agent)
    table = {"agent": evaluation.summary()}
    details: dict[str, Any] = {}
    if settings.baselines:
        measured, details = measured_baselines(settings, environment, evaluation)
        table |= measured | measured_ceiling(settings, environment, evaluation)
    title = title_of(environment, evaluation)
    if IDEAL in table and table[IDEAL]["episodes"] < len(evaluation):
        title += f"; {IDEAL}: the first {table[IDEAL]['episodes']}"
    print_table(table, title, evaluation.measures)
    if by_angle := evaluation.by_angle():
        details["by_angle"] = by_angle
        save_angles(folder / "angles.png", by_angle, environment.chance)
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
            **details,
        },
    )
    if len(table) > 1:
        figure = folder / "comparison.png"
        save_comparison(figure, table, evaluation.measures, environment.chance)
    save_episodes(folder, environment, agent, settings.seed + TEST_SEED + settings.episodes)
    environment.close()
    print(folder)


def title_of(environment: AgentEnvironment, evaluation: Evaluation) -> str:
    title = f"{environment.env_id}, {len(evaluation)} episodes"
    return title if environment.chance is None else f"{title}, chance {environment.chance:.3f}"


def measure(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, name: str, strategy: Predictor
) -> Evaluation:
    """The test episodes, the same for every strategy."""
    seed = settings.seed + TEST_SEED
    return evaluate_with_bar(name, strategy, environment, settings.episodes, seed)


def measured_baselines(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, agent: Evaluation
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The baselines' summaries by name, and what else metrics.json is to say about them."""

    def played(name: str, strategy: Predictor) -> Evaluation:
        return measure(settings, environment, name, strategy)

    random = played("random", random_agent(environment, settings.seed)).summary()
    if environment.is_graded:
        table, differences = measured_view_strategies(environment, agent, played, settings.seed)
        return table | {"random": random}, {"agent_minus": differences}
    look_around, description = trained_look_around(
        environment, settings.look_around, settings.labelled_episodes, settings.seed
    )
    table = {
        "look around": played("look around", look_around).summary(),
        **measured_random_weights(settings, environment),
        "random": random,
        "oracle": played("oracle", oracle(environment)).summary(),
    }
    return table, {"look_around": description}


def measured_ceiling(
    settings: EvaluateAgentSettings, environment: AgentEnvironment, agent: Evaluation
) -> dict[str, dict[str, Any]]:
    """What the ideal observer reaches in the first of the test episodes."""
    if not settings.ideal_episodes:
        return {}
    first = replace(settings, episodes=min(settings.episodes, settings.ideal_episodes))
    return measured_ideal(environment, agent, partial(measure, first, environment))


def measured_random_weights(
    settings: EvaluateAgentSettings, environment: AgentEnvironment
) -> dict[str, dict[str, Any]]:
    """The look-around once more, on an untrained encoder; empty where there is none."""
    untrained = untrained_environment(environment, settings.seed)
    if untrained is None:
        return {}
    look_around, _ = trained_look_around(
        untrained, settings.look_around, settings.labelled_episodes, settings.seed
    )
    name = "look around, random weights"
    summary = measure(settings, untrained, name, look_around).summary()
    untrained.close()
    return {name: summary}


def agent_and_environment(settings: EvaluateAgentSettings) -> tuple[Agent, AgentEnvironment]:
    """The agent, and the environment it was trained on, refused where they do not fit."""
    env_id = known_id(settings.env_id)
    agent = load_bundle(settings.agent or shipped_agent(env_id), settings.device)
    if agent.record.env_id != env_id:
        raise UserError(
            f"agent {str(agent.path)!r} was trained on {agent.record.env_id!r}, "
            f"but --env-id is {env_id!r}"
        )
    arguments = dict(agent.record.env_kwargs)
    for name in ("encoder", "renderer", "shapes"):
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


def save_episodes(folder: Path, environment: AgentEnvironment, agent: Agent, seed: int) -> None:
    """The first episodes from a seed on, as an animation."""
    single = environment.again(num_envs=1, render_mode="rgb_array")
    episodes = [record_episode(single, agent, seed + i) for i in range(WATCHED_EPISODES)]
    save_animation(folder / "episode.gif", episodes)
    single.close()


if __name__ == "__main__":
    run_command(main, EvaluateAgentSettings, __doc__)
