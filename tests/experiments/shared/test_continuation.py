"""The command that began a run goes on with it: torchrun and Slurm start it again as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from gqn_rl.training.state import FILE_NAME, PREVIOUS_NAME
from tests.experiments.gqn.pretraining_runs import assert_same_weights, run, saved_step

AT_ONCE = ["--time-limit", 1e-9]
"""Stops before the first step and saves."""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of 4 steps that has stopped before the first."""
    assert run(monkeypatch, "--iterations", 4, *AT_ONCE, "--output", tmp_path / "run") == 0
    return tmp_path / "run"


def test_the_same_command_goes_on_to_the_same_bits(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Settings that change nothing of what is computed may be others than before.
    assert run(monkeypatch, "--iterations", 4, "--save-every", 2, "--output", begun) == 0
    assert f"{begun}: step 0 of 4" in capsys.readouterr().out
    assert run(monkeypatch, "--iterations", 4, "--output", tmp_path / "whole") == 0
    assert_same_weights(begun, tmp_path / "whole")


def test_what_is_done_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--iterations", 2, "--output", tmp_path / "run"]
    assert run(monkeypatch, *flags) == 0
    before = contents(tmp_path)
    capsys.readouterr()
    assert run(monkeypatch, *flags) == 0
    assert "has already done its 2 iterations" in capsys.readouterr().out
    assert contents(tmp_path) == before


def test_a_run_that_was_killed_before_it_saved_anything_begins_again(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (FILE_NAME, "model.safetensors", "model.json", "metrics.json"):
        (begun / name).unlink()
    assert run(monkeypatch, "--iterations", 4, "--output", begun) == 0
    assert saved_step(begun) == 4


def test_weights_of_an_earlier_step_do_not_pass_for_the_last_ones(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    flags = ["--iterations", 4, "--output", begun]
    with monkeypatch.context() as patch:
        patch.setattr("experiments.gqn_training.run._finish", killed)
        assert run(monkeypatch, *flags) == EXIT_INTERRUPTED
    assert saved_step(begun) == 4
    assert (begun / "model.safetensors").is_file()
    assert run(monkeypatch, *flags) == 0
    assert json.loads((begun / "metrics.json").read_text())["step"] == 4
    assert run(monkeypatch, "--iterations", 4, "--output", tmp_path / "whole") == 0
    assert_same_weights(begun, tmp_path / "whole")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seed", 5], "seed is 5, but"),
        (["--iterations", 5], "iterations is 5, but"),
        (["--batch-size", 4], "batch_size is 4, but"),
        (["--preset", "small"], "preset is 'small', but"),
        (["--data-path", "scenes"], "data_path is 'scenes', but"),
        (["--evaluate-every", 7], "eval_every is 7, but"),
    ],
)
def test_other_settings_for_the_same_folder_are_refused(
    begun: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[object],
    message: str,
) -> None:
    before = contents(begun)
    capsys.readouterr()
    assert run(monkeypatch, "--iterations", 4, *flags, "--output", begun) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert message in printed
    assert f"output folder {str(begun)!r} exists and holds a run with" in printed
    assert len(printed.splitlines()) == 1
    assert contents(begun) == before


@pytest.mark.parametrize("kind", ["states damaged", "foreign settings", "torn settings"])
def test_a_folder_that_cannot_be_gone_on_with_is_one_line(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind == "states damaged":
        for name in (FILE_NAME, PREVIOUS_NAME):
            (begun / name).write_bytes(b"rubbish")
    else:
        text = '{"algo": "ppo"}' if kind == "foreign settings" else '{"preset": '
        (begun / "settings.json").write_text(text)
    before = contents(begun)
    capsys.readouterr()
    assert run(monkeypatch, "--iterations", 4, "--output", begun) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert str(begun) in printed
    assert len(printed.splitlines()) == 1
    assert contents(begun) == before


def test_restarts_need_a_folder_in_which_they_find_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    assert run(monkeypatch, "--iterations", 1) == EXIT_BAD_INPUT
    assert "max-restarts is 3, but output is None" in capsys.readouterr().err
    assert run(monkeypatch, "--iterations", 1, "--output", tmp_path / "run") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
