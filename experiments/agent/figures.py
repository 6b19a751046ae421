"""Pictures of training and of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image, ImageDraw

from experiments.agent.episode import Episode
from experiments.shared.figures import save_figure
from gqn_rl.files import write_atomically

AGENT, TRAINING, OTHER, CHANCE = "#1f5f99", "#9ec3e6", "#8a8a8a", "#c44e52"
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 900, 2500
LABELS = {"looks": "looks per episode", "error": "prediction error (RMSE, 0-255)"}
"""What a figure calls a measure; any other by its own name."""
CAPTION_HEIGHT = 24
"""Pixels below each frame of the animation."""


def save_learning_curve(
    path: Path,
    training: Sequence[dict[str, Any]],
    evaluations: Sequence[dict[str, Any]],
    measures: Sequence[str],
    chance: float | None,
) -> None:
    """Each measure against environment steps; evaluations with their 95 % intervals."""
    figure, panels = plt.subplots(len(measures), 1, figsize=(7, 3 * len(measures)), sharex=True)
    for axes, name in zip(panels, measures, strict=True):
        explored = [row for row in training if row.get(name) is not None]
        if explored:
            steps, values = _column(explored, "timesteps"), _column(explored, name)
            axes.plot(steps, values, color=TRAINING, label="while exploring")
        known = [row for row in evaluations if row[name] is not None]
        steps = _column(known, "timesteps")
        style = {"color": AGENT, "marker": "o", "markersize": 3, "label": "evaluation"}
        axes.plot(steps, _column(known, name), **style)
        low, high = np.array([row[f"{name}_95"] for row in known]).reshape(-1, 2).T
        axes.fill_between(
            steps, low, high, color=AGENT, alpha=0.2, linewidth=0, label="95 % interval"
        )
        _scale(axes, name, chance)
    panels[0].legend()
    panels[-1].set(xlabel="environment steps")
    save_figure(figure, path)


def save_film_strip(path: Path, episode: Episode, title: str) -> None:
    """One episode: the views in order, the move after each, and what had been imagined."""
    imagined = any(image is not None for image in episode.imagined)
    looks = len(episode.views)
    columns, rows = looks + (episode.query is not None), 1 + imagined
    figure, grid = plt.subplots(
        rows, columns, figsize=(max(4.0, 1.5 * columns), 1.65 * rows + 0.7), squeeze=False
    )
    for column in range(looks):
        _panel(grid[0, column], episode.views[column], f"look {column + 1}")
        grid[0, column].set_xlabel(f"→ {episode.actions[column]}", fontsize=9)
        if imagined:
            _panel(grid[1, column], episode.imagined[column], "")
    if episode.query is not None:
        _panel(grid[0, -1], None, "")
        _panel(grid[-1, -1], episode.query, "query view")
    if imagined:
        grid[0, 0].set_ylabel("seen")
        label = "imagined\nbeforehand" if episode.query is None else "query view\nas drawn"
        grid[1, 0].set_ylabel(label)
    figure.suptitle(f"{title}: {episode.outcome}", fontsize=11)
    save_figure(figure, path)


def save_comparison(
    path: Path, table: dict[str, dict[str, Any]], measures: Sequence[str], chance: float | None
) -> None:
    """The measures of the agent beside those of the baselines, with 95 % intervals."""
    figure, panels = plt.subplots(1, len(measures), figsize=(4 * len(measures), 3.6))
    for axes, key in zip(panels, measures, strict=True):
        names = [name for name in table if table[name][key] is not None]
        colours = [AGENT if name == "agent" else OTHER for name in names]
        values = np.array([table[name][key] for name in names])
        bounds = np.array([table[name][f"{key}_95"] for name in names])
        errors = np.abs(bounds.T - values)
        axes.bar(names, values, color=colours, yerr=errors, capsize=3)
        _scale(axes, key, chance)
        plt.setp(axes.get_xticklabels(), rotation=30, ha="right", rotation_mode="anchor")
    save_figure(figure, path)


def save_animation(path: Path, episodes: Sequence[Episode]) -> None:
    """Episodes one after the other as a GIF, from the environment's own pictures.

    The last picture of each, which has its outcome, stays longer.
    """
    frames, durations = [], []
    for number, episode in enumerate(episodes, start=1):
        of_several = f"episode {number}, " if len(episodes) > 1 else ""
        says = [*episode.actions[:-1], episode.outcome]
        for look, (frame, text) in enumerate(zip(episode.frames, says, strict=True), start=1):
            frames.append(_captioned(frame, f"{of_several}look {look}: {text}"))
            durations.append(FRAME_MILLISECONDS)
        durations[-1] = LAST_FRAME_MILLISECONDS

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


def _scale(axes: Axes, measure: str, chance: float | None) -> None:
    """The name of a measure beside its axis, and its range."""
    axes.set(ylabel=LABELS.get(measure, measure))
    if measure == "accuracy":
        axes.set_ylim(0, 1.05)
        if chance is not None:
            axes.axhline(chance, color=CHANCE, linestyle="--", linewidth=1)
            axes.text(
                0.99, chance, f"chance {chance:.2f}", color=CHANCE, fontsize=8,
                transform=axes.get_yaxis_transform(), ha="right", va="bottom",
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
            )  # fmt: skip
    elif measure != "reward":
        axes.set_ylim(0, None)


def _captioned(frame: np.ndarray, caption: str) -> Image.Image:
    height, width = frame.shape[:2]
    picture = Image.new("RGB", (width, height + CAPTION_HEIGHT), (0, 0, 0))
    picture.paste(Image.fromarray(frame), (0, 0))
    ImageDraw.Draw(picture).text((6, height + 6), caption, fill=(255, 255, 255))
    return picture


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
