"""Flags by the names that they have now, for command lines and settings files with older ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Renamed:
    """A flag that had another name, and perhaps another unit.

    Attributes:
        old, new: names of fields.
        beside: a flag of the commands that this is about; None: of all that have the new one.
        factor: the new value is so many times the old one.
    """

    old: str
    new: str
    beside: str | None = None
    factor: float | None = None

    def is_of(self, names: Iterable[str]) -> bool:
        """Whether a command with these flags had it."""
        known = set(names)
        return {self.new, self.beside or self.new} <= known and self.old not in known

    def value(self, old: Any) -> Any:
        """What the new flag has to be; what is no number stays as it is, to be refused."""
        if self.factor is None:
            return old
        try:
            return self.factor * float(old)
        except (TypeError, ValueError):
            return old


RENAMED = (
    Renamed("time_limit", "max_minutes", beside="total_timesteps", factor=1 / 60),  # was in seconds
    Renamed("time_limit", "max_minutes", beside="iterations"),
    Renamed("evaluate_every", "eval_every"),
    Renamed("save_every", "checkpoint_every"),
    Renamed("model_path", "output_parent"),
    Renamed("model", "weights"),
    Renamed("views", "num_views", beside="scenes_per_shard"),
)


def current_settings(stored: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Stored settings of a command with these flags, by their names of today.

    >>> current_settings({"time_limit": 90, "seed": 1}, ["max_minutes", "total_timesteps", "seed"])
    {'seed': 1, 'max_minutes': 1.5}
    """
    result = dict(stored)
    for renamed in _of(names):
        if renamed.old in result:
            result[renamed.new] = renamed.value(result.pop(renamed.old))
    return result


def current_arguments(arguments: Sequence[str], names: Iterable[str]) -> list[str]:
    """A command line for a command with these flags, by their names of today.

    >>> current_arguments(["--save-every", "5", "--model=base"], ["checkpoint_every", "weights"])
    ['--checkpoint-every', '5', '--weights=base']
    """
    table = {f"--{renamed.old.replace('_', '-')}": renamed for renamed in _of(names)}
    result: list[str] = []
    awaiting: Renamed | None = None
    for word in arguments:
        if awaiting is not None:
            result.append(str(awaiting.value(word)))
            awaiting = None
            continue
        flag, equals, value = word.partition("=")
        renamed = table.get(flag.replace("_", "-"))
        if renamed is None:
            result.append(word)
            continue
        new = f"--{renamed.new.replace('_', '-')}"
        result.append(f"{new}={renamed.value(value)}" if equals else new)
        awaiting = None if equals else renamed
    return result


def _of(names: Iterable[str]) -> list[Renamed]:
    known = list(names)
    return [renamed for renamed in RENAMED if renamed.is_of(known)]
