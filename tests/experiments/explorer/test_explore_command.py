"""Wrong flags of `python -m experiments.explore` get one line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from experiments import explore
from experiments.explorer.latency import time_action
from experiments.explorer.page.messages import error_html
from tests.experiments.running import run


@pytest.mark.skipif(find_spec("gradio") is not None, reason="gradio is installed here")
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, explore, explore.ExploreSettings) == 2
    assert capsys.readouterr().err == (
        'error: gradio is not installed; pip install "gqn-rl[explore]"\n'
    )


def test_measuring_no_rounds_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = run(monkeypatch, explore, explore.ExploreSettings, measure=True, rounds=0)
    assert code == 2
    assert "rounds is 0, expected at least 1" in capsys.readouterr().err


def test_an_action_is_timed_as_often_as_asked() -> None:
    calls: list[int] = []
    row = time_action(lambda: calls.append(0), rounds=3)
    assert len(calls) == 4  # the first is not counted
    assert 0 <= row["median_ms"] <= row["largest_ms"]


def test_messages_show_markup_as_text() -> None:
    assert "<script>" not in error_html(ValueError("'<script>' is no move"))
