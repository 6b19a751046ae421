"""A record: what a command measured, with all that is needed to measure it again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.results.table import Measurement
from experiments.shared.machine import describe_machine
from gqn_rl.errors import UserError
from gqn_rl.files import write_json

PACKAGES = ("torch", "numpy", "gymnasium", "pybullet", "stable-baselines3")
UNITS_OF_TIME = (
    *("seconds", "ideal_seconds", "milliseconds_a_scene"),
    *("training_seconds", "wall_seconds", "steps_per_second"),
)
"""Keys that say how long something took, which is no result."""
LEFT_OUT = ("breakdown", "training", "env_kwargs", "path", "agent_path", "by_angle")
"""Keys of metrics.json that are long or name a folder, and are quoted nowhere."""
CODE = (":/*.py", ":/*.yml", ":/*.safetensors")
"""What results depend on, wherever it lies in the checkout."""
LARGE_CHANGE = 0.02
"""Part of a value beside which no interval stands, from which a change is reported."""


@dataclass(frozen=True)
class Record:
    """What a command measured.

    Attributes:
        command: as typed.
        commit: of the code, with "+" if files differed from it.
        date: day of the measurement.
        minutes: it took.
        machine: see `describe_machine`.
        versions: of packages.
        values: what its `metrics.json` says.
    """

    command: str
    commit: str
    date: str
    minutes: float
    machine: dict[str, Any]
    versions: dict[str, str]
    values: dict[str, Any]

    @staticmethod
    def read(path: Path) -> Record:
        """A record from its file.

        Raises:
            UserError: for a file that is no record.
        """
        try:
            return Record(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path} is no record of results: {error}") from error

    def write(self, path: Path) -> None:
        """Write the file, in one piece."""
        write_json(path, asdict(self))


def measure(measurement: Measurement, output: Path) -> Record:
    """Run the command, its output folder being `output`.

    Raises:
        UserError: when it fails or is cut short; what it printed is on the terminal.
    """
    begin = time.monotonic()
    commit = commit_of_the_code()
    command = [sys.executable, *measurement.arguments, "--output", str(output)]
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"`{measurement.command}` failed; nothing was recorded")
    metrics = json.loads((output / "metrics.json").read_text())
    if metrics.get("time_limit_reached"):
        raise UserError(f"`{measurement.command}` was cut short; nothing was recorded")
    import torch

    machine = describe_machine(torch.device("cpu"), 0)
    return Record(
        command=measurement.command,
        commit=commit,
        date=datetime.now(timezone.utc).date().isoformat(),
        minutes=round((time.monotonic() - begin) / 60, 1),
        machine={key: machine[key] for key in ("processor", "cores", "python")},
        versions=dict(installed_versions()),
        values=condensed(metrics),
    )


def condensed(value: Any) -> Any:
    """Without what is long or names a folder."""
    if isinstance(value, dict):
        return {key: condensed(part) for key, part in value.items() if key not in LEFT_OUT}
    return value


def commit_of_the_code(here: Path = Path(__file__).parent) -> str:
    """The short hash, with a "+" where files differ from the commit.

    Args:
        here: a folder of the checkout, any.
    """

    def git(*arguments: str) -> str:
        found = subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
        )
        if found.returncode:
            raise UserError(f"results are recorded in a git checkout: {found.stderr.strip()}")
        return found.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def installed_versions() -> Iterator[tuple[str, str]]:
    """Of the packages that results depend on."""
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


@dataclass(frozen=True)
class Change:
    """A value that is no longer what it was.

    Attributes:
        name: keys, joined by dots.
        before, after: the values.
    """

    name: str
    before: float
    after: float

    def __str__(self) -> str:
        return f"{self.name}: {self.before:.4g} -> {self.after:.4g}"


def moved(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[Change]:
    """Numbers that left their intervals, or changed by 2 % where no interval stands beside them."""
    for key, old in before.items():
        new, name = after.get(key), f"{prefix}{key}"
        if key in UNITS_OF_TIME or key.endswith("_95"):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from moved(old, new, f"{name}.")
        elif _are_numbers(old, new) and _differ(before, after, key):
            yield Change(name, float(old), float(after[key]))


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _differ(before: dict[str, Any], after: dict[str, Any], key: str) -> bool:
    """Whether the intervals do not meet; whether the value changed much, where there are none."""
    old, new = (values.get(f"{key}_95") for values in (before, after))
    if old and new:
        return bool(new[0] > old[1] or new[1] < old[0])
    return bool(abs(after[key] - before[key]) > LARGE_CHANGE * abs(before[key]))
