"""The figure by angle: a panel for each measure that there is, and nothing hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.trials import figure as figures
from experiments.trials.figure import angles_of, save_trials
from experiments.trials.table import Trial


def trials(n: int, participant: str = "p1", timed: bool = True, seed: int = 0) -> list[Trial]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(n):
        angle, mirrored = float(rng.choice(np.arange(0, 181, 20))), bool(rng.integers(2))
        right = rng.random() < 0.9
        answer = ("same", "mirrored")[mirrored == right]
        seconds = 1.0 + angle / 50 if timed else None
        made.append(
            Trial(participant, number, "uurb", mirrored, angle, "vertical", answer, 1, seconds, ())
        )
    return made


def drawn(rows: list[Trial], path: Path, monkeypatch: pytest.MonkeyPatch) -> Figure:
    kept: list[Figure] = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, _: kept.append(figure))
    save_trials(path, rows)
    return kept[0]


def test_panels_are_those_of_measures_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for timed, names in ((True, 3), (False, 2)):
        figure = drawn(trials(60, timed=timed), tmp_path / "f.png", monkeypatch)
        assert len(figure.axes) == names
        assert len({axes.get_ylabel() for axes in figure.axes}) == names


def test_the_line_is_fitted_to_right_answers_and_shown_with_its_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = drawn(trials(60), tmp_path / "f.png", monkeypatch).axes[2]
    (line,) = [line for line in seconds.lines if len(line.get_xdata()) == 60]  # type: ignore[arg-type]
    x, y = np.array(line.get_data())
    np.testing.assert_allclose(y, 1.0 + x / 50, atol=1e-6)
    bands = drawn(trials(60), tmp_path / "f.png", monkeypatch).axes[0].collections
    assert len(bands) >= 2  # bars and the band of the line


def test_participants_have_a_colour_each_and_many_are_drawn_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, labels in ((2, ["a0", "a1"]), (9, ["9 participants"])):
        rows = [row for k in range(count) for row in trials(12, f"a{k}", seed=k)]
        axes = drawn(rows, tmp_path / "f.png", monkeypatch).axes[0]
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == labels


def test_many_angles_are_put_together_and_few_are_not() -> None:
    few = trials(50)
    assert angles_of(few) == [trial.angle for trial in few]
    many = [
        Trial("p", 1, "u", False, float(angle), "sight", "same", 1, None, ())
        for angle in np.linspace(0, 180, 181)
    ]
    assert set(angles_of(many)) == set(range(0, 181, 20))


def test_a_single_trial_makes_a_figure(tmp_path: Path) -> None:
    save_trials(tmp_path / "one.png", trials(1))
    assert (tmp_path / "one.png").stat().st_size > 1000
