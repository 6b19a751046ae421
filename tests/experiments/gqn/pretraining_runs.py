"""Small runs of `pretrain_gqn`, in this process or in others."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiments import pretrain_gqn
from experiments.shared.command import run_command
from gqn_rl.errors import UserError
from gqn_rl.training.state import FILE_NAME, read_state

SMALL = ["--preset", "tiny", "--renderer", "raycast", "--device", "cpu", "--precision", "fp32"]
SMALL += ["--batch-size", "2", "--num-views", "2", "--num-rays", "32", "--seed", "4"]
# Sums in another order differ in their last bits, and processes differ in their number of threads.
SMALL += ["--threads", "1"]


def run(monkeypatch: pytest.MonkeyPatch, *flags: object, small: bool = True) -> int:
    """The exit code of `python -m experiments.pretrain_gqn flags`."""
    arguments = [*SMALL, *map(str, flags)] if small else [*map(str, flags)]
    monkeypatch.setattr("sys.argv", ["pretrain_gqn", *arguments])
    monkeypatch.setattr("experiments.gqn.pretraining.EVALUATION_SCENES", 2)
    monkeypatch.setattr("gqn_rl.training.statistics.SCENES_PER_COUNT", 4)
    try:
        run_command(pretrain_gqn.main, pretrain_gqn.Settings, pretrain_gqn.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


KILLED_AT = 12
KILLED = f"""
import os
from experiments import pretrain_gqn
from experiments.shared.command import run_command
from gqn_rl.training.trainer import Trainer

train_step = Trainer.train_step

def fatal(trainer, batch):
    if trainer.step == {KILLED_AT}:
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    return train_step(trainer, batch)

Trainer.train_step = fatal
run_command(pretrain_gqn.main, pretrain_gqn.Settings, None)
"""
"""The command in a process that is killed at that step, however busy the machine is."""


@contextmanager
def started(*flags: object) -> Iterator[subprocess.Popen[str]]:
    """A real process, which does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.pretrain_gqn", *SMALL, *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start background jobs with Ctrl-C switched off, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def saved_step(folder: Path) -> int:
    try:
        return int(read_state(folder).about["step"])
    except UserError:
        return 0


def assert_same_weights(a: Path, b: Path) -> None:
    for name in ("model.safetensors", FILE_NAME):
        one, other = load_file(a / name), load_file(b / name)
        assert one.keys() == other.keys()
        for key, tensor in one.items():
            torch.testing.assert_close(tensor, other[key], rtol=0, atol=0, msg=key)
