"""Downloads from servers that behave, and from those that do not."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gqn_rl.data.download import download
from gqn_rl.errors import UserError
from tests.gqn_rl.data.file_server import FileServer, running
from tests.gqn_rl.data.tfrecord_writer import crc32c

CONTENT = np.random.default_rng(0).bytes(3_000)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with running(FileServer(CONTENT)) as started:
        yield started


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "set" / "train" / "001-of-900.tfrecord"


def part_of(target: Path, content: bytes | None = None) -> Path:
    """The path of the partial file, with this content."""
    part = target.with_name(target.name + ".part")
    if content is not None:
        part.parent.mkdir(parents=True)
        part.write_bytes(content)
    return part


def fetch(server: FileServer, target: Path, **changes: float) -> None:
    options = {"retries": 2, "timeout": 5.0, "wait": 0.0} | changes
    download(f"{server.url}/file", target, **options)  # type: ignore[arg-type]


def test_a_file_arrives_whole(server: FileServer, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    download(f"{server.url}/file", target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert server.ranges == [None]
    assert seen[0] == (0, 3000)
    assert seen[-1] == (3000, 3000)


def test_a_partial_file_is_continued(server: FileServer, target: Path) -> None:
    part_of(target, CONTENT[:1_000])
    fetch(server, target)
    assert server.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_a_dropped_connection_is_taken_up_where_it_broke(server: FileServer, target: Path) -> None:
    server.drop_after = [700, 0, 800]
    fetch(server, target)
    assert server.ranges == [None, "bytes=700-", "bytes=700-", "bytes=1500-"]
    assert target.read_bytes() == CONTENT


def test_progress_renews_patience(server: FileServer, target: Path) -> None:
    server.drop_after = [100] * 20
    fetch(server, target, retries=0)
    assert len(server.ranges) == 21
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server: FileServer, target: Path) -> None:
    server.honours_range, server.drop_after = False, [500]
    part_of(target, b"x" * 2_000)
    fetch(server, target)
    assert server.ranges == ["bytes=2000-", "bytes=500-"]
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_that_always_drops_ends(server: FileServer, target: Path) -> None:
    server.honours_range, server.drop_after = False, [500] * 9
    with pytest.raises(UserError, match="ended after 500 of 3000 bytes"):
        fetch(server, target)
    assert len(server.ranges) == 4, "one that brought something, one and two retries that did not"
    assert not target.exists()


def test_a_part_that_is_whole_already_is_only_moved(server: FileServer, target: Path) -> None:
    part_of(target, CONTENT)
    fetch(server, target)
    assert server.ranges == ["bytes=3000-"]
    assert target.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server: FileServer, target: Path) -> None:
    part_of(target, CONTENT + b"more")
    fetch(server, target)
    assert server.ranges == ["bytes=3004-", None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("honours_range", [True, False])
def test_a_server_that_promises_more_than_it_has_is_found_out(
    server: FileServer, target: Path, honours_range: bool
) -> None:
    server.claimed, server.honours_range = 4_000, honours_range
    with pytest.raises(UserError, match="ended after 3000 of 4000 bytes"):
        fetch(server, target)
    assert not target.exists()


def test_a_size_that_changes_between_attempts_is_refused(server: FileServer, target: Path) -> None:
    server.claimed, server.drop_after = 4_000, [1_000]

    def progress(done: int, total: int) -> None:
        server.claimed = None

    with pytest.raises(UserError, match="says 3000 bytes, but said 4000"):
        download(f"{server.url}/file", target, wait=0.0, progress=progress)
    assert list(target.parent.iterdir()) == []


def test_a_range_other_than_the_one_asked_for_is_not_appended(
    server: FileServer, target: Path
) -> None:
    server.headers["Content-Range"] = "bytes 5-2999/3000"
    part_of(target, CONTENT[:1_000])
    fetch(server, target)
    assert server.ranges[0] == "bytes=1000-"
    assert target.read_bytes() == CONTENT


def test_a_server_that_names_no_size_is_refused(server: FileServer, target: Path) -> None:
    server.says_size = False
    with pytest.raises(UserError, match="does not say its size"):
        fetch(server, target)


def hash_header(content: bytes) -> dict[str, str]:
    """As Google's storage sends it."""
    crc = base64.b64encode(crc32c(content).to_bytes(4, "big")).decode()
    return {"x-goog-hash": f"md5=AAAAAAAAAAAAAAAAAAAAAA==, crc32c={crc}"}


def test_a_checksum_that_the_server_names_is_checked(server: FileServer, target: Path) -> None:
    server.headers = hash_header(CONTENT)
    part_of(target, b"x" * 1_000)  # of another version, say
    fetch(server, target)
    assert server.ranges == ["bytes=1000-", None], "the spoilt part was thrown away"
    assert target.read_bytes() == CONTENT


def test_a_checksum_that_never_fits_is_an_error(server: FileServer, target: Path) -> None:
    server.headers = hash_header(b"something else")
    with pytest.raises(UserError, match="another CRC-32C"):
        fetch(server, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("status", [404, 403, 401, 410])
def test_what_the_server_refuses_is_not_asked_for_again(
    server: FileServer, target: Path, status: int
) -> None:
    server.statuses = [status]
    with pytest.raises(UserError, match=f"/file: the server answered {status}") as refusal:
        fetch(server, target)
    assert "\n" not in str(refusal.value)
    assert len(server.ranges) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: FileServer, target: Path, status: int) -> None:
    server.statuses = [status, status]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_waits_double(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("gqn_rl.data.download.time.sleep", waits.append)
    server.statuses = [503] * 9
    with pytest.raises(UserError, match="503"):
        fetch(server, target, retries=8, wait=1.0)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_no_connection_is_one_clear_line(target: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file"
        with pytest.raises(UserError, match=r"no connection: .*refused") as refusal:
            download(url, target, retries=1, wait=0.0)
    assert url in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_server_that_never_answers_times_out(target: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        with pytest.raises(UserError, match="timed out"):
            download(url, target, retries=0, timeout=0.1)


def test_what_arrived_is_kept_when_all_attempts_fail(server: FileServer, target: Path) -> None:
    server.drop_after, server.statuses = [900], [0, 503, 503, 503, 503]
    with pytest.raises(UserError, match="503"):
        fetch(server, target)
    assert part_of(target).read_bytes() == CONTENT[:900]


def test_a_disk_that_cannot_be_written_is_one_clear_line(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*: (Not a directory|File exists)"):
        fetch(server, tmp_path / "file" / "001")

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("gqn_rl.data.download.os.fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        fetch(server, tmp_path / "001")
