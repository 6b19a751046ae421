"""Pictures of what a GQN predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from experiments.shared.figures import save_figure

MODEL, MEAN = "#1f5f99", "#2a9d8f"
BASELINE_STYLES = {"black": (":", "#000000"), "mean_image": ("--", "#8a8a8a")}
NEAREST, UNTRAINED = "#c44e52", "#8a8a8a"
MOST_CONTEXT_COLUMNS = 5
ROOM_FOR_LEGEND = 1.3
"""Top of the axis of shares, which end at 1."""
MIN_STD_RANGE = 16.0
"""The map of standard deviations is bright at this value (0-255) or at its largest one."""


@dataclass(frozen=True)
class SheetRow:
    """One row of the contact sheet.

    Attributes:
        orientation: "grid" or "free".
        context: uint8 (M, H, W, 3).
        truth: uint8 (H, W, 3).
        samples: float32 (S, H, W, 3) in [0, 1], from the prior path.
    """

    orientation: str
    context: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    samples: NDArray[np.float32]


def save_contact_sheet(path: Path, rows: Sequence[SheetRow], title: str) -> None:
    """A row per scene: context views, truth, a sample, the mean of samples, their spread."""
    shown = min(len(rows[0].context), MOST_CONTEXT_COLUMNS)
    columns = shown + 4
    figure, grid = plt.subplots(
        len(rows),
        columns,
        figsize=(1.5 * columns, 1.62 * len(rows) + 0.7),
        squeeze=False,
        layout="constrained",
    )
    spreads = [255 * row.samples.std(axis=0).mean(axis=-1) for row in rows]
    brightest = max(MIN_STD_RANGE, *(float(spread.max()) for spread in spreads))
    for axes, row, spread in zip(grid, rows, spreads, strict=True):
        for number in range(shown):
            _image(axes[number], row.context[number])
        mean = row.samples.mean(axis=0)
        _image(axes[shown], row.truth)
        _image(axes[shown + 1], row.samples[0], f"RMSE {_rmse(row.samples[0], row.truth):.1f}")
        _image(axes[shown + 2], mean, f"RMSE {_rmse(mean, row.truth):.1f}")
        _image(axes[shown + 3], spread, f"up to {spread.max():.0f}", brightest)
        axes[0].set_ylabel(row.orientation, fontsize=9)
    titles = [f"view {i + 1}" for i in range(shown)]
    count = len(rows[0].samples)
    titles += ["truth", "one sample", f"mean of {count}", f"std of {count}"]
    for axes, heading in zip(grid[0], titles, strict=True):
        axes.set_title(heading, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def save_curves(path: Path, prediction: dict[str, Any], variance: dict[str, Any]) -> None:
    """Error, spread of samples, KL and variance of r by number of views, per orientation.

    Args:
        variance: by orientation, encoder and number of views: `within` and `across` scenes.
    """
    figure, grid = plt.subplots(
        4,
        len(prediction),
        figsize=(4.6 * len(prediction), 10.4),
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    for column, (orientation, found) in zip(grid.T, prediction.items(), strict=True):
        counts = [int(count) for count in found["views"]]
        rows = list(found["views"].values())
        _error_curve(column[0], counts, rows, list(found["baselines"].values()))
        column[0].set_title(f"{orientation} orientation", fontsize=10)
        spread = [
            (c, row["sample_std"])
            for c, row in zip(counts, rows, strict=True)
            if "sample_std" in row
        ]
        if spread:
            column[1].plot(*zip(*spread, strict=True), color=MODEL, marker="o", markersize=3)
        column[2].plot(counts, [row["kl"] for row in rows], color=MODEL, marker="o", markersize=3)
        _variance_curves(column[3], variance[orientation])
        column[3].set_xlabel("context views")
    labels = (
        "RMSE (0-255)",
        "std of prior samples (0-255)",
        "KL(posterior || prior), nats",
        "share of the variance of r",
    )
    for axes, label in zip(grid[:, 0], labels, strict=True):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    grid[3, 0].set_ylim(0.0, ROOM_FOR_LEGEND)
    grid[3, 0].legend(fontsize=7, ncols=2, loc="upper center")
    lines, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), fontsize=8)
    save_figure(figure, path)


def _variance_curves(axes: Axes, by_encoder: dict[str, Any]) -> None:
    """Variance of r across scenes and within scenes, of the trained and the untrained network."""
    colours = dict(zip(by_encoder, (MODEL, UNTRAINED), strict=False))
    for encoder, colour in colours.items():
        counts = [int(count) for count in by_encoder[encoder]]
        for name, style in (("across", "-"), ("within", ":")):
            values = [part[name] for part in by_encoder[encoder].values()]
            label = f"{encoder}, {name} scenes"
            axes.plot(counts, values, style, color=colour, marker="o", markersize=3, label=label)


def _error_curve(
    axes: Axes, counts: list[int], rows: list[dict[str, Any]], baselines: list[dict[str, Any]]
) -> None:
    """RMSE of single samples with a band of two standard errors, and of what needs no model."""
    mse = np.array([row["mse"] for row in rows])
    error = 2 * np.array([row["mse_standard_error"] for row in rows])
    low, high = (255 * np.sqrt(np.maximum(0, mse + sign * error)) for sign in (-1, 1))
    axes.fill_between(counts, low, high, color=MODEL, alpha=0.2, linewidth=0)
    axes.plot(counts, 255 * np.sqrt(mse), color=MODEL, marker="o", markersize=3, label="one sample")
    for count, row in zip(counts, rows, strict=True):
        if row["samples"] > 2:
            label = f"mean of {row['samples']} samples"
            value = row["mean_of_samples"]["rmse"]
            axes.plot([count], [value], color=MEAN, marker="s", linestyle="", label=label)
    nearest = [row["nearest_view"]["rmse"] for row in baselines]
    axes.plot(counts, nearest, color=NEAREST, linewidth=1, label="nearest view")
    for name, (style, colour) in BASELINE_STYLES.items():
        axes.axhline(
            baselines[0][name]["rmse"],
            color=colour,
            linestyle=style,
            linewidth=1,
            label=name.replace("_", " "),
        )


def _rmse(prediction: NDArray[np.floating], truth: NDArray[np.uint8]) -> float:
    return float(np.sqrt(np.square(255.0 * prediction - truth).mean()))


def _image(
    axes: Axes, image: NDArray[Any], caption: str = "", brightest: float | None = None
) -> None:
    axes.set(xticks=[], yticks=[])
    if brightest is None:
        axes.imshow(image, interpolation="nearest")
    else:
        axes.imshow(image, interpolation="nearest", cmap="magma", vmin=0, vmax=brightest)
    if caption:
        axes.set_xlabel(caption, fontsize=7, labelpad=2)
