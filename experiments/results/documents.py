"""Figures in the documentation, written from records so that text and measurement cannot differ.

A document holds blocks:

    <!-- results: recognition -->
    | **agent** | **0.991** (0.983 to 0.995) |
    <!-- end of results -->

What stands between the two lines is `docs/results/templates/recognition.md.in`, its fields filled
in: `{recognition.accuracy:.3f}` is the number `accuracy` of the record `recognition`, and
`{recognition.accuracy_95:.3f}` reads "0.983 to 0.995".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any

from experiments.results.record import Record
from experiments.results.stock import stock_table
from experiments.results.table import ONCE, RESULTS
from experiments.results.trainings import trainings_table
from experiments.shared.estimates import estimate
from gqn_rl.errors import UserError
from gqn_rl.files import write_text

ROOT = RESULTS.parents[1]
TEMPLATES = RESULTS / "templates"
BLOCK = re.compile(
    r"(?P<begin><!-- results: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(?P<end><!-- end of results -->)",
    re.DOTALL,
)
RECORDS_ELSEWHERE = {
    "agents": ROOT / "agents" / "trained",
    "once": ONCE,
    "study": ROOT / "docs" / "study",
    "study_longer": ROOT / "docs" / "study" / "longer",
    "weights": ROOT / "gqn_rl" / "weights",
}
"""Names in templates to folders of JSON files that commands left, as in `{agents.NAME.env_id}`."""
TABLES: dict[str, Callable[[], str]] = {
    "stock_agents": stock_table,
    "trainings": trainings_table,
}
"""Names in templates to text whose number of lines depends on how many records there are."""


class Values:
    """Part of a record, whose keys are read as attributes and whose pairs are formatted as a range.

    >>> "{0.accuracy:.2f} ({0.accuracy_95:.2f})".format(
    ...     Values({"accuracy": 0.9, "accuracy_95": [0.85, 0.93]}, "example")
    ... )
    '0.90 (0.85 to 0.93)'
    """

    def __init__(self, value: Any, name: str) -> None:
        self._value, self._name = value, name

    def __getattr__(self, key: str) -> Values:
        name = f"{self._name}.{key}"
        if isinstance(self._value, list) and re.fullmatch(r"-?\d+", key):
            return Values(self._value[int(key)], name)
        if isinstance(self._value, dict) and key in self._value:
            return Values(self._value[key], name)
        raise UserError(f"no {name} among the results")

    def __getitem__(self, key: str) -> Values:
        return getattr(self, key)

    def __format__(self, spec: str) -> str:
        if isinstance(self._value, list):
            return f"{self._value[0]:{spec}} to {self._value[-1]:{spec}}"
        if isinstance(self._value, dict) and {"value", "at_least", "at_most"} <= self._value.keys():
            return estimate(self._value)
        if isinstance(self._value, dict):
            raise UserError(f"{self._name} is several numbers, expected one or a range")
        try:
            return f"{self._value:{spec}}"
        except ValueError as error:
            raise UserError(f"{self._name} is {self._value!r}, {error}") from error


class Records(dict[str, Any]):
    """The records by name, read when they are first asked for."""

    def __missing__(self, name: str) -> Values | str:
        if name in TABLES:
            self[name] = TABLES[name]()
            return self[name]
        if folder := RECORDS_ELSEWHERE.get(name):
            found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
            self[name] = Values(found, name)
            return self[name]
        record = Record.read(RESULTS / f"{name}.json")
        about = {key: getattr(record, key) for key in ("command", "commit", "date", "minutes")}
        self[name] = Values({**record.values, **about}, name)
        return self[name]


def rendered(template: str, records: Records) -> str:
    """A template with its fields filled in.

    Raises:
        UserError: for a field that no record has.
    """
    return Formatter().vformat(template, (), records)


def filled(text: str, records: Records) -> str:
    """A document with all its blocks made anew."""

    def block(found: re.Match[str]) -> str:
        path = TEMPLATES / f"{found['name']}.md.in"
        if not path.is_file():
            raise UserError(f"no template {path.name} in {TEMPLATES}")
        return found["begin"] + rendered(path.read_text(), records) + found["end"]

    return BLOCK.sub(block, text)


def outside_blocks(text: str) -> str:
    """A document without its blocks."""
    return BLOCK.sub("", text)


def documents() -> Iterator[Path]:
    """README and the pages of the documentation."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("**/*.md"))


def update(paths: list[Path]) -> list[Path]:
    """Write those documents whose blocks differ from the records; which they were."""
    records, changed = Records(), []
    for path in paths:
        text = path.read_text()
        if (new := filled(text, records)) != text:
            write_text(path, new)
            changed.append(path)
    return changed
