"""Jobs of two processes under torchrun, one of which is killed, recover and finish."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.experiments.gqn.pretraining_runs import SMALL, assert_same_weights, saved_step

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="ranks are read in /proc"),
]

STEPS, SAVE_EVERY = 120, 5
FLAGS = ["--iterations", STEPS, "--save-every", SAVE_EVERY, "--threads", 1]
# Every evaluation is a line in the log, which tells how far a process came that was killed.
FLAGS += ["--eval-every", SAVE_EVERY]
PATIENCE = 300.0
"""Seconds for anything to happen on a busy machine."""


@contextmanager
def job(hosts: int, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """torchrun on that many pretended hosts, with two processes in all; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    launch = ["--nnodes", hosts, "--nproc-per-node", 2 // hosts, "--max-restarts", 2]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", uuid4().hex]
    command = ["-m", "torch.distributed.run", *launch, "-m", "experiments.pretrain_gqn"]
    arguments = [sys.executable, *map(str, [*command, *SMALL, *FLAGS, "--output", folder])]
    agents = []
    try:
        for number in range(hosts):
            with log(folder, number).open("wb") as out:
                agents.append(subprocess.Popen(arguments, stdout=out, stderr=out))
        yield agents
    finally:
        for agent in agents:
            agent.terminate()  # which it passes on
        for agent in agents:
            agent.wait(PATIENCE)


def log(folder: Path, host: int) -> Path:
    return folder.with_name(f"{folder.name}-{host}.log")


def wait_for(
    agents: list[subprocess.Popen[bytes]], folder: Path, *, step: int | None = None
) -> None:
    """Until the run has saved a step, or until its job has succeeded."""
    deadline = time.monotonic() + PATIENCE
    while saved_step(folder) < step if step else any(agent.poll() is None for agent in agents):
        logs = "".join(log(folder, host).read_text() for host in range(len(agents)))
        assert all(agent.poll() in (None, 0) for agent in agents), logs
        assert time.monotonic() < deadline, logs
        time.sleep(0.05)
    assert all(agent.poll() in ((None,) if step else (0,)) for agent in agents)


def kill_process(rank: int, agents: list[subprocess.Popen[bytes]]) -> None:
    """SIGKILL to the process of that rank."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent not in {agent.pid for agent in agents}:
                continue
            environment = (status.parent / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if f"RANK={rank}".encode() in environment:
            os.kill(int(status.parent.name), signal.SIGKILL)
            return
    raise AssertionError(f"no process of rank {rank}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nobody has disturbed."""
    folder = tmp_path_factory.mktemp("elastic") / "whole"
    with job(1, folder) as agents:
        wait_for(agents, folder)
    return folder


@pytest.mark.parametrize(("hosts", "rank"), [(1, 0), (1, 1), (2, 0), (2, 1)])
def test_a_job_recovers_when_one_process_is_killed(
    whole: Path, tmp_path: Path, hosts: int, rank: int
) -> None:
    folder = tmp_path / "run"
    with job(hosts, folder) as agents:
        wait_for(agents, folder, step=2 * SAVE_EVERY)
        kill_process(rank, agents)
        killed_at = saved_step(folder)
        wait_for(agents, folder)
    logs = [log(folder, host).read_text() for host in range(hosts)]
    start = rf": step (\d+) of {STEPS},"  # a line that tells of progress begins with "step"
    first, second = sorted(int(step) for step in re.findall(start, "".join(logs)))
    assert first == 0
    assert second >= killed_at >= 2 * SAVE_EVERY
    # Lines of the first attempt show how far that one came; it had saved a step after the first.
    attempt = "".join(text.split(f": step {second} of {STEPS},")[0] for text in logs)
    lines = re.findall(rf"^step (\d+) of {STEPS},", attempt, re.MULTILINE)
    reached = max(int(step) for step in lines)
    assert SAVE_EVERY <= reached <= second + SAVE_EVERY
    evaluated = list(range(SAVE_EVERY, STEPS + 1, SAVE_EVERY))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["step"] == STEPS
    assert [found["step"] for found in metrics["record"]["evaluations"]] == evaluated
    assert_same_weights(folder, whole)
