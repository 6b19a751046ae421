"""Measure the figures of the documentation again, and write them into it.

Runs the commands of experiments/results/table.py one after the other, stores what each measured in
docs/results/NAME.json with command, commit, versions and machine, says which numbers left their
intervals, and fills in the blocks of README and docs. Without --names all that have a record are
measured again, which takes hours of one core, save those that need a file that is not there;
--render measures nothing and only fills in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.results.documents import documents, update
from experiments.results.record import Record, measure, moved
from experiments.results.table import MEASUREMENTS, RESULTS, recorded_names
from experiments.shared.command import new_run_folder, run_command
from gqn_rl.errors import unknown_name


@dataclass(frozen=True)
class ResultsSettings:
    """Flags of `python -m experiments.results`."""

    names: tuple[str, ...] = recorded_names()
    """Measurements to make, also ones that have no record yet, such as training_rotation_1."""
    render: bool = False
    """Measure nothing; fill in the documents from the records that are there."""
    output: Path | None = None
    """Folder for the output of the commands; by default runs/results-<time>."""


def main(settings: ResultsSettings) -> None:
    """Measure, compare, record, fill in."""
    for name in settings.names:
        if name not in MEASUREMENTS:
            raise unknown_name("measurement", name, MEASUREMENTS)
    if not settings.render:
        folder = new_run_folder(settings.output, "results")
        for name in dict.fromkeys(settings.names):
            if (lacking := MEASUREMENTS[name].lacks) is not None:
                print(f"{name} is left out: {lacking} is not there")
                continue
            measure_again(name, folder / name)
    for path in update(list(documents())):
        print(f"filled in {path}")


def measure_again(name: str, output: Path) -> None:
    """Replace one record, saying what moved."""
    path = RESULTS / f"{name}.json"
    before = Record.read(path) if path.is_file() else None
    record = measure(MEASUREMENTS[name], output)
    record.write(path)
    print(f"{name}: {record.minutes:.1f} minutes")
    for change in moved(before.values, record.values) if before else ():
        print(f"  {change}")


if __name__ == "__main__":
    run_command(main, ResultsSettings, __doc__)
