"""`evaluate_gqn`: a whole tiny run, its numbers and its pictures."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from PIL import Image

from experiments.gqn.probing import MEASURES, networks_as_one
from experiments.gqn.report import uncertainty_by_views
from gqn_rl.gqn.checkpoint import load_checkpoint
from gqn_rl.probes import KINDS
from gqn_rl.probes.tasks import PROBES
from tests.experiments.gqn.evaluations import (
    SMALL,
    draw_no_pictures,
    metrics_of,
    numbers_in,
    run,
    save_tiny,
    tiny_model,
)
from tests.gqn_rl.gqn.models import TINY


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
        assert all(key in row for row in found.values() for key in ("psnr", "foreground_psnr"))
        variance = metrics["representation_variance"][orientation]
        assert set(variance) == {"gqn", "random weights"}
        assert all(list(by_views) == ["1", "2"] for by_views in variance.values())
        falling = metrics["uncertainty"][orientation]
        for count, value in falling["sample_variance"].items():
            assert 255 * math.sqrt(value) == pytest.approx(found[count]["sample_std"])
        spread = metrics["calibration"][orientation]
        for count, row in spread.items():
            assert row["error"] == pytest.approx(found[count]["mean_of_samples"]["rmse"])
            assert row["ause"] >= 0
        assert list(metrics["milliseconds_a_scene"][orientation]) == ["1", "2"]
    for name in ("contact_sheet", "curves", "failures", "median", "best", "uncertainty"):
        picture_path = runs / "run-0" / f"{name}.png"
        with Image.open(picture_path) as picture:
            assert min(picture.size) > 300
    assert json.loads((runs / "run-0" / "settings.json").read_text())["scenes"] == 3


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_stands_beside_its_controls(name: str, runs: Path) -> None:
    found = metrics_of(runs, 0)["probes"]["results"][name]
    encoders = found["orientations"]["grid"]["2"]
    assert set(encoders) == {"gqn", "random weights", "pixels"}
    for kinds in encoders.values():
        assert set(kinds) == set(KINDS)
        for result in kinds.values():
            measure = next(key for key in MEASURES if key in result)
            low, high = result[f"{measure}_95"]
            assert low <= result[measure] <= high
            assert "chance" in result
    for result in encoders["random weights"].values():
        measure = next(key for key in MEASURES if key in result)
        assert len(result["networks"]) == 2
        assert result[measure] == min(result["networks"])


def test_random_networks_are_one_encoder_at_their_median() -> None:
    found = {
        "gqn": {"linear": {"accuracy": 0.9}},
        "random weights 1": {"linear": {"accuracy": 0.5, "epochs": 1}},
        "random weights 2": {"linear": {"accuracy": 0.2, "epochs": 2}},
        "random weights 3": {"linear": {"accuracy": 0.3, "epochs": 3}},
        "pixels": {"linear": {"accuracy": 0.6}},
    }
    named = networks_as_one(found)
    assert list(named) == ["gqn", "random weights", "pixels"]
    middle = {"accuracy": 0.3, "epochs": 3, "networks": [0.2, 0.3, 0.5]}
    assert named["random weights"] == {"linear": middle}
    assert named["gqn"] == found["gqn"]


def test_baselines_do_not_depend_on_the_model(runs: Path) -> None:
    first, second = metrics_of(runs, 0), metrics_of(runs, 1)
    assert first["model"]["sha256"] != second["model"]["sha256"]
    for orientation in ("grid", "free"):
        one, other = (metrics["prediction"][orientation] for metrics in (first, second))
        assert one["baselines"] == other["baselines"]
        assert one["views"] != other["views"]
    for name in PROBES:
        one, other = (
            metrics["probes"]["results"][name]["orientations"]["grid"]["2"]
            for metrics in (first, second)
        )
        for control in ("random weights", "pixels"):
            assert one[control] == other[control]


@pytest.mark.parametrize("family", TINY)
def test_any_family_and_image_size_can_be_measured(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_tiny(tmp_path / "model.safetensors", tiny_model(0, family, image_size=32))
    flags = ["--weights", model, "--output", tmp_path / "out", "--shapes", "validation"]
    assert run(monkeypatch, *SMALL, *flags, "--probes", "chirality") == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["model"]["family"] == family
    assert metrics["renderer"]["image_size"] == 32
    assert list(metrics["probes"]["results"]) == ["chirality"]


def test_probes_that_are_not_asked_for_are_not_made(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--weights", runs / "tiny-0.safetensors", "--output", tmp_path / "out"]
    assert run(monkeypatch, *SMALL, *flags, "--probe-scenes", "0", "--curve-samples", "1") == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["probes"] == {}
    assert metrics["uncertainty"] == {}  # one sample has no spread


@pytest.mark.parametrize(
    ("spread", "falls"), [((9.0, 4.0, 3.0, 2.0, 2.1), True), ((3.0, 4.0, 3.5, 3.4, 3.6), False)]
)
def test_uncertainty_falls_when_it_is_ordered_by_views(
    spread: tuple[float, ...], falls: bool
) -> None:
    counts = ("1", "2", "3", "5", "10")
    views = {count: {"sample_std": std} for count, std in zip(counts, spread, strict=True)}
    shuffled = dict(sorted(views.items()))  # "10" before "2", as JSON files may have it
    found = uncertainty_by_views({"grid": {"views": shuffled}})["grid"]
    assert tuple(found["sample_variance"]) == counts
    assert found["falls"] is falls


def test_figures_go_into_the_sidecar_and_the_weights_stay(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(runs / f"tiny-0{suffix}", tmp_path / f"model{suffix}")
    weights = (tmp_path / "model.safetensors").read_bytes()
    draw_no_pictures(monkeypatch)
    flags = ["--weights", tmp_path, "--output", tmp_path / "out", "--write-record"]
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
    assert "uncertainty falls with views, grid" in printed
    assert "0.567" in printed  # the published figure beside the chirality probe
