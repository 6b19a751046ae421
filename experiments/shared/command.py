"""A command: flags from a dataclass, numbers that are checked, run folders, one-line errors."""

from __future__ import annotations

import errno
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import tyro

from experiments.shared import seeds
from experiments.shared.allocator import keep_freed_memory
from experiments.shared.arguments import parsed
from experiments.shared.renamed_flags import current_arguments
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.rendering import default_renderer

Settings = TypeVar("Settings")

SETTINGS_NAME = "settings.json"
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
LARGEST = 2**63
OUTSIDE_CAUSES = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENOMEM),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
)
"""Full disks, missing permissions and paths that cannot be are the user's to mend; a traceback
would not help."""
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")
"""What PyTorch says, in a RuntimeError."""


def run_command(
    main: Callable[[Settings], None], settings_type: type[Settings], description: str | None
) -> None:
    """Parse the flags into `settings_type`, run `main`, turn a user's mistake into exit code 2.

    Flags, defaults and help come from the dataclass: its fields and the docstring below each.
    """
    names = [item.name for item in fields(cast(Any, settings_type))]
    arguments = current_arguments(sys.argv[1:], names)
    try:
        settings = parsed(settings_type, arguments, description)
        if "renderer" in names and not any(word.startswith("--renderer") for word in arguments):
            default_renderer()  # says so where it is not the usual one
        keep_freed_memory()
        check_values(settings)
        main(settings)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        line = in_one_line(error)
        if line is None:
            raise
        refuse(line)


def refuse(line: str) -> NoReturn:
    """Say what is wrong with the input, and leave with exit code 2."""
    print(f"error: {line}", file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)


def in_one_line(error: BaseException) -> str | None:
    """What to say of an error that is the user's to mend; None for any other."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in OUTSIDE_CAUSES:
        return f"{error.strerror}: {error.filename or 'output'}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}".rstrip(": ")
    text = str(error)
    if isinstance(error, RuntimeError) and any(words in text.lower() for words in OUT_OF_MEMORY):
        return f"not enough memory: {text.splitlines()[0]}"
    # A library that is not written in Python tells of a full disk by an error of its own.
    number = re.search(r"\(os error (\d+)\)", text)
    if number is not None and int(number[1]) in OUTSIDE_CAUSES:
        return f"{os.strerror(int(number[1]))}: output"
    return None


def check_values(settings: object) -> None:
    """Refuse what no command can mean: empty texts, and numbers that are not finite, beyond 64
    bits or, as seeds, out of range.

    Raises:
        UserError: for the first.
    """
    for item in fields(cast(Any, settings)):
        value = getattr(settings, item.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise UserError(f"{item.name} is {number}, expected a finite number")
            if isinstance(number, int) and abs(number) >= LARGEST:
                raise UserError(f"{item.name} is {number}, expected less than 2**63")
            if number == "":
                raise UserError(f"{item.name} is '', expected a text")
    seed = getattr(settings, "seed", 0)
    if not 0 <= seed <= seeds.LARGEST:
        raise UserError(f"seed is {seed}, expected 0 to {seeds.LARGEST}")


def chosen_subcommand(
    summaries: Mapping[str, str], arguments: Sequence[str], prog: str, description: str | None
) -> str:
    """The subcommand that the first argument names; the others become the command line.

    Args:
        summaries: subcommands by name, in a few words each, for --help.
    """
    if not arguments:
        refuse(f"no subcommand; expected one of {sorted(summaries)}")
    if arguments[0] not in (*summaries, "--help", "-h"):
        refuse(str(unknown_name("subcommand", arguments[0], summaries)))

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
    """Refuse numbers below the least ones by name; None is left to a default.

    Raises:
        UserError: for the first.
    """
    for name, value in least.items():
        number = getattr(settings, name)
        if number is not None and not number >= value:
            raise UserError(f"{name} is {number}, expected at least {value}")


def new_run_folder(output: Path | None, command: str, parent: Path = Path("runs")) -> Path:
    """Make the folder for one run: `output`, or <parent>/<command>-<time> when it is None.

    Raises:
        UserError: when `output` exists and is not an empty folder. Nothing in it is touched.
    """
    if output is None:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        output = unused(parent / f"{command}-{stamp}")
    check_new_folder(output)
    make_folder("output folder", output)
    return output


def check_new_folder(output: Path) -> None:
    """Refuse what exists and is not an empty folder, and what lies below a file; makes nothing.

    Raises:
        UserError: naming it.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"output folder {str(output)!r} exists; choose another or remove it")
    above = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not above.is_dir():
        raise UserError(f"cannot make output folder {str(output)!r}: Not a directory")


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
