"""Stimuli: pictures, and files that experiment programs read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import make_stimuli
from experiments.shared.command import EXIT_BAD_INPUT
from experiments.trials.conditions import JSPSYCH, PSYCHOPY
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject
from tests.experiments.running import exit_code

SMALL = ["--pairs", "12", "--image-size", "48", "--renderer", "raycast", "--workers", "0"]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    flags = [*SMALL, "--angles", "0", "100", "--keys", "left", "right"]
    assert exit_code(monkeypatch, "make_stimuli", [*flags, "--output", str(tmp_path / "a")]) == 0
    return tmp_path / "a"


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / PSYCHOPY).open(newline="") as file:
        return list(csv.DictReader(file))


def test_psychopy_reads_the_conditions_and_finds_the_pictures(made: Path) -> None:
    rows = rows_of(made)
    assert list(rows[0])[:4] == ["left_im", "right_im", "corrAns", "angle"]
    # Its loops make variables of the columns, and refuse names that are none.
    assert all(name.isidentifier() for name in rows[0])
    for row in rows:
        assert None not in row.values()
        assert row["corrAns"] == {"0": "left", "1": "right"}[row["mirrored"]]
        assert float(row["angle_hundreds"]) == float(row["angle"]) / 100
        assert ShepardMetzlerObject.from_directions(row["shape"]).is_chiral
        pictures = [np.asarray(Image.open(made / row[side])) for side in ("left_im", "right_im")]
        assert [picture.shape for picture in pictures] == [(48, 48, 3)] * 2
        is_equal = np.array_equal(*pictures)
        assert is_equal == (row["angle"] == "0.0" and row["mirrored"] == "0")
    assert len({row["left_im"] for row in rows}) == len(rows) == 12
    assert len(list((made / "pictures").iterdir())) == 24


def test_jspsych_gets_the_same_pairs_with_its_own_names(made: Path) -> None:
    variables = json.loads((made / JSPSYCH).read_text())
    for row, trial in zip(rows_of(made), variables, strict=True):
        assert trial["stimuli"] == [row["left_im"], row["right_im"]]
        assert trial["choices"] == ["left", "right"]
        assert trial["data"]["correct_response"] == row["corrAns"]
        assert trial["data"]["angle"] == float(row["angle"])


def test_a_seed_makes_the_same_stimuli_and_workers_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--pairs", "3", "--image-size", "32", "--renderer", "raycast", "--seed", "4"]
    flags += ["--appearance", "colours=uniform", "edges=true", "background=white"]
    for name, workers in (("one", "0"), ("two", "2")):
        words = [*flags, "--workers", workers, "--output", str(tmp_path / name)]
        assert exit_code(monkeypatch, "make_stimuli", words) == 0
    for file in sorted((tmp_path / "one" / "pictures").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / "pictures" / file.name).read_bytes()
        assert np.asarray(Image.open(file))[0, 0].tolist() == [255, 255, 255]
    assert (tmp_path / "one" / PSYCHOPY).read_text() == (tmp_path / "two" / PSYCHOPY).read_text()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--pairs", "0"], "pairs is 0"),
        (["--keys", "f"], "keys is ['f']"),
        (["--keys", "f", "f"], "keys is ['f', 'f']"),
        (["--angles", "190"], "angle is 190"),
        (["--appearance", "colours=pink"], "'pink'"),
        (["--distance", "40"], "29"),
        (["--image-size", "5000"], "image_size is 5000"),
        (["--shapes", "planar.txt"], "is its own mirror image"),
        (["--shapes", "crossed.txt"], "crossed.txt, line 2"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_code_2(
    flags: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("planar.txt").write_text("uurru\n")
    Path("crossed.txt").write_text("uurbb\nurdlu\n")
    words = [*SMALL, "--output", "out", *flags]
    assert exit_code(monkeypatch, "make_stimuli", words) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert named in message.splitlines()[-1]
    assert not list(tmp_path.rglob(make_stimuli.PICTURES + "/*"))
