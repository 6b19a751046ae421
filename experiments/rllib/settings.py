"""The flags of `train_rllib`, and the settings of a run that is resumed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from experiments.shared.continuation import stored_settings
from gqn_rl.errors import UserError, unknown_name

OBSERVATIONS = ("representation", "state")
"""What RLlib's networks are given here: vectors."""
READ_ANEW = ("address", "time_limit", "checkpoint_every", "resume")
"""Flags that count when a run is resumed: none of them changes what is learned."""
POSITIVE = (
    "num_env_runners",
    "num_envs_per_env_runner",
    "total_timesteps",
    "time_limit",
    "eval_episodes",
    "eval_every",
    "eval_every_episodes",
    "checkpoint_every",
)
NOT_NEGATIVE = ("num_learners", "num_gpus_per_learner", "num_gpus_per_env_runner", "seed")


@dataclass(frozen=True)
class TrainRllibSettings:
    """Flags of `python -m experiments.train_rllib`."""

    env_id: str = "GQNShepard-v0"
    """Environment to train on; any of the six."""
    num_env_runners: int = 2
    """Actors that play episodes, each with a vector environment of its own."""
    num_envs_per_env_runner: int | None = None
    """Environments in each; by default the hyperparameter file's num_envs are shared among them.
    An update has n_steps steps of every environment."""
    num_learners: int = 0
    """Actors that learn, data parallel; 0 learns in this process. batch_size is divided by it."""
    num_gpus_per_learner: float = 0
    """GPUs of each learner."""
    num_gpus_per_env_runner: float = 0
    """GPUs, or a share of one, of each env runner, for encoder and renderer."""
    address: str | None = None
    """HOST:PORT of a running cluster's head, or auto for the cluster that this host is part of; by
    default a Ray of its own on this machine, which ends with the command."""
    observation: str = "representation"
    """What the agent sees: representation or state (the truth)."""
    encoder: str | None = None
    """Encoder for observation=representation and for view prediction: a name, or the path of a
    checkpoint, which every host has to find; by default the task's own."""
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
    total_timesteps: int | None = None
    """Environment steps to train for; by default the hyperparameter file's."""
    time_limit: float = 420.0
    """Seconds after which training ends, to be followed by the final measurement."""
    hyperparameters: Path | None = None
    """File laid over agents/hyperparameters/ppo.yml, such as train_agent --optimize writes."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as gamma=0.95 or policy_kwargs.activation_fn=relu."""
    seed: int = 0
    """Seed of the network and the episodes; which env runner is faster is chance all the same."""
    output: Path | None = None
    """Run folder; by default runs/train_rllib-<time>."""
    eval_episodes: int = 1000
    """Fresh episodes for the final measurement."""
    eval_every: int = 25_000
    """Environment steps between evaluations during training."""
    eval_every_episodes: int = 256
    """Episodes of each evaluation during training."""
    checkpoint_every: int = 20_000
    """Environment steps between two checkpoints."""
    resume: Path | None = None
    """Run folder to go on with, from its newest checkpoint and with its own settings; only address,
    time-limit, checkpoint-every and a given number of total timesteps are read anew."""


def check(settings: TrainRllibSettings) -> None:
    """Refuse numbers and names that cannot be meant, before anything is built."""
    for name in (*POSITIVE, *NOT_NEGATIVE):
        value = getattr(settings, name)
        if value is not None and (value < 0 or (value == 0 and name in POSITIVE)):
            least = "more than 0" if name in POSITIVE else "0 or more"
            raise UserError(f"{name} is {value}, expected {least}")
    if settings.observation not in OBSERVATIONS:
        raise unknown_name("observation", settings.observation, OBSERVATIONS)


def resumed(given: TrainRllibSettings) -> TrainRllibSettings:
    """The settings of the run in `given.resume`, save for those that are read anew.

    Raises:
        UserError: for a folder without a run, or a flag that contradicts its settings.
    """
    assert given.resume is not None
    stored = stored_settings(given.resume, TrainRllibSettings)
    stored = replace(stored, hyper=tuple(stored.hyper), output=None)
    for item in fields(TrainRllibSettings):
        mine, theirs = getattr(given, item.name), getattr(stored, item.name)
        if item.name in (*READ_ANEW, "total_timesteps") or mine in (item.default, theirs):
            continue
        raise UserError(
            f"the run in {str(given.resume)!r} has {item.name} {theirs!r}, "
            f"but --{item.name.replace('_', '-')} is {mine!r}"
        )
    anew = {name: getattr(given, name) for name in READ_ANEW}
    steps = given.total_timesteps or stored.total_timesteps
    return replace(stored, **anew, total_timesteps=steps)
