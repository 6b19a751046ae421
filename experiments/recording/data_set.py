"""The recording of `record_dataset`: an agent plays, and Minari's files say what happened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from tqdm import tqdm

from agents.saving.bundle import Agent
from experiments.agent.environment import MOST_ENVS, AgentEnvironment
from experiments.agent.trained import agent_and_environment
from experiments.recording.episodes import recorded_episodes
from experiments.recording.minari_dataset import MinariWriter, imported_minari, recorded_spec
from experiments.recording.settings import RecordDatasetSettings
from experiments.shared import seeds
from experiments.shared.command import (
    check_new_folder,
    new_run_folder,
    require_more_than_zero,
    save_settings,
)
from experiments.shared.threads import use_threads_for_small_batches
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

NAME = re.compile(r"[-\w]+")


def record_dataset(settings: RecordDatasetSettings) -> None:
    """Check, record, say what there is."""
    require_more_than_zero(settings, ("episodes", "num_envs"))
    if settings.num_envs > MOST_ENVS:
        raise UserError(f"num_envs is {settings.num_envs}, expected 1 to {MOST_ENVS}")
    if not 0.0 <= settings.epsilon <= 1.0:
        raise UserError(f"epsilon is {settings.epsilon}, expected 0 to 1")
    if settings.name is not None and not NAME.fullmatch(settings.name):
        raise UserError(f"name is {settings.name!r}, expected letters, digits, - and _")
    if settings.output is not None:
        check_new_folder(settings.output)
    use_threads_for_small_batches(settings.threads)
    agent, environment = agent_and_environment(settings, 1)
    try:
        record(settings, agent, environment)
    finally:
        environment.close()


def record(settings: RecordDatasetSettings, agent: Agent, environment: AgentEnvironment) -> None:
    """Play, write the data set and summary.json, print what is in it."""
    imported_minari()
    folder = new_run_folder(settings.output, "record_dataset")
    save_settings(folder, settings)
    env = rows_to_record(environment, min(settings.num_envs, settings.episodes))
    writer = new_data_set(folder, settings, agent, environment, env)
    episodes = recorded_episodes(
        agent, env, settings.episodes,
        seed=settings.seed + seeds.RECORDING, epsilon=settings.epsilon,
    )  # fmt: skip
    returns: list[float] = []
    successes, steps = 0, 0
    with tqdm(total=settings.episodes, unit="episode", dynamic_ncols=True, disable=None) as bar:
        for episode in writer.write(episodes):
            returns.append(float(episode.rewards.sum()))
            successes += bool(episode.infos["is_success"][-1])
            steps += len(episode)
            bar.update()
    env.close()
    summary = {
        "dataset_id": writer.dataset_id,
        "episodes": len(returns),
        "steps": steps,
        "mean_return": sum(returns) / len(returns),
        "success_rate": successes / len(returns),
    }
    write_json(folder / "summary.json", summary)
    print(
        f"{len(returns)} episodes, {steps} steps, mean return {summary['mean_return']:.3f}, "
        f"success rate {summary['success_rate']:.3f}\n{writer.path}"
    )


def new_data_set(
    folder: Path,
    settings: RecordDatasetSettings,
    agent: Agent,
    environment: AgentEnvironment,
    env: VectorEnv,
) -> MinariWriter:
    """An empty data set for the episodes of an agent in `env`.

    Raises:
        UserError: for an environment whose observations are no Dict.
    """
    seen = env.single_observation_space
    if not isinstance(seen, spaces.Dict):
        raise UserError(f"{environment.env_id} has observations {seen}, expected a Dict")
    stem = environment.env_id.rpartition(":")[2].removesuffix("-v0")
    return MinariWriter(
        folder,
        f"{settings.name or f'{stem}-agent'}-v0",
        recorded_spec(environment.env_id, environment.env_kwargs, settings.flatten),
        seen,
        env.single_action_space,
        is_flat=settings.flatten,
        facts=described(agent, settings),
    )


def rows_to_record(environment: AgentEnvironment, num_envs: int) -> VectorEnv:
    """The environment once more with rows that wait for a reset, and the same encoder object."""
    arguments: dict[str, Any] = {**environment.env_kwargs, "device": environment.device}
    if environment.rows.encoder is not None:
        arguments["encoder"] = environment.rows.encoder
    return gymnasium.make_vec(
        environment.env_id, num_envs=num_envs, autoreset_mode=AutoresetMode.DISABLED, **arguments
    )


def described(agent: Agent, settings: RecordDatasetSettings) -> dict[str, str]:
    """What the metadata of the data set say of its making."""
    mixed = f", each action random with probability {settings.epsilon}" if settings.epsilon else ""
    return {
        "algorithm_name": agent.record.algo,
        "description": (
            f"gqn_rl: episodes of {agent.path.stem}, trained on {agent.record.env_id}{mixed}; seed "
            f"{settings.seed}. Infos have the right answers (target)."
        ),
    }
