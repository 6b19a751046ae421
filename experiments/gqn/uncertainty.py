"""Picture of spread against error: sparsification and calibration by number of views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from experiments.shared.figures import save_figure


def save_uncertainty(path: Path, calibration: dict[str, dict[str, Any]]) -> None:
    """A column per orientation: what is left after the least certain are left out, and the error
    of predictions by the error that their spread leads to expect.

    Args:
        calibration: by orientation and number of views, `spread_against_error`.
    """
    found = {name: by_views for name, by_views in calibration.items() if by_views}
    figure, grid = plt.subplots(
        2, len(found), figsize=(4.6 * len(found), 8.2), squeeze=False, layout="constrained"
    )
    for (sparsified, calibrated), (name, by_views) in zip(grid.T, found.items(), strict=True):
        sparsified.set_title(f"{name} orientation", fontsize=10)
        colours = plt.get_cmap("viridis")
        for place, (count, row) in enumerate(by_views.items()):
            colour = colours(place / max(1, len(by_views)))
            _sparsification(sparsified, count, row, colour)
            bins = row["bins"]
            calibrated.plot(
                bins["expected"], bins["error"], "o-", color=colour, markersize=3, label=count
            )
        _finish(sparsified, calibrated)
    save_figure(figure, path)


def _sparsification(axes: Axes, count: str, row: dict[str, Any], colour: Any) -> None:
    curves = row["sparsification"]
    label = f"{count}: AUSE {row['ause']:.2f} (by chance {row['ause_random']:.2f})"
    axes.plot(curves["left_out"], curves["by_spread"], color=colour, label=label)
    axes.plot(curves["left_out"], curves["by_error"], ":", color=colour)


def _finish(sparsified: Axes, calibrated: Axes) -> None:
    sparsified.set(xlabel="share left out, largest spread first", ylabel="RMSE of the rest (0-255)")
    sparsified.set_ylim(bottom=0)
    sparsified.legend(title="views (dotted: largest error first)", fontsize=7, title_fontsize=7)
    top = max(calibrated.get_xlim()[1], calibrated.get_ylim()[1])
    calibrated.plot([0, top], [0, top], "--", color="#8a8a8a", linewidth=1)
    calibrated.set(xlabel="expected RMSE, from the spread", ylabel="RMSE of the mean of samples")
    calibrated.legend(title="views", fontsize=7, title_fontsize=7)
