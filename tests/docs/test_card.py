"""The tables of docs/weights.md, written from what was measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def page_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("card", DOCS / "card.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metrics(rmse: float) -> dict[str, Any]:
    """Of two numbers of views in grid orientation, the first seen by the ideal observer too."""
    errors = {"rmse": rmse, "mae": rmse / 10}
    one = {**errors, "foreground_psnr": 20.0, "sample_std": 1.5, "mean_of_samples": errors}
    calibration = {"expected": 1.6, "error": 2.0, "ause": 0.25, "ause_random": 0.5}
    rows = {"1": one, "3": one}
    ideal = {"scenes": 2, "views": {"1": {**errors, "sample": errors}}}
    return {
        "scenes": 4,
        "prediction": {"grid": {"views": rows, "bare": rows, "ideal": ideal}},
        "calibration": {"grid": dict.fromkeys(rows, calibration)},
        "seconds_a_scene": {"grid": {"1": 0.08, "3": 0.05}},
    }


def test_every_row_has_a_cell_for_every_heading(page_maker: ModuleType) -> None:
    tables = page_maker.card(metrics(2.5), metrics(17.25)).split("\n\n")
    assert len(tables) == 3
    for table in (tables[0], tables[2]):
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert len(table.splitlines()) == 4


def test_what_was_measured_stands_in_its_row(page_maker: ModuleType) -> None:
    written = page_maker.card(metrics(2.5), metrics(17.25))
    row = next(line for line in written.splitlines() if line.startswith("| grid, 3 |"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1:3] == ["5.0 / 0.7", "2.5 / 0.3"]
    assert cells[3:6] == ["", "", "**2.50 / 0.25**"]
    assert cells[-1] == "17.25 / 1.73"
    assert "| grid, 3 | 1.50 | 1.60 | 2.00 | 0.25 | 0.50 | 50 |" in written


def test_the_page_has_one_place_for_the_tables(page_maker: ModuleType) -> None:
    page = (DOCS / "weights.md").read_text()
    assert page.count(page_maker.BEGIN) == page.count(page_maker.END) == 1
    assert page.index(page_maker.BEGIN) < page.index(page_maker.END)
