"""Measure a GQN: prediction by number of views, and what can be read off its representation.

Everything is measured on held-out shapes. Predictions are samples of what the context views allow,
beside black, mean-image and nearest-view predictions of the same queries, those of the ideal
observer (docs/ideal-observer.md), which nobody can better, and samples of the bare network where a
family refines what it infers. Probes of the representation
(gqn_rl/probes/tasks.py) stand beside the same probes on networks with random weights, of which the
median and the range are given, and on raw pixels. Networks that imagine cells are also asked
whether two objects are mirror images, without training (experiments/gqn/turning.py). The output
folder gets metrics.json, curves.png, contact_sheet.png, failures.png, median.png and best.png, the
queries with the largest, the middle and the smallest errors, and uncertainty.png, whether the
spread of samples says how wrong they are.

The default takes minutes. For figures to publish: --scenes 1000 --probe-scenes 20000
--probe-test-scenes 5000 --probe-views 1 3 5 --probe-orientations grid free.
"""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from experiments.gqn.evaluation_settings import Settings, check, probe_scenes_of
from experiments.gqn.figures import save_contact_sheet, save_curves
from experiments.gqn.prediction import (
    ORIENTATIONS,
    Measured,
    PredictionPlan,
    measure_prediction,
)
from experiments.gqn.probing import (
    ProbePlan,
    ProbeStudy,
    encoders_to_compare,
    variance_of_encoders,
)
from experiments.gqn.report import (
    key_figures,
    print_prediction,
    print_tables,
    uncertainty_by_views,
    write_record,
)
from experiments.gqn.stored import check_stored, measure_stored
from experiments.gqn.turning import measure_turning
from experiments.gqn.uncertainty import save_uncertainty
from experiments.shared.command import new_run_folder, run_command, save_settings
from experiments.shared.threads import use_threads
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.devices import choose_device
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.probes.features import Features
from gqn_rl.rendering import Renderer, make_renderer

SHEETS = {"worst": "failures", "median": "median", "best": "best"}
"""Files of the queries by rank."""


def main(settings: Settings) -> None:
    begin = time.monotonic()
    check(settings)
    use_threads(settings.threads)
    path = pretrained_path(settings.weights)
    model, sidecar = load_checkpoint(path, choose_device(settings.device))
    model.steps_to_take(settings.steps)  # refuses what the family cannot
    if settings.data_path is not None:
        _evaluate_stored(settings, settings.data_path, model, path, sidecar)
        return
    renderer = make_renderer(settings.renderer, model.image_size)
    renderer.identity.require_same_pictures(sidecar["renderer"], str(path))
    folder = new_run_folder(settings.output, "evaluate_gqn")
    save_settings(folder, settings)

    prediction = _measure_prediction(settings, model, renderer)
    metrics: dict[str, Any] = {
        "model": _describe(path, model, sidecar),
        **_measured(settings, model, renderer, prediction),
        "seconds": round(time.monotonic() - begin, 1),
    }
    renderer.close()
    write_json(folder / "metrics.json", metrics)
    _save_pictures(folder, f"{settings.shapes} shapes", settings, prediction)
    save_curves(folder / "curves.png", prediction.numbers, metrics["representation_variance"])
    if settings.write_record:
        write_record(path, sidecar["sha256"], key_figures(metrics))
    print_tables(metrics)
    print(folder)


def _measured(
    settings: Settings, model: GenerativeQueryNetwork, renderer: Renderer, prediction: Measured
) -> dict[str, Any]:
    """What metrics.json says of scenes that are rendered."""
    encoders = encoders_to_compare(
        model, settings.precision, settings.seed, settings.random_networks
    )
    return {
        "renderer": renderer.identity.to_dict(),
        "shapes": settings.shapes,
        "num_cubes": settings.cubes,
        "position": settings.position,
        "scenes": settings.scenes,
        "sample_views": settings.sample_views,
        "seed": settings.seed,
        "prediction": prediction.numbers,
        "ideal_seconds": prediction.ideal_seconds,
        "uncertainty": uncertainty_by_views(prediction.numbers),
        "calibration": prediction.calibration,
        "milliseconds_a_scene": prediction.milliseconds,
        "representation_variance": _measure_variance(settings, encoders, renderer),
        "probes": _measure_probes(settings, encoders, renderer),
        "turning": _measure_turning(settings, model, renderer),
    }


def _evaluate_stored(
    settings: Settings,
    data: Path,
    model: GenerativeQueryNetwork,
    path: Path,
    sidecar: dict[str, Any],
) -> None:
    """Prediction on scenes from disk."""
    plan = _prediction_plan(settings)
    check_stored(plan, data, sidecar)  # before a folder is made
    folder = new_run_folder(settings.output, "evaluate_gqn")
    save_settings(folder, settings)
    prediction = measure_stored(plan, model, data)
    metrics = {
        "model": _describe(path, model, sidecar),
        "data_path": str(data),
        **{name: getattr(settings, name) for name in ("scenes", "sample_views", "seed")},
        "prediction": prediction.numbers,
        "uncertainty": uncertainty_by_views(prediction.numbers),
        "calibration": prediction.calibration,
        "milliseconds_a_scene": prediction.milliseconds,
    }
    write_json(folder / "metrics.json", metrics)
    _save_pictures(folder, f"{data.name}", settings, prediction)
    print_prediction(metrics)
    print(folder)


def _save_pictures(folder: Path, what: str, settings: Settings, prediction: Measured) -> None:
    title = f"{what} from {settings.sample_views} views; errors 0-255"
    save_contact_sheet(folder / "contact_sheet.png", prediction.rows, title)
    for rank, rows in prediction.ranked.items():
        save_contact_sheet(folder / f"{SHEETS[rank]}.png", rows, f"the {rank} of all {title}")
    if any(prediction.calibration.values()):
        save_uncertainty(folder / "uncertainty.png", prediction.calibration)


def _describe(path: Path, model: GenerativeQueryNetwork, sidecar: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": str(path),
        "sha256": sidecar["sha256"],
        "family": sidecar["family"],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "representation_size": model.representation_size,
        "training": sidecar.get("record", {}).get("training", {}),
    }


def _measure_prediction(
    settings: Settings, model: GenerativeQueryNetwork, renderer: Renderer
) -> Measured:
    return measure_prediction(_prediction_plan(settings), model, renderer)


def _prediction_plan(settings: Settings) -> PredictionPlan:
    names = {field.name for field in fields(PredictionPlan)}
    values = {name: getattr(settings, name) for name in names - {"num_cubes"}}
    return PredictionPlan(num_cubes=settings.cubes, **values)


def _measure_variance(
    settings: Settings, encoders: dict[str, Features], renderer: Renderer
) -> dict[str, Any]:
    """Variance of r within and across scenes, by orientation, encoder and number of views."""
    return {
        name: variance_of_encoders(
            encoders,
            renderer,
            SceneDistribution(settings.cubes, settings.shapes, free),
            sorted(set(settings.variance_views)),
            seed=settings.seed,
        )
        for name, free in ORIENTATIONS.items()
    }


def _measure_turning(
    settings: Settings, model: GenerativeQueryNetwork, renderer: Renderer
) -> dict[str, Any]:
    """Same or mirrored, by orientation, number of views and weights."""
    if not settings.turning_pairs:
        return {}
    return measure_turning(
        model,
        renderer,
        probe_scenes_of(settings),
        orientations=settings.probe_orientations,
        views=settings.probe_views,
        pairs=settings.turning_pairs,
        seed=settings.seed,
        precision=settings.precision,
        random_networks=settings.random_networks,
    )


def _measure_probes(
    settings: Settings, encoders: dict[str, Features], renderer: Renderer
) -> dict[str, Any]:
    """Scores by probe, orientation, number of views, encoder and kind of probe."""
    if not (settings.probe_scenes and settings.probes):
        return {}
    plan = ProbePlan(
        names=tuple(dict.fromkeys(settings.probes)),
        scenes=probe_scenes_of(settings),
        orientations=settings.probe_orientations,
        views=settings.probe_views,
        train_scenes=settings.probe_scenes,
        test_scenes=settings.probe_test_scenes,
    )
    device = choose_device(settings.device)
    study = ProbeStudy(plan, encoders, renderer, seed=settings.seed, device=device)
    return {"scenes": settings.probe_scenes, "results": study.measure()}


if __name__ == "__main__":
    run_command(main, Settings, __doc__)
