"""The run that a training command begins or goes on with, found in its folder.

torchrun and Slurm start a failed job again by the command that began it. So a command whose output
folder holds a run with the very same settings goes on with that run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from gqn_rl.errors import UserError
from gqn_rl.training.state import State, has_state, read_state

Settings = TypeVar("Settings")

SETTINGS_NAME = "settings.json"
"""What `experiments.shared.command.save_settings` writes."""
METRICS_NAME = "metrics.json"
"""What a training command writes last, with the step it has come to."""
PLACES = ("output", "model_path")
"""Flags that say where a run lies, not what it is."""


@dataclass(frozen=True)
class Run(Generic[Settings]):
    """What the flags ask for.

    Attributes:
        settings: of the run; where it goes on, those with which it was started.
        folder: where it lies; None: it is new and has none yet.
        state: what it goes on from; None: the beginning.
        done: whether nothing is left to do.
    """

    settings: Settings
    folder: Path | None = None
    state: State | None = None
    done: bool = False


def find_run(
    given: Settings, resume: Path | None, output: Path | None, read_anew: tuple[str, ...]
) -> Run[Settings]:
    """The run to begin or to go on with; nothing is written.

    Args:
        given: a dataclass, the flags.
        resume: folder of a run to go on with under its own settings.
        output: folder of a run to begin, or to go on with where the same flags have begun it.
        read_anew: names of the settings that may differ when a run goes on.

    Raises:
        UserError: when the folder's state or settings are unusable or, for `output`, other ones;
            when there is nothing to resume.
    """
    if resume is not None:
        state = read_state(resume)
        anew = {name: getattr(given, name) for name in read_anew}
        settings = replace(stored_settings(resume, type(given)), **anew)  # type: ignore[type-var]
        return Run(settings, resume, state, _is_done(resume, state))
    if output is None or not (output / SETTINGS_NAME).is_file():
        return Run(given)
    require_same_settings(output, given, (*read_anew, *PLACES))
    if not has_state(output):
        return Run(given, output)
    state = read_state(output)
    return Run(given, output, state, _is_done(output, state))


def stored_settings(folder: Path, settings_type: type[Settings]) -> Settings:
    """The settings with which the run in `folder` was started.

    Raises:
        UserError: when they are missing, damaged or another command's.
    """
    path = folder / SETTINGS_NAME
    hints = get_type_hints(settings_type)
    try:
        stored = dict(json.loads(path.read_text()))
        for name, value in stored.items():
            hint = hints.get(name)
            if value is not None and Path in (hint, *get_args(hint)):
                stored[name] = Path(value)
        return settings_type(**stored)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} does not hold the settings of a run: {error}") from error


def require_same_settings(folder: Path, given: Any, free: tuple[str, ...]) -> None:
    """Refuse settings other than those of the run in `folder`, save for the `free` ones.

    Raises:
        UserError: for the first that differs.
    """
    stored = stored_settings(folder, type(given))
    for name in (field.name for field in fields(given) if field.name not in free):
        before, now = getattr(stored, name), getattr(given, name)
        if before != now:
            raise UserError(
                f"{name} is {_shown(now)}, but output folder {str(folder)!r} exists and holds a "
                f"run with {_shown(before)}; choose another folder, or go on with --resume"
            )


def _is_done(folder: Path, state: State) -> bool:
    """Whether the last thing of the run's last step has been written."""
    try:
        step = json.loads((folder / METRICS_NAME).read_text())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(step == state.about["recipe"]["iterations"])


def _shown(value: object) -> str:
    return repr(str(value) if isinstance(value, Path) else value)
