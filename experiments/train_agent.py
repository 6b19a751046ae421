"""Train an agent that looks around an object and names it, then measure how good it is.

The run folder holds the best agent (agent.safetensors, agent.json), settings.json, metrics.json,
curves.csv, learning_curve.png, episode.png, TensorBoard logs and what --resume needs. The best
agent so far is there from the first evaluation on, also after an interruption.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.bundle import load_bundle, make_record, save_bundle
from agents.callbacks import (
    CheckpointCallback,
    CurveCallback,
    EvaluationCallback,
    ProgressCallback,
    TimeLimitCallback,
)
from agents.evaluation import Evaluation
from agents.factory import ALGORITHMS, load_hyperparameters, make_model
from agents.training_state import load_training_state
from experiments.agent_environment import AgentEnvironment, make_environment
from experiments.agent_report import EVALUATION_SEED, Training, describe, report
from experiments.command import new_run_folder, run_command, save_settings
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

CHECKPOINT_EVERY = 20_000
"""Environment steps between two saves of what --resume needs."""
CURVE_EVERY = 500
"""Environment steps between two points of the training curve, at least."""
ENVIRONMENT_FLAGS = (
    "observation",
    "encoder",
    "renderer",
    "gallery_size",
    "gallery",
    "colours",
    "shapes",
    "orientation",
    "num_cubes",
    "max_looks",
)
"""Flags that are arguments of the environment."""


@dataclass(frozen=True)
class TrainAgentSettings:
    """Flags of `python -m experiments.train_agent`."""

    env_id: str = "GQNShepard-v0"
    """Environment to train on."""
    algo: str = "ppo"
    """Algorithm, see agents/hyperparameters."""
    total_timesteps: int | None = None
    """Environment steps to train for; by default the hyperparameter file's (200,000)."""
    num_envs: int | None = None
    """Environments side by side; by default the hyperparameter file's (64)."""
    observation: str = "representation"
    """What the agent sees: representation, pixels or state (the truth)."""
    encoder: str = "gqn"
    """Encoder for observation=representation and for view prediction: a name, or the path of a
    checkpoint."""
    renderer: str = "pybullet"
    """pybullet or raycast."""
    gallery_size: int | None = None
    """How many shapes there are to tell apart; by default the environment's (10)."""
    gallery: str | None = None
    """Which: distinct or confusable; by default the environment's (distinct)."""
    colours: str | None = None
    """Colours of the two objects of mental rotation: shared or independent; by default shared."""
    shapes: str | None = None
    """train, or test for shapes unseen by the GQN; by default the environment's (train)."""
    orientation: str | None = None
    """grid or free; by default the environment's (grid)."""
    num_cubes: int | None = None
    """Cubes per object; by default the environment's (7)."""
    max_looks: int | None = None
    """Images per episode, the first included; by default the environment's (12)."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Run folder; by default runs/train_agent-<time>."""
    eval_episodes: int = 1000
    """Fresh episodes for the final measurement."""
    eval_every: int = 25_000
    """Environment steps between evaluations during training."""
    eval_every_episodes: int = 256
    """Episodes of each evaluation during training."""
    time_limit: float = 420.0
    """Seconds after which training ends, to be followed by the final measurement."""
    resume: Path | None = None
    """Run folder to continue from; the result goes to a new folder. Weights, optimisers and
    counters are taken over; environments and random numbers start anew."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as aux_coef=0 or policy_kwargs.sharpness=2."""
    device: str = "cpu"
    """Device of encoder and agent: cpu, cuda or auto."""


def main(settings: TrainAgentSettings) -> None:
    """Train, measure, write the run folder."""
    check_numbers(settings)
    start = time.monotonic()
    hyperparameters = load_hyperparameters(
        settings.algo, settings.env_id.removeprefix("envs:"), parse_changes(settings.hyper)
    )
    environment = make_environment(
        settings.env_id,
        settings.num_envs or hyperparameters["num_envs"],
        environment_arguments(settings),
        device=settings.device,
    )
    steps = settings.total_timesteps or int(hyperparameters["n_timesteps"])
    model = make_model(
        settings.algo,
        environment.bridge,
        hyperparameters,
        num_answers=environment.num_answers,
        seed=settings.seed,
        device=settings.device,
    )
    if settings.resume is not None:
        resume(settings.resume, model, environment, steps)
    folder = new_run_folder(settings.output, "train_agent")
    save_settings(folder, settings)
    write_json(folder / "hyperparameters.json", hyperparameters)
    model.tensorboard_log = str(folder / "tensorboard")

    held_out = environment.again()
    training = train(settings, folder, model, environment, held_out, hyperparameters, steps)
    metrics = report(folder, held_out, training, settings.eval_episodes)
    metrics["wall_seconds"] = round(time.monotonic() - start, 1)
    write_json(folder / "metrics.json", metrics)
    print(f"{describe(metrics)}\n{folder}")
    environment.close()
    held_out.close()


def train(
    settings: TrainAgentSettings,
    folder: Path,
    model: BaseAlgorithm,
    environment: AgentEnvironment,
    held_out: AgentEnvironment,
    hyperparameters: dict[str, Any],
    steps: int,
) -> Training:
    """Learn, keeping the best agent in `folder`."""
    began = time.monotonic()
    first_step = model.num_timesteps

    def keep(best: BaseAlgorithm, evaluation: Evaluation) -> None:
        progress = {
            "timesteps": best.num_timesteps,
            "seconds": round(time.monotonic() - began, 1),
            "seed": settings.seed,
            "selected_by": evaluation.summary(),
        }
        record = make_record(
            algo=settings.algo,
            hyperparameters=hyperparameters,
            num_answers=environment.num_answers,
            env_id=environment.env_id,
            env_kwargs=environment.env_kwargs,
            observation_space=environment.native.single_observation_space,
            action_space=environment.native.single_action_space,
            encoder=environment.encoder,
            training=progress,
        )
        save_bundle(folder, best.policy, record)

    evaluations = EvaluationCallback(
        held_out.bridge,
        settings.eval_every,
        settings.eval_every_episodes,
        settings.seed + EVALUATION_SEED,
        keep,
    )
    curve, progress = CurveCallback(CURVE_EVERY), ProgressCallback()
    limit = TimeLimitCallback(settings.time_limit)
    callbacks = [limit, curve, progress, evaluations, CheckpointCallback(folder, CHECKPOINT_EVERY)]
    try:
        model.learn(
            steps - first_step,
            callback=callbacks,
            reset_num_timesteps=first_step == 0,
            tb_log_name=settings.algo,
            log_interval=ALGORITHMS[settings.algo].episodes_per_log or 1,
        )
    finally:
        progress.close()
    return Training(
        algo=settings.algo,
        seed=settings.seed,
        device=settings.device,
        timesteps=model.num_timesteps,
        seconds=time.monotonic() - began,
        steps=model.num_timesteps - first_step,
        timed_out=limit.reached,
        curve=curve.curve,
        evaluations=evaluations.curve,
    )


def environment_arguments(settings: TrainAgentSettings) -> dict[str, Any]:
    """The environment's arguments among the flags; None is left to the environment."""
    return {name: getattr(settings, name) for name in ENVIRONMENT_FLAGS}


def check_numbers(settings: TrainAgentSettings) -> None:
    """Refuse counts that are not positive, before anything is built."""
    names = ("total_timesteps", "num_envs", "eval_episodes", "eval_every", "eval_every_episodes")
    for name in (*names, "time_limit"):
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise UserError(f"{name} is {value}, expected more than 0")


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """ "a.b=1" to {"a": {"b": 1}}; values are read as YAML.

    Raises:
        UserError: for text without "=".
    """
    result: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UserError(f"hyperparameter {change!r} is not of the form name=value")
        *path, last = name.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = read_value(value)
    return result


def read_value(text: str) -> Any:
    """As YAML reads it, save that 5e-4 is a number with or without a point."""
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)


def resume(
    folder: Path, model: BaseAlgorithm, environment: AgentEnvironment, total_timesteps: int
) -> None:
    """Take over weights, optimisers and counters from a run folder.

    Raises:
        UserError: for a folder without a run, or one of another task or network.
    """
    if not folder.is_dir():
        raise UserError(f"cannot resume: run folder {str(folder)!r} does not exist")
    native = environment.native
    load_bundle(folder).require_environment(
        environment.env_id,
        native.single_observation_space,
        native.single_action_space,
        environment.encoder,
    )
    load_training_state(folder, model)
    if model.num_timesteps >= total_timesteps:
        raise UserError(
            f"{str(folder)!r} has already trained {model.num_timesteps} steps; "
            f"--total-timesteps is {total_timesteps}, raise it to go on"
        )


if __name__ == "__main__":
    run_command(main, TrainAgentSettings, __doc__)
