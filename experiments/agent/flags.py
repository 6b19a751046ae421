"""The flags that commands about agents share, each typed and explained once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from agents.factory import load_hyperparameters
from agents.hyperparameter_values import read_yaml
from experiments.shared.continuation import RunFlags
from experiments.shared.threads import OneThreadFlag
from gqn_rl.errors import UserError


@dataclass(frozen=True)
class EnvironmentFlags:
    """An environment, and what can be chosen of it whether or not an agent comes with it."""

    env_id: str = "GQNShepard-v0"
    """Environment; also module:id for a task of your own."""
    encoder: str | None = None
    """Encoder: a name, or the path of a checkpoint; by default that of the agent, in training that
    of its hyperparameters (refined in GQNShepard-v0), else the task's own (gqn; in mental rotation
    cells, in view prediction base). Not used for pixels and state, save in view prediction."""
    renderer: str | None = None
    """pybullet or raycast; by default that of the agent, else pybullet."""
    shapes: str | None = None
    """train, or validation or test for shapes unseen by the GQN, or a file of objects, one a line
    such as uuuubbuur; by default those of the agent, else train."""

    def arguments(self) -> dict[str, Any]:
        """Arguments of the environment by name; None leaves one to the agent or the environment."""
        return _arguments(self, EnvironmentFlags)


@dataclass(frozen=True)
class AgentFlags(OneThreadFlag, EnvironmentFlags):
    """A trained agent, in its environment or one that differs in what `EnvironmentFlags` name."""

    agent: Path | None = None
    """Run folder or agent file; by default the agent that ships for the environment."""
    device: str = "cpu"
    """Device of encoder and agent: cpu, cuda or auto."""


@dataclass(frozen=True)
class NewAgentFlags(EnvironmentFlags):
    """An environment in all its parts, and the hyperparameters of an agent for it."""

    renderer: str = "pybullet"
    """pybullet or raycast."""
    observation: str = "representation"
    """What the agent sees: representation, pixels or state (the truth)."""
    gallery_size: int | None = None
    """How many shapes there are to tell apart; by default the environment's (10, or all objects of
    a file)."""
    gallery: str | None = None
    """Which: distinct or confusable; by default the environment's (distinct)."""
    colours: str | None = None
    """Colours of the two objects of mental rotation: shared or independent; by default shared."""
    orientation: str | None = None
    """grid or free; by default the task's own (grid; in mental rotation free)."""
    num_cubes: int | None = None
    """Cubes per object; by default the environment's (7, or those of a file's objects)."""
    max_looks: int | None = None
    """Images per episode, the first included; by default the environment's (12)."""
    hyperparameters: Path | None = None
    """File laid over agents/hyperparameters, such as the one that train_agent --optimize writes."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as aux_coef=0 or policy_kwargs.inverse_temperature=2."""

    def arguments(self) -> dict[str, Any]:
        own = _arguments(self, NewAgentFlags)
        return {name: own[name] for name in own if name not in ("hyperparameters", "hyper")}

    def hyperparameters_of(self, algo: str) -> dict[str, Any]:
        """Those of an algorithm in this environment, with the file and the changes laid over.

        Those that ship for an id count only with the encoder that they name, if they name one.

        Raises:
            UserError: for an unknown algorithm, file or name, or a change that is none.
        """
        env_id = self.env_id.removeprefix("envs:")
        given: Any = (algo, env_id, parse_changes(self.hyper), self.hyperparameters)
        found = load_hyperparameters(*given)
        if self.learns_from(found.get("encoder")):
            return found
        return load_hyperparameters(*given, own_section=False)

    def learns_from(self, encoder: str | None) -> bool:
        """Whether this is the encoder that is learned from; None stands for any observation."""
        shown = self.observation == "representation" and self.encoder in (None, encoder)
        return encoder is None or shown


@dataclass(frozen=True)
class TrainingFlags(RunFlags, OneThreadFlag, NewAgentFlags):
    """A training, whatever library does it: how long, how it is watched and when it is saved."""

    total_timesteps: int | None = None
    """Environment steps to train for; by default the hyperparameter file's."""
    max_minutes: float | None = None
    """Minutes after which training ends early, to be followed by the final measurement; by default
    there is no limit, and training does all its steps."""
    eval_episodes: int = 1000
    """Fresh episodes for the final measurement."""
    eval_every: int | None = None
    """Environment steps between evaluations during training; by default 25,000, in train_agent no
    more than a third of the training."""
    eval_every_episodes: int = 256
    """Episodes of each evaluation during training."""
    checkpoint_every: int = 20_000
    """Environment steps between two saves of what --resume needs."""


EVAL_EVERY = 25_000
"""`TrainingFlags.eval_every` unless another is given, at most."""
MORE_THAN_ZERO = (
    *("total_timesteps", "max_minutes", "checkpoint_every"),
    *("eval_episodes", "eval_every", "eval_every_episodes"),
)
"""Numbers of `TrainingFlags`."""


def _arguments(flags: EnvironmentFlags, declared: type[EnvironmentFlags]) -> dict[str, Any]:
    names = [field.name for field in fields(declared) if field.name != "env_id"]
    return {name: getattr(flags, name) for name in names}


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """ "a.b=1" to {"a": {"b": 1}}; values are read as YAML.

    Raises:
        UserError: for text without "=", or with a value that cannot be read.
    """
    result: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UserError(f"hyperparameter {change!r} is not of the form name=value")
        *path, last = name.split(".")
        place: Any = result
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UserError(f"hyperparameter {change!r}: {part} is {place!r} by another change")
        try:
            place[last] = read_yaml(value)
        except yaml.YAMLError as error:
            raise UserError(f"hyperparameter {change!r} has a value that is no YAML") from error
    return result
