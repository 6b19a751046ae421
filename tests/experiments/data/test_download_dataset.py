"""`download_dataset`: chosen files of a data set, from a server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments import convert_dataset, download_dataset
from experiments.download_dataset import parse_numbers
from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from gqn_rl.data.deepmind import DATASETS
from gqn_rl.errors import UserError
from tests.experiments.running import run
from tests.gqn_rl.data.file_server import FileServer, running
from tests.gqn_rl.data.tfrecord_writer import scene, write_records

SM7 = DATASETS["shepard_metzler_7_parts"]


@pytest.fixture
def server(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileServer]:
    """The first three files of a data set."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    contents = {}
    for number in (1, 2, 3):
        write_records(tmp_path / "record", [scene(rng, SM7)])
        contents[f"/mirror/{SM7.file_name('train', number)}"] = (tmp_path / "record").read_bytes()
    (tmp_path / "record").unlink()
    with running(FileServer(contents=contents)) as started:
        yield started


def fetch(
    monkeypatch: pytest.MonkeyPatch, server: FileServer, folder: Path, **flags: object
) -> int:
    flags = {
        "output": folder,
        "shards": "1-3",
        "retries": 0,
        "base_url": f"{server.url}/mirror/",
    } | flags
    return run(monkeypatch, download_dataset, download_dataset.DownloadDatasetSettings, **flags)


def test_the_files_asked_for_arrive(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch(monkeypatch, server, tmp_path, shards="1,3") == 0
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    names = [path.relative_to(tmp_path).as_posix() for path in files]
    assert names == [SM7.file_name("train", 1), SM7.file_name("train", 3)]
    for path, name in zip(files, names, strict=True):
        assert path.read_bytes() == server.contents[f"/mirror/{name}"]


def test_what_is_there_is_not_asked_for_again(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fetch(monkeypatch, server, tmp_path, shards="1-2") == 0
    assert fetch(monkeypatch, server, tmp_path) == 0
    assert len(server.ranges) == 3
    assert "files: 3, already there: 2" in capsys.readouterr().out


def test_the_same_command_goes_on_with_a_partial_file(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.drop_after = [600, 0]
    assert fetch(monkeypatch, server, tmp_path, shards="2") == EXIT_BAD_INPUT
    assert fetch(monkeypatch, server, tmp_path, shards="2") == 0
    assert server.ranges == [None, "bytes=600-", "bytes=600-"]
    name = SM7.file_name("train", 2)
    assert (tmp_path / name).read_bytes() == server.contents[f"/mirror/{name}"]


def test_what_was_downloaded_can_be_converted(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fetch(monkeypatch, server, tmp_path / "raw") == 0
    printed = capsys.readouterr().out
    folder = tmp_path / "raw" / SM7.name / "train"
    assert f"--input {folder} --output" in printed
    flags = {"input": folder, "output": tmp_path / "data", "workers": 0}
    settings = convert_dataset.ConvertDatasetSettings
    assert run(monkeypatch, convert_dataset, settings, **flags) == 0
    assert "3 scenes in 3 shards" in capsys.readouterr().out


def test_an_interruption_is_no_traceback(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download_dataset, "download", interrupt)
    assert fetch(monkeypatch, server, tmp_path) == EXIT_INTERRUPTED
    assert "the same command goes on from here" in capsys.readouterr().err


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"shards": "4"}, "004-of-900.tfrecord: the server answered 404"),
        ({"base_url": "here"}, "no connection: "),
        ({"base_url": "http://"}, "base_url is 'http://', expected http://..."),
        ({"base_url": "file:///tmp"}, "base_url is 'file:///tmp', expected http://"),
        ({"dataset": "mnist"}, "unknown dataset 'mnist'; expected one of ['jaco', 'mazes'"),
        ({"split": "val"}, "unknown split 'val'"),
        ({"shards": "0"}, "shards is '0', expected all, or numbers and ranges within 1-900"),
        ({"retries": -1}, "retries is -1"),
        ({"timeout": 0}, "timeout is 0"),
        ({"output": "/proc/version"}, "cannot make output folder '/proc/version'"),
    ],
)
def test_bad_input_and_no_network_are_one_line(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: dict[str, object],
    message: str,
) -> None:
    if flags.get("base_url") == "here":
        flags = {"base_url": f"http://127.0.0.1:{unused_port()}"}
    assert fetch(monkeypatch, server, tmp_path, **flags) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err.replace("\r", "\n")
    errors = [line for line in printed.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in printed
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("7", [7]),
        ("1-3", [1, 2, 3]),
        ("5, 2 - 3,3", [2, 3, 5]),
        ("20", [20]),
        ("all", list(range(1, 21))),
    ],
)
def test_numbers_and_ranges_are_understood(text: str, numbers: list[int]) -> None:
    assert parse_numbers(text, 20) == numbers


@pytest.mark.parametrize("text", ["", "0-2", "21", "3-2", "1-", "-3", "one", "1;2", "1,,2", "1.5"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected all, or numbers and ranges within 1-20"):
        parse_numbers(text, 20)
