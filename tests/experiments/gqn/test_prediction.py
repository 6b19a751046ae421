"""`evaluate_gqn`: predictions are the library's own, from the views that count."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.evaluation.metrics import predict_queries, prediction_errors
from gqn_rl.evaluation.prediction import predict_by_views
from gqn_rl.rendering import make_renderer
from tests.experiments.gqn.evaluations import (
    SMALL,
    run,
    save_tiny,
    tiny_model,
)


def two_scenes(rng: np.random.Generator, num_views: int) -> SceneViews:
    renderer = make_renderer("raycast", 64)
    return render_views(renderer, SceneDistribution(shapes="test").sample(rng, 2), num_views, rng)


def test_prediction_is_the_library_s_own(rng: np.random.Generator) -> None:
    model, views = tiny_model(0), two_scenes(rng, 5)
    found = predict_by_views(model, views, {3: 2}, seed=4, precision="fp32", keep=2)[3]
    generator = torch.Generator().manual_seed(4003)
    arguments = {"generator": generator, "num_samples": 2, "precision": "fp32"}
    images = predict_queries(model, views, 3, **arguments)
    assert found.kept == pytest.approx(images, abs=1e-5)
    truth = views.images[:, -1]
    summary = found.summary()
    for name, value in prediction_errors(images.mean(axis=0), truth).items():
        assert summary["mean_of_samples"][name] == pytest.approx(value, rel=1e-4)
    single = [prediction_errors(sample, truth)["mse"] for sample in images]
    assert summary["mse"] == pytest.approx(np.mean(single), rel=1e-4)
    spread = 255 * np.sqrt(images.astype(np.float64).var(axis=0, ddof=1).mean())
    assert summary["sample_std"] == pytest.approx(spread, rel=1e-3)


def test_later_views_do_not_change_predictions_from_fewer(rng: np.random.Generator) -> None:
    model, views = tiny_model(0), two_scenes(rng, 5)
    images, poses = views.images.copy(), views.viewpoints.copy()
    images[:, 2:-1], poses[:, 2:-1] = images[:, :1], poses[:, :1]
    changed = SceneViews(images, poses)
    ours, theirs = (
        predict_by_views(model, v, {2: 1, 4: 1}, seed=0, precision="fp32", keep=2)
        for v in (views, changed)
    )
    assert ours[2].kept == pytest.approx(theirs[2].kept, abs=1e-6)
    assert np.abs(ours[4].kept - theirs[4].kept).max() > 1e-6


def test_figures_of_others_at_random_positions_are_measured(tmp_path: Path, monkeypatch) -> None:
    figures = tmp_path / "figures.txt"
    figures.write_text("uuuubbuur\nrrruuufff\n")
    model = save_tiny(tmp_path / "model.safetensors", tiny_model(0))
    flags = [*SMALL, "--probe-scenes", "0", "--ideal-scenes", "0", "--turning-pairs", "0"]
    flags += ["--model", model, "--shapes", figures]
    found = {}
    for position in ("centred", "random"):
        folder = tmp_path / position
        assert run(monkeypatch, *flags, "--position", position, "--output", folder) == 0
        found[position] = json.loads((folder / "metrics.json").read_text())
        assert found[position]["num_cubes"] == 10
        assert found[position]["shapes"] == str(figures)
    centred, moved = (found[name]["prediction"]["grid"]["views"]["1"] for name in found)
    assert centred["rmse"] != moved["rmse"]
