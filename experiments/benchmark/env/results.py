"""The results of the benchmark of the environments: ratios, rates and tables of its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.benchmark.statistics import ratio_of_medians, summary
from experiments.benchmark.timing import Measured
from experiments.shared.terminal import console

Found = Mapping[str, Measured]
"""By name of the case."""
TARGETS = {"rendering": 0.8, "representations": 0.8, "subprocesses": 5.0}
"""Shares of what limits a step, and times as fast as Stable-Baselines3's arrangement."""
BARE_RENDERING, BARE_ENCODING = "bare rendering", "bare encoding"
PIXELS, REPRESENTATIONS, WITH_WORKERS = "pixels", "representations", " + workers"
CELLS, REFINED = "bare cells", "refined cells"
"""Representations by the encoders of these names."""
NATIVE, SUBPROCESSES = "native", "SubprocVecEnv"


def evaluate(limits: Found, sizes: Found, clients: Found, clock: str) -> dict[str, Any]:
    """The numbers of metrics.json but for the memory.

    Args:
        limits: steps with pixels and representations, with and without rendering workers, and
            with refinement, beside the bare work; all of as many rows.
        sizes: steps with representations, of different numbers of rows.
        clients: steps through Stable-Baselines3, native and in subprocesses.
    """
    return {
        "targets": TARGETS,
        "cases": {
            section: {name: _case(measured, clock) for name, measured in found.items()}
            for section, found in (("limits", limits), ("sizes", sizes), ("clients", clients))
        },
        "ratios": {**_limit_ratios(limits, clock), **_client_ratios(clients, clock)},
        "cost_per_row": _cost_per_row(sizes, clock),
    }


def memory_growth(resident: Sequence[int], rows: int) -> dict[str, Any]:
    """What became of the memory over the steps, from a tenth of the way on.

    Args:
        resident: bytes after every vector step.
        rows: environment steps in each of them.
    """
    warm = np.asarray(resident[len(resident) // 10 :], dtype=np.float64)
    return {
        "steps": len(resident) * rows,
        "rows": rows,
        "warmed_up": int(warm[0]),
        "end": int(warm[-1]),
        "growth": int(warm[-1] - warm[0]),
        "most": int(warm.max()),
    }


def _case(measured: Measured, clock: str) -> dict[str, Any]:
    numbers = summary(measured, clock)
    count = max(measured.facts.values())
    return {**numbers, "per_second": count / numbers["median"]}


def _limit_ratios(found: Found, clock: str) -> dict[str, dict[str, float]]:
    """Shares of the limits, and what rendering workers change."""
    seconds = {name: measured.seconds(clock) for name, measured in found.items()}
    slower = max((BARE_RENDERING, BARE_ENCODING), key=lambda name: np.median(seconds[name]))
    ratios = {"rendering": (BARE_RENDERING, PIXELS), "representations": (slower, REPRESENTATIONS)}
    for name in (PIXELS, REPRESENTATIONS):
        ratios[f"{name}{WITH_WORKERS}"] = (name, name + WITH_WORKERS)
    ratios["refinement"] = (REFINED, CELLS)
    return {
        name: {**ratio_of_medians(seconds[above], seconds[below])._asdict()}
        for name, (above, below) in ratios.items()
    }


def _client_ratios(found: Found, clock: str) -> dict[str, dict[str, float]]:
    """How many times as many steps a second the native environment makes."""
    native = next(m for name, m in found.items() if name.startswith(NATIVE))
    per_row = _seconds_per_row(native, clock)
    return {
        name: {**ratio_of_medians(_seconds_per_row(measured, clock), per_row)._asdict()}
        for name, measured in found.items()
        if name.startswith(SUBPROCESSES)
    }


def _cost_per_row(found: Found, clock: str) -> dict[str, Any]:
    """Median seconds per row for every number of rows, and the dearest over the cheapest."""
    each = {str(int(m.facts["rows"])): _seconds_per_row(m, clock) for m in found.values()}
    medians = {rows: float(np.median(samples)) for rows, samples in each.items()}
    dearest, cheapest = max(medians, key=medians.__getitem__), min(medians, key=medians.__getitem__)
    return {
        "seconds": medians,
        "dearest": int(dearest),
        "cheapest": int(cheapest),
        "ratio": ratio_of_medians(each[dearest], each[cheapest])._asdict(),
    }


def _seconds_per_row(measured: Measured, clock: str) -> list[float]:
    return [sample / measured.facts["rows"] for sample in measured.seconds(clock)]


def print_tables(metrics: dict[str, Any]) -> None:
    """Times with rates, then the ratios beside their targets."""
    machine, out = metrics["machine"], console()
    out.print(
        f"{machine['gpu'] or machine['processor']}, {machine['cores']} cores, bf16: "
        f"{machine['bf16']}, torch {machine['torch']}, "
        f"load {machine['load']} to {machine['load_after']}"
    )
    out.print(_times(metrics))
    out.print(_ratios(metrics))


def _times(metrics: dict[str, Any]) -> Table:
    title = f"{metrics['clock']} time, {metrics['rounds']} rounds"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("what", no_wrap=True)
    for name in ("min ms", "median ms", "per second", "peak MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for section in metrics["cases"].values():
        for name, numbers in section.items():
            table.add_row(
                name,
                f"{1e3 * numbers['minimum']:.4g}",
                f"{1e3 * numbers['median']:.4g}",
                f"{numbers['per_second']:.4g}",
                f"{numbers['memory']['peak'] / 1e6:.0f}",
            )
        table.add_section()
    return table


def _ratios(metrics: dict[str, Any]) -> Table:
    table = Table(title="ratios of medians", box=SIMPLE_HEAD)
    for name in ("ratio", "value", "95 % interval", "target"):
        table.add_column(name, no_wrap=True)
    ratios, targets = metrics["ratios"], metrics["targets"]
    labels = {
        "rendering": "pixels / bare getCameraImage",
        "representations": "representations / slower bare work",
        "refinement": f"{REFINED} / {CELLS}",
    }
    for name, ratio in ratios.items():
        label, target = labels.get(name, name), targets.get(name, "")
        if name.startswith(SUBPROCESSES):
            label, target = f"native / {name}", targets["subprocesses"]
        elif WITH_WORKERS in name:
            label = f"{name} / without"
        table.add_row(label, *_cells(ratio), str(target))
    cost, memory = metrics["cost_per_row"], metrics["memory"]
    label = f"cost per row, {cost['dearest']} / {cost['cheapest']} rows"
    table.add_row(label, *_cells(cost["ratio"]), "flat")
    growth, end = f"{memory['growth'] / 1e6:+.1f} MB", f"to {memory['end'] / 1e6:.0f} MB"
    table.add_row(f"memory, {memory['steps']:,} steps", growth, end, "flat")
    return table


def _cells(ratio: dict[str, float]) -> tuple[str, str]:
    return f"{ratio['value']:.2f}", f"{ratio['low']:.2f} to {ratio['high']:.2f}"
