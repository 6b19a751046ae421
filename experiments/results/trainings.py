"""The trainings that the documentation reports: ids, what was told, and seeds.

Each is a measurement like any other, by the name of its row and its seed (`training_rotation_1`).
Seeds that have not been recorded are not in the table; recording one adds it.
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
    "| id | told while it learned | steps | measured on | seed: accuracy, or error (RMSE) "
    "| median training, with the interval of its episodes | looks | reward |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class RecordedTraining:
    """A training of the table, the records of its seeds read.

    Attributes:
        name: of its row in `TRAININGS`.
        records: what was measured with each seed that has a record, one at least.
    """

    name: str
    records: tuple[Record, ...]

    def line(self) -> str:
        """Its line of the table."""
        each = [record.values for record in self.records]
        median = self.median().values
        cells = (
            f"`{median['env_id']}`{TRAININGS[self.name].note}",
            TOLD[median["supervision"]],
            f"{median['timesteps']:,}",
            f"{median['episodes']:,} episodes" + shapes_named(median["shapes"]),
            ", ".join(f"{values['seed']}: {score(values)}" for values in each),
            score_with_interval(median),
            f"{median['looks']:.1f}",
            f"{median['reward']:.2f}",
        )
        return "| " + " | ".join(map(str, cells)) + " |"

    def median(self) -> Record:
        """The training in the middle by its reward; of an even number the worse of two."""
        by_reward = sorted(self.records, key=lambda record: -record.values["reward"])
        return by_reward[len(by_reward) // 2]

    def command(self) -> str:
        """What is typed, whatever the seed."""
        return TRAININGS[self.name].measurement("SEED").command


def score(values: dict[str, Any]) -> str:
    """How good an agent is.

    >>> score({"accuracy": 0.992}), score({"error": 3.14})
    ('0.992', '3.1')
    """
    return f"{values['error']:.1f}" if "error" in values else f"{values['accuracy']:.3f}"


def score_with_interval(values: dict[str, Any]) -> str:
    """The same with the interval.

    >>> score_with_interval({"accuracy": 0.992, "accuracy_95": [0.987, 0.995]})
    '0.992 (0.987 to 0.995)'
    """
    key = "error" if "error" in values else "accuracy"
    low, high = (score({key: end}) for end in values[f"{key}_95"])
    return f"{score(values)} ({low} to {high})"


def shapes_named(shapes: str) -> str:
    """What is said of the shapes that were measured on; nothing where they are those of training.

    >>> shapes_named("test"), shapes_named("train")
    (', test shapes', '')
    """
    return "" if shapes == "train" else f", {shapes} shapes"


def recorded(results: Path = RESULTS) -> Iterator[RecordedTraining]:
    """Those that have a record, in the order of `TRAININGS`."""
    for name, training in TRAININGS.items():
        paths = (results / f"{training_name(name, seed)}.json" for seed in training.seeds)
        records = tuple(Record.read(path) for path in paths if path.is_file())
        if records:
            yield RecordedTraining(name, records)


def trainings_table(results: Path = RESULTS) -> str:
    """What the documents say of trainings: a line for each, and the commands."""
    found = list(recorded(results))
    commands = dict.fromkeys(training.command() for training in found)
    lines = (HEAD, *(training.line() for training in found))
    return "\n".join((*lines, "", *(f"    {command}" for command in commands)))
