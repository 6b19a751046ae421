"""What the documents say was measured is what was measured."""

from __future__ import annotations

import re
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
from experiments.results.table import MEASUREMENTS, RESULTS

INTERVAL = re.compile(r"\d\.\d+\*{0,2} \(-?\d+\.\d+ to -?\d+\.\d+\)")
TOLD_ONCE = {"agents.md", "study.md", "weights.md", "benchmark.md", "distributed.md", "gqn.md"}
"""Pages that also tell of single trainings, searches and timings: with their commands, but
without a record."""
PAGES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_those_of_the_records(page: Path) -> None:
    text = page.read_text()
    assert filled(text, Records()) == text, "`python -m experiments.results --render` mends it"


@pytest.mark.parametrize("page", PAGES)
def test_results_with_intervals_stand_in_blocks(page: Path) -> None:
    if page.name not in TOLD_ONCE:
        assert not INTERVAL.findall(outside_blocks(page.read_text()))


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_recorded_by_its_command(name: str) -> None:
    record = Record.read(RESULTS / f"{name}.json")
    assert record.command == MEASUREMENTS[name].command
    assert not record.commit.endswith("+")


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_quoted(name: str) -> None:
    quoted = "".join(path.read_text() for path in TEMPLATES.glob("*.md.in"))
    assert f"{{{name}." in quoted


def test_every_template_is_used() -> None:
    used = {found["name"] for page in documents() for found in BLOCK.finditer(page.read_text())}
    assert used == {path.name.removesuffix(".md.in") for path in TEMPLATES.glob("*.md.in")}
