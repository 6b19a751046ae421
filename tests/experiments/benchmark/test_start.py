"""What `benchmark start` measures, and how it puts it together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.benchmark.start import speed as start
from experiments.benchmark.start.settings import Settings
from tests.experiments.running import COMMANDS
from tests.renderers import needs_pybullet


def test_every_command_is_asked_for_help() -> None:
    assert set(start.commands()) == {name.split()[0] for name in COMMANDS}


def test_the_slowest_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"quick": [0.3, 0.2], "slow": [0.9, 0.8]}

    def timed(arguments: list[str]) -> tuple[str, dict[str, float]]:
        name = arguments[1].removeprefix("experiments.")
        return "", {"seconds": seconds[name].pop(), "cpu_seconds": 0.1}

    monkeypatch.setattr(start, "commands", lambda: sorted(seconds))
    monkeypatch.setattr(start, "timed", timed)
    found = start.help_figures(rounds=2)
    assert found["slowest_help"] == {"command": "slow", "seconds": 0.8, "cpu_seconds": 0.1}
    assert found["help"]["quick"]["seconds"] == 0.2


def test_the_share_is_that_of_the_median_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"quiet": [90.0, 100.0, 400.0], "busy": [1.0, 40.0, 50.0]}
    rates |= {"quiet_loop": [10.0, 10.0, 10.0], "busy_loop": [2.0, 5.0, 9.0]}
    monkeypatch.setattr(start, "work", lambda *_: rates)
    found = start.busy_figures(Settings())
    assert (found["share"], found["share_of_a_loop"]) == pytest.approx((0.4, 0.5))


@pytest.mark.slow
@needs_pybullet
def test_it_measures_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "commands", lambda: ["benchmark"])
    settings = Settings(rounds=1, environments=3, load=1, steps=4, output=tmp_path / "out")
    start.measure_start(settings)
    found: dict[str, Any] = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "help of the slowest command, benchmark" in capsys.readouterr().out
    assert found["memory"]["environments"] == 3
    assert 0 < found["memory"]["undrawn_megabytes"] < found["memory"]["megabytes"]
    for part in (found["slowest_help"], found["make"]):
        assert part["cpu_seconds"] > 0
        assert part["seconds"] > 0
    assert found["busy"]["quiet_steps_per_second"] > 0
