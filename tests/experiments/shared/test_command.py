"""What every command does with flags, folders and mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.shared.command import new_run_folder, run_command, save_settings, unused
from gqn_rl.errors import UserError


@dataclass(frozen=True)
class Settings:
    episodes: int = 7
    """How many episodes to play."""
    verbose: bool = False
    """Say more."""
    output: Path | None = None
    """Folder of the run."""


def run(monkeypatch: pytest.MonkeyPatch, *flags: str) -> Settings:
    """The settings that `main` of a command receives for these flags."""
    received: list[Settings] = []
    monkeypatch.setattr(sys, "argv", ["command", *flags])
    run_command(received.append, Settings, "Plays episodes.")
    return received[0]


def test_flags_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch) == Settings()
    assert run(monkeypatch, "--episodes", "3", "--output", "here") == Settings(
        3, False, Path("here")
    )


def test_false_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--verbose").verbose is True
    assert run(monkeypatch, "--no-verbose").verbose is False


def test_help_explains_each_flag_with_its_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        run(monkeypatch, "--help")
    assert leaving.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Plays episodes." in printed
    assert "--episodes INT" in printed
    assert "How many episodes to play. (default: 7)" in printed
    assert "Say more. (default: False)" in printed


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--episode-count", "3"), "--episode-count"),
        (("--episodes", "many"), "--episodes"),
        (("--verbose", "perhaps"), "perhaps"),
    ],
)
def test_bad_flags_leave_with_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, str],
    named: str,
) -> None:
    with pytest.raises(SystemExit) as leaving:
        run(monkeypatch, *flags)
    assert leaving.value.code == 2
    assert named in capsys.readouterr().err


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def main(settings: Settings) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(ZeroDivisionError):
        run_command(main, Settings, None)


def test_interruption_leaves_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(settings: Settings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as leaving:
        run_command(main, Settings, None)
    assert leaving.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


COMMAND = """
from dataclasses import dataclass
from pathlib import Path
from experiments.shared.command import new_run_folder, run_command

@dataclass
class Settings:
    output: Path

run_command(lambda settings: new_run_folder(settings.output, "command"), Settings, None)
"""


@pytest.mark.parametrize("occupied", ["folder", "file", "below a file"])
def test_occupied_output_is_one_clear_line_and_nothing_is_lost(
    tmp_path: Path, occupied: str
) -> None:
    output = tmp_path / "run"
    if occupied == "folder":
        output.mkdir()
    kept = output / "agent.zip" if occupied == "folder" else output
    kept.write_text("precious")
    flag = output / "new" if occupied == "below a file" else output
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "--output", str(flag)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert str(flag) in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [kept]
    assert kept.read_text() == "precious"


def test_new_and_empty_folders_are_taken(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path / "a" / "b", "command").is_dir()
    (tmp_path / "empty").mkdir()
    assert new_run_folder(tmp_path / "empty", "command") == tmp_path / "empty"


def test_without_output_every_run_has_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {new_run_folder(None, "train_agent") for _ in range(3)}
    (tmp_path / folders.copy().pop() / "agent.zip").touch()
    folders.add(new_run_folder(None, "train_agent"))
    assert len(folders) == 4
    assert all(str(folder).startswith("runs/train_agent-") for folder in folders)


def test_unused_counts_up(tmp_path: Path) -> None:
    for expected in ("run", "run-2", "run-3"):
        path = unused(tmp_path / "run")
        assert path.name == expected
        path.mkdir()


def test_settings_are_saved_as_json(tmp_path: Path) -> None:
    save_settings(tmp_path, Settings(output=Path("here")))
    assert json.loads((tmp_path / "settings.json").read_text()) == {
        "episodes": 7,
        "verbose": False,
        "output": "here",
    }
    with pytest.raises(TypeError, match="dict"):
        save_settings(tmp_path, {})


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Not a directory"):
        new_run_folder(tmp_path / "file" / "run", "command")
