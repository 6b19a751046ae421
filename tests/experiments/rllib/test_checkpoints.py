"""Checkpoints are whole or absent, and old ones go."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.rllib.checkpoints import FOLDER, KEPT, NOTES, checkpoints, newest_notes
from experiments.rllib.checkpoints import save_checkpoint as save
from gqn_rl.errors import UserError


class Algorithm:
    """Saves as RLlib does; may fail half-way."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def save_to_path(self, path: str) -> None:
        folder = Path(path)
        (folder / "learner").mkdir(parents=True)
        (folder / "learner" / "state.pkl").write_bytes(b"weights")
        if self.fails:
            raise OSError("no space left")


def test_the_newest_is_found_with_its_notes(tmp_path: Path) -> None:
    for steps in (90, 1000):
        save(tmp_path, Algorithm(), steps, {"timesteps": steps})
    folder, notes = newest_notes(tmp_path)
    assert notes == {"timesteps": 1000}
    assert (folder / "learner" / "state.pkl").read_bytes() == b"weights"


def test_a_few_are_kept(tmp_path: Path) -> None:
    for steps in range(1, KEPT + 3):
        save(tmp_path, Algorithm(), steps, {"timesteps": steps})
    assert [int(path.name) for path in checkpoints(tmp_path)] == [KEPT + 1, KEPT + 2]


def test_one_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    save(tmp_path, Algorithm(), 5, {"timesteps": 5})
    with pytest.raises(OSError, match="no space"):
        save(tmp_path, Algorithm(fails=True), 9, {"timesteps": 9})
    assert newest_notes(tmp_path)[1] == {"timesteps": 5}
    save(tmp_path, Algorithm(), 9, {"timesteps": 9})  # over what was left behind
    assert newest_notes(tmp_path)[1] == {"timesteps": 9}


def test_a_run_without_one_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no checkpoint"):
        newest_notes(tmp_path)
    save(tmp_path, Algorithm(), 5, {})
    (tmp_path / FOLDER / f"{5:012d}" / NOTES).write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        newest_notes(tmp_path)
