"""Measure a GQN: prediction by number of views, and what can be read off its representation.

Everything is measured on held-out shapes. Predictions are samples of what the context views allow,
beside black, mean-image and nearest-view predictions of the same queries, those of the ideal
observer (docs/ideal-observer.md), which nobody can better, and samples of the bare network where a
family refines what it infers. Probes of the representation
(gqn_rl/probes/tasks.py) stand beside the same probes on random weights and on raw pixels. Networks
that imagine cells are also asked whether two objects are mirror images, without training
(experiments/gqn/turning.py). The output folder gets metrics.json, curves.png, contact_sheet.png and
failures.png, the queries with the largest errors.

The default takes minutes. For figures to publish: --scenes 1000 --probe-scenes 20000
--probe-test-scenes 5000 --probe-views 1 3 5 --probe-orientations grid free.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from experiments.gqn.figures import save_contact_sheet, save_curves
from experiments.gqn.prediction import (
    MOST_VIEWS,
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
from experiments.gqn.report import key_figures, print_tables, uncertainty_by_views, write_record
from experiments.gqn.turning import measure_turning
from experiments.shared.command import new_run_folder, require_at_least, run_command, save_settings
from experiments.shared.threads import ThreadsFlag, use_threads
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.devices import PRECISIONS, choose_device
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import DEFAULT_WEIGHTS, load_checkpoint, pretrained_path
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.probes.features import Features
from gqn_rl.probes.scenes import ProbeScenes
from gqn_rl.probes.tasks import PROBES
from gqn_rl.rendering import Renderer, make_renderer
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import check_num_cubes

FEWEST_TEST_SCENES = 4
"""Two pairs."""


@dataclass(frozen=True)
class Settings(ThreadsFlag):
    """Flags of `python -m experiments.evaluate_gqn`."""

    weights: str = DEFAULT_WEIGHTS
    """GQN to measure: shipped weights by name, a .safetensors file, or a folder with one."""
    scenes: int = 100
    """Scenes per orientation on which prediction is measured."""
    views: tuple[int, ...] = tuple(range(1, MOST_VIEWS + 1))
    """Numbers of context views, each 1 to 10."""
    curve_samples: int = 2
    """Prior-path samples per query at each number of views."""
    sample_views: int = 3
    """The number of context views of the contact sheet and of the mean of many samples."""
    samples: int = 10
    """Prior-path samples per query at that number of views."""
    steps: int | None = None
    """Steps of refinement, with which predictions explain the views they are made from; 0 for one
    pass through the network. By default as many as `predict` takes; both are reported."""
    ideal_scenes: int = 50
    """Scenes per orientation, the first ones, that the ideal observer sees too, to say how well
    anybody could predict (docs/ideal-observer.md); 0 leaves it out."""
    shapes: str = "test"
    """test or validation (never shown in pre-training), train or all."""
    num_cubes: int = 7
    """Cubes per object."""
    probes: tuple[str, ...] = tuple(PROBES)
    """What is probed: any of shape, chirality, orientation, colour."""
    probe_scenes: int = 3000
    """Labelled scenes that train each probe; 0 leaves the probes out."""
    probe_test_scenes: int = 1000
    """Fresh labelled scenes that test it."""
    probe_views: tuple[int, ...] = (3,)
    """Numbers of views from which the probes' representations are made."""
    probe_orientations: tuple[str, ...] = ("grid",)
    """Orientations of the probes' scenes: grid, free or both."""
    gallery_size: int = 10
    """Shapes of the probes, save that of chirality: it has every chiral shape there is."""
    turning_pairs: int = 200
    """Pairs of objects told apart by turning what is imagined of them (experiments/gqn/turning.py),
    for families that imagine cells; 0 leaves it out."""
    variance_views: tuple[int, ...] = (1, 3, 10)
    """Numbers of views at which the variance of r within and across scenes is measured."""
    renderer: str = "pybullet"
    """What draws the scenes: pybullet or raycast; they draw the same pictures."""
    device: str = "auto"
    """auto, cpu, cuda or another PyTorch device."""
    precision: str = "auto"
    """auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    seed: int = 0
    """Of scenes, latents and probes."""
    output: Path | None = None
    """Output folder; by default runs/evaluate_gqn-<time>."""
    write_record: bool = False
    """Store the key figures in the JSON beside the weights; the weights stay as they are.
    False or True."""


def main(settings: Settings) -> None:
    begin = time.monotonic()
    _check(settings)
    use_threads(settings.threads)
    path = pretrained_path(settings.weights)
    model, sidecar = load_checkpoint(path, choose_device(settings.device))
    model.steps_to_take(settings.steps)  # refuses what the family cannot
    renderer = make_renderer(settings.renderer, model.image_size)
    renderer.identity.require_same_pictures(sidecar["renderer"], str(path))
    folder = new_run_folder(settings.output, "evaluate_gqn")
    save_settings(folder, settings)

    prediction = _measure_prediction(settings, model, renderer)
    encoders = encoders_to_compare(model, settings.precision, settings.seed)
    metrics: dict[str, Any] = {
        "model": _describe(path, model, sidecar),
        "renderer": renderer.identity.to_dict(),
        "shapes": settings.shapes,
        "num_cubes": settings.num_cubes,
        "scenes": settings.scenes,
        "sample_views": settings.sample_views,
        "seed": settings.seed,
        "prediction": prediction.numbers,
        "ideal_seconds": prediction.ideal_seconds,
        "uncertainty": uncertainty_by_views(prediction.numbers),
        "representation_variance": _measure_variance(settings, encoders, renderer),
        "probes": _measure_probes(settings, encoders, renderer),
        "turning": _measure_turning(settings, model, renderer),
        "seconds": round(time.monotonic() - begin, 1),
    }
    renderer.close()
    write_json(folder / "metrics.json", metrics)
    _save_pictures(folder, settings, prediction)
    save_curves(folder / "curves.png", prediction.numbers, metrics["representation_variance"])
    if settings.write_record:
        write_record(path, sidecar["sha256"], key_figures(metrics))
    print_tables(metrics)
    print(folder)


def _save_pictures(folder: Path, settings: Settings, prediction: Measured) -> None:
    title = f"{settings.shapes} shapes from {settings.sample_views} views; errors 0-255"
    save_contact_sheet(folder / "contact_sheet.png", prediction.rows, title)
    save_contact_sheet(folder / "failures.png", prediction.worst, f"the worst of all {title}")


def _check(settings: Settings) -> None:
    """Refuse what cannot be measured, before anything is loaded or made."""
    least = {"scenes": 2, "samples": 1, "curve_samples": 1}
    least |= {"ideal_scenes": 0, "turning_pairs": 0, "seed": 0}
    require_at_least(settings, least)
    check_num_cubes(settings.num_cubes)
    shape_catalogue(settings.num_cubes).indices(settings.shapes)
    if settings.probe_scenes:
        _check_probes(settings)
    for name, counts in (
        ("views", settings.views),
        ("sample_views", (settings.sample_views,)),
        ("probe_views", settings.probe_views),
        ("variance_views", settings.variance_views),
    ):
        for count in counts:
            if not 1 <= count <= MOST_VIEWS:
                raise UserError(f"{name} has {count}, expected 1 to {MOST_VIEWS}")
        if not counts:
            raise UserError(f"{name} is empty, expected numbers from 1 to {MOST_VIEWS}")
    if settings.precision not in PRECISIONS:
        raise unknown_name("precision", settings.precision, PRECISIONS)


def _check_probes(settings: Settings) -> None:
    for kind, received, valid in (
        ("orientation", settings.probe_orientations, ORIENTATIONS),
        ("probe", settings.probes, PROBES),
    ):
        for name in received:
            if name not in valid:
                raise unknown_name(kind, name, valid)
    for name in settings.probes:  # shapes that do not suffice fail here
        for part in ("train", "test"):
            PROBES[name].sample(_probe_scenes(settings), np.random.default_rng(0), 4, part)
    fewest = 2 * settings.gallery_size
    if settings.probe_scenes < fewest:
        raise UserError(f"probe_scenes is {settings.probe_scenes}, expected 0 or at least {fewest}")
    if settings.probe_test_scenes < FEWEST_TEST_SCENES:
        raise UserError(
            f"probe_test_scenes is {settings.probe_test_scenes}, expected at least "
            f"{FEWEST_TEST_SCENES}"
        )


def _probe_scenes(settings: Settings) -> ProbeScenes:
    return ProbeScenes(settings.num_cubes, settings.shapes, settings.gallery_size)


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
    names = {field.name for field in fields(PredictionPlan)}
    plan = PredictionPlan(**{name: getattr(settings, name) for name in names})
    return measure_prediction(plan, model, renderer)


def _measure_variance(
    settings: Settings, encoders: dict[str, Features], renderer: Renderer
) -> dict[str, Any]:
    """Variance of r within and across scenes, by orientation, encoder and number of views."""
    return {
        name: variance_of_encoders(
            encoders,
            renderer,
            SceneDistribution(settings.num_cubes, settings.shapes, free),
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
        _probe_scenes(settings),
        orientations=settings.probe_orientations,
        views=settings.probe_views,
        pairs=settings.turning_pairs,
        seed=settings.seed,
        precision=settings.precision,
    )


def _measure_probes(
    settings: Settings, encoders: dict[str, Features], renderer: Renderer
) -> dict[str, Any]:
    """Scores by probe, orientation, number of views, encoder and kind of probe."""
    if not (settings.probe_scenes and settings.probes):
        return {}
    plan = ProbePlan(
        names=tuple(dict.fromkeys(settings.probes)),
        scenes=_probe_scenes(settings),
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
