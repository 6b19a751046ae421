"""`play_episode` plays what its flags say and saves it as an animation."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from experiments import play_episode
from experiments.shared.command import EXIT_BAD_INPUT, run_command


def play(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of `python -m experiments.play_episode flags`."""
    monkeypatch.setattr("sys.argv", ["play_episode", *map(str, flags)])
    try:
        run_command(play_episode.main, play_episode.PlayEpisodeSettings, play_episode.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.mark.parametrize("stem", ["GQNShepard", "GQNShepardMentalRotationContinuous"])
def test_moves_by_name_are_played_and_the_right_answer_given(stem, monkeypatch, tmp_path, capsys):
    path = tmp_path / "new" / "episode.gif"
    flags = ("--env-id", f"{stem}-v0", "--encoder", "random", "--output", path)
    assert play(monkeypatch, *flags, "--moves", "right", "up") == 0
    assert "3 looks, answers" in (printed := capsys.readouterr().out)
    assert "(right)" in printed
    with Image.open(path) as animation:
        assert animation.n_frames == 3  # type: ignore[attr-defined]


def test_narrow_cameras_are_aimed_by_name(monkeypatch, tmp_path, capsys):
    flags = ("--env-id", "GQNShepardKeyholeContinuous-v0", "--aim", "free")
    moves = ("--moves", "aim-left", "up", "aim-down", "--output", tmp_path / "episode.gif")
    assert play(monkeypatch, *flags, *moves) == 0
    assert "4 looks, answers" in capsys.readouterr().out


def test_a_given_answer_may_be_wrong(monkeypatch, tmp_path, capsys):
    flags = ("--encoder", "random", "--moves", "left", "--output", tmp_path / "episode.gif")
    outcomes = set()
    for answer in (0, 1):
        (tmp_path / "episode.gif").unlink(missing_ok=True)
        assert play(monkeypatch, *flags, "--answer", answer) == 0
        outcomes.add("(right)" in capsys.readouterr().out)
    assert False in outcomes


def test_the_shipped_agent_plays_unless_there_are_moves(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert play(monkeypatch) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "looks, answers shape" in printed[0]
    assert Path(printed[1]).parent.name.startswith("play_episode-")
    assert Path(printed[1]).stat().st_size > 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--moves", "sideways"], "unknown move 'sideways'"),
        (["--moves", "aim-up"], "unknown move 'aim-up'"),
        (["--moves", "up", "--aim", "free"], 'aim is "free" and field_of_view 45, expected less'),
        (["--moves", "up", "--aim", "off"], "unknown aim 'off'; expected one of ['centre', 'free'"),
        (["--moves", *["left"] * 12], "12 moves, expected at most 11"),
        (["--moves", "left", "--answer", "10"], "answer is 10, expected 0 to 9"),
        (["--output", "episode.mp4"], "output is 'episode.mp4', expected a file that ends in .gif"),
        (["--env-id", "nowhere:Id-v0"], "env-id 'nowhere:Id-v0' needs the package 'nowhere'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(flags, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert play(monkeypatch, "--encoder", "random", *flags) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_there_is_left_alone(monkeypatch, tmp_path, capsys):
    (tmp_path / "episode.gif").write_text("mine")
    assert play(monkeypatch, "--output", tmp_path / "episode.gif") == EXIT_BAD_INPUT
    assert (tmp_path / "episode.gif").read_text() == "mine"
