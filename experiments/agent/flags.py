"""The flags that commands about agents share, each typed and explained once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from envs.registration import fixed_arguments, known_id
from experiments.shared.appearance import AppearanceFlags
from experiments.shared.changes import parse_changes
from experiments.shared.continuation import RunFlags
from experiments.shared.device import AgentDeviceFlag
from experiments.shared.threads import OneThreadFlag
from gqn_rl.errors import UserError
from gqn_rl.rendering import DEFAULT_RENDERER


@dataclass(frozen=True)
class RotationFlags:
    """How the two objects of mental rotation differ, and whence they are seen."""

    rotation: str | None = None
    """How the objects of mental rotation are turned: in depth, or in the picture plane (picture);
    by default in depth."""
    angles: tuple[str, ...] | None = None
    """Degrees between them, from 0 to 180, or random for any; by default 0, 20, ... 180."""
    elevation: tuple[float, float] | None = None
    """Lowest and highest elevation of the first camera in degrees, below 0 from below; by default
    any, or 35.3 where it is fixed."""


@dataclass(frozen=True)
class TrialFlags(AppearanceFlags, RotationFlags):
    """The trials of mental rotation, as psychologists choose them."""

    camera: str | None = None
    """Where the first camera stands: random, or fixed where the first picture of the reference is
    taken; by default random, in the picture plane fixed."""
    glimpses: int | None = None
    """Pictures of either object, 1 to 4: so many of the reference, and so many the agent may take
    of the other, after which it answers what it holds likeliest; by default 4 of the one and 12 of
    the other."""
    presentation: str | None = None
    """The two objects together, or successive: the reference with the first picture alone; by
    default together."""


@dataclass(frozen=True)
class DifficultyFlags:
    """What makes looking pay in any task; by default that of the agent, else the environment's."""

    num_cubes: int | None = None
    """Cubes per object; by default those of the agent, else 7, or those of a file's objects."""
    position: str | None = None
    """Where objects stand: centred where cameras look, or random, anywhere that all cameras see
    them whole; by default that of the agent, else centred."""
    field_of_view: float | None = None
    """Opening angle of the camera in degrees, 1 to 45; below 45 a view shows a part of the object;
    by default that of the agent, else 45."""
    aim: str | None = None
    """Where cameras look: at the centre, or free, where actions aim them, which needs a field of
    view below 45; by default that of the agent, else the centre."""
    pixel_noise: float | None = None
    """Standard deviation of Gaussian noise on every view, in levels, 0 to 255; by default that of
    the agent, else 0."""


@dataclass(frozen=True)
class EnvironmentFlags(DifficultyFlags, TrialFlags):
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
class AgentFlags(AgentDeviceFlag, OneThreadFlag, EnvironmentFlags):
    """A trained agent, in its environment or one that differs in what `EnvironmentFlags` name."""

    agent: Path | None = None
    """Run folder or agent file; by default the agent that ships for the environment."""


@dataclass(frozen=True)
class NewAgentFlags(EnvironmentFlags):
    """An environment in all its parts, and the hyperparameters of an agent for it."""

    renderer: str = DEFAULT_RENDERER
    """pybullet or raycast."""
    observation: str | None = None
    """What the agent sees: representation, pixels, rgb (pixels, every picture of three
    channels), state (the truth) or posterior (of the answers,
    by the ideal observer); by default the environment's own (representation; in
    GQNShepardKeyhole-v0 posterior)."""
    gallery_size: int | None = None
    """How many shapes there are to tell apart; by default the environment's (10, or all objects of
    a file)."""
    gallery: str | None = None
    """Which: distinct or confusable; by default the environment's (distinct)."""
    colours: str | None = None
    """Colours of the two objects of mental rotation: shared or independent; by default shared."""
    orientation: str | None = None
    """grid or free; by default the task's own (grid; in mental rotation free)."""
    max_looks: int | None = None
    """Images per episode, the first included; by default the environment's (12)."""
    hyperparameters: Path | None = None
    """File laid over agents/hyperparameters, such as the one that train_agent --optimize writes."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as aux_coef=0 or policy_kwargs.inverse_temperature=2."""

    def arguments(self) -> dict[str, Any]:
        own = _arguments(self, NewAgentFlags) | {"observation": self.shown}
        return {name: own[name] for name in own if name not in ("hyperparameters", "hyper")}

    @property
    def shown(self) -> str:
        """What the agent sees, by the flag or by the environment.

        Raises:
            UserError: for an unknown environment.
        """
        if self.observation is not None:
            return self.observation
        return str(fixed_arguments(known_id(self.env_id)).get("observation", "representation"))

    def hyperparameters_of(self, algo: str) -> dict[str, Any]:
        """Those of an algorithm in this environment, with the file and the changes laid over.

        Those that ship for an id count only with the encoder that they name, if they name one and
        are not `for_any_observation`.

        Raises:
            UserError: for an unknown algorithm, file or name, or a change that is none.
        """
        from agents.factory import load_hyperparameters

        env_id = self.env_id.removeprefix("envs:")
        given: Any = (algo, env_id, parse_changes(self.hyper), self.hyperparameters)
        found = load_hyperparameters(*given)
        if found.get("for_any_observation") or self.learns_from(found.get("encoder")):
            return found
        return load_hyperparameters(*given, own_section=False)

    def learns_from(self, encoder: str | None) -> bool:
        """Whether this is the encoder that is learned from; None stands for any observation."""
        shown = self.shown == "representation" and self.encoder in (None, encoder)
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
    given = {name: getattr(flags, name) for name in names}
    return given | {"angles": parse_angles(flags.angles), "appearance": flags.look()}


def parse_angles(angles: Sequence[str] | None) -> str | list[float] | None:
    """ "0", "60" to numbers; "random" stays as it is.

    Raises:
        UserError: for anything else.
    """
    if angles is None:
        return None
    if list(angles) == ["random"]:
        return "random"
    try:
        return [float(angle) for angle in angles]
    except ValueError:
        raise UserError(f"angles is {' '.join(angles)!r}, expected degrees or random") from None
