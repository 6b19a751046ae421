"""Small runs of `evaluate_gqn` and tiny weights for them, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import evaluate_gqn
from experiments.shared.command import run_command
from gqn_rl.gqn.checkpoint import save_checkpoint
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.rendering import make_renderer
from tests.gqn_rl.gqn.models import TINY

SMALL = ["--scenes", "3", "--views", "1", "2", "--samples", "3", "--sample-views", "2"]
SMALL += ["--probe-scenes", "40", "--probe-test-scenes", "20", "--probe-views", "2"]
SMALL += ["--gallery-size", "3", "--variance-views", "1", "2", "--device", "cpu"]
SMALL += ["--random-networks", "2"]


def run(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of `python -m experiments.evaluate_gqn flags`."""
    monkeypatch.setattr("sys.argv", ["evaluate_gqn", *map(str, flags)])
    try:
        run_command(evaluate_gqn.main, evaluate_gqn.Settings, evaluate_gqn.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def draw_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs whose numbers alone are looked at: the pictures take a third of their time."""
    for name in ("_save_pictures", "save_curves"):
        monkeypatch.setattr(f"experiments.evaluation.gqn.{name}", lambda *arguments: None)


def tiny_model(seed: int, family: str = "lattice", **changes: Any) -> GenerativeQueryNetwork:
    config = replace(preset(TINY[family]), **changes)
    return build(config, seed).eval().requires_grad_(False)


def save_tiny(path: Path, model: GenerativeQueryNetwork) -> Path:
    identity = make_renderer(image_size=model.image_size).identity
    save_checkpoint(path, model, renderer=identity.to_dict(), record={"training": {"step": 0}})
    return path


def metrics_of(runs: Path, seed: int) -> dict[str, Any]:
    return dict(json.loads((runs / f"run-{seed}" / "metrics.json").read_text()))


def numbers_in(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(value)
    elif isinstance(tree, int | float):
        yield tree
