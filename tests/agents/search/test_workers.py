"""Who is alive: by the process on this host, by signs of life on another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.search.workers import FOLDER, Worker, machine, started
from gqn_rl.errors import UserError

pytestmark = pytest.mark.skipif(not machine(), reason="process numbers need /proc")


def of_another_host(folder: Path, age: float) -> dict[str, object]:
    """The identity of a worker elsewhere that gave its last sign `age` seconds ago."""
    file = folder / FOLDER / "elsewhere"
    file.touch()
    os.utime(file, (time.time() - age,) * 2)
    return {"name": "elsewhere", "machine": "another", "pid": os.getpid(), "started": 1}


def test_a_process_of_this_host_is_alive_until_it_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with Worker(tmp_path, timeout=1000.0) as worker:
        other = worker.identity | {"pid": process.pid, "started": started(process.pid)}
        assert worker.is_alive(worker.identity)
        assert worker.is_alive(other)
        process.send_signal(signal.SIGKILL)
        # Dead at once, though nobody has asked for its exit status yet.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not worker.is_alive(other)
        process.wait()
        assert not worker.is_alive(other)
    process.stdin.close()  # type: ignore[union-attr]


def test_another_process_with_the_same_number_is_not_the_worker(tmp_path: Path) -> None:
    with Worker(tmp_path, timeout=1000.0) as worker:
        assert not worker.is_alive(worker.identity | {"started": 1})


def test_a_worker_of_another_host_is_alive_while_it_gives_signs(tmp_path: Path) -> None:
    with Worker(tmp_path, timeout=100.0) as worker:
        assert worker.is_alive(of_another_host(tmp_path, age=50.0))
        assert not worker.is_alive(of_another_host(tmp_path, age=150.0))
        (tmp_path / FOLDER / "elsewhere").unlink()
        assert not worker.is_alive(worker.identity | {"name": "elsewhere", "machine": "another"})


def test_a_worker_gives_signs_and_takes_its_file_away(tmp_path: Path) -> None:
    with Worker(tmp_path, timeout=0.02) as worker:
        file = tmp_path / FOLDER / str(worker.identity["name"])
        os.utime(file, (0, 0))
        end = time.monotonic() + 30
        while file.stat().st_mtime == 0:
            assert time.monotonic() < end
            time.sleep(0.005)
    assert not file.exists()


def test_nobody_is_dead(tmp_path: Path) -> None:
    assert not Worker(tmp_path, timeout=1.0).is_alive(None)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    with pytest.raises(UserError, match="cannot write to"), Worker(tmp_path, timeout=1.0):
        pass
