"""The run that a training command begins or goes on with, found in its folder.

A run goes on by --resume, with its own settings. It also goes on by the command that began it, for
torchrun and Slurm start a failed job again by that: a command whose output folder holds a run with
the very same settings goes on with that run.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

from experiments.shared.command import SETTINGS_NAME
from experiments.shared.renamed_flags import current_settings
from gqn_rl.errors import UserError

if TYPE_CHECKING:
    from gqn_rl.training.state import State

METRICS_NAME = "metrics.json"
"""What a training command writes last, with the step it has come to."""
READ_ANEW = frozenset(
    (
        *("max_minutes", "device", "threads", "workers", "compile", "logger", "address"),
        *("checkpoint_every", "resume", "study", "study_timeout"),
    )
)
"""Flags that count when a run goes on, whatever the command: none changes what is computed."""
EXTENDED = frozenset(("total_timesteps", "optimize"))
"""Flags that count when a run goes on and they are given: they make it longer."""
PLACES = frozenset(("output", "output_parent"))
"""Flags that say where a run lies, not what it is."""


@dataclass(frozen=True)
class RunFlags:
    """The flags of a run that can be gone on with."""

    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Run folder; by default runs/<command>-<time>."""
    resume: Path | None = None
    """Run folder to go on with, with its own settings."""


Flags = TypeVar("Flags", bound=RunFlags)


@dataclass(frozen=True)
class Run(Generic[Flags]):
    """What the flags ask for.

    Attributes:
        settings: of the run; where it goes on, those with which it was started.
        folder: where it lies; None: it is new and has none yet.
        state: what it goes on from; None: the beginning.
        done: whether nothing is left to do.
    """

    settings: Flags
    folder: Path | None = None
    state: State | None = None
    done: bool = False


def find_run(given: Flags) -> Run[Flags]:
    """The pretraining to begin or to go on with; nothing is written.

    Raises:
        UserError: when the folder's state or settings are unusable or, for `output`, other ones;
            when there is nothing to resume.
    """
    from gqn_rl.training.state import has_state, read_state

    resume, output = given.resume, given.output
    if resume is not None:
        state = read_state(resume)
        settings = _taken_up(given, stored_settings(resume, type(given)))
        return Run(settings, resume, state, _is_done(resume, state))
    if output is None or not (output / SETTINGS_NAME).is_file():
        return Run(given)
    require_same_settings(output, given)
    if not has_state(output):
        return Run(given, output)
    state = read_state(output)
    return Run(given, output, state, _is_done(output, state))


def resumed(given: Flags) -> Flags:
    """The settings of the run in `given.resume`, save for those that are read anew.

    Raises:
        UserError: for a folder without a run, or a flag that contradicts its settings.
    """
    folder = given.resume
    assert folder is not None
    stored = stored_settings(folder, type(given))
    if given.output is not None and given.output != folder:
        raise UserError(f"output is {str(given.output)!r}, but --resume goes on in {str(folder)!r}")
    for item in fields(given):
        mine, theirs = getattr(given, item.name), getattr(stored, item.name)
        free = item.name in READ_ANEW | EXTENDED | PLACES
        if not free and mine not in (item.default, theirs):
            raise UserError(
                f"the run in {str(folder)!r} has {item.name} {theirs!r}, "
                f"but --{item.name.replace('_', '-')} is {mine!r}"
            )
    return _taken_up(given, stored)


def stored_settings(folder: Path, flags: type[Flags]) -> Flags:
    """The settings with which the run in `folder` was started.

    Raises:
        UserError: when they are missing, damaged or another command's.
    """
    path = folder / SETTINGS_NAME
    hints = get_type_hints(flags)
    try:
        stored = current_settings(dict(json.loads(path.read_text())), hints)
        return flags(**{name: _typed(value, hints.get(name)) for name, value in stored.items()})
    except FileNotFoundError as error:
        raise UserError(f"cannot resume: {str(path)!r} does not exist") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{str(path)!r} does not hold the settings of a run: {error}") from error


def require_same_settings(folder: Path, given: RunFlags) -> None:
    """Refuse settings other than those of the run in `folder`, save for those that are free.

    Raises:
        UserError: for the first that differs.
    """
    stored = stored_settings(folder, type(given))
    for name in (field.name for field in fields(given) if field.name not in READ_ANEW | PLACES):
        before, now = getattr(stored, name), getattr(given, name)
        if before != now:
            raise UserError(
                f"{name} is {_shown(now)}, but output folder {str(folder)!r} exists and holds a "
                f"run with {_shown(before)}; choose another folder, or go on with --resume"
            )


def require_something_to_do(folder: Path, done: int, wanted: int) -> None:
    """Refuse an agent's run that has been trained for the wanted steps and measured."""
    if done >= wanted and (folder / METRICS_NAME).exists():
        raise UserError(
            f"{str(folder)!r} has already trained {done} steps; "
            f"--total-timesteps is {wanted}, raise it to go on"
        )


def limit_line(minutes: float, done: int, steps: int) -> str:
    """That the time limit struck.

    >>> limit_line(7.0, 2048, 10_000)
    'time limit reached: stopped after 2,048 of 10,000 steps by --max-minutes 7'
    """
    return (
        f"time limit reached: stopped after {done:,} of {steps:,} steps by --max-minutes "
        f"{minutes:g}"
    )


def say_how_to_go_on(command: str, folder: Path, flag: str = "--resume") -> None:
    """Print the command line that goes on with a run, to stderr."""
    line = f"python -m experiments.{command} {flag} {shlex.quote(str(folder))}"
    print(f"\nto go on: {line}", file=sys.stderr)


def _taken_up(given: Flags, stored: Flags) -> Flags:
    """The stored settings with what is read anew and what makes the run longer."""
    names = {item.name for item in fields(given)}
    anew = {name: getattr(given, name) for name in READ_ANEW & names}
    longer = {name: getattr(given, name) or getattr(stored, name) for name in EXTENDED & names}
    return replace(stored, **anew, **longer)


def _typed(value: Any, hint: Any) -> Any:
    """A value from JSON, which has neither paths nor tuples."""
    if isinstance(value, list):
        return tuple(value)
    return Path(value) if value is not None and Path in (hint, *get_args(hint)) else value


def _is_done(folder: Path, state: State) -> bool:
    """Whether the last thing of the run's last step has been written."""
    try:
        step = json.loads((folder / METRICS_NAME).read_text())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(step == state.about["recipe"]["iterations"])


def _shown(value: object) -> str:
    return repr(str(value) if isinstance(value, Path) else value)
