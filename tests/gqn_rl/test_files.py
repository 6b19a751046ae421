"""Files are never lost, and hidden ones are not data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gqn_rl.files import visible_files, write_atomically, write_bytes, write_json, write_text


def test_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_bytes(path, b"old")

    def fail_halfway(temporary: Path) -> None:
        temporary.write_bytes(b"ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail_halfway)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_text(path, "old")

    def write(temporary: Path) -> None:
        assert path.read_text() == "old"
        assert temporary.parent == path.parent, "else the move would not be atomic"
        assert temporary.suffix == path.suffix, "some writers go by the suffix"
        temporary.write_text("new")

    write_atomically(path, write)
    assert path.read_text() == "new"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "text")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "text"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_json(tmp_path: Path, number: float) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"accuracy": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"accuracy": number})
    assert json.loads(path.read_text()) == {"accuracy": 0.5}


@pytest.fixture
def restored_umask() -> Iterator[None]:
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


@pytest.mark.usefixtures("restored_umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_mode_is_that_of_an_ordinary_file(tmp_path: Path, umask: int, mode: int) -> None:
    os.umask(umask)
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode
    assert os.umask(umask) == umask, "the umask itself is left alone"


def test_hidden_files_are_not_listed(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "._a.json", ".b.x1.tmp.json", "a.txt"):
        write_text(tmp_path / name, "{}")
    assert visible_files(tmp_path, "*.json") == [tmp_path / "a.json", tmp_path / "b.json"]
    assert visible_files(tmp_path / "missing", "*.json") == []
