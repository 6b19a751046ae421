"""`pretrain_gqn --initial-weights`: what a new run takes over, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl import GenerativeQueryNetwork
from tests.experiments.gqn.pretraining_runs import run


def test_a_run_can_start_from_the_weights_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--iterations", 2, "--output", tmp_path / "first") == 0
    flags = ["--initial-weights", tmp_path / "first", "--output", tmp_path / "second"]
    assert run(monkeypatch, *flags, "--iterations", 1, "--learning-rate", 1e-12) == 0
    first, second = (
        GenerativeQueryNetwork.from_pretrained(tmp_path / name) for name in ("first", "second")
    )
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    capsys.readouterr()
    assert run(monkeypatch, *flags[:2], "--preset", "small") == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "but the preset has" in error


def test_shipped_weights_of_an_older_layout_start_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their sidecars hold names of fields that have changed since."""
    flags = ["--preset", "small", "--initial-weights", "small", "--output", tmp_path / "run"]
    assert run(monkeypatch, *flags, "--iterations", 1, "--learning-rate", 1e-12) == 0
    found, shipped = (
        GenerativeQueryNetwork.from_pretrained(name) for name in (tmp_path / "run", "small")
    )
    for a, b in zip(found.parameters(), shipped.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_parameters_that_initial_weights_lack_start_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--iterations", 1, "--output", tmp_path / "first") == 0
    path = tmp_path / "first" / "model.safetensors"
    tensors = load_file(path)
    lacking = "generator.out.weight"
    del tensors[lacking]
    save_file(tensors, path)
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    flags = ["--initial-weights", path, "--output", tmp_path / "second"]
    assert run(monkeypatch, *flags, "--iterations", 1, "--learning-rate", 1e-12) == 0
    assert f"has no {lacking}; they start from random weights" in capsys.readouterr().out
    found = load_file(tmp_path / "second" / "model.safetensors")
    for name, tensor in tensors.items():
        if not name.startswith("representation_"):  # statistics of the new run
            torch.testing.assert_close(found[name], tensor)
    assert found[lacking].abs().max() > 0


def test_a_frozen_representation_keeps_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "--iterations", 1, "--output", tmp_path / "first") == 0
    flags = ["--initial-weights", tmp_path / "first", "--freeze-representation"]
    assert run(monkeypatch, *flags, "--iterations", 3, "--output", tmp_path / "second") == 0
    first, second = (
        dict(GenerativeQueryNetwork.from_pretrained(tmp_path / name).named_parameters())
        for name in ("first", "second")
    )
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed
    assert not {name for name in changed if name.startswith("network.")}
