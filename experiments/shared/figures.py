"""Figures that are drawn without a screen and written in one piece."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from gqn_rl.files import write_atomically

matplotlib.use("Agg")

DOTS_PER_INCH = 130


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure of pyplot as the file that the path's suffix names, and close it.

    A figure that has no layout of its own is laid out so that no label is cut off or overlapped.
    """
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("tight", h_pad=0.4)
    try:
        write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=DOTS_PER_INCH))
    finally:
        plt.close(figure)
