"""The plan of the study: agents, cameras, seeds, and the conditions that all runs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from experiments.agent.settings import EARLY_ANSWERS
from experiments.shared.seeds import STUDY_APART
from gqn_rl.errors import UserError, unknown_name

ENV_ID, ALGO = "GQNShepard-v0", "ppo"
THRESHOLDS = (0.5, 0.8, 0.9)
"""Accuracies whose first time is measured."""
CAMERAS = {
    "moving": "the agent chooses each move of the camera",
    "fixed": "the camera makes the same moves in every episode; the agent only chooses when to "
    "answer",
}
PLAIN_PPO: dict[str, Any] = {
    "aux_coef": 0.0,
    "policy_kwargs": {
        "supervised_posterior": False,
        "inverse_temperature": 1.0,
        "confidence_gain": 0.0,
    },
}
"""The same networks, none of them told the right answer. Without it the posterior becomes sure of
something by answering alone, so answering cannot wait for it."""

CHANGES: dict[str, Any] = {
    "learning_rate": 1e-3,
    "n_steps": 8,
    "aux_updates": 64,
    "policy_kwargs": {"confidence_gain": 12.0, "threshold": 0.8},
}
"""Of the algorithm's default settings: a constant learning rate, what the default falls from; short
rollouts, many supervised updates and a controller that begins by looking on while it is unsure, so
that what can be learned from a few hundred steps shows. Pixel agents gain by them too."""
LABELS = "labels"
SUPERVISION: dict[str, dict[str, Any]] = {
    LABELS: {},
    "none": {"aux_feedback": "rewards", "policy_kwargs": EARLY_ANSWERS},
}
"""What tells answers apart to the changes that it makes: labels, or the rewards of own answers."""


@dataclass(frozen=True)
class Subject:
    """One of the agents compared; they differ in what they see, and in what takes that in.

    Attributes:
        observation: argument of the environment.
        encoder: "trained", "random" or None.
        summary: how a pixel agent's looks become one vector, see `agents.policies.pixels.features`.
        label, description: for people.
        turned: whether cells are turned at random while answers are learned.
    """

    observation: str
    encoder: str | None
    summary: str | None
    label: str
    description: str
    turned: bool = True


SUBJECTS = {
    "representation": Subject(
        "representation", "trained", None, "GQN representation",
        "what the pre-trained GQN makes of all looks so far; where that is cells in the frame of "
        "the object, they are turned at random while answers are learned",
    ),
    "representation-unturned": Subject(
        "representation", "trained", None, "GQN, not turned",
        "the same, and nothing is turned: what the turning is worth",
        turned=False,
    ),
    "pixels-stack": Subject(
        "pixels", None, "stack", "pixels, stacked",
        "all looks so far with their poses, each through a CNN, side by side into the network",
    ),
    "pixels-recurrent": Subject(
        "pixels", None, "recurrent", "pixels, recurrent",
        "the same looks, poses and CNN, one after the other into a GRU",
    ),
    "random-tower": Subject(
        "representation", "random", None, "random-weight GQN",
        "the same of a GQN with random weights, another for each seed, standardised alike",
    ),
    "state": Subject(
        "state", None, None, "ground truth",
        "the true positions and colours of all cubes",
    ),
}  # fmt: skip
PIXEL_SUBJECTS = tuple(name for name, subject in SUBJECTS.items() if subject.summary)


@dataclass(frozen=True)
class Scale:
    """How much is done unless told otherwise; see `Conditions` for what else the names mean."""

    cameras: tuple[str, ...]
    seeds: int
    timesteps: int
    eval_every: int
    eval_episodes: int


SUBSET = Scale(("moving",), seeds=3, timesteps=6_144, eval_every=512, eval_episodes=128)
"""About a quarter of an hour on two cores, reckoned from the times of single runs."""
FULL = Scale(("moving", "fixed"), seeds=5, timesteps=16_384, eval_every=512, eval_episodes=128)
"""About two hours on two cores, reckoned likewise."""


@dataclass(frozen=True)
class Conditions:
    """What all runs of a study share; runs under other conditions cannot be compared with them.

    Attributes:
        timesteps: environment steps after which a run ends.
        eval_every: steps between two evaluations.
        eval_episodes: of each, the same in all of a run.
        stop_after: a run ends early once the highest threshold was reached in this many
            evaluations running; 0 for never.
        plain_ppo: whether the agents learn from the reward alone.
        hyperparameters: of every agent, see `agents.factory.load_hyperparameters`.
        env_kwargs: arguments of the environment beside observation and encoder.
        encoder: name or path of the trained one.
        encoder_sha256: of its weights.
    """

    timesteps: int
    eval_every: int
    eval_episodes: int
    stop_after: int
    plain_ppo: bool
    hyperparameters: dict[str, Any]
    env_kwargs: dict[str, Any]
    encoder: str
    encoder_sha256: str

    def to_json(self) -> dict[str, Any]:
        """As it reads once it was written to a file."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


@dataclass(frozen=True)
class Run:
    """One training of one agent.

    Attributes:
        agent: a name in `SUBJECTS`.
        camera: a name in `CAMERAS`.
    """

    agent: str
    camera: str
    seed: int
    conditions: Conditions

    @property
    def name(self) -> str:
        return f"{self.camera}-{self.agent}-{self.seed}"

    @property
    def first_row_seed(self) -> int:
        """Seed of the first row of the environment; the others follow, and no run shares any."""
        return STUDY_APART * self.seed


def planned(
    agents: Sequence[str], cameras: Sequence[str], seeds: Sequence[int], conditions: Conditions
) -> list[Run]:
    """All runs, seed by seed, so that an unfinished study has as many of each as possible.

    Raises:
        UserError: for an unknown agent or camera, or none.
    """
    for kind, names, table in (("agent", agents, SUBJECTS), ("camera", cameras, CAMERAS)):
        if not names:
            raise UserError(f"there is no {kind}; expected some of {sorted(table)}")
        for name in names:
            if name not in table:
                raise unknown_name(kind, name, table)
    combinations = product(seeds, dict.fromkeys(cameras), dict.fromkeys(agents))
    return [Run(agent, camera, seed, conditions) for seed, camera, agent in combinations]


def study_hyperparameters(plain_ppo: bool, supervision: str = LABELS) -> dict[str, Any]:
    """The algorithm's default settings, which no environment's own section has changed.

    Args:
        supervision: a name in `SUPERVISION`; plain PPO has none.

    A section may have been tuned for one kind of observation, which would not be fair. The learning
    rate stays as it is: falling towards the end of a run, it would make the time to an accuracy
    depend on how long the run was to last.

    Raises:
        UserError: for another kind of supervision.
    """
    from agents.factory import load_hyperparameters, merged

    if supervision not in SUPERVISION:
        raise unknown_name("supervision", supervision, SUPERVISION)
    changes = PLAIN_PPO if plain_ppo else SUPERVISION[supervision]
    return load_hyperparameters(ALGO, "", merged(CHANGES, changes))


def hyperparameters_of(run: Run, image_size: int) -> dict[str, Any]:
    """The shared ones, with the part that takes in pixels where there are any."""
    summary = SUBJECTS[run.agent].summary
    shared = run.conditions.hyperparameters
    if summary is None:
        return shared
    given = shared["policy_kwargs"].get("features_extractor_kwargs", {})
    kept = {name: given[name] for name in ("hidden", "dropout") if name in given}
    policy = {
        **shared["policy_kwargs"],
        "features_extractor_class": "looks",
        "features_extractor_kwargs": {**kept, "summary": summary, "image_size": image_size},
    }
    return {**shared, "policy_kwargs": policy}


def first_difference(mine: Any, other: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Where two JSON values first differ: dotted path and both values."""
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in [*mine, *(k for k in other if k not in mine)]:
            where = f"{path}.{key}" if path else str(key)
            found = first_difference(mine.get(key), other.get(key), where)
            if found is not None:
                return found
        return None
    return None if mine == other else (path, mine, other)
