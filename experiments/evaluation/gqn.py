"""The measurement of `evaluate_gqn`: predictions, and what can be read off a representation."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from experiments.gqn.evaluation_settings import ORIENTATIONS, Settings, check, probe_scenes_of
from experiments.gqn.figures import save_contact_sheet, save_curves
from experiments.gqn.prediction import (
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
from experiments.shared.command import new_run_folder, save_settings
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


def evaluate_gqn(settings: Settings) -> None:
    """Measure, print the tables, write the output folder."""
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
