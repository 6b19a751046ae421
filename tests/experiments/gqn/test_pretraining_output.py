"""What pretrain_gqn says when it ends early or cannot begin, and the statistics it stores."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.gqn.pretraining import DataFlags, open_data
from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.training.group import ALONE, Group
from gqn_rl.training.recipe import Recipe
from tests.experiments.gqn.pretraining_runs import run


@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"num_views": 2, "batch_size": 4}])
def test_statistics_of_stored_data_are_those_of_the_data(
    data: Path, changes: dict[str, int]
) -> None:
    """Neither the size of a batch nor the part that a process has of it counts."""
    device = torch.device("cpu")

    def examples(batch_size: int, num_views: int = 3, group: Group = ALONE) -> list[SceneViews]:
        recipe = Recipe(batch_size=batch_size, num_views=num_views, seed=3)
        flags = DataFlags(data_path=data, renderer="raycast")
        return list(open_data(flags, 64, recipe, device, group).examples())

    expected, found = examples(2), examples(**changes)
    shared = examples(2, group=Group(1, 2))
    assert [views.images.shape[:2] for views in expected] == [(6, 1), (6, 2), (6, 3)]
    for views, others, part in zip(expected, found, shared, strict=True):
        assert np.array_equal(views.images, others.images)
        assert np.array_equal(views.images, part.images)


def test_a_run_that_the_limit_ends_says_so_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--iterations", 10**6, "--eval-every", 1, "--max-minutes", 0.01]
    assert run(monkeypatch, *flags, "--output", tmp_path / "run") == 0
    printed = capsys.readouterr()
    assert re.search(r"stopped after \d+ of 1,000,000 steps by --max-minutes 0.01\n", printed.err)
    assert f"--resume {tmp_path / 'run'}" in printed.err
    lines = [line for line in printed.out.splitlines() if line.startswith("step ")]
    evaluations = json.loads((tmp_path / "run" / "metrics.json").read_text())["record"]
    assert len(lines) == len(evaluations["evaluations"]) > 0
    assert "\r" not in printed.out + printed.err


def test_compiling_without_a_compiler_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert run(monkeypatch, "--compile", "--output", tmp_path / "run") == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert printed.startswith("error: compile needs a C++ compiler: 'no-such-compiler'")
    assert len(printed.splitlines()) == 1
    assert not (tmp_path / "run").exists()
