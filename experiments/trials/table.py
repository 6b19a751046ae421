"""The table of trials: long format, one row a trial, as statistics programs read it.

docs/cognitive.md has the data dictionary.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gqn_rl.errors import UserError
from gqn_rl.files import write_text

HUNDRED = 100.0
"""Degrees, the unit in which slopes are neither tiny nor huge: fits of mixed models with a random
slope for each participant come out wrong in degrees."""
STEPS = "steps"
"""The last column, which only tables have in which somebody counted steps."""
ANSWERS = ("same", "mirrored")
NONE = ""
"""A value that is not there: no answer, or no time where nobody measured one."""


@dataclass(frozen=True)
class Trial:
    """One trial and its answer.

    Attributes:
        participant: who answered: a person's code, or an agent's name.
        trial: the number of the trial among those of the participant, from 1.
        shape: letters of the reference, see `gqn_rl.scenes.shape_strings`.
        mirrored: whether the other object is its mirror image.
        angle: degrees between the objects, 0 to 180.
        axis: what the object was turned about: "vertical" or "sight".
        answer: "same", "mirrored" or "" for none.
        glimpses: pictures seen of the object to be judged.
        seconds: from the pictures to the answer; None where nobody measured it.
        camera_path: where the pictures were taken from, in order: azimuth and elevation in degrees.
        steps: turns tried in imagination, `gqn_rl.inference.line_of_thought`; None where nobody
            counted.
    """

    participant: str
    trial: int
    shape: str
    mirrored: bool
    angle: float
    axis: str
    answer: str
    glimpses: int
    seconds: float | None
    camera_path: tuple[tuple[float, float], ...]
    steps: int | None = None

    @property
    def is_right(self) -> bool:
        """Whether there was an answer and it was right."""
        return self.answer == ANSWERS[self.mirrored]

    def row(self) -> dict[str, Any]:
        """The values of the table's columns."""
        path = " ".join(f"{azimuth:.1f}:{elevation:.1f}" for azimuth, elevation in self.camera_path)
        return {
            "participant": self.participant,
            "trial": self.trial,
            "shape": self.shape,
            "mirrored": int(self.mirrored),
            "angle": _plain(self.angle),
            "angle_hundreds": _plain(self.angle / HUNDRED),
            "axis": self.axis,
            "answer": self.answer,
            "right": int(self.is_right),
            "glimpses": self.glimpses,
            "seconds": NONE if self.seconds is None else _plain(self.seconds),
            "camera_path": path,
            STEPS: NONE if self.steps is None else self.steps,
        }

    @staticmethod
    def of_row(row: dict[str, str]) -> Trial:
        """The trial of a row; `ValueError` or `KeyError` where it is none."""
        path = [tuple(float(v) for v in look.split(":")) for look in row["camera_path"].split()]
        if row["answer"] not in (NONE, *ANSWERS):
            raise ValueError(f"answer {row['answer']!r}")
        return Trial(
            participant=row["participant"],
            trial=int(row["trial"]),
            shape=row["shape"],
            mirrored=bool(int(row["mirrored"])),
            angle=float(row["angle"]),
            axis=row["axis"],
            answer=row["answer"],
            glimpses=int(row["glimpses"]),
            seconds=None if row["seconds"] == NONE else float(row["seconds"]),
            camera_path=tuple((azimuth, elevation) for azimuth, elevation in path),
            steps=int(row[STEPS]) if row.get(STEPS, NONE) != NONE else None,
        )


COLUMNS = (
    *("participant", "trial", "shape", "mirrored", "angle", "angle_hundreds", "axis"),
    *("answer", "right", "glimpses", "seconds", "camera_path"),
)
"""Of the table, in order."""


def write_trials(path: Path, trials: Sequence[Trial]) -> None:
    """Write trials as CSV, with a header; what is not there is empty.

    >>> from tempfile import TemporaryDirectory
    >>> one = Trial("p1", 1, "uurb", True, 60.0, "vertical", "mirrored", 1, 2.5, ((45.0, 20.0),))
    >>> with TemporaryDirectory() as folder:
    ...     write_trials(Path(folder, "trials.csv"), [one])
    ...     print(Path(folder, "trials.csv").read_text().splitlines()[1])
    ...     read_trials(Path(folder, "trials.csv")) == [one]
    p1,1,uurb,1,60,0.6,vertical,mirrored,1,1,2.5,45.0:20.0
    True
    """
    write_text(path, trials_csv(trials))


def trials_csv(trials: Sequence[Trial]) -> str:
    """The text of the table."""
    text = io.StringIO()
    counted = (STEPS,) if any(trial.steps is not None for trial in trials) else ()
    columns = (*COLUMNS, *counted)
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(trial.row() for trial in trials)
    return text.getvalue()


def read_trials(path: Path) -> list[Trial]:
    """The trials of a file that `write_trials` wrote, or somebody else with the same columns.

    Raises:
        UserError: for a file that cannot be read, or a line that is no trial.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read trials from {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text, expected a table of trials") from None
    reader = csv.DictReader(lines)
    known = (*(reader.fieldnames or ()), STEPS)
    missing = [item.name for item in fields(Trial) if item.name not in known]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}, expected {list(COLUMNS)}")
    trials = []
    for row in reader:
        try:
            trials.append(Trial.of_row(row))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}, line {reader.line_num}: no trial ({error})") from None
    return trials


def _plain(number: float) -> str:
    """A number without digits that say nothing."""
    return f"{number:.6g}"
