"""A command: flags from a dataclass, numbers that are checked, run folders, one-line errors."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import tyro

from experiments.shared.allocator import keep_freed_memory
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

Settings = TypeVar("Settings")

SETTINGS_NAME = "settings.json"
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
OUTSIDE_CAUSES = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""Full disks and missing permissions are the user's to mend; a traceback would not help."""


def run_command(
    main: Callable[[Settings], None], settings_type: type[Settings], description: str | None
) -> None:
    """Parse the flags into `settings_type`, run `main`, turn a user's mistake into exit code 2.

    Flags, defaults and help come from the dataclass: its fields and the docstring below each.
    """
    settings = tyro.cli(settings_type, description=description)
    keep_freed_memory()
    try:
        main(settings)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        if error.errno not in OUTSIDE_CAUSES:
            raise
        print(f"error: {error.strerror}: {error.filename or 'output'}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def chosen_subcommand(
    summaries: Mapping[str, str], arguments: Sequence[str], prog: str, description: str | None
) -> str:
    """The subcommand that the first argument names; the others become the command line.

    Args:
        summaries: subcommands by name, in a few words each, for --help.
    """

    def chooser(name: str) -> Callable[[], str]:
        def choose() -> str:
            return name

        choose.__doc__ = summaries[name]
        return choose

    name: str = tyro.extras.subcommand_cli_from_dict(
        {name: chooser(name) for name in summaries},
        args=arguments[:1],
        prog=prog,
        description=description,
    )
    sys.argv = [f"{prog} {name}", *arguments[1:]]
    return name


def require_more_than_zero(settings: object, names: Iterable[str]) -> None:
    """Refuse numbers that are not more than 0; None is left to a default.

    Raises:
        UserError: for the first.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise UserError(f"{name} is {value}, expected more than 0")


def require_at_least(settings: object, least: Mapping[str, float]) -> None:
    """Refuse numbers below the least ones by name.

    Raises:
        UserError: for the first.
    """
    for name, value in least.items():
        if not getattr(settings, name) >= value:
            raise UserError(f"{name} is {getattr(settings, name)}, expected at least {value}")


def new_run_folder(output: Path | None, command: str, parent: Path = Path("runs")) -> Path:
    """Make the folder for one run: `output`, or <parent>/<command>-<time> when it is None.

    Raises:
        UserError: when `output` exists and is not an empty folder. Nothing in it is touched.
    """
    if output is None:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        output = unused(parent / f"{command}-{stamp}")
    with making("output folder", output):
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UserError(f"output folder {str(output)!r} exists; choose another or remove it")
        output.mkdir(parents=True, exist_ok=True)
    return output


def make_folder(what: str, folder: Path) -> None:
    """Make a folder and those above it, where they are not there.

    Raises:
        UserError: where that cannot be done.
    """
    with making(what, folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def making(what: str, folder: Path) -> Iterator[None]:
    """The user's mistake where a folder cannot be made."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot make {what} {str(folder)!r}: {error.strerror}") from error


def unused(path: Path) -> Path:
    """`path`, or the first of path-2, path-3, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def save_settings(folder: Path, settings: Any) -> None:
    """Write the settings dataclass to `folder`/settings.json."""
    if not is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"settings is {type(settings).__name__}, expected a dataclass instance")
    plain = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(settings).items()
    }
    write_json(folder / SETTINGS_NAME, plain)
