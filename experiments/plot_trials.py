"""Draw tables of trials of mental rotation by the angle between the objects.

Tables are those of `evaluate_agent --trials` and of the explorer's test, or any with the same
columns (docs/cognitive.md). Accuracy, glimpses and, where somebody measured them, seconds have a
panel each, with means, lines fitted to the trials, and 95 % intervals. Each participant has a
colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.shared.command import make_folder, run_command
from experiments.trials.table import read_trials
from gqn_rl.errors import UserError

SUFFIXES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class PlotTrialsSettings:
    """Flags of `python -m experiments.plot_trials`."""

    tables: tuple[Path, ...]
    """Tables of trials, CSV."""
    output: Path
    """The figure: a file whose suffix is .png, .pdf or .svg; one that is there is replaced."""


def main(settings: PlotTrialsSettings) -> None:
    """Read the tables, draw the figure."""
    from experiments.trials.figure import save_trials

    if settings.output.suffix not in SUFFIXES:
        raise UserError(f"output is {str(settings.output)!r}, expected a suffix of {SUFFIXES}")
    trials = [trial for path in settings.tables for trial in read_trials(path)]
    if not trials:
        names = [str(path) for path in settings.tables]
        raise UserError(f"tables {names} have no trials, expected at least one")
    make_folder("folder of the figure", settings.output.parent)
    save_trials(settings.output, trials)
    print(settings.output)


if __name__ == "__main__":
    run_command(main, PlotTrialsSettings, __doc__)
