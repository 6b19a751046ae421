"""A command line: words that become settings, or one line about the first that cannot.

tyro reads the words and writes the help. What it says of a mistake is a frame of several lines, so
that the mistake is looked for once more here, in the fields of the dataclass.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import tyro

from gqn_rl.errors import UserError

Settings = TypeVar("Settings")

NUMBERS = {int: "a whole number", float: "a number"}
TEXTS = {str: "a text", Path: "a path"}
FRAME = re.compile(r"[\u2500-\u257f]+")


def parsed(
    settings_type: type[Settings], arguments: Sequence[str], description: str | None
) -> Settings:
    """The settings that a command line stands for; --help is printed, and leaves.

    Args:
        settings_type: a dataclass of whole numbers, numbers, switches, texts, paths, tuples of
            them, or None.

    Raises:
        UserError: for the first word that means nothing, naming its flag, what was received and
            what is expected.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(settings_type, args=list(arguments), description=description)
    except SystemExit as leaving:
        if not leaving.code:
            raise
    raise UserError(next(mistakes(settings_type, arguments), None) or in_one_line(said.getvalue()))


@dataclass(frozen=True)
class Flag:
    """A flag, from a field of the settings.

    >>> Flag("num_envs", int | None).name
    '--num-envs'
    """

    field: str
    hint: Any
    required: bool = False

    @property
    def name(self) -> str:
        """As it is typed."""
        return f"--{self.field.replace('_', '-')}"

    @property
    def is_optional(self) -> bool:
        """Whether None is a value."""
        return type(None) in get_args(self.hint)

    @property
    def whole(self) -> Any:
        """The type without None."""
        if not self.is_optional:
            return self.hint
        return next(part for part in get_args(self.hint) if part is not type(None))

    @property
    def takes_several(self) -> bool:
        """Whether several values may follow it."""
        return get_origin(self.whole) is tuple

    @property
    def kind(self) -> Any:
        """The type of one value."""
        return get_args(self.whole)[0] if self.takes_several else self.whole

    @property
    def is_switch(self) -> bool:
        """Whether it is --NAME or --no-NAME, without a value."""
        return self.kind is bool

    @property
    def expected(self) -> str:
        """What a value has to be, in words."""
        words = (NUMBERS | TEXTS)[self.kind]
        return f"{words} or None" if self.is_optional else words

    def accepts(self, value: str) -> bool:
        """Whether a word can be read as a value."""
        return (
            self.kind not in NUMBERS
            or _is(self.kind, value)
            or (self.is_optional and value == "None")
        )


def mistakes(settings_type: type[Any], arguments: Sequence[str]) -> Iterator[str]:
    """What is wrong with a command line, from left to right; missing flags last."""
    hints = get_type_hints(settings_type)
    flags: dict[str, Flag] = {}
    for item in fields(cast(Any, settings_type)):
        required = item.default is MISSING and item.default_factory is MISSING
        flag = Flag(item.name, hints[item.name], required)
        flags[flag.name] = flag
        if flag.is_switch:
            flags[f"--no-{flag.name[2:]}"] = flag
    seen: set[str] = set()
    for name, values in _groups(arguments):
        if name in flags:
            seen.add(flags[name].name)
            yield from _wrong_values(flags[name], values)
        elif name:
            yield _unknown(name, flags)
        elif values:
            yield f"{values[0]!r} follows no flag, expected one such as {next(iter(flags), None)}"
    for flag in flags.values():
        if flag.required and flag.name not in seen:
            yield f"{flag.name} is missing, expected {flag.expected}"


def in_one_line(text: str) -> str:
    """The words of a frame, without the frame.

    >>> in_one_line("╭─ Error ─╮\\n│ No such │\\n│ flag.   │\\n╰─────────╯")
    'Error: No such flag.'
    """
    title, *lines = (" ".join(FRAME.sub(" ", line).split()) for line in text.splitlines())
    return f"{title}: {' '.join(filter(None, lines))}" if any(lines) else title


def _groups(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Flags, each with the words that follow it; first those that follow none."""
    name, values = "", list[str]()
    for word in arguments:
        if not word.startswith("-") or _is(float, word):
            values.append(word)
            continue
        yield name, values
        name, equals, value = word.partition("=")
        name, values = name.replace("_", "-"), [value] if equals else []
    yield name, values


def _wrong_values(flag: Flag, values: list[str]) -> Iterator[str]:
    if flag.is_switch:
        if values:
            yield (
                f"{flag.name} is followed by {values[0]!r}, expected nothing; "
                f"{flag.name} and --no-{flag.name[2:]} take no value"
            )
        return
    if not values and not flag.takes_several:
        yield f"{flag.name} has no value, expected {flag.expected}"
    for value in values if flag.takes_several else values[:1]:
        if not flag.accepts(value):
            yield f"{flag.name} is {value!r}, expected {flag.expected}"
    if len(values) > 1 and not flag.takes_several:
        yield f"{flag.name} is followed by {' '.join(values)!r}, expected one value"


def _unknown(name: str, flags: dict[str, Flag]) -> str:
    near = get_close_matches(name, flags, n=1)
    hint = f"did you mean {near[0]}?" if near else "--help lists all"
    return f"unknown flag {name}; {hint}"


def _is(kind: type, value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True
