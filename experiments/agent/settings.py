"""The flags of `train_agent`, and the settings of a run that is resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from gqn_rl.errors import UserError
from gqn_rl.training.run_logs import check_loggers

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
READ_ANEW = (
    "time_limit",
    "checkpoint_every",
    "device",
    "logger",
    "resume",
    "study",
    "study_timeout",
)
"""Flags that count when a run is resumed: none of them changes what is computed."""
EXTENDED = ("total_timesteps", "optimize")
"""Flags that count when a run is resumed and they are given: they make it longer."""


@dataclass(frozen=True)
class TrainAgentSettings:
    """Flags of `python -m experiments.train_agent`."""

    env_id: str = "GQNShepard-v0"
    """Environment to train on."""
    algo: str = "ppo"
    """Algorithm: ppo for Discrete ids, sac for Continuous ones; see agents/hyperparameters."""
    total_timesteps: int | None = None
    """Environment steps to train for; by default the hyperparameter file's."""
    num_envs: int | None = None
    """Environments side by side; by default the hyperparameter file's (64)."""
    observation: str = "representation"
    """What the agent sees: representation, pixels or state (the truth)."""
    encoder: str | None = None
    """Encoder for observation=representation and for view prediction: a name, or the path of a
    checkpoint; by default the task's own (gqn; in mental rotation cells, in view prediction
    base)."""
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
    checkpoint_every: int = 20_000
    """Environment steps between two saves of what --resume needs."""
    resume: Path | None = None
    """Run folder to go on with, to the bit, with its own settings; only time limit, device,
    logger, checkpoint-every and a given number of total timesteps are read anew."""
    hyperparameters: Path | None = None
    """File laid over agents/hyperparameters, such as the one that --optimize writes."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as aux_coef=0 or policy_kwargs.inverse_temperature=2."""
    optimize: int | None = None
    """Instead of one training, so many short ones with other hyperparameters, chosen by Optuna
    from agents/search/spaces. total-timesteps and time-limit then count for each."""
    study: Path | None = None
    """With --optimize: a folder that any number of these commands share, on one host or on several
    with a common file system; each does trials until there are N in all. The first begins it."""
    study_timeout: float = 120.0
    """Seconds without a sign of life after which a process of another host counts as dead and its
    trial is done again; those of this host are known at once."""
    device: str = "cpu"
    """Device of encoder and agent: cpu, cuda or auto."""
    logger: tuple[str, ...] = ("tensorboard",)
    """Where the curves go beside the folder's own files: tensorboard, wandb, both or nothing."""


def environment_arguments(settings: Any) -> dict[str, Any]:
    """The environment's arguments among the flags of a command that trains; None is left to the
    environment."""
    return {name: getattr(settings, name) for name in ENVIRONMENT_FLAGS}


def check_numbers(settings: TrainAgentSettings) -> None:
    """Refuse counts that are not positive and loggers that are not there, before all else."""
    check_loggers(settings.logger)
    names = ("total_timesteps", "num_envs", "eval_episodes", "eval_every", "eval_every_episodes")
    for name in (*names, "time_limit", "checkpoint_every", "optimize", "study_timeout"):
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


def resumed_settings(given: TrainAgentSettings) -> TrainAgentSettings:
    """The settings of the run in `given.resume`, save for those that are read anew.

    Raises:
        UserError: for a folder without a run, or a flag that contradicts its settings.
    """
    assert given.resume is not None
    stored = stored_settings(given.resume)
    if given.output is not None and given.output != given.resume:
        raise UserError(
            f"output is {str(given.output)!r}, but --resume goes on in {str(given.resume)!r}"
        )
    if given.optimize is not None and stored.optimize is None:
        raise UserError(
            f"the run in {str(given.resume)!r} is a training, but --optimize is {given.optimize}"
        )
    for item in fields(TrainAgentSettings):
        mine, theirs = getattr(given, item.name), getattr(stored, item.name)
        if item.name in (*READ_ANEW, *EXTENDED, "output") or mine in (item.default, theirs):
            continue
        raise UserError(
            f"the run in {str(given.resume)!r} has {item.name} {theirs!r}, "
            f"but --{item.name.replace('_', '-')} is {mine!r}"
        )
    anew = {name: getattr(given, name) for name in READ_ANEW}
    longer = {name: getattr(given, name) or getattr(stored, name) for name in EXTENDED}
    return replace(stored, **anew, **longer)


def stored_settings(folder: Path) -> TrainAgentSettings:
    """What `save_settings` wrote into a run folder."""
    path = folder / "settings.json"
    if not path.is_file():
        raise UserError(f"cannot resume: {str(path)!r} does not exist")
    try:
        content = dict(json.loads(path.read_text()))
        for name in ("output", "resume", "hyperparameters", "study"):
            content[name] = None if content.get(name) is None else Path(content[name])
        content |= {name: tuple(content[name]) for name in ("hyper", "logger") if name in content}
        return TrainAgentSettings(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{str(path)!r} does not hold the settings of a run: {error}") from error
