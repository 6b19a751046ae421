"""The table of trials: what it says, and that it is read as it was written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.trials.table import COLUMNS, Trial, read_trials, write_trials
from gqn_rl.errors import UserError

ONE = Trial(
    "p, 1", 1, "uurb", True, 62.5, "vertical", "mirrored", 2, 1.25, ((45.0, 20.0), (75.0, -10.0))
)
MISSED = replace(ONE, trial=2, answer="", seconds=None, camera_path=())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_trials_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    write_trials(path, [ONE, MISSED])
    assert read_trials(path) == [ONE, MISSED]
    write_trials(path, [])
    assert read_trials(path) == []


def test_every_column_says_what_the_dictionary_says(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    write_trials(path, [ONE, MISSED])
    one, missed = rows_of(path)
    assert tuple(one) == COLUMNS
    assert float(one["angle_hundreds"]) == float(one["angle"]) / 100 == 0.625
    assert (one["right"], missed["right"]) == ("1", "0")
    assert one["camera_path"] == "45.0:20.0 75.0:-10.0"
    page = (Path(__file__).parents[3] / "docs" / "cognitive.md").read_text()
    for column in COLUMNS:
        assert f"| `{column}` |" in page


def test_what_was_missed_or_not_measured_is_empty_and_not_zero(tmp_path: Path) -> None:
    write_trials(tmp_path / "trials.csv", [MISSED])
    (row,) = rows_of(tmp_path / "trials.csv")
    assert (row["answer"], row["seconds"], row["camera_path"]) == ("", "", "")


@pytest.mark.parametrize(
    ("answer", "mirrored", "right"),
    [
        ("same", False, True),
        ("same", True, False),
        ("mirrored", True, True),
        ("mirrored", False, False),
        ("", True, False),
    ],
)
def test_an_answer_is_right_where_it_says_what_is_so(
    answer: str, mirrored: bool, right: bool
) -> None:
    assert replace(ONE, answer=answer, mirrored=mirrored).is_right == right


def test_tables_that_are_none_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    with pytest.raises(UserError, match="cannot read trials from"):
        read_trials(path)
    path.write_text("participant,angle\np1,60\n")
    with pytest.raises(UserError, match="has no column 'trial'"):
        read_trials(path)
    write_trials(path, [ONE])
    for wrong in ("far", ""):
        path.write_text(path.read_text().replace("62.5", wrong))
        with pytest.raises(UserError, match=r"trials.csv, line 2: no trial"):
            read_trials(path)
        write_trials(path, [ONE])
    path.write_text(path.read_text().replace("vertical,mirrored,", "vertical,perhaps,"))
    with pytest.raises(UserError, match=r"line 2.*'perhaps'"):
        read_trials(path)


def test_steps_have_a_column_where_somebody_counted_them(tmp_path: Path) -> None:
    path, counted = tmp_path / "trials.csv", replace(ONE, steps=7)
    write_trials(path, [counted, MISSED])
    first, second = rows_of(path)
    assert (first["steps"], second["steps"]) == ("7", "")
    assert read_trials(path) == [counted, MISSED]
