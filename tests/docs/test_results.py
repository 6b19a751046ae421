"""What the documents say was measured is what was measured."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from experiments.results.documents import (
    BLOCK,
    ROOT,
    TEMPLATES,
    Records,
    documents,
    filled,
    outside_blocks,
)
from experiments.results.record import Record
from experiments.results.table import MEASUREMENTS, ONCE, RESULTS, recorded_names

NUMBER = r"-?\d[\d,]*(?:\.\d+)?\*{0,2}"
INTERVAL = re.compile(rf"{NUMBER} \((?:95 % interval )?{NUMBER} to {NUMBER}\)")
"""A result with its interval, such as 0.991 (0.983 to 0.995)."""
MEASURED = re.compile(r"^\|.*\| *\**-?\d[\d,]*\.\d+\** *(?:\||/|\()", re.MULTILINE)
"""A row of a table with a number that has decimals in a cell of its own."""
MANY = {"training_": "trainings}", "stock_": "stock_agents}"}
"""Beginnings of names of records of which there may be any number, and the field they fill."""
ABOUT_ONCE = {"what", "commands", "commit", "date", "machine", "values"}
PAGES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_those_of_the_records(page: Path) -> None:
    text = page.read_text()
    assert filled(text, Records()) == text, "`python -m experiments.results --render` mends it"


@pytest.mark.parametrize("page", PAGES)
def test_results_stand_in_blocks(page: Path) -> None:
    text = outside_blocks(page.read_text())
    assert not INTERVAL.findall(text)
    assert not MEASURED.findall(text)


@pytest.mark.parametrize(
    "text",
    [
        "It was right in 0.991 (0.983 to 0.995) of them.",
        "It reached 0.99 (95 % interval 0.96 to 1.00).",
        "| one view | 25.1 | 3 |",
        "| one view | **25.1** / 3 | |",
        "| one view | reward **0.92** (0.90 to 0.93) |",
    ],
)
def test_results_are_told_from_other_numbers(text: str) -> None:
    assert INTERVAL.findall(text) or MEASURED.findall(text)
    block = f"<!-- results: name -->\n{text}\n<!-- end of results -->"
    assert not INTERVAL.findall(outside_blocks(block))
    assert not MEASURED.findall(outside_blocks(block))


@pytest.mark.parametrize("path", sorted(ONCE.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_measured_once_says_when_where_and_how(path: Path) -> None:
    told = json.loads(path.read_text())
    assert told.keys() == ABOUT_ONCE
    assert told["commands"] or "not kept" in told["what"]
    assert date.fromisoformat(told["date"]) <= date.today()
    assert re.fullmatch("[0-9a-f]{7,}", told["commit"])
    quoted = "".join(template.read_text() for template in TEMPLATES.glob("*.md.in"))
    assert f"{{once.{path.stem}." in quoted


def test_measurements_are_recorded_but_for_trainings_to_come() -> None:
    files = {path.stem for path in RESULTS.glob("*.json")}
    assert files == set(recorded_names())
    assert all(name.startswith(tuple(MANY)) for name in MEASUREMENTS.keys() - files)


@pytest.mark.parametrize("name", recorded_names())
def test_every_measurement_is_recorded_by_its_command(name: str) -> None:
    record = Record.read(RESULTS / f"{name}.json")
    assert record.command == MEASUREMENTS[name].command
    assert not record.commit.endswith("+")


@pytest.mark.parametrize("name", recorded_names())
def test_every_measurement_is_quoted(name: str) -> None:
    quoted = "".join(path.read_text() for path in TEMPLATES.glob("*.md.in"))
    table = next((MANY[kind] for kind in MANY if name.startswith(kind)), f"{name}.")
    assert f"{{{table}" in quoted


def test_every_template_is_used() -> None:
    used = {found["name"] for page in documents() for found in BLOCK.finditer(page.read_text())}
    assert used == {path.name.removesuffix(".md.in") for path in TEMPLATES.glob("*.md.in")}


def test_the_tutorial_trains_as_its_record_did() -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text().replace("\\\n", " ")
    assert f"{MEASUREMENTS['tutorial'].command} --output" in " ".join(page.split())
