"""Pictures of training and of episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from experiments.agent_episode import Episode
from gqn_rl.files import write_atomically

AGENT, TRAINING, OTHER, CHANCE = "#1f5f99", "#9ec3e6", "#8a8a8a", "#c44e52"
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 900, 2500
CAPTION_HEIGHT = 24
"""Pixels below each frame of the animation."""


def save_learning_curve(
    path: Path,
    training: Sequence[dict[str, Any]],
    evaluations: Sequence[dict[str, Any]],
    chance: float,
) -> None:
    """Accuracy and looks against environment steps; evaluations with their 95 % intervals."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True)
    top.plot(_column(training, "timesteps"), _column(training, "accuracy"), color=TRAINING)
    steps = _column(evaluations, "timesteps")
    for axes, name in ((top, "accuracy"), (bottom, "looks")):
        axes.plot(steps, _column(evaluations, name), color=AGENT, marker="o", markersize=3)
        low, high = np.array([row[f"{name}_95"] for row in evaluations]).reshape(-1, 2).T
        axes.fill_between(steps, low, high, color=AGENT, alpha=0.2, linewidth=0)
    top.axhline(chance, color=CHANCE, linestyle="--", linewidth=1)
    top.legend(["while exploring", "evaluation", "95 % interval", "chance"], loc="lower right")
    top.set(ylabel="accuracy", ylim=(0, 1.02))
    bottom.set(xlabel="environment steps", ylabel="looks per episode", ylim=(0, None))
    _save(figure, path)


def save_film_strip(path: Path, episode: Episode, title: str) -> None:
    """One episode: the views in order, the move after each, and what had been imagined."""
    imagined = any(image is not None for image in episode.imagined)
    columns, rows = len(episode.views), 1 + imagined
    figure, grid = plt.subplots(
        rows, columns, figsize=(max(4.0, 1.5 * columns), 1.65 * rows + 0.7), squeeze=False
    )
    for column in range(columns):
        _panel(grid[0, column], episode.views[column], f"look {column + 1}")
        grid[0, column].set_xlabel(_caption(episode, column), fontsize=9)
        if imagined:
            _panel(grid[1, column], episode.imagined[column], "")
    if imagined:
        grid[0, 0].set_ylabel("seen")
        grid[1, 0].set_ylabel("imagined\nbeforehand")
    figure.suptitle(f"{title}: {episode.verdict}", fontsize=11)
    _save(figure, path)


def save_comparison(path: Path, table: dict[str, dict[str, Any]], chance: float) -> None:
    """Accuracy and looks of the agent beside the baselines, with 95 % intervals."""
    names = list(table)
    colours = [AGENT if name == "agent" else OTHER for name in names]
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.6))
    for axes, key in zip(panels, ("accuracy", "looks"), strict=True):
        values = np.array([table[name][key] for name in names])
        bounds = np.array([table[name][f"{key}_95"] for name in names])
        errors = np.abs(bounds.T - values)
        axes.bar(names, values, color=colours, yerr=errors, capsize=3)
        axes.set(title=key)
        axes.tick_params(axis="x", rotation=20)
    panels[0].axhline(chance, color=CHANCE, linestyle="--", linewidth=1)
    panels[0].set_ylim(0, 1.05)
    _save(figure, path)


def save_animation(path: Path, episode: Episode) -> None:
    """The episode as a GIF, from the environment's own pictures; the last one stays longer."""
    captions = [f"look {i + 1}: {action}" for i, action in enumerate(episode.actions)]
    captions[-1] = f"look {len(captions)}: {episode.verdict}"
    frames = [_captioned(f, c) for f, c in zip(episode.frames, captions, strict=True)]
    durations = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS]

    def write(temporary: Path) -> None:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
        )

    write_atomically(path, write)


def _captioned(frame: np.ndarray, caption: str) -> Image.Image:
    height, width = frame.shape[:2]
    picture = Image.new("RGB", (width, height + CAPTION_HEIGHT), (0, 0, 0))
    picture.paste(Image.fromarray(frame), (0, 0))
    ImageDraw.Draw(picture).text((6, height + 6), caption, fill=(255, 255, 255))
    return picture


def _caption(episode: Episode, column: int) -> str:
    last = column == len(episode.views) - 1
    return episode.verdict if last and column else f"→ {episode.actions[column]}"


def _panel(axes: Axes, image: np.ndarray | None, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    if image is None:
        for side in axes.spines.values():
            side.set_visible(False)
        return
    axes.imshow(image, interpolation="nearest")


def _column(rows: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout(h_pad=0.4)
    write: Callable[[Path], None] = lambda temporary: figure.savefig(temporary, dpi=130)  # noqa: E731
    try:
        write_atomically(path, write)
    finally:
        plt.close(figure)
