"""The flags of `train_rllib`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.agent.flags import MORE_THAN_ZERO, TrainingFlags
from experiments.shared.command import (
    check_new_folder,
    require_at_least,
    require_more_than_zero,
)
from gqn_rl.errors import unknown_name

ALGO = "ppo"
OBSERVATIONS = ("representation", "state")
"""What RLlib's networks are given here: vectors."""
NOT_NEGATIVE = ("num_learners", "num_gpus_per_learner", "num_gpus_per_env_runner", "seed")


@dataclass(frozen=True)
class TrainRllibSettings(TrainingFlags):
    """Flags of `python -m experiments.train_rllib`."""

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
    default a Ray of its own on this machine, which ends with the command. Every host has to find
    a checkpoint that is the encoder."""
    observation: str = "representation"
    """What the agent sees: representation or state (the truth)."""
    seed: int = 0
    """Seed of the network and the episodes; which env runner is faster is chance all the same."""
    resume: Path | None = None
    """Run folder to go on with, from its newest checkpoint and with its own settings; only address,
    max-minutes, checkpoint-every and a given number of total timesteps are read anew."""

    def learns_from(self, encoder: str | None) -> bool:
        """See `NewAgentFlags`; this command takes no encoder from hyperparameters."""
        return encoder in (None, self.encoder)


def check(settings: TrainRllibSettings) -> None:
    """Refuse numbers and names that cannot be meant, before anything is built."""
    positive = (*MORE_THAN_ZERO, "num_env_runners", "num_envs_per_env_runner")
    require_more_than_zero(settings, positive)
    require_at_least(settings, dict.fromkeys(NOT_NEGATIVE, 0))
    if settings.output is not None and settings.resume is None:
        check_new_folder(settings.output)
    if settings.shown not in OBSERVATIONS:
        raise unknown_name("observation", settings.shown, OBSERVATIONS)
