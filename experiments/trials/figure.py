"""The figure of trials by the angle between the objects: a panel and an axis for each measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from agents.evaluation import mean_interval, wilson_interval
from experiments.shared.figures import save_figure
from experiments.trials.lines import fitted_line
from experiments.trials.table import Trial

COLOURS = ("#1f5f99", "#c8501e", "#2a7f62", "#7a4f9a", "#8a8a8a", "#b8860b")
CHANCE = "#c44e52"
GUESSING = 0.5
"""Accuracy of a blind guess between two answers."""
MOST_ANGLES, APART = 37, 20.0
"""Angles that get a point each; more are put together, around multiples of so many degrees."""
LARGEST = 180.0


class Measure(NamedTuple):
    """What a panel shows.

    Attributes:
        label: of its axis.
        value: of a trial; None where it has none.
        is_share: whether values are 0 or 1.
    """

    label: str
    value: Callable[[Trial], float | None]
    is_share: bool = False


MEASURES = {
    "accuracy": Measure("accuracy", lambda trial: float(trial.is_right), is_share=True),
    "glimpses": Measure("glimpses of the object", lambda trial: float(trial.glimpses)),
    "seconds": Measure(
        "seconds to a right answer", lambda trial: trial.seconds if trial.is_right else None
    ),
    "steps": Measure(
        "turns tried, same objects",
        lambda trial: None if trial.mirrored or trial.steps is None else float(trial.steps),
    ),
}
"""The panels, of which those are left out that have no values."""


def save_trials(path: Path, trials: Sequence[Trial]) -> None:
    """Accuracy, glimpses and, where somebody measured them, seconds against the angle.

    Points are means at an angle with 95 % intervals; where there are more than 37 angles, of those
    around multiples of 20 degrees. Lines are fitted to the trials themselves, with the 95 %
    interval of the line. Each participant has a colour; more than six are drawn as one.
    """
    groups = _groups(trials)
    shown = [m for m in MEASURES.values() if any(m.value(trial) is not None for trial in trials)]
    figure, panels = plt.subplots(1, len(shown), figsize=(3.7 * len(shown), 3.6), squeeze=False)
    for axes, measure in zip(panels[0], shown, strict=True):
        for colour, (name, mine) in zip(COLOURS, groups.items(), strict=False):
            _draw(axes, mine, measure, colour, name)
        axes.set(xlabel="angle between the objects (degrees)", ylabel=measure.label)
        axes.set(xlim=(-8, LARGEST + 8), xticks=np.arange(0, LARGEST + 1, 60))
        _scale(axes, measure)
    panels[0, 0].legend(fontsize=8, loc="lower left")
    save_figure(figure, path)


def angles_of(trials: Sequence[Trial]) -> list[float]:
    """The angle at which each trial is drawn, see `save_trials`."""
    is_fine = len({trial.angle for trial in trials}) > MOST_ANGLES
    return [APART * np.floor(t.angle / APART + 0.5) if is_fine else t.angle for t in trials]


def _groups(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    names = list(dict.fromkeys(trial.participant for trial in trials))
    if len(names) > len(COLOURS):
        return {f"{len(names)} participants": list(trials)}
    return {name: [trial for trial in trials if trial.participant == name] for name in names}


def _draw(axes: Axes, trials: Sequence[Trial], measure: Measure, colour: str, name: str) -> None:
    known = [
        (at, trial.angle, value)
        for at, trial in zip(angles_of(trials), trials, strict=True)
        if (value := measure.value(trial)) is not None
    ]
    if not known:
        return
    at, angle, value = np.array(known).T
    places = np.unique(at)
    bounds = np.array([_with_interval(value[at == place], measure) for place in places])
    error = np.abs(bounds[:, 1:].T - bounds[:, 0])
    axes.errorbar(places, bounds[:, 0], error, fmt="o", markersize=4, capsize=2, color=colour,
                  label=name)  # fmt: skip
    line = fitted_line(angle, value)
    if line is not None:
        across = np.linspace(angle.min(), angle.max(), 60)
        middle, low, high = line.at(across)
        axes.plot(across, middle, color=colour, linewidth=1.2)
        axes.fill_between(across, low, high, color=colour, alpha=0.15, linewidth=0)


def _with_interval(values: np.ndarray, measure: Measure) -> tuple[float, float, float]:
    if measure.is_share:
        low, high = wilson_interval(int(values.sum()), len(values))
    else:
        low, high = mean_interval(values.tolist())
    return float(values.mean()), low, high


def _scale(axes: Axes, measure: Measure) -> None:
    axes.set_ylim(0, 1.05 if measure.is_share else None)
    if measure.is_share:
        axes.axhline(GUESSING, color=CHANCE, linestyle="--", linewidth=1)
        axes.text(
            0.99, GUESSING, f"chance {GUESSING:.2f}", color=CHANCE, fontsize=8,
            transform=axes.get_yaxis_transform(), ha="right", va="bottom",
            bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
        )  # fmt: skip
