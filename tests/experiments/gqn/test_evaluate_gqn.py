"""`evaluate_gqn`: a whole tiny run, its numbers, and every kind of bad input."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experiments import evaluate_gqn
from experiments.gqn.ideal import ideal_by_views, shapes_of
from experiments.gqn.probing import MEASURES, networks_as_one
from experiments.gqn.report import uncertainty_by_views
from experiments.gqn.turning import answers
from experiments.shared.command import EXIT_BAD_INPUT, run_command
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.evaluation.metrics import predict_queries, prediction_errors
from gqn_rl.evaluation.prediction import predict_by_views
from gqn_rl.gqn.checkpoint import load_checkpoint, save_checkpoint
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.probes import KINDS
from gqn_rl.probes.scenes import ProbeScenes
from gqn_rl.probes.tasks import PROBES
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from tests.gqn_rl.gqn.canonical.true_cells import true_cells
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


def tiny_model(seed: int, family: str = "lattice", **changes: Any) -> GenerativeQueryNetwork:
    config = replace(preset(TINY[family]), **changes)
    return build(config, seed).eval().requires_grad_(False)


def save_tiny(path: Path, model: GenerativeQueryNetwork) -> Path:
    identity = make_renderer("pybullet", model.image_size).identity
    save_checkpoint(path, model, renderer=identity.to_dict(), record={"training": {"step": 0}})
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tiny checkpoints and an evaluation of each."""
    folder = tmp_path_factory.mktemp("gqn")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for seed in (0, 1):
            path = save_tiny(folder / f"tiny-{seed}.safetensors", tiny_model(seed))
            flags = ["--weights", path, "--output", folder / f"run-{seed}"]
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


def test_the_ideal_observer_stands_beside_the_network(runs: Path) -> None:
    for orientation in ("grid", "free"):
        found = metrics_of(runs, 0)["prediction"][orientation]
        ideal = found["ideal"]
        assert ideal["scenes"] == 3
        assert list(ideal["views"]) == list(found["views"])
        for count, row in ideal["views"].items():
            assert row["rmse"] < 0.5 * found["views"][count]["rmse"]
            assert row["rmse"] <= row["sample"]["rmse"] + 0.5
            assert 0 <= row["shape_accuracy"] <= 1
            assert 0 < row["stated_probability"] <= 1 + 1e-9
        assert set(metrics_of(runs, 0)["ideal_seconds"][orientation]) == set(ideal["views"])


def test_the_ideal_observer_names_shapes_and_can_be_left_out(tmp_path: Path, monkeypatch) -> None:
    rng = np.random.default_rng(3)
    scenes = SceneDistribution(7, "test").sample(rng, 8)
    views = render_views(make_renderer("raycast"), scenes, 3, rng)
    seen: list[int] = []
    found = ideal_by_views(views, scenes, (1, 2), orientation="grid", seed=0, on_scenes=seen.append)
    assert [row["shape_accuracy"] for row in found.views.values()] == [1.0, 1.0]
    assert found.views["2"]["rmse"] < found.views["1"]["rmse"] < 20
    assert 0 < found.seconds["2"] < 5
    assert sum(seen) == 8
    catalogue = shape_catalogue(7)
    assert catalogue.is_test[shapes_of(scenes)].all()

    model = save_tiny(tmp_path / "model.safetensors", tiny_model(0))
    flags = [*SMALL, "--probe-scenes", "0", "--ideal-scenes", "0", "--weights", model]
    assert run(monkeypatch, *flags, "--output", tmp_path / "run") == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["prediction"]["grid"]["ideal"] == {"scenes": 0, "views": {}}


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


BAD_INPUT = {
    "model": (["--weights", "enormous"], "enormous"),
    "missing file": (["--weights", "no/such.safetensors"], "no/such.safetensors"),
    "one scene": (["--scenes", "1"], "scenes is 1"),
    "no views": (["--views", "0", "1"], "views has 0"),
    "too many views": (["--views", "3", "11"], "views has 11"),
    "sample views": (["--sample-views", "11"], "sample_views has 11"),
    "probe views": (["--probe-views", "0"], "probe_views has 0"),
    "probe orientation": (["--probe-orientations", "upside"], "upside"),
    "probe scenes": (["--probe-scenes", "3"], "probe_scenes is 3"),
    "probe test scenes": (["--probe-test-scenes", "2"], "probe_test_scenes is 2"),
    "probe": (["--probes", "shape", "taste"], "unknown probe 'taste'"),
    "variance views": (["--variance-views", "12"], "variance_views has 12"),
    "chiral shapes": (["--num-cubes", "4", "--shapes", "all"], "too few chiral shapes"),
    "samples": (["--samples", "0"], "samples is 0"),
    "ideal scenes": (["--ideal-scenes", "-1"], "ideal_scenes is -1"),
    "gallery": (["--gallery-size", "1000"], "gallery_size is 1000"),
    "shapes": (["--shapes", "new"], "new"),
    "cubes": (["--num-cubes", "0"], "0"),
    "no file": (["--shapes", "no/such.txt"], "cannot read shapes from no/such.txt"),
    "position": (["--position", "left"], "unknown position 'left'"),
    "ten cubes": (["--num-cubes", "10"], "expected --ideal-scenes 0 --probe-scenes 0 --turning"),
    "renderer": (["--renderer", "pencil"], "pencil"),
    "precision": (["--precision", "fp7"], "fp7"),
    "device": (["--device", "toaster"], "toaster"),
    "seed": (["--seed", "-1"], "seed is -1"),
    "steps": (["--steps", "3"], "steps is 3, expected 0 for the family lattice"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_code_2(
    case: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags, named = BAD_INPUT[case]
    given = ["--weights", runs / "tiny-0.safetensors", *SMALL, *flags, "--output", tmp_path / "out"]
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
        flags = ["--weights", tmp_path, "--output", tmp_path / "out"]
        assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
        message = capsys.readouterr().err
        assert named in message
        assert message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_an_output_folder_that_exists_is_left_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()}
    flags = ["--weights", runs / "tiny-0.safetensors", "--output", runs / "run-0"]
    assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()} == before


def test_what_is_imagined_is_turned_for_families_that_imagine_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [*SMALL, "--probe-scenes", "0", "--turning-pairs", "6", "--probe-views", "1", "2"]
    for family in ("lattice", "canonical"):
        model = save_tiny(tmp_path / f"{family}.safetensors", tiny_model(0, family))
        folder = tmp_path / family
        assert run(monkeypatch, *flags, "--weights", model, "--output", folder) == 0
        metrics = json.loads((folder / "metrics.json").read_text())
        turning = metrics["turning"]
        assert ("bare" in metrics["prediction"]["grid"]) == (family == "canonical")
        if family == "lattice":
            assert turning == {}
            continue
        for count in ("1", "2"):
            assert set(turning["grid"][count]) == {"gqn", "random weights"}
            for score in turning["grid"][count].values():
                assert score["test_trials"] == 6
                assert score["chance"] == 0.5


def test_true_cells_answer_every_trial_of_mirror_pairs(rng: np.random.Generator) -> None:
    trials = ProbeScenes().mirror_pairs(rng, 80, "test")
    outputs = answers(true_cells(trials.scenes))
    np.testing.assert_array_equal(outputs.argmax(1), trials.mirrored)
