"""The trainings that the documentation reports: ids, what was told, and seeds.

Each is a measurement like any other, by the name of its row and its seed (`training_rotation_1`).
A training that has not been recorded yet has no line in the table; recording it adds the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.results.record import Record
from experiments.results.table import RESULTS, TRAININGS, training_name

TOLD = {"labels": "the right answer", "none": "reward alone"}
"""Kind of supervision to what the table says."""
HEAD = (
    "| id | told while it learned | seed | steps | measured on | accuracy, or error (RMSE) | looks "
    "| reward |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class RecordedTraining:
    """A training of the table, its record read.

    Attributes:
        name: of its row in `TRAININGS`.
        record: what was measured.
    """

    name: str
    record: Record

    def line(self) -> str:
        """Its line of the table."""
        values = self.record.values
        cells = (
            f"`{values['env_id']}`",
            TOLD[values["supervision"]],
            values["seed"],
            f"{values['timesteps']:,}",
            f"{values['episodes']:,} episodes" + shapes_named(values["shapes"]),
            score(values),
            f"{values['looks']:.1f}",
            f"{values['reward']:.2f}",
        )
        return "| " + " | ".join(map(str, cells)) + " |"

    def command(self) -> str:
        """What is typed, whatever the seed."""
        return TRAININGS[self.name].measurement("SEED").command


def score(values: dict[str, Any]) -> str:
    """How good an agent is, with the interval.

    >>> score({"accuracy": 0.992, "accuracy_95": [0.987, 0.995]})
    '0.992 (0.987 to 0.995)'
    """
    key, digits = ("error", 1) if "error" in values else ("accuracy", 3)
    low, high = values[f"{key}_95"]
    return f"{values[key]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def shapes_named(shapes: str) -> str:
    """What is said of the shapes that were measured on; nothing where they are those of training.

    >>> shapes_named("test"), shapes_named("train")
    (', test shapes', '')
    """
    return "" if shapes == "train" else f", {shapes} shapes"


def recorded(results: Path = RESULTS) -> Iterator[RecordedTraining]:
    """Those that have a record, in the order of `TRAININGS` and of seeds."""
    for name, training in TRAININGS.items():
        for seed in training.seeds:
            path = results / f"{training_name(name, seed)}.json"
            if path.is_file():
                yield RecordedTraining(name, Record.read(path))


def trainings_table(results: Path = RESULTS) -> str:
    """What the documents say of trainings: a line for each, and the commands."""
    found = list(recorded(results))
    commands = dict.fromkeys(training.command() for training in found)
    lines = (HEAD, *(training.line() for training in found))
    return "\n".join((*lines, "", *(f"    {command}" for command in commands)))
