"""How the training of an agent goes, in lines for a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.shared.terminal import shows_bars

Row = dict[str, Any]


def line_of(row: Row, steps: int) -> str:
    """A row of `EvaluationCallback.curve` in one line.

    >>> row = {"timesteps": 2048, "seconds": 9.6, "accuracy": 0.5, "looks": 3.0, "reward": 0.25}
    >>> line_of(row, 10_000)
    'step 2,048 of 10,000, 10 s: accuracy 0.500, looks 3.0, reward 0.250'
    """
    measures = (("accuracy", 3), ("error", 2), ("looks", 1), ("reward", 3))
    numbers = [
        f"{name} {row[name]:.{places}f}" for name, places in measures if row.get(name) is not None
    ]
    return f"step {row['timesteps']:,} of {steps:,}, {row['seconds']:.0f} s: {', '.join(numbers)}"


def reporter(steps: int, what: str = "") -> Callable[[Row], None]:
    """Prints a line for each evaluation where nobody watches a bar.

    Args:
        what: printed before each line.
    """

    def say(row: Row) -> None:
        if not shows_bars():
            print(f"{what}{line_of(row, steps)}", flush=True)

    return say
