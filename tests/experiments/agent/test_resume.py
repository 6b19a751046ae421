"""`train_agent --resume` after kill -9, Ctrl-C or the time limit, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from agents.algorithms.algorithm import ALGORITHMS
from agents.saving.bundle import AgentRecord
from agents.training.training_state import NAME, save_training_state
from experiments import train_agent
from experiments.agent.settings import TrainAgentSettings, resumed_settings
from experiments.shared.command import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    run_command,
    save_settings,
)
from tests.agents.conftest import small_model, small_sac_model

ROOT = Path(__file__).parents[3]
# Views are drawn and encoded, so that what the encoder has seen has to be taken up as well.
COMMON = ["--encoder", "random", "--num-envs", "6", "--max-looks", "4", "--eval-episodes", "6"]
COMMON += ["--eval-every", "120", "--eval-every-episodes", "6", "--checkpoint-every", "48"]
COMMON += ["--time-limit", "100000"]
RUNS = {
    "ppo": [
        *("--total-timesteps", "288"),
        *("--hyper", "n_steps=16", "batch_size=48", "n_epochs=2", "aux_updates=4"),
    ],
    "sac": [
        *("--env-id", "GQNShepardContinuous-v0", "--algo", "sac", "--total-timesteps", "240"),
        *("--hyper", "learning_starts=60", "buffer_size=150", "batch_size=32"),
        *("gradient_steps=2", "aux_updates=1"),
    ],
}
"""Flags by algorithm; the replay buffer is full before the end."""
KILLED_AFTER = 100
KILLED = f"""
import os, sys
from pathlib import Path
from agents.sb3_vec_env import GymnasiumVecEnv
from experiments import train_agent
from experiments.shared.command import run_command
from tests.experiments.agent.test_resume import steps_saved

step, since_saved = GymnasiumVecEnv.step_wait, []

def fatal(rows):
    if steps_saved(Path(sys.argv[sys.argv.index("--output") + 1])) >= {KILLED_AFTER}:
        since_saved.append(1)
    if len(since_saved) > 3:
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    return step(rows)

GymnasiumVecEnv.step_wait = fatal
run_command(train_agent.main, train_agent.TrainAgentSettings, None)
"""
"""The command in a process that is killed some steps after a save, however busy the machine is."""


def flags_of(algo: str, folder: Path) -> list[str]:
    first, *rest = " ".join(RUNS[algo]).split(" --hyper ")
    return [*first.split(), *COMMON, "--output", str(folder), "--hyper", *" ".join(rest).split()]


def run(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of the command."""
    monkeypatch.setattr("sys.argv", ["train_agent", *map(str, flags)])
    try:
        run_command(train_agent.main, TrainAgentSettings, train_agent.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def started(flags: list[str], *program: str) -> subprocess.Popen[bytes]:
    """The command, or another program with its flags, in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [sys.executable, *(program or ("-m", "experiments.train_agent")), *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def steps_saved(folder: Path) -> int:
    """How far the training saved in a folder has come; -1 for none."""
    try:
        with (folder / NAME).open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except FileNotFoundError:
        return -1
    content = json.loads(header["__metadata__"]["training"])
    return int(content["numbers"]["counters"]["num_timesteps"])


def signalled(process: subprocess.Popen[bytes], folder: Path, number: int) -> str:
    """Send a signal once training has been saved in its middle; what it wrote to stderr."""
    end = time.monotonic() + 300
    while steps_saved(folder) < KILLED_AFTER:
        assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate(timeout=300)[1].decode()


def results(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, str]]]:
    """Last training state, best agent and curves, without what depends on the clock."""
    with (folder / "curves.csv").open() as file:
        rows = [row | {"seconds": ""} for row in csv.DictReader(file)]
    return load_file(folder / NAME), load_file(folder / "agent.safetensors"), rows


@pytest.fixture(scope="module", params=RUNS)
def straight(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """An algorithm and the folder of its run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(monkeypatch, *flags_of(request.param, folder)) == 0
    return request.param, folder


def test_a_killed_run_goes_on_to_the_bit(
    straight: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    algo, folder = straight
    killed = tmp_path / "killed"
    process = started(flags_of(algo, killed), "-c", KILLED)
    errors = process.communicate(timeout=300)[1].decode()
    assert process.returncode == -signal.SIGKILL, errors
    assert KILLED_AFTER <= steps_saved(killed) < steps_saved(folder)
    assert not (killed / "metrics.json").exists()

    assert run(monkeypatch, "--resume", killed) == 0
    for one, other in zip(results(folder)[:2], results(killed)[:2], strict=True):
        assert one.keys() == other.keys()
        assert not [name for name in one if not np.array_equal(one[name], other[name])]
    assert results(folder)[2] == results(killed)[2]
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (folder, killed)]
    for name in ("accuracy", "looks", "reward", "timesteps", "baselines"):
        assert metrics[0][name] == metrics[1][name]


def test_ctrl_c_saves_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stopped run"
    flags = flags_of("ppo", folder)
    # So long that it is not over before a busy machine gets round to stopping it.
    flags[flags.index("--total-timesteps") + 1] = "57600"
    process = started(flags)
    message = signalled(process, folder, signal.SIGINT)
    assert process.returncode == EXIT_INTERRUPTED
    assert f"--resume '{folder}'" in message
    assert "Traceback" not in message
    assert steps_saved(folder) < 57600
    assert run(monkeypatch, "--resume", folder, "--total-timesteps", steps_saved(folder)) == 0
    assert (folder / "metrics.json").exists()  # nothing was left to be trained
    assert run(monkeypatch, "--resume", folder) == EXIT_BAD_INPUT
    assert "raise it" in capsys.readouterr().err


def test_a_longer_run_goes_on_where_the_shorter_one_ended(
    straight: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    _, folder = straight
    before = steps_saved(folder)
    assert run(monkeypatch, "--resume", folder) == EXIT_BAD_INPUT
    assert f"already trained {before} steps" in capsys.readouterr().err
    assert run(monkeypatch, "--resume", folder, "--total-timesteps", before + 96) == 0
    assert steps_saved(folder) == before + 96
    assert json.loads((folder / "settings.json").read_text())["total_timesteps"] == before + 96
    assert json.loads((folder / "metrics.json").read_text())["timesteps"] == before + 96


def test_what_contradicts_the_run_is_refused_naming_both(
    straight: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    _, folder = straight
    changes = {
        "--env-id": ("GQNShepardMentalRotation-v0", "GQNShepard"),
        "--observation": ("state", "'representation'"),
        "--max-looks": ("9", "4"),
        "--seed": ("3", "0"),
        "--output": (str(tmp_path / "new"), folder.name),
    }
    for flag, (given, stored) in changes.items():
        assert run(monkeypatch, "--resume", folder, flag, given) == EXIT_BAD_INPUT
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert given in message
        assert stored in message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"encoder": {"name": "gqn", "sha256": "abc"}}, "encoder weights (sha256) 'abc'"),
        ({"action_space": {"type": "Discrete", "n": 99, "start": 0}}, "'n': 99"),
        ({"stable_baselines3": "1.0.0"}, "stable-baselines3 1.0.0"),
    ],
)
def test_a_run_that_does_not_fit_its_environment_is_refused(
    straight: tuple[str, Path],
    change: dict[str, Any],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    tmp_path: Path,
) -> None:
    """For instance because the shipped encoder has other weights by now."""
    from safetensors.numpy import save_file

    _, folder = straight
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("settings.json", "hyperparameters.json"):
        (copy / name).write_bytes((folder / name).read_bytes())
    content = (folder / NAME).read_bytes()
    size = int.from_bytes(content[:8], "little")
    training = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["training"])
    training["agent"] |= change
    save_file(load_file(folder / NAME), copy / NAME, metadata={"training": json.dumps(training)})
    steps = ["--total-timesteps", 5000]
    assert run(monkeypatch, "--resume", copy, *steps) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert named in message


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_run_goes_on_with_the_algorithm_that_it_began_with(algo: str, tmp_path: Path) -> None:
    """Also if another one is now the first to be thought of, and the run named none."""
    save_settings(tmp_path, TrainAgentSettings(env_id="GQNShepardContinuous-v0"))
    made: Any = {"ppo": partial(small_model, continuous=True), "sac": small_sac_model}[algo](
        2
    ).learn(64)
    record = AgentRecord(algo, "AnswerPolicy", {}, 4, "Fake-v0", {}, {}, {})
    save_training_state(tmp_path, made, made.env, record, {})
    assert resumed_settings(TrainAgentSettings(resume=tmp_path)).algorithm == algo
