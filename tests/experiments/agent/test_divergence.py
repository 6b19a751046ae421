"""Trainings whose weights become infinite or not a number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from agents.algorithms.algorithm import ALGORITHMS
from agents.training.divergence import DivergedError, noticed_divergence, require_finite
from agents.training.training_state import NAME
from experiments.agent import optimization
from experiments.agent.optimization import MOST_DIVERGED
from experiments.shared.command import EXIT_BAD_INPUT
from tests.agents.conftest import small_model
from tests.experiments.agent.test_optimize import SMALL, run

RUNS = {
    "ppo": ["--env-id", "GQNShepard-v0", "--hyper", "n_steps=16", "batch_size=32"],
    "sac": [
        *("--env-id", "GQNShepardContinuous-v0", "--hyper", "learning_starts=32"),
        *("batch_size=16", "gradient_steps=4", "buffer_size=500"),
    ],
}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_diverging_run_ends_in_a_sentence_and_keeps_what_was_good(
    algo: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    flags = [*SMALL[:4], "--algo", algo, "--total-timesteps", 512, "--eval-every", 32]
    flags += ["--eval-every-episodes", 4, *RUNS[algo], "learning_rate=1e+30"]
    assert run(monkeypatch, *flags, "--output", folder) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "training diverged by step" in said
    assert f"last save are in {str(folder)!r}" in said
    for path in (folder / NAME, folder / "agent.safetensors"):
        if path.exists():
            floats = [part for part in load_file(path).values() if part.is_floating_point()]
            assert all(part.isfinite().all() for part in floats)
    assert (folder / NAME).exists()
    assert not (folder / "metrics.json").exists()


def test_a_diverging_trial_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = optimization.model_for

    def first_diverges(settings: Any, environment: Any, hyperparameters: Any, seed: int) -> Any:
        much = {"learning_rate": 1e30} if seed == settings.seed else {}
        return make(settings, environment, hyperparameters | much, seed)

    monkeypatch.setattr(optimization, "model_for", first_diverges)
    assert run(monkeypatch, "--optimize", 2, "--output", tmp_path / "search", *SMALL) == 0
    trials = json.loads((tmp_path / "search" / "trials.json").read_text())
    assert [trial["state"] for trial in trials] == ["pruned", "complete"]
    assert "trial 0: training diverged by step" in capsys.readouterr().out


def test_diverging_trials_in_a_row_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*SMALL, "vf_coef=1e+200"]
    assert run(monkeypatch, "--optimize", 9, "--output", tmp_path / "search", *flags) == 2
    assert f"{MOST_DIVERGED} trials in a row diverged" in capsys.readouterr().err
    trials = json.loads((tmp_path / "search" / "trials.json").read_text())
    assert len(trials) == MOST_DIVERGED - 1


def test_only_parameters_that_are_no_numbers_are_taken_for_divergence() -> None:
    model = small_model(2)
    with pytest.raises(ValueError, match="something else"), noticed_divergence(model):
        raise ValueError("something else")
    with pytest.raises(DivergedError, match="by step 0"), noticed_divergence(model):
        torch.distributions.Categorical(logits=torch.tensor([float("nan"), 0.0]))
    require_finite(model)
    with torch.no_grad():
        next(model.policy.parameters()).view(-1)[0] = float("nan")
    with pytest.raises(DivergedError, match="by step 0"):
        require_finite(model)
