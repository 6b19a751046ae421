"""What an evaluation of a GQN says: tables for people, figures for the weights' own record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from experiments.gqn_probing import KINDS
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import read_sidecar, sidecar_path

BASELINES = ("black", "mean_image", "nearest_view")
COLUMNS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "image_rmse": "image RMSE",
    "psnr": "PSNR",
    "foreground_psnr": "object PSNR",
}
"""Key in metrics.json to heading."""
CONSTANTS = {"black": "black", "mean_image": "mean image"}


def print_tables(metrics: dict[str, Any]) -> None:
    """Prediction by number of views, then the probes."""
    console = Console()
    for orientation, found in metrics["prediction"].items():
        console.print(_prediction_table(orientation, found, metrics["scenes"]))
    if metrics["probes"]:
        console.print(_probe_table(metrics["probes"]))
    noise = metrics["signal_to_noise"]
    text = ", ".join(f"{name} {value:.2f}" for name, value in noise.items())
    console.print(f"variance of r across scenes over that across views of one scene: {text}")
    console.print(f"{metrics['seconds']:.0f} s")


def _prediction_table(orientation: str, found: dict[str, Any], scenes: int) -> Table:
    first = next(iter(found["baselines"].values()))
    title = f"{orientation} orientation: errors (0-255) over {scenes} queries"
    constants = (f"{name} {first[key]['rmse']:.1f}" for key, name in CONSTANTS.items())
    caption = "RMSE of predictions without a model: " + ", ".join(constants)
    names = ("views", *COLUMNS.values(), "std", "KL", "nearest")
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=name == "views")
    for count, row in found["views"].items():
        others = (
            row.get("sample_std"),
            row["kl"],
            found["baselines"][count]["nearest_view"]["rmse"],
        )
        table.add_row(count, *_numbers(row[key] for key in COLUMNS), *_numbers(others))
        if row["samples"] > 2:
            mean = row["mean_of_samples"]
            table.add_row(f"mean of {row['samples']}", *_numbers(mean[key] for key in COLUMNS))
    return table


def _numbers(values: Iterable[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.2f}" for value in values]


def _probe_table(probes: dict[str, Any]) -> Table:
    title = f"naming a shape, {probes['scenes']} labels, chance {probes['chance']:.2f}"
    table = Table(title=title, box=SIMPLE_HEAD)
    for name in ("scenes", "views", "features", *KINDS):
        table.add_column(name, no_wrap=True)
    for orientation, by_views in probes["orientations"].items():
        for count, by_encoder in by_views.items():
            for name, kinds in by_encoder.items():
                table.add_row(orientation, count, name, *(_accuracy(kinds[key]) for key in KINDS))
    return table


def _accuracy(result: dict[str, Any]) -> str:
    low, high = result["accuracy_95"]
    return f"{result['accuracy']:.3f} ({low:.3f}-{high:.3f})"


def key_figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """What the weights carry with them: the figures at `sample_views`, and the probes."""
    at = str(metrics["sample_views"])
    prediction = {}
    for orientation, found in metrics["prediction"].items():
        row = found["views"][at]
        prediction[orientation] = {
            **row,
            "baseline_rmse": {name: found["baselines"][at][name]["rmse"] for name in BASELINES},
            "rmse_by_views": {count: row["rmse"] for count, row in found["views"].items()},
        }
    names = ("shapes", "num_cubes", "scenes", "sample_views", "seed")
    return {
        **{name: metrics[name] for name in names},
        "renderer": metrics["renderer"]["name"],
        "prediction": prediction,
        "probes": metrics["probes"],
        "signal_to_noise": metrics["signal_to_noise"],
    }


def write_record(path: Path, sha256: str, figures: dict[str, Any]) -> None:
    """Put the figures under record.evaluation of the JSON beside the weights, atomically.

    Raises:
        UserError: when the weights are no longer the ones measured, or the file cannot be written.
    """
    sidecar = read_sidecar(path)
    if sidecar["sha256"] != sha256:
        raise UserError(f"{path} was replaced during the evaluation: no record written")
    sidecar["record"] = {**sidecar.get("record", {}), "evaluation": figures}
    target = sidecar_path(path)
    try:
        write_json(target, sidecar)
    except OSError as error:
        raise UserError(f"cannot write {str(target)!r}: {error.strerror}") from error
