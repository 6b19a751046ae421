"""The figures of the study, as SVG text: the same numbers give the same text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter

from experiments.study.plan import SUBJECTS
from experiments.study.summary import BEST_PIXELS, BOTH, MEASURES

COLOURS = {
    "representation": "#1f5f99",
    "representation-unturned": "#7fb2dd",
    "pixels-stack": "#c44e52",
    "pixels-recurrent": "#dd8a3e",
    "random-tower": "#8a8a8a",
    "state": "#2a9d8f",
}
LINE: dict[str, Any] = {"color": "#444444", "linewidth": 0.8, "linestyle": ":"}
ARROW = 1.35
"""How far an arrow reaches, as a factor."""
SALT = "compare_observations"
"""Names within an SVG file are hashes; with this they are the same each time."""


def learning_curves(summary: dict[str, Any]) -> str:
    """Accuracy over steps and over processor time, one column for each camera."""
    cameras = summary["cameras"]
    figure, grid = plt.subplots(
        2, len(cameras), figsize=(5.2 * len(cameras) + 0.6, 6.4), squeeze=False, sharey=True
    )
    for column, camera in zip(grid.T, cameras, strict=True):
        for axes, measure in zip(column, ("timesteps", "cpu_seconds"), strict=True):
            for agent, curves in summary["curves"][camera].items():
                _curve(axes, curves[measure], measure, agent)
            for threshold in summary["thresholds"]:
                axes.axhline(threshold, **LINE)
            axes.set(xlabel=MEASURES[measure], ylim=(0, 1.02), xlim=(0, None))
        column[0].set_title(f"{camera} camera", fontsize=10)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
    _legend(figure, summary["agents"])
    return _svg(figure)


def times(summary: dict[str, Any]) -> str:
    """Steps to each threshold with intervals; an arrow where a number is only a bound."""
    cameras, thresholds, agents = summary["cameras"], summary["thresholds"], summary["agents"]
    figure, grid = plt.subplots(
        1, len(cameras), figsize=(5.2 * len(cameras) + 0.6, 3.6), squeeze=False, sharey=True
    )
    for axes, camera in zip(grid[0], cameras, strict=True):
        for agent, by_threshold in summary["reached"][camera].items():
            offset = 0.7 * ((agents.index(agent) + 0.5) / len(agents) - 0.5)
            for place, threshold in enumerate(thresholds):
                found = by_threshold[str(threshold)]["timesteps"]
                _estimate(axes, place + offset, found, COLOURS[agent])
        axes.set(xscale="log", xlabel=MEASURES["timesteps"])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(f"{camera} camera", fontsize=10)
        axes.set_yticks(range(len(thresholds)), [f"accuracy {t}" for t in thresholds])
        axes.grid(axis="x", linewidth=0.3)
    grid[0, 0].invert_yaxis()
    _legend(figure, agents)
    return _svg(figure)


def ratios(summary: dict[str, Any]) -> str:
    """How many times the steps the best pixel agent needs, beside the target and the goal."""
    rows = [
        (camera if camera == BOTH else f"{camera} camera", threshold, found[BEST_PIXELS])
        for camera, found in summary["ratios"].items()
        if BEST_PIXELS in found
        for threshold in summary["thresholds"]
    ]
    figure, axes = plt.subplots(figsize=(7.2, 0.32 * len(rows) + 1.3))
    for place, (_, threshold, found) in enumerate(rows):
        _estimate(axes, place, found[str(threshold)]["timesteps"], COLOURS["representation"])
    for name, value in summary["targets"].items():
        axes.axvline(value, **LINE)
        where: dict[str, Any] = {
            "xycoords": ("data", "axes fraction"),
            "ha": "center",
            "fontsize": 8,
        }
        axes.annotate(f"{name} {value:g}", (value, 1.01), **where)
    axes.axvline(1.0, color="#444444", linewidth=0.8)
    axes.set(xscale="log", xlabel="steps of the best pixel agent / steps on the representation")
    axes.set_yticks(range(len(rows)), [f"{camera}, {t}" for camera, t, _ in rows])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 4)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()
    axes.invert_yaxis()
    return _svg(figure)


def _curve(axes: Axes, curve: dict[str, list[float]], measure: str, agent: str) -> None:
    at, colour = curve[measure], COLOURS[agent]
    axes.plot(at, curve["accuracy"], color=colour, drawstyle="steps-post")
    axes.fill_between(
        at, curve["low"], curve["high"], color=colour, alpha=0.18, linewidth=0, step="post"
    )


def _estimate(axes: Axes, height: float, found: dict[str, Any], colour: str) -> None:
    """A dot with its interval; a lower bound is a stroke, and no upper end is an arrow."""
    value, known = found["at_least"], found["value"] is not None
    if value <= 0:
        return  # nothing is known
    axes.plot(value, height, "o" if known else "|", color=colour, markersize=5)
    if found["interval"] is None and known:
        return
    low, high = found["interval"] or (value, None)
    end = ARROW * value if high is None else high
    # A lower end of 0, where nothing is known, has no place on a logarithmic axis.
    axes.plot([low if low > 0 else value / ARROW, end], [height] * 2, color=colour)
    if high is None:
        axes.plot(end, height, ">", color=colour, markersize=4)


def _legend(figure: Figure, agents: Sequence[str]) -> None:
    lines = [Line2D([], [], color=COLOURS[agent], linewidth=2) for agent in agents]
    names = [SUBJECTS[agent].label for agent in agents]
    figure.legend(lines, names, loc="outside upper center", ncols=3, fontsize=8)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    try:
        figure.set_layout_engine("constrained")
        with plt.rc_context({"svg.hashsalt": SALT}):
            figure.savefig(text, format="svg", metadata={"Date": None})
    finally:
        plt.close(figure)
    return text.getvalue()
