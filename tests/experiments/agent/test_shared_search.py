"""Two processes really search side by side, and one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.search.study import ATTEMPT, JOURNAL, WORKER, opened_study
from experiments.agent.optimization import BEST

ROOT = Path(__file__).parents[3]
WANTED = 6
FLAGS = ["--optimize", str(WANTED), "--observation", "state", "--num-envs", "4"]
FLAGS += ["--gallery-size", "3", "--total-timesteps", "1500", "--eval-every", "1500"]
FLAGS += ["--eval-every-episodes", "8"]
SECONDS = 500.0


@contextmanager
def worker(study: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, which does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.train_agent", "--study", str(study), *FLAGS],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def trials_of(study: Path) -> list[Any]:
    if not (study / JOURNAL).exists():
        return []
    return list(opened_study(study / JOURNAL).get_trials())


def running(study: Path, pid: int) -> list[Any]:
    """The trials that a process is running, with settings drawn."""
    return [
        trial
        for trial in trials_of(study)
        if trial.state.name == "RUNNING"
        and trial.user_attrs.get(WORKER, {}).get("pid") == pid
        and "changes" in trial.user_attrs
    ]


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_its_trial(tmp_path: Path) -> None:
    study = tmp_path / "study"
    end = time.monotonic() + SECONDS
    # Both find no study and want to begin it.
    with worker(study) as victim, worker(study) as survivor:
        processes = (victim, survivor)
        while not all(running(study, process.pid) for process in processes):  # side by side
            assert time.monotonic() < end
            assert [process.poll() for process in processes] == [None, None]
            time.sleep(0.05)
        (lost,) = running(study, victim.pid)
        victim.send_signal(signal.SIGKILL)
        _, message = survivor.communicate(timeout=end - time.monotonic())
        assert survivor.returncode == 0, message.decode()

    trials = trials_of(study)
    states = [trial.state.name for trial in trials]
    assert states.count("COMPLETE") + states.count("PRUNED") == WANTED
    assert "RUNNING" not in states
    assert "WAITING" not in states
    # What the victim was doing has been done by the other one, the rest once each.
    assert [trial.number for trial in trials if trial.state.name == "FAIL"] == [lost.number]
    (again,) = [trial for trial in trials if trial.user_attrs.get(ATTEMPT) == 2]
    assert again.params == lost.params
    assert again.user_attrs[WORKER]["pid"] == survivor.pid
    drawn = [json.dumps(trial.params, sort_keys=True) for trial in trials if trial is not again]
    assert len(set(drawn)) == len(drawn) == WANTED

    rows = json.loads((study / "trials.json").read_text())
    assert [row["state"] for row in rows] == [state.lower() for state in states]
    assert (study / BEST).exists()
    left = [path.name for path in study.iterdir() if path.suffix in (".lock", ".tmp")]
    assert not left
