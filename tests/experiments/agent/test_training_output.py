"""What train_agent says while it trains, and when it ends before it was asked to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from envs import ENV_IDS
from experiments import train_agent
from experiments.agent.settings import TrainAgentSettings, fitting_algorithm
from experiments.results.record import condensed
from experiments.results.trainings import RecordedTraining
from experiments.shared.command import SETTINGS_NAME
from gqn_rl.errors import UserError
from tests.experiments.agent.test_commands import SMALL, run
from tests.experiments.results.test_record import EXAMPLE

MANY = ("--eval-every", "64", "--eval-every-episodes", "4", "--eval-episodes", "4")


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run that the time limit ends, and the flags that made it."""
    folder = tmp_path_factory.mktemp("cut") / "run"
    flags = [*SMALL, *MANY, "--total-timesteps", "1000000", "--output", str(folder)]
    return folder, flags


def test_a_run_that_the_limit_ends_says_so_and_how_to_go_on(
    cut_short: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    folder, flags = cut_short
    assert run(train_agent, monkeypatch, *flags, "--max-minutes", "0.02") == 0
    printed = capsys.readouterr()
    assert re.search(r"time limit reached: stopped after [\d,]+ of 1,000,000 steps", printed.err)
    assert "--max-minutes 0.02" in printed.err
    assert f"--resume {folder}" in printed.err
    assert json.loads((folder / "metrics.json").read_text())["time_limit_reached"]


def test_a_log_has_a_plain_line_for_each_evaluation(
    cut_short: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    folder = cut_short[0].parent / "log"
    flags = [*SMALL, *MANY, "--total-timesteps", "1536", "--output", str(folder)]
    assert run(train_agent, monkeypatch, *flags) == 0
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line.startswith("step ")]
    curve = (folder / "curves.csv").read_text().count("\nevaluation,")
    assert len(lines) == curve > 1
    assert "\r" not in printed.out
    assert "time limit" not in printed.err


def test_the_folder_is_there_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(settings: TrainAgentSettings) -> None:
        assert (folder / SETTINGS_NAME).exists()
        raise UserError("not today")

    folder = tmp_path / "run"
    monkeypatch.setattr("experiments.agent.training.make_trainee", built)
    assert run(train_agent, monkeypatch, *SMALL, "--output", folder) == 2
    assert not folder.exists()  # what cannot be built leaves nothing


@pytest.mark.parametrize("env_id", [*ENV_IDS, "envs:GQNShepardContinuous-v0"])
def test_the_algorithm_fits_the_id_and_its_actions(env_id: str) -> None:
    assert fitting_algorithm(env_id) == "ppo"
    assert TrainAgentSettings(env_id=env_id).algorithm == "ppo"
    assert TrainAgentSettings(env_id=env_id, algo="mine:Own").algorithm == "mine:Own"


def test_the_final_measurement_can_be_on_shapes_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--observation", "state", "--num-envs", "8", "--hyper", "n_steps=8", *MANY]
    flags += ["--env-id", "GQNShepardMentalRotation-v0", "--total-timesteps", "128"]
    for name, more in (("same", []), ("new", ["--eval-shapes", "test"])):
        output = ("--output", str(tmp_path / name))
        assert run(train_agent, monkeypatch, *flags, *more, *output) == 0
    folders = [tmp_path / name for name in ("same", "new")]
    same, new = (json.loads((folder / "metrics.json").read_text()) for folder in folders)
    assert [same["shapes"], new["shapes"]] == ["train", "test"]
    # What is learned and what is measured on the way are the same.
    assert same["best_at"]["selected_by"] == new["best_at"]["selected_by"]
    measured = [metrics["env_kwargs"].get("shapes") for metrics in (same, new)]
    assert measured[0] != measured[1] == "test"
    record = replace(EXAMPLE, values=condensed(new))
    line = RecordedTraining("rotation", (record,)).line()
    assert "| the right answer | 128 | 4 episodes, test shapes | 0: " in line
    records = [json.loads((folder / "agent.json").read_text()) for folder in folders]
    assert records[0]["env_kwargs"] == records[1]["env_kwargs"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--eval-shapes", "test"], "answers of GQNShepard-v0 are the shapes of the training"),
        (["--env-id", "GQNShepardMentalRotation-v0", "--eval-shapes", "exam"], "'exam'"),
    ],
)
def test_shapes_that_cannot_be_measured_are_refused_before_training(
    flags: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    folder = tmp_path / "run"
    small = ["--observation", "state", "--num-envs", "2", *flags]
    assert run(train_agent, monkeypatch, *small, "--output", str(folder)) == 2
    assert complaint in capsys.readouterr().err
    assert not folder.exists()
