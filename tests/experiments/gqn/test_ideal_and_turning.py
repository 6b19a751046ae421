"""`evaluate_gqn`: the ideal observer beside the network, and what is imagined turned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.gqn.ideal import ideal_by_views, shapes_of
from experiments.gqn.turning import answers
from gqn_rl.data.synthetic import SceneDistribution, render_views
from gqn_rl.probes.scenes import ProbeScenes
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from tests.experiments.gqn.evaluations import (
    SMALL,
    metrics_of,
    run,
    save_tiny,
    tiny_model,
)
from tests.gqn_rl.gqn.canonical.true_cells import true_cells


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
