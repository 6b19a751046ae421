"""The summary of a study's runs: the numbers of summary.json, from which the page is made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.shared import seeds
from experiments.study.plan import CAMERAS, PIXEL_SUBJECTS, SUBJECTS, THRESHOLDS
from experiments.study.statistics import Bounds, Estimate, Resampled, band, resample

MEASURES = {
    "timesteps": "environment steps",
    "seconds": "seconds of training",
    "cpu_seconds": "seconds of processor time",
}
"""Column of a run's curve to what it counts."""
REFERENCE, BEST_PIXELS = "representation", "best-pixels"
BOTH = "both"
"""The runs of all cameras together, each camera a stratum of the bootstrap."""
TARGET, GOAL = 4.0, 10.0
"""Times as many steps as the best pixel agent should at least need, and the goal beyond it."""

Result = dict[str, Any]
Strata = list[list[Result]]
"""The runs of one agent, a list for each camera."""


def summarise(results: Sequence[Result]) -> dict[str, Any]:
    """All numbers of the report, as plain JSON.

    Each number is {"value", "at_least", "at_most", "interval", "runs", "reached"}. `value` is None
    where only bounds are known; `at_most` and the upper end of an interval are None where there is
    no such bound, at_least and the lower end 0. There is no interval for a single run.
    """
    cameras = [name for name in CAMERAS if any(run["camera"] == name for run in results)]
    agents = [name for name in SUBJECTS if any(run["agent"] == name for run in results)]
    groups = {camera: _strata(results, [camera], agents) for camera in cameras}
    together = {BOTH: _strata(results, cameras, agents)} if len(cameras) > 1 else {}
    return {
        "thresholds": list(THRESHOLDS),
        "targets": {"least": TARGET, "goal": GOAL},
        "cameras": cameras,
        "agents": agents,
        "reached": {name: _reached(group) for name, group in (groups | together).items()},
        "ratios": {name: _ratios(group) for name, group in (groups | together).items()},
        "final": {name: _final(group) for name, group in groups.items()},
        "curves": {name: _curves(group) for name, group in groups.items()},
    }


def first_at(run: Result, threshold: float, measure: str) -> float | None:
    """The measure at the first evaluation whose accuracy was at least the threshold.

    Later evaluations may fall below it again: that is in favour of agents that waver.
    """
    for row in run["curve"]:
        if row["accuracy"] >= threshold:
            return float(row[measure])
    return None


def plain(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON, which knows no infinity."""
    interval = estimate.interval
    return {
        "value": estimate.low if estimate.is_known else None,
        "at_least": estimate.low,
        "at_most": _finite(estimate.high),
        "interval": None if interval is None else [interval[0], _finite(interval[1])],
        "runs": estimate.runs,
        "reached": estimate.reached,
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _strata(
    results: Sequence[Result], cameras: Sequence[str], agents: Sequence[str]
) -> dict[str, Strata]:
    """By agent, of those that have runs with all the cameras."""
    found = {}
    for agent in agents:
        mine = [run for run in results if run["agent"] == agent]
        strata = [[run for run in mine if run["camera"] == camera] for camera in cameras]
        if all(strata):
            found[agent] = strata
    return found


def _time_to(agent: str, strata: Strata, threshold: float, measure: str) -> Resampled:
    """Interquartile mean of the time to the threshold, censored where it was not reached."""
    bounds = [
        Bounds.censored(
            [first_at(run, threshold, measure) for run in part],
            [run["curve"][-1][measure] for run in part],
        )
        for part in strata
    ]
    return resample(bounds, _rng(agent))


def _rng(agent: str) -> np.random.Generator:
    """For each agent draws of its own, and the same whenever a report is made."""
    return np.random.default_rng([seeds.BOOTSTRAP, list(SUBJECTS).index(agent)])


def _reached(group: dict[str, Strata]) -> dict[str, Any]:
    """By agent, threshold and measure."""
    return {
        agent: {
            str(threshold): {
                measure: plain(_time_to(agent, strata, threshold, measure).estimate())
                for measure in MEASURES
            }
            for threshold in THRESHOLDS
        }
        for agent, strata in group.items()
    }


def _ratios(group: dict[str, Strata]) -> dict[str, Any]:
    """By other agent, threshold and measure: how many times what the representation needs."""
    found: dict[str, Any] = {}
    if REFERENCE not in group:
        return found
    for threshold, measure in product(THRESHOLDS, MEASURES):
        times = {
            agent: _time_to(agent, strata, threshold, measure) for agent, strata in group.items()
        }
        reference = times.pop(REFERENCE)
        pixels = [times[agent] for agent in PIXEL_SUBJECTS if agent in times]
        if pixels:
            times = {BEST_PIXELS: reduce(Resampled.or_less, pixels), **times}
        for agent, time in times.items():
            by_threshold = found.setdefault(agent, {}).setdefault(str(threshold), {})
            by_threshold[measure] = plain(time.over(reference).estimate())
    return found


def _final(group: dict[str, Strata]) -> dict[str, Any]:
    """By agent: accuracy and looks in the last evaluation, and what the runs took."""
    found = {}
    for agent, (runs,) in group.items():
        found[agent] = {
            key: plain(
                resample(
                    [Bounds.known([run["curve"][-1][key] for run in runs])], _rng(agent)
                ).estimate()
            )
            for key in ("accuracy", "looks", *MEASURES)
        }
        found[agent]["stopped_early"] = sum(run["stopped_early"] for run in runs)
        found[agent]["parameters"] = runs[0]["parameters"]
    return found


def _curves(group: dict[str, Strata]) -> dict[str, Any]:
    """By agent and measure: accuracy over it, with the ends of the pointwise interval."""
    return {
        agent: {measure: _curve(agent, runs, measure) for measure in ("timesteps", "cpu_seconds")}
        for agent, (runs,) in group.items()
    }


def _curve(agent: str, runs: list[Result], measure: str) -> dict[str, list[float]]:
    """Interquartile mean from where every run has an evaluation to where the last one ends.

    Between evaluations the accuracy is that of the one before; a run that has ended keeps its last.
    """
    begin = max(run["curve"][0][measure] for run in runs)
    end = max(run["curve"][-1][measure] for run in runs)
    points = sorted({row[measure] for run in runs for row in run["curve"]})
    at = np.array([point for point in points if begin <= point <= end])
    values = np.stack([_held(run, measure, at) for run in runs], axis=1)
    mean, low, high = band(values, _rng(agent))
    names = (measure, "accuracy", "low", "high")
    return {name: array.tolist() for name, array in zip(names, (at, mean, low, high), strict=True)}


def _held(run: Result, measure: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The accuracy of the last evaluation up to each point."""
    when = np.array([row[measure] for row in run["curve"]])
    accuracy = np.array([row["accuracy"] for row in run["curve"]], dtype=np.float64)
    held: NDArray[np.float64] = accuracy[np.searchsorted(when, at, side="right") - 1]
    return held
