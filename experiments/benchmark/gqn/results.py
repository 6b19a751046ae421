"""The results of the benchmark of the GQN: ratios, rates and tables of its samples."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.benchmark.statistics import Ratio, ratio_of_medians, summary
from experiments.benchmark.timing import Measured
from experiments.shared.terminal import console

Found = dict[str, Measured]
"""By name of the case."""
TARGETS = {"plain": 5.0, "represent": 0.8, "utilisation": 0.4, "paper_batch_bytes": 16e9}
"""Times as fast as the plain composition on a CPU with bf16 matrix units; shares of the rates of
the own convolutions and, on a GPU, of a matrix product; memory."""
NAMES = {"ours": "ours", "plain": "plain", "plain_tiled": "plain, tiled"}
"""Of the compositions in tables; see `plain_gqn.SPREADS` for the two plain ones."""


def evaluate(found: dict[str, Found], clock: str) -> dict[str, Any]:
    """The numbers of metrics.json.

    Args:
        found: cases of the sections training, represent, others and, where asked for, paper_batch.
    """
    paper = found.get("paper_batch")
    return {
        "targets": TARGETS,
        "training": _training(found["training"], clock),
        "utilisation": _utilisation(found["training"], clock),
        "represent": _represent(found["represent"], clock),
        "others": {name: _with_rate(measured, clock) for name, measured in found["others"].items()},
        "paper_batch": None if paper is None else _with_rate(paper["ours"], clock),
    }


def _with_rate(measured: Measured, clock: str) -> dict[str, Any]:
    numbers = summary(measured, clock)
    return {**numbers, "images_per_second": measured.facts["images"] / numbers["median"]}


def _training(found: Found, clock: str) -> dict[str, Any]:
    ours = found["ours"].seconds(clock)
    return {
        "steps": {name: _with_rate(found[name], clock) for name in NAMES},
        "ratios": {
            name: ratio_of_medians(found[name].seconds(clock), ours)._asdict()
            for name in NAMES
            if name != "ours"
        },
    }


def _utilisation(found: Found, clock: str) -> dict[str, Any]:
    """Floating-point operations per second of a training step and of a large matrix product."""
    step, product = found["ours"], found["matrix_product"]
    times = ratio_of_medians(product.seconds(clock), step.seconds(clock))
    work = step.facts["flop"] / product.facts["flop"]
    rates = {name: summary(found[name], clock) for name in ("ours", "matrix_product")}
    return {
        "matrix_product": rates["matrix_product"],
        "flop_per_second": {name: row["flop"] / row["median"] for name, row in rates.items()},
        "share": Ratio(*(work * value for value in times))._asdict(),
    }


def _represent(found: Found, clock: str) -> dict[str, Any]:
    ours, alone = found["ours"], found["convolutions"]
    share = ratio_of_medians(alone.seconds(clock), ours.seconds(clock))
    return {
        "ours": _with_rate(ours, clock),
        "convolutions": _with_rate(alone, clock),
        "share_of_convolutions": share._asdict(),
    }


def print_tables(metrics: dict[str, Any]) -> None:
    """Times with memory, then the ratios beside their targets."""
    out = console()
    out.print(_machine_line(metrics))
    out.print(_times(metrics))
    out.print(_ratios(metrics))


def _machine_line(metrics: dict[str, Any]) -> str:
    machine = metrics["machine"]
    place = machine["gpu"] or machine["processor"]
    used = "bf16" if machine["bf16_is_used"] else "float32"
    return (
        f"{place}, {machine['threads']} threads on {machine['cores']} cores, bf16: "
        f"{machine['bf16']}, auto is {used}, torch {machine['torch']}, "
        f"load {machine['load']} to {machine['load_after']}"
    )


def _times(metrics: dict[str, Any]) -> Table:
    title = f"{metrics['clock']} time in seconds, {metrics['rounds']} rounds"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("what", no_wrap=True)
    for name in ("minimum", "median", "images/s", "peak GB", "M params"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, numbers in _rows(metrics).items():
        rate, count = numbers.get("images_per_second"), numbers.get("parameters")
        table.add_row(
            name,
            f"{numbers['minimum']:.4g}",
            f"{numbers['median']:.4g}",
            "" if rate is None else f"{rate:.4g}",
            f"{peak_bytes(numbers) / 1e9:.2f}",
            "" if count is None else f"{count / 1e6:.1f}",
        )
    return table


def _rows(metrics: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name to summary, a row each."""
    steps = {f"step, {NAMES[name]}": row for name, row in metrics["training"]["steps"].items()}
    represent = metrics["represent"]
    rows = {
        **steps,
        "matrix product": metrics["utilisation"]["matrix_product"],
        "represent": represent["ours"],
        "its convolutions alone": represent["convolutions"],
        **metrics["others"],
    }
    if metrics["paper_batch"] is not None:
        rows["step, whole preset"] = metrics["paper_batch"]
    return rows


def _ratios(metrics: dict[str, Any]) -> Table:
    table = Table(title="ratios of medians", box=SIMPLE_HEAD)
    for name in ("ratio", "value", "95 % interval", "target"):
        table.add_column(name, no_wrap=True)
    on_gpu = metrics["machine"]["gpu"] is not None
    for name, value in metrics["training"]["ratios"].items():
        target = f"{TARGETS['plain']:g} (matrix units)" if name == "plain" else ""
        table.add_row(f"step, {NAMES[name]} / ours", *_cells(value), target)
    share = metrics["represent"]["share_of_convolutions"]
    table.add_row("represent / its convolutions", *_cells(share), f"{TARGETS['represent']:g}")
    target = f"{TARGETS['utilisation']:g}" if on_gpu else "on a GPU only"
    table.add_row("step / matrix product", *_cells(metrics["utilisation"]["share"]), target)
    if metrics["paper_batch"] is not None:
        peak = peak_bytes(metrics["paper_batch"]) / 1e9
        target = f"below {TARGETS['paper_batch_bytes'] / 1e9:g} GB"
        table.add_row("memory of the whole preset", f"{peak:.2f} GB", "", target)
    return table


def _cells(ratio: dict[str, float]) -> tuple[str, str]:
    return f"{ratio['value']:.2f}", f"{ratio['low']:.2f} to {ratio['high']:.2f}"


def peak_bytes(numbers: dict[str, Any]) -> int:
    """On the GPU where there is one, else of the process."""
    memory = numbers["memory"]
    device_peak: int | None = memory["device_peak"]
    return memory["peak"] if device_peak is None else device_peak
