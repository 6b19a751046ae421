"""Pictures of what agents did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from experiments.agent.episode import Episode
from experiments.agent.figures import (
    FRAME_MILLISECONDS,
    LAST_FRAME_MILLISECONDS,
    save_animation,
    save_comparison,
    save_film_strip,
    save_learning_curve,
)
from experiments.trials.figure import save_trials
from experiments.trials.table import Trial


def watched(looks: int, brightness: int) -> Episode:
    frames = [np.full((32, 200, 3), brightness + i, np.uint8) for i in range(looks)]
    actions = [*["left"] * (looks - 1), "answer 0"]
    return Episode(actions=actions, frames=frames, outcome="answers 0 (right)")


def test_an_animation_shows_all_looks_and_stays_on_every_verdict(tmp_path: Path) -> None:
    save_animation(tmp_path / "a.gif", [watched(1, 10), watched(3, 60), watched(2, 200)])
    durations, brightness = [], []
    with Image.open(tmp_path / "a.gif") as animation:
        for frame in range(animation.n_frames):  # type: ignore[attr-defined]
            animation.seek(frame)
            durations.append(animation.info["duration"])
            brightness.append(np.asarray(animation.convert("RGB"))[5, 5, 0])
    last, other = LAST_FRAME_MILLISECONDS, FRAME_MILLISECONDS
    assert durations == [last, other, other, last, other, last]
    np.testing.assert_allclose(brightness, [10, 60, 61, 62, 200, 201], atol=4)


def drawn(draw: Callable[[Path], None], path: Path, monkeypatch: pytest.MonkeyPatch) -> Figure:
    """The figure that `draw` saves as `path`."""
    kept: list[Figure] = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(path)
    monkeypatch.undo()
    (figure,) = kept
    plt.close(figure)
    return figure


def result(accuracy: float) -> dict[str, Any]:
    low_high = [accuracy - 0.1, accuracy + 0.1]
    numbers = {"accuracy": accuracy, "looks": 3.0, "reward": accuracy}
    return {**numbers, **{f"{name}_95": low_high for name in numbers}}


TRIALS = [
    Trial("GQNShepardMentalRotation-v0", k, "uurb", False, 20.0 * (k % 10), "vertical",
          ("same", "mirrored")[k % 7 == 0], 1 + k % 3, 1.0, ())
    for k in range(40)
]  # fmt: skip
TABLE = {"agent": result(0.9), "look around, random weights": result(0.3)}
CURVE = [{"timesteps": steps, **result(0.5)} for steps in (1, 2, 3)]
VIEWS = [np.zeros((8, 8, 3), np.uint8)] * 3
EPISODE = Episode(
    views=VIEWS,
    imagined=[None, *VIEWS[:2]],
    actions=["up", "left", "answers shape 8"],
    outcome="answers shape 8 (right)",
)
MEASURED = ("accuracy", "looks", "reward")
FIGURES: dict[str, Callable[[Path], None]] = {
    "angles": lambda path: save_trials(path, TRIALS),
    "comparison": lambda path: save_comparison(path, TABLE, MEASURED, 0.1),
    "learning curve": lambda path: save_learning_curve(path, CURVE, CURVE, MEASURED, 0.1),
    "film strip": lambda path: save_film_strip(path, EPISODE, "GQNShepard-v0"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_no_label_of_a_figure_is_cut_off(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(FIGURES[name], tmp_path / "figure.png", monkeypatch)
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box is not None
    assert min(box.x0, box.y0) >= 0.0
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize("name", ["angles", "comparison", "learning curve"])
def test_the_line_of_chance_says_so_and_no_figure_has_two_axes_in_one_panel(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(FIGURES[name], tmp_path / "figure.png", monkeypatch)
    assert any("chance 0." in text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]
    places = [axes.get_position().bounds for axes in figure.axes]
    assert len(set(places)) == len(places)
