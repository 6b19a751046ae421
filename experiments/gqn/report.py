"""Report of an evaluation of a GQN: tables for people, figures for the weights' own record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from scipy import stats

from experiments.gqn.evaluation_settings import ORIENTATIONS
from experiments.gqn.probing import MEASURES
from experiments.shared.terminal import console
from experiments.shared.untrained import UNTRAINED
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import read_sidecar, sidecar_path
from gqn_rl.probes import KINDS
from gqn_rl.probes.tasks import PROBES

BASELINES = ("black", "mean_image", "nearest_view")
COLUMNS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "image_rmse": "image RMSE",
    "psnr": "PSNR",
    "image_psnr": "image PSNR",
    "foreground_psnr": "object PSNR",
}
"""Key in metrics.json to heading."""
CONSTANTS = {"black": "black", "mean_image": "mean image"}
CARRIED = ("uncertainty", "representation_variance", "probes", "turning")
"""What `key_figures` takes over whole."""
FALLING = -0.8
"""Rank correlation with the number of views from which uncertainty is said to fall."""


def uncertainty_by_views(prediction: dict[str, Any]) -> dict[str, Any]:
    """Variance between prior-path samples by number of views, and whether it falls.

    Returns:
        by orientation: `sample_variance` by number of views, in [0, 1] units, the mean over
        queries and pixels; `spearman`, its rank correlation with the number of views; `falls`,
        whether that is at most -0.8. Without two samples or two numbers of views, nothing.
    """
    found = {}
    for orientation, numbers in prediction.items():
        variance = {
            count: (row["sample_std"] / 255.0) ** 2
            for count, row in sorted(numbers["views"].items(), key=lambda item: int(item[0]))
            if "sample_std" in row
        }
        if len(variance) > 1 and len(set(variance.values())) > 1:
            rho = float(stats.spearmanr([int(c) for c in variance], list(variance.values()))[0])
            found[orientation] = {
                "sample_variance": variance,
                "spearman": rho,
                "falls": rho <= FALLING,
            }
    return found


def print_tables(metrics: dict[str, Any]) -> None:
    """Prediction by number of views, the probes, and the two checks of the representation."""
    out = console()
    print_prediction(metrics)
    if metrics["probes"]:
        for found in metrics["probes"]["results"].values():
            out.print(_probe_table(found, metrics["probes"]["scenes"]))
    if metrics["turning"]:
        out.print(_turning_table(metrics["turning"]))
    out.print(_variance_table(metrics["representation_variance"]))
    out.print(f"{metrics['seconds']:.0f} s")


def print_prediction(metrics: dict[str, Any]) -> None:
    """Errors by number of views, and whether uncertainty falls."""
    out = console()
    for orientation, found in metrics["prediction"].items():
        out.print(_prediction_table(orientation, found, metrics["scenes"]))
    for orientation, found in metrics["uncertainty"].items():
        out.print(_uncertainty_line(orientation, found))


def _uncertainty_line(orientation: str, found: dict[str, Any]) -> str:
    std = {count: 255 * value**0.5 for count, value in found["sample_variance"].items()}
    first, last = next(iter(std)), list(std)[-1]
    return (
        f"uncertainty falls with views, {orientation}: {'yes' if found['falls'] else 'NO'} (std of "
        f"prior samples {std[first]:.2f} from {first}, {std[last]:.2f} from {last} views; rank "
        f"correlation {found['spearman']:.2f})"
    )


def _prediction_table(orientation: str, found: dict[str, Any], scenes: int) -> Table:
    first = next(iter(found["baselines"].values()))
    kind = orientation if orientation not in ORIENTATIONS else f"{orientation} orientation"
    title = f"{kind}: errors (0-255) over {scenes} queries"
    constants = (f"{name} {first[key]['rmse']:.1f}" for key, name in CONSTANTS.items())
    caption = (
        "RMSE and PSNR pool all pixels, image RMSE and image PSNR are means over images; "
        "RMSE of predictions without a model: " + ", ".join(constants)
    )
    ideal = found["ideal"]
    if ideal["scenes"]:
        caption += f"; ideal: mean of the exact posterior, first {ideal['scenes']} queries"
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
        if "bare" in found:
            table.add_row("  bare", *_numbers(found["bare"][count][key] for key in COLUMNS))
        if row["samples"] > 2:
            mean = row["mean_of_samples"]
            table.add_row(f"mean of {row['samples']}", *_numbers(mean[key] for key in COLUMNS))
        if count in ideal["views"]:
            best = ideal["views"][count]
            table.add_row("ideal", *_numbers(best[key] for key in COLUMNS))
    return table


def _numbers(values: Iterable[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.2f}" for value in values]


def _probe_table(found: dict[str, Any], labels: int) -> Table:
    rows = [
        (orientation, count, name, kinds)
        for orientation, by_views in found["orientations"].items()
        for count, by_encoder in by_views.items()
        for name, kinds in by_encoder.items()
    ]
    first = rows[0][3][next(iter(KINDS))]
    measure = next(name for name in MEASURES if name in first)
    called, decimals = MEASURES[measure]
    table = Table(
        title=f"{found['question']}: {called}, {labels} labelled scenes, "
        f"chance {first['chance']:.{decimals - 1}f}",
        caption=f"published: {found['reference']}" if found["reference"] else None,
        box=SIMPLE_HEAD,
    )
    for name in ("scenes", "views", "features", *KINDS):
        table.add_column(name, no_wrap=True)
    for orientation, count, name, kinds in rows:
        cells = (_with_interval(kinds[kind], measure, decimals) for kind in KINDS)
        table.add_row(orientation, count, _called(name, kinds), *cells)
    return table


def _turning_table(found: dict[str, Any]) -> Table:
    table = Table(
        title="same shape or mirror image, by turning what is imagined: accuracy, nothing trained",
        caption=f"published: {PROBES['chirality'].reference}",
        box=SIMPLE_HEAD,
    )
    for name in ("scenes", "views", "gqn", UNTRAINED):
        table.add_column(name, no_wrap=True)
    for orientation, by_views in found.items():
        for count, row in by_views.items():
            scores = (_with_interval(each, "accuracy", 3) for each in row.values())
            table.add_row(orientation, count, *scores)
    return table


def _with_interval(result: dict[str, Any], measure: str, decimals: int) -> str:
    """The score with its interval, or the median with the range of several random networks."""
    networks = result.get("networks")
    low, high = (networks[0], networks[-1]) if networks else result[f"{measure}_95"]
    return f"{result[measure]:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def _variance_table(found: dict[str, Any]) -> Table:
    table = Table(
        title="variance of r across scenes over that across views of one scene", box=SIMPLE_HEAD
    )
    first = next(iter(next(iter(found.values())).values()))
    for name in ("scenes", "features", *(f"{count} views" for count in first)):
        table.add_column(name, no_wrap=True)
    for orientation, by_encoder in found.items():
        for name, by_views in by_encoder.items():
            cells = (_ratio(part) for part in by_views.values())
            table.add_row(orientation, _called(name, by_views), *cells)
    return table


def _called(name: str, results: Mapping[str, dict[str, Any]]) -> str:
    """The encoder, with how many networks it stands for and that they are given by their range."""
    networks = next(iter(results.values())).get("networks")
    return f"{name}, median of {len(networks)}" if networks else name


def _ratio(part: dict[str, Any]) -> str:
    networks = part.get("networks")
    spread = f" ({networks[0]:.2f} to {networks[-1]:.2f})" if networks else ""
    return f"{part['ratio']:.2f}{spread}"


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
        if "bare" in found:
            bare = {count: row["rmse"] for count, row in found["bare"].items()}
            prediction[orientation]["bare_rmse_by_views"] = bare
    names = ("shapes", "num_cubes", "scenes", "sample_views", "seed")
    return {
        **{name: metrics[name] for name in names},
        "renderer": metrics["renderer"]["name"],
        "prediction": prediction,
        **{name: metrics[name] for name in CARRIED},
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
