"""Curves, bars and maps as arrays, and pictures as HTML that needs no file and no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from experiments.explorer.estimates import CurvePoint
from experiments.explorer.rotation_test import (
    AgentAtAngle,
    Answer,
    scores_by_angle,
)
from experiments.explorer.scenes import Image
from experiments.trials.lines import fitted_line

OWN, AGENT, CHANCE, ERROR = "#c8501e", "#1f5f99", "#8a8a8a", "#1f5f99"
DPI = 110
MAP_WIDTH, MAP_HEIGHT = 360, 180
"""Pixels; one for each degree."""
MAP_BACKGROUND, MAP_LINE, MAP_LOOK, MAP_CAMERA = (24, 24, 28), (70, 70, 80), (255, 190, 60), (
    255, 80, 70)  # fmt: skip
HEAT_LIMIT = 64.0
"""Of the 0-255 scale: from here on a heat map shows its brightest colour."""


def picture_html(images: Sequence[tuple[Image, str]], size: int, kind: str = "") -> str:
    """Pictures side by side, each over a line of text.

    Args:
        images: uint8 (H, W, 3) each, with its caption, which is shown as it is.
        size: height of each, in CSS pixels; enlarged without blurring.
        kind: CSS class of them all.
    """
    parts = [
        f'<figure><img src="{_data_url(image)}" alt="{html.escape(caption)}" '
        f'style="height:{size}px"><figcaption>{html.escape(caption)}</figcaption></figure>'
        for image, caption in images
    ]
    return f'<div class="pictures {html.escape(kind)}">{"".join(parts)}</div>'


def heat(values: NDArray[np.float64]) -> Image:
    """Values (H, W) from 0 to `HEAT_LIMIT` and above as colours, uint8 (H, W, 3)."""
    colours = matplotlib.colormaps["magma"](np.clip(values / HEAT_LIMIT, 0.0, 1.0))
    return np.rint(255 * colours[..., :3]).astype(np.uint8)


def camera_map(looks: Sequence[tuple[float, float]], camera: tuple[float, float]) -> Image:
    """Where looks were taken from and where the camera is: azimuth across, elevation up.

    Args:
        looks: azimuth and elevation in degrees, in order.
        camera: likewise.

    Returns:
        uint8 (MAP_HEIGHT, MAP_WIDTH, 3); `map_to_angles` is its inverse.
    """
    panel = Pillow.new("RGB", (MAP_WIDTH, MAP_HEIGHT), MAP_BACKGROUND)
    draw = ImageDraw.Draw(panel)
    for step in range(0, MAP_WIDTH, 30):
        draw.line([(step, 0), (step, MAP_HEIGHT)], fill=MAP_LINE)
        draw.line([(0, step), (MAP_WIDTH, step)], fill=MAP_LINE)
    for number, look in enumerate(looks, start=1):
        x, y = _map_place(*look)
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=MAP_LOOK)
        draw.text((x + 6, y - 6), str(number), fill=MAP_LOOK)
    x, y = _map_place(*camera)
    draw.ellipse([x - 6, y - 6, x + 6, y + 6], outline=MAP_CAMERA, width=3)
    return np.array(panel)


def map_to_angles(across: float, down: float) -> tuple[float, float]:
    """Azimuth in [-180, 180) and elevation in [-90, 90], degrees, of a place on the map.

    Args:
        across, down: from 0 at the left and upper edge to 1 at the others.
    """
    azimuth = (360.0 * across) % 360.0 - 180.0
    return float(azimuth), float(np.clip(90.0 - 180.0 * down, -90.0, 90.0))


def estimate_curve(curve: Sequence[CurvePoint]) -> Image:
    """Spread and error against the number of views."""
    figure, axes = _figure(1, (3.9, 2.5))
    views = [point.views for point in curve]
    axes[0].plot(views, [point.error for point in curve], "o-", color=ERROR, label="error (RMSE)")
    axes[0].plot(
        views, [point.spread for point in curve], "s-", color=OWN, label="spread of the samples"
    )
    axes[0].set(xlabel="views", ylabel="0-255", xlim=(0.7, max(6, views[-1]) + 0.3))
    axes[0].set_ylim(0, None)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(frameon=False, fontsize=8)
    return _drawn(figure)


def posterior_bars(posterior: NDArray[np.float64], answers: Sequence[str]) -> Image:
    """The probability of each answer."""
    figure, axes = _figure(1, (5.2, 2.4))
    axes[0].bar(range(len(posterior)), posterior, color=AGENT)
    axes[0].set(ylim=(0, 1), ylabel="answer posterior", xticks=range(len(posterior)))
    few = len(posterior) <= 3
    labels = list(answers) if few else [answer.split()[-1] for answer in answers]
    axes[0].set_xticklabels(labels, fontsize=8 if len(posterior) <= 20 else 5)
    if not few:
        axes[0].set_xlabel(answers[0].split()[0])
    return _drawn(figure)


def rotation_figure(answers: Sequence[Answer], agent: Sequence[AgentAtAngle] | None) -> Image:
    """One's own time and accuracy by angle, the latter beside the agent's."""
    figure, (left, right) = _figure(2, (9.0, 3.2))
    _draw_times(left, answers)
    _draw_accuracy(right, answers, agent)
    for axes in (left, right):
        axes.set(xlabel="degrees between the objects", xlim=(-8, 188), xticks=range(0, 181, 40))
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    return _drawn(figure)


def _draw_times(axes: Axes, answers: Sequence[Answer]) -> None:
    right = [answer for answer in answers if answer.is_right]
    line = fitted_line([answer.angle for answer in right], [answer.seconds for answer in right])
    if line is not None:
        across = np.linspace(0.0, 180.0, 60)
        middle, low, high = line.at(across)
        axes.fill_between(across, low, high, color=OWN, alpha=0.15, linewidth=0)
        axes.plot(across, middle, color=OWN, linewidth=1, label="line, 95 % interval")
    same = scores_by_angle([answer for answer in answers if not answer.mirrored])
    mirrored = scores_by_angle([answer for answer in answers if answer.mirrored])
    for scores, name, fill in ((same, "you, same", OWN), (mirrored, "you, mirrored", "none")):
        known = [(each.angle, each.seconds) for each in scores if each.seconds is not None]
        places, seconds = zip(*known, strict=True) if known else ((), ())
        axes.plot(places, seconds, "o", color=OWN, markerfacecolor=fill, label=name)
    axes.set(ylabel="seconds, right answers")
    axes.set_ylim(0, 1.3 * max([1.0, *(answer.seconds for answer in right)]))


def _draw_accuracy(
    axes: Axes, answers: Sequence[Answer], agent: Sequence[AgentAtAngle] | None
) -> None:
    axes.axhline(0.5, color=CHANCE, linestyle=":", linewidth=1, label="chance")
    if agent is not None:
        places, shares = [row.angle for row in agent], [row.accuracy for row in agent]
        axes.plot(places, shares, "s-", color=AGENT, label="agent")
    scores = scores_by_angle(answers)
    if scores:
        places = [score.angle for score in scores]
        middle = np.array([score.accuracy for score in scores])
        ends = np.array([(score.low, score.high) for score in scores]).T
        errors = np.abs(ends - middle)
        axes.errorbar(places, middle, yerr=errors, fmt="o", color=OWN, capsize=3, label="you")
    axes.set(ylabel="accuracy", ylim=(-0.03, 1.35), yticks=np.linspace(0.0, 1.0, 6))


def _figure(columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Without pyplot, which keeps every figure of every thread in one place."""
    figure = Figure(figsize=size, dpi=DPI)
    # Margins in inches: finding them by a layout engine draws everything twice.
    left, below, above, right = 0.6, 0.5, 0.12, 0.12
    figure.subplots_adjust(
        left / size[0], below / size[1], 1 - right / size[0], 1 - above / size[1], wspace=0.2
    )
    axes = [figure.add_subplot(1, columns, k + 1) for k in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _drawn(figure: Figure) -> Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _map_place(azimuth: float, elevation: float) -> tuple[float, float]:
    return (azimuth + 180.0) % 360.0, MAP_HEIGHT / 2 - elevation


def _data_url(image: Image) -> str:
    content = io.BytesIO()
    Pillow.fromarray(image).save(content, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
