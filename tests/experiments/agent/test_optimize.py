"""`train_agent --optimize`: trials that survive a crash, and a file that training takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.factory import load_hyperparameters
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.search.study import JOURNAL, imported_optuna, opened_study
from agents.training.callbacks import EvaluationCallback
from experiments import train_agent
from experiments.agent.optimization import BEST, ReportCallback
from experiments.agent.settings import TrainAgentSettings
from experiments.shared.command import EXIT_BAD_INPUT, run_command
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model
from tests.agents.fake_env import fake_vector_env

ENV_ID = "GQNShepard-v0"
# The truth as observation needs no encoder and no rendering, so a trial takes seconds.
SMALL = ["--observation", "state", "--num-envs", "4", "--gallery-size", "3"]
SMALL += ["--total-timesteps", "256", "--eval-every", "128", "--eval-every-episodes", "8"]
SMALL += ["--hyper", "n_steps=16", "aux_updates=1", "aux_buffer_size=500"]


def run(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of the command."""
    monkeypatch.setattr("sys.argv", ["train_agent", *map(str, flags)])
    try:
        run_command(train_agent.main, TrainAgentSettings, train_agent.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of two trials."""
    folder = tmp_path_factory.mktemp("runs") / "search"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(monkeypatch, "--optimize", 2, "--output", folder, *SMALL) == 0
    return folder


def test_the_best_trial_becomes_a_hyperparameter_file(searched: Path) -> None:
    trials = json.loads((searched / "trials.json").read_text())
    assert [trial["number"] for trial in trials] == [0, 1]
    assert {trial["state"] for trial in trials} == {"complete"}
    # The first has the settings that the search began with, as far as the space has them.
    assert trials[0]["changes"]["n_steps"] == 16
    assert trials[0]["changes"]["gamma"] == load_hyperparameters("ppo", ENV_ID)["gamma"]
    best = max(trials, key=lambda trial: trial["reward"])
    assert yaml.safe_load((searched / BEST).read_text()) == {ENV_ID: best["changes"]}
    taken = load_hyperparameters("ppo", ENV_ID, path=searched / BEST)
    assert taken["learning_rate"] == best["changes"]["learning_rate"]
    assert taken["policy"] == load_hyperparameters("ppo", ENV_ID)["policy"]


def test_training_takes_the_file(
    searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [*SMALL[:-4], "--hyperparameters", searched / BEST, "--eval-episodes", 8]
    assert run(monkeypatch, *flags, "--output", tmp_path / "run") == 0
    used = json.loads((tmp_path / "run" / "hyperparameters.json").read_text())
    best = yaml.safe_load((searched / BEST).read_text())[ENV_ID]
    assert used["gamma"] == best["gamma"]


def test_a_search_goes_on_with_the_trials_it_has(
    searched: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--resume", searched) == EXIT_BAD_INPUT
    assert "already done 2 trials; --optimize is 2" in capsys.readouterr().err
    before = json.loads((searched / "trials.json").read_text())
    study = opened_study(searched / JOURNAL)
    killed = study.ask()  # as a crash leaves it
    value = killed.suggest_categorical("gamma", ["0.95", "0.98", "0.99", "1.0"])
    assert run(monkeypatch, "--resume", searched, "--optimize", 3) == 0
    after = json.loads((searched / "trials.json").read_text())
    assert after[:2] == before
    assert [trial["state"] for trial in after[2:]] == ["fail", "complete"]
    assert after[3]["changes"]["gamma"] == json.loads(value)  # that trial, done again


def test_a_study_is_begun_once_and_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = tmp_path / "study"
    assert run(monkeypatch, "--study", folder, *SMALL) == EXIT_BAD_INPUT
    assert "--study needs --optimize" in capsys.readouterr().err
    assert run(monkeypatch, "--study", folder, "--optimize", 1, "--seed", 5, *SMALL) == 0
    # Another one need not say again what the study is about.
    assert run(monkeypatch, "--study", folder, "--optimize", 2) == 0
    trials = json.loads((folder / "trials.json").read_text())
    assert [trial["state"] for trial in trials] == ["complete"] * 2
    assert trials[0]["changes"] != trials[1]["changes"]
    assert not list((folder / "workers").iterdir())
    # One that comes too late has nothing to do, which is no mistake.
    assert run(monkeypatch, "--study", folder) == 0
    assert "already done 2 trials" in capsys.readouterr().out
    for flags, message in (
        (["--gallery-size", 5], "has gallery_size 3, but --gallery-size is 5"),
        (["--max-minutes", 3], "max_minutes is 3, but the trials of the study"),
        (["--output", tmp_path / "other"], "is a folder to begin or to join"),
    ):
        assert run(monkeypatch, "--study", folder, *flags) == EXIT_BAD_INPUT
        assert message in capsys.readouterr().err


def test_a_folder_with_something_else_is_no_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    code = run(monkeypatch, "--study", tmp_path, "--optimize", 1, *SMALL)
    assert code == EXIT_BAD_INPUT
    assert "holds no study, but 'notes.txt'" in capsys.readouterr().err
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_hopeless_trials_are_given_up() -> None:
    class Told:
        """An Optuna trial that has seen better ones."""

        def __init__(self) -> None:
            self.values: list[tuple[float, int]] = []

        def report(self, value: float, step: int) -> None:
            self.values.append((value, step))

        def should_prune(self) -> bool:
            return len(self.values) == 2

    trial: Any = Told()
    env = GymnasiumVecEnv(fake_vector_env(2))
    evaluations = EvaluationCallback(env, 64, 4, 0, lambda model, evaluation: None)
    model = small_model(4, n_steps=16, batch_size=32)
    with pytest.raises(imported_optuna().TrialPruned):
        model.learn(10_000, callback=[evaluations, ReportCallback(trial, evaluations)])
    assert trial.values == [(row["reward"], row["timesteps"]) for row in evaluations.curve]
    assert model.num_timesteps == 128


def test_a_training_is_no_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*SMALL, "--eval-episodes", 8, "--output", tmp_path / "run"]
    assert run(monkeypatch, *flags) == 0
    assert run(monkeypatch, "--resume", tmp_path / "run", "--optimize", 4) == EXIT_BAD_INPUT
    assert "is a training, but --optimize is 4" in capsys.readouterr().err


def test_without_optuna_the_flag_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r'pip install "gqn-rl\[optimize\]"'):
        imported_optuna()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("a: [", "cannot be read"),
        ("[1, 2]", "holds no sections"),
        ("GQNShepard-v0: 3", "holds no sections"),
        ("GQNShepard-v0: {gama: 1}", "unknown hyperparameter 'gama'"),
    ],
)
def test_a_wrong_hyperparameter_file_is_one_line(
    content: str | None, message: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    path = tmp_path / "file.yml"
    if content is not None:
        path.write_text(content)
    assert run(monkeypatch, *SMALL, "--hyperparameters", path) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
