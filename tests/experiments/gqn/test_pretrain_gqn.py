"""`pretrain_gqn`: a whole small run, a killed one, an interrupted one, and bad input."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn.utils import parameters_to_vector

from experiments import generate_dataset
from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl import GenerativeQueryNetwork
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.gqn.families import build, preset
from gqn_rl.training.state import FILE_NAME
from gqn_rl.training.trainer import Trainer
from tests.experiments.gqn.pretraining_runs import (
    KILLED,
    KILLED_AT,
    SMALL,
    assert_same_weights,
    run,
    saved_step,
    started,
    wait_until,
)


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_run_leaves_weights_settings_and_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    flags = ["--iterations", 4, "--evaluate-every", 2, "--output", folder]
    assert run(monkeypatch, *flags) == 0
    assert "M parameters on cpu in fp32" in capsys.readouterr().out
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["step"] == 4
    assert metrics["recipe"]["seed"] == 4
    assert [e["step"] for e in metrics["record"]["evaluations"]] == [2, 4]
    assert {"grid_rmse", "free_mae"} <= set(metrics["record"]["evaluations"][0])
    assert json.loads((folder / "settings.json").read_text())["batch_size"] == 2
    sidecar = json.loads((folder / "model.json").read_text())
    assert sidecar["renderer"]["name"] == "raycast"
    assert sidecar["record"]["training"]["num_cubes"] == 7
    with Image.open(folder / "held_out_views.png") as picture:
        assert picture.size == (2 * 5 * 64, 2 * 4 * 64), "two scenes per orientation"
    model = GenerativeQueryNetwork.from_pretrained(folder)
    assert float(model.representation_scale.min()) > 0
    assert bool((model.representation_scale != 1).any())
    # A finished run has nothing to go on with, and says so.
    assert run(monkeypatch, "--resume", folder, small=False) == EXIT_BAD_INPUT
    assert "already done its 4 iterations" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--batch-size", "--batch_size"])
def test_the_batch_size_is_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    train_step, sizes = Trainer.train_step, []

    def spy(trainer: Trainer, batch: SceneViews) -> object:
        sizes.append(len(batch.images))
        return train_step(trainer, batch)

    monkeypatch.setattr(Trainer, "train_step", spy)
    flags = ["--preset", "tiny", "--renderer", "raycast", "--num-views", 2, "--num-rays", 32]
    flags += ["--iterations", 2, flag, 3, "--output_parent", tmp_path]
    assert run(monkeypatch, *flags, small=False) == 0
    assert sizes == [3, 3]
    assert [folder.name.split("-")[0] for folder in tmp_path.iterdir()] == ["pretrain_gqn"]


def test_the_logs_hold_curves_and_pictures_of_held_out_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--iterations", 2, "--evaluate-every", 1, "--output", tmp_path / "run"]
    assert run(monkeypatch, *flags) == 0
    log = EventAccumulator(str(tmp_path / "run" / "tensorboard"), size_guidance={"images": 0})
    log.Reload()
    assert {"evaluation/grid_rmse", "evaluation/free_mae"} <= set(log.Tags()["scalars"])
    pictures = log.Images("evaluation/views")
    assert [picture.step for picture in pictures] == [1, 2]
    # Two scenes per orientation: three context views, the truth and the prediction.
    assert (pictures[0].width, pictures[0].height) == (5 * 64, 4 * 64)


@pytest.mark.slow
def test_processes_that_share_a_batch_train_the_model_that_one_process_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--iterations", 3, "--evaluate-every", 2, "--threads", 1]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    arguments = [*SMALL, *map(str, flags), "--output", str(tmp_path / "two")]
    done = subprocess.run(
        [sys.executable, *launch, "experiments.pretrain_gqn", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 0 of 3") == 1, "one process speaks for all"
    assert run(monkeypatch, *flags, "--output", tmp_path / "one") == 0
    one, two = (
        parameters_to_vector(GenerativeQueryNetwork.from_pretrained(tmp_path / name).parameters())
        for name in ("one", "two")
    )
    start = parameters_to_vector(build(preset("tiny"), seed=4).parameters()).detach()
    # Adam turns the rounding of gradients near zero into whole steps, so not to the bit.
    assert float((two - one).norm()) < 0.02 * float((one - start).norm())
    record = json.loads((tmp_path / "two" / "model.json").read_text())["record"]
    assert record["training"]["processes"] == 2


def test_a_full_disk_is_one_line_and_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    flags = ["--iterations", 9, "--time-limit", 1e-9, "--output", folder]
    assert run(monkeypatch, *flags) == 0
    capsys.readouterr()

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("gqn_rl.training.state.write_bytes", full)
    resume = ["--resume", folder, "--time-limit", 0.01]
    assert run(monkeypatch, *resume, small=False) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err.splitlines()[-1]
    assert printed.startswith("error: ")
    assert "No space left on device" in printed
    assert saved_step(folder) == 0


def test_a_killed_run_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--iterations", 20, "--save-every", 5]
    arguments = [*SMALL, *map(str, flags), "--output", str(tmp_path / "killed")]
    process = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert saved_step(tmp_path / "killed") == 10 < KILLED_AT
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    # The run's own settings apply: none of them has to be repeated.
    assert run(monkeypatch, "--resume", tmp_path / "killed", small=False) == 0
    assert run(monkeypatch, *flags, "--output", tmp_path / "whole") == 0
    assert_same_weights(tmp_path / "killed", tmp_path / "whole")


def test_ctrl_c_saves_and_tells_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with started("--iterations", 10**6, "--save-every", 2, "--output", folder) as process:
        wait_until(lambda: saved_step(folder) >= 2, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"go on with --resume {folder}" in errors
    assert "Traceback" not in errors
    step = saved_step(folder)
    assert f"stopped at step {step};" in errors
    assert run(monkeypatch, "--resume", folder, "--time-limit", 0.01, small=False) == 0
    assert saved_step(folder) > step
    assert (folder / "model.safetensors").is_file()


def test_a_run_that_was_killed_before_its_weights_were_written_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    assert run(monkeypatch, "--iterations", 2, "--output", folder) == 0
    before = load_file(folder / "model.safetensors")
    for name in ("model.safetensors", "model.json", "metrics.json"):
        (folder / name).unlink()
    assert run(monkeypatch, "--resume", folder, small=False) == 0
    after = load_file(folder / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_data_on_disk_trains_and_resumes_to_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--data-path", data, "--iterations", 6]
    assert run(monkeypatch, *flags, "--output", tmp_path / "whole") == 0
    metrics = json.loads((tmp_path / "whole" / "metrics.json").read_text())
    assert metrics["data_path"] == str(data)

    train_step, steps = Trainer.train_step, []

    def interrupt_once(trainer: Trainer, batch: object) -> object:
        steps.append(trainer.step)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(trainer, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "train_step", interrupt_once)
    assert run(monkeypatch, *flags, "--output", tmp_path / "parts") == 130
    assert saved_step(tmp_path / "parts") == 4
    assert run(monkeypatch, "--resume", tmp_path / "parts", small=False) == 0
    assert_same_weights(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--recipe", "secret"], "unknown recipe 'secret'"),
        (["--sigma-schedule", "steep"], "unknown sigma_schedule 'steep'"),
        (["--evaluation-path", "test"], "evaluation_path goes with data_path"),
        (["--renderer", "crayons"], "unknown renderer 'crayons'"),
        (["--precision", "fp8"], "unknown precision 'fp8'"),
        (["--device", "toaster"], "device 'toaster' cannot be used"),
        (["--batch-size", "0"], "batch_size is 0"),
        (["--num-views", "1"], "num_views is 1"),
        (["--num-cubes", "5"], "num_cubes >= 6"),
        (["--num-cubes", "0"], "num_cubes"),
        (["--save-every", "0"], "checkpoint_every is 0"),
        (["--evaluate-every", "0"], "eval_every is 0"),
        (["--workers", "-1"], "workers is -1"),
        (["--threads", "-1"], "threads is -1"),
        (["--max-minutes", "-1"], "max_minutes is -1"),
        (["--seed", "-1"], "seed is -1"),
        (["--resume", "no/such/run"], "'no/such/run/training_state.safetensors' does not exist"),
        (["--data-path", "no/such/data"], "no data in 'no/such/data'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    # Without the flags of small runs that a bad one would repeat.
    assert run(monkeypatch, *flags, "--iterations", 1, small=False) == EXIT_BAD_INPUT
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--batch-size", "7"], "batch_size is 7, expected 1 to 6"),
        (["--num-views", "4"], "num_views is 4, expected 1 to 3"),
        (["--num-cubes", "6"], "num_cubes is 6, but the data in"),
        (["--image-size", "32"], "image_size is 32, but the data in"),
    ],
)
def test_data_that_does_not_fit_is_one_line(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    small = {"--batch-size": "2", "--num-views": "2"} | {flags[0]: flags[1]}
    arguments = [item for pair in small.items() for item in pair]
    arguments += ["--preset", "tiny", "--renderer", "raycast", "--data-path", str(data)]
    assert run(monkeypatch, *arguments, small=False) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err


def test_a_network_learns_the_look_that_its_data_have(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ["--appearance", "colours=uniform", "edges=true", "--iterations", 1]
    assert run(monkeypatch, *look, "--output", tmp_path / "run") == 0
    sidecar = json.loads((tmp_path / "run" / "model.json").read_text())
    assert sidecar["renderer"]["look"] == "flat-v1+uniform+edges"
    with Image.open(tmp_path / "run" / "held_out_views.png") as picture:
        seen = np.asarray(picture)[:, : 4 * picture.width // 5]
    assert (seen == seen[..., :1]).all(), "white cubes have no colour"
    capsys.readouterr()
    assert run(monkeypatch, *look, "--data-path", data) == EXIT_BAD_INPUT
    assert "look='flat-v1'" in capsys.readouterr().err


def test_held_out_shapes_are_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_dataset.main(
        generate_dataset.GenerateDatasetSettings(
            tmp_path / "data", scenes=2, num_views=2, shapes="all", renderer="raycast"
        )
    )
    assert run(monkeypatch, "--data-path", tmp_path / "data") == EXIT_BAD_INPUT
    assert "has shapes='all', expected training shapes" in capsys.readouterr().err


def test_an_occupied_output_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("precious")
    assert run(monkeypatch, "--output", tmp_path) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("kind", ["state truncated", "no settings", "foreign settings"])
def test_a_run_that_cannot_be_resumed_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    folder = tmp_path / "run"
    flags = ["--iterations", 9, "--time-limit", 1e-9, "--output", folder]
    assert run(monkeypatch, *flags) == 0
    capsys.readouterr()
    if kind == "state truncated":
        (folder / FILE_NAME).write_bytes((folder / FILE_NAME).read_bytes()[:-5])
    elif kind == "no settings":
        (folder / "settings.json").unlink()
    else:
        (folder / "settings.json").write_text('{"depth": 3}')
    assert run(monkeypatch, "--resume", folder, small=False) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert str(folder) in printed
    assert len(printed.splitlines()) == 1
