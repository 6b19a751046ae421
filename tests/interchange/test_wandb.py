"""Curves go to Weights & Biases, here offline, into the run folder."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter  # noqa: F401  Imported before the fork.

from tests.interchange.child import run_module

pytestmark = pytest.mark.interchange("wandb")

BLOCK, HEADER, WHOLE, LAST = 32768, 7, 1, 4
OFFLINE = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "CUDA_VISIBLE_DEVICES": ""}
AGENT = (
    "--observation", "state", "--total-timesteps", "512", "--num-envs", "8", "--eval-episodes", "8",
    "--eval-every", "256", "--eval-every-episodes", "8", "--hyper", "n_steps=16", "batch_size=64",
)  # fmt: skip
GQN = (
    "--preset", "tiny", "--iterations", "100", "--batch-size", "2", "--num-views", "3",
    "--num-rays", "8", "--evaluate-every", "100", "--workers", "0", "--threads", "1",
)  # fmt: skip


def records(raw: bytes) -> Iterator[bytes]:
    """The records of an offline run: the log format of LevelDB, after a header of 7 bytes."""
    place, parts = HEADER, b""
    while place + HEADER <= len(raw):
        if (left := BLOCK - place % BLOCK) < HEADER:
            place += left  # padding
            continue
        _, length, kind = struct.unpack("<IHB", raw[place : place + HEADER])
        parts += raw[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (WHOLE, LAST):
            yield parts
            parts = b""


def logged(folder: Path) -> set[str]:
    """Names of the numbers in the offline runs of a folder."""
    from wandb.proto import wandb_internal_pb2

    names: set[str] = set()
    for path in folder.rglob("*.wandb"):
        for data in records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            names |= {item.key or item.nested_key[0] for item in record.history.item}
    return names


def test_an_agent_logs_to_both(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    loggers = ("--logger", "tensorboard", "wandb", "--output", str(folder))
    code, _, errors = run_module(OFFLINE, tmp_path, "experiments.train_agent", *AGENT, *loggers)
    assert code == 0, errors
    assert list((folder / "tensorboard").rglob("events.*"))
    assert {"eval/reward", "rollout/ep_rew_mean", "train/loss"} <= logged(folder)
    assert len(json.loads((folder / "wandb_run.json").read_text())["id"]) == 8


def test_a_gqn_logs_to_one_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    loggers = ("--logger", "wandb", "--output", str(folder))
    code, _, errors = run_module(OFFLINE, tmp_path, "experiments.pretrain_gqn", *GQN, *loggers)
    assert code == 0, errors
    assert not (folder / "tensorboard").exists()
    assert {"train/mse", "train/learning_rate", "evaluation/views"} <= logged(folder)


def test_without_a_login_it_is_one_line(tmp_path: Path) -> None:
    online = {"WANDB_MODE": "online", "WANDB_API_KEY": "", "WANDB_BASE_URL": "http://127.0.0.1:9"}
    home = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "WANDB_SILENT": "true"}
    flags = ("--logger", "wandb", "--output", str(tmp_path / "run"))
    code, _, errors = run_module(
        OFFLINE | online | home, tmp_path, "experiments.train_agent", *AGENT, *flags
    )
    assert code == 2, errors
    assert errors.splitlines()[-1].startswith("error: wandb: ")
