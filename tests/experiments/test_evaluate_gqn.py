"""`evaluate_gqn`: a whole tiny run, its numbers, and every kind of bad input."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experiments import evaluate_gqn
from experiments.command import EXIT_BAD_INPUT, run_command
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.gqn.checkpoint import load_checkpoint, save_checkpoint
from gqn_rl.gqn.config import preset
from gqn_rl.gqn.lattice_gqn import LatticeGQN
from gqn_rl.metrics import predict_queries, prediction_errors
from gqn_rl.prediction import predict_by_views
from gqn_rl.rendering import make_renderer

SMALL = ["--scenes", "3", "--views", "1", "2", "--samples", "3", "--sample-views", "2"]
SMALL += ["--probe-scenes", "40", "--probe-test-scenes", "20", "--probe-views", "2"]
SMALL += ["--gallery-size", "3", "--device", "cpu"]


def run(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of `python -m experiments.evaluate_gqn flags`."""
    monkeypatch.setattr("sys.argv", ["evaluate_gqn", *map(str, flags)])
    try:
        run_command(evaluate_gqn.main, evaluate_gqn.Settings, evaluate_gqn.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def tiny_model(seed: int) -> LatticeGQN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LatticeGQN(preset("tiny")).eval().requires_grad_(False)


def tiny_checkpoint(folder: Path, seed: int) -> Path:
    path = folder / f"tiny-{seed}.safetensors"
    renderer = make_renderer("pybullet", preset("tiny").image_size)
    record = {"training": {"step": 0}}
    save_checkpoint(path, tiny_model(seed), renderer=renderer.identity.to_dict(), record=record)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tiny checkpoints and an evaluation of each."""
    folder = tmp_path_factory.mktemp("gqn")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for seed in (0, 1):
            flags = ["--model", tiny_checkpoint(folder, seed), "--output", folder / f"run-{seed}"]
            assert run(monkeypatch, *SMALL, *flags) == 0
    return folder


def metrics_of(runs: Path, seed: int) -> dict[str, Any]:
    return dict(json.loads((runs / f"run-{seed}" / "metrics.json").read_text()))


def numbers_in(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(value)
    elif isinstance(tree, int | float):
        yield tree


def test_a_run_leaves_finite_numbers_and_pictures(runs: Path) -> None:
    metrics = metrics_of(runs, 0)
    assert all(math.isfinite(number) for number in numbers_in(metrics))
    for orientation in ("grid", "free"):
        found = metrics["prediction"][orientation]["views"]
        assert list(found) == ["1", "2"]
        assert found["2"]["samples"] == 3
        assert found["2"]["mean_of_samples"]["mse"] <= found["2"]["mse"]
        assert found["2"]["image_rmse"] <= found["2"]["rmse"]
        assert min(row["kl"] for row in found.values()) >= 0
    encoders = metrics["probes"]["orientations"]["grid"]["2"]
    assert set(encoders) == {"gqn", "random weights", "pixels"}
    for result in encoders["gqn"].values():
        low, high = result["accuracy_95"]
        assert 0 <= low <= result["accuracy"] <= high <= 1
    assert set(metrics["signal_to_noise"]) == {"gqn", "random weights"}
    for name in ("contact_sheet.png", "curves.png"):
        with Image.open(runs / "run-0" / name) as picture:
            assert min(picture.size) > 300
    assert json.loads((runs / "run-0" / "settings.json").read_text())["scenes"] == 3


def test_baselines_do_not_depend_on_the_model(runs: Path) -> None:
    first, second = metrics_of(runs, 0), metrics_of(runs, 1)
    assert first["model"]["sha256"] != second["model"]["sha256"]
    for orientation in ("grid", "free"):
        one, other = (metrics["prediction"][orientation] for metrics in (first, second))
        assert one["baselines"] == other["baselines"]
        assert one["views"] != other["views"]
    one, other = (metrics["probes"]["orientations"]["grid"]["2"] for metrics in (first, second))
    for control in ("random weights", "pixels"):
        assert one[control] == other[control]


def test_figures_go_into_the_sidecar_and_the_weights_stay(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(runs / f"tiny-0{suffix}", tmp_path / f"model{suffix}")
    weights = (tmp_path / "model.safetensors").read_bytes()
    flags = ["--model", tmp_path, "--output", tmp_path / "out", "--write-record"]
    assert run(monkeypatch, *SMALL, *flags) == 0
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    _, sidecar = load_checkpoint(tmp_path / "model.safetensors")
    record = sidecar["record"]
    assert record["training"] == {"step": 0}
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["prediction"] == metrics_of(runs, 0)["prediction"]  # the seed decides
    for orientation, figures in record["evaluation"]["prediction"].items():
        expected = metrics["prediction"][orientation]["views"]["2"]
        assert {key: figures[key] for key in expected} == expected
    assert record["evaluation"]["probes"] == metrics["probes"]
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("RMSE", "nearest", "random weights", "linear"))


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


BAD_INPUT = {
    "model": (["--model", "enormous"], "enormous"),
    "missing file": (["--model", "no/such.safetensors"], "no/such.safetensors"),
    "one scene": (["--scenes", "1"], "scenes is 1"),
    "no views": (["--views", "0", "1"], "views has 0"),
    "too many views": (["--views", "3", "11"], "views has 11"),
    "sample views": (["--sample-views", "11"], "sample_views has 11"),
    "probe views": (["--probe-views", "0"], "probe_views has 0"),
    "probe orientation": (["--probe-orientations", "upside"], "upside"),
    "probe scenes": (["--probe-scenes", "3"], "probe_scenes is 3"),
    "samples": (["--samples", "0"], "samples is 0"),
    "gallery": (["--gallery-size", "1000"], "gallery_size is 1000"),
    "shapes": (["--shapes", "new"], "new"),
    "cubes": (["--num-cubes", "0"], "0"),
    "renderer": (["--renderer", "pencil"], "pencil"),
    "precision": (["--precision", "fp7"], "fp7"),
    "device": (["--device", "toaster"], "toaster"),
    "seed": (["--seed", "-1"], "seed is -1"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_code_2(
    case: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags, named = BAD_INPUT[case]
    given = ["--model", runs / "tiny-0.safetensors", *SMALL, *flags, "--output", tmp_path / "out"]
    assert run(monkeypatch, *given) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert named in message
    assert not (tmp_path / "out").exists()  # nothing was begun


def test_weights_for_other_pictures_or_truncated_ones_are_refused(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    weights = (runs / "tiny-0.safetensors").read_bytes()
    sidecar = json.loads((runs / "tiny-0.json").read_text())
    for change, content, named in (
        ({"image_size": 32}, weights, "image_size=32"),
        ({}, weights[:-10], "truncated"),
    ):
        (tmp_path / "model.safetensors").write_bytes(content)
        changed = sidecar | {"renderer": sidecar["renderer"] | change}
        (tmp_path / "model.json").write_text(json.dumps(changed))
        flags = ["--model", tmp_path, "--output", tmp_path / "out"]
        assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
        message = capsys.readouterr().err
        assert named in message
        assert message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_an_output_folder_that_exists_is_left_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()}
    flags = ["--model", runs / "tiny-0.safetensors", "--output", runs / "run-0"]
    assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()} == before
