"""Errors of predicted views by orientation and number of views, and the pictures of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.gqn.evaluation_settings import MOST_VIEWS, ORIENTATIONS
from experiments.gqn.figures import SheetRow
from experiments.gqn.ideal import IdealFigures, ideal_by_views
from experiments.gqn.probing import progress
from experiments.shared import seeds
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.evaluation.metrics import baseline_errors, tensor_chunks
from gqn_rl.evaluation.prediction import SCENES_PER_CHUNK, PredictedQueries, predict_by_views
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch

SHEET_ROWS = 4
"""Queries of each orientation that are shown."""
RANKS = ("worst", "median", "best")
TIMED_SCENES = 64


@dataclass(frozen=True)
class PredictionPlan:
    """What is predicted.

    Attributes:
        num_cubes, shapes, position: of the scenes, see `SceneDistribution`.
        scenes: queries of each orientation, one a scene.
        views: numbers of context views.
        curve_samples: prior-path samples of each query at each number of views.
        sample_views: the number of views of the pictures and of `samples` samples.
        steps: of refinement, see `GenerativeQueryNetwork.infer`.
        seed: of scenes and latents.
        precision: "auto", "bf16" or "fp32".
        ideal_scenes: of each orientation, the first ones, that the ideal observer sees too.
    """

    num_cubes: int
    shapes: str
    position: str
    scenes: int
    views: tuple[int, ...]
    curve_samples: int
    sample_views: int
    samples: int
    steps: int | None
    seed: int
    precision: str
    ideal_scenes: int

    @property
    def samples_by_views(self) -> dict[int, int]:
        counts = sorted({*self.views, self.sample_views})
        return dict.fromkeys(counts, self.curve_samples) | {self.sample_views: self.samples}


@dataclass(frozen=True)
class Measured:
    """What came out.

    Attributes:
        numbers: by orientation, `views` and `baselines` by number of views, `ideal`: how many
            `scenes` the ideal observer saw, and its figures by number of `views`; with refinement
            also `bare`, the same as `views` without it.
        rows: of a contact sheet, the first queries.
        ranked: the same of the queries with the largest errors (`worst`), of those in the middle
            (`median`) and of those with the smallest (`best`).
        ideal_seconds: processor time of the ideal observer for the last view, by orientation and
            number of views.
        calibration: by orientation and number of views, `spread_against_error`, where there are
            two samples or more.
        milliseconds: processor time of `predict` a scene, in batches of 16, by orientation and
            number of views.
    """

    numbers: dict[str, Any]
    rows: list[SheetRow]
    ranked: dict[str, list[SheetRow]]
    ideal_seconds: dict[str, dict[str, float]]
    calibration: dict[str, dict[str, Any]]
    milliseconds: dict[str, dict[str, float]]


def measure_prediction(
    plan: PredictionPlan, model: GenerativeQueryNetwork, renderer: Renderer
) -> Measured:
    """Predict, in grid and in free orientation."""
    measured = Measured({}, [], {name: [] for name in RANKS}, {}, {}, {})
    for index, (name, free) in enumerate(ORIENTATIONS.items()):
        rng = np.random.default_rng([plan.seed, seeds.PREDICTION_STREAM, index])
        distribution = SceneDistribution(plan.num_cubes, plan.shapes, free, plan.position)
        scenes = distribution.sample(rng, plan.scenes)
        views = render_views(renderer, scenes, MOST_VIEWS + 1, rng)
        measure_views(measured, plan, model, views, name)
        ideal = _ideal(plan, views, scenes, name)
        measured.numbers[name]["ideal"] = {
            "scenes": min(plan.ideal_scenes, plan.scenes),
            "views": ideal.views,
        }
        measured.ideal_seconds[name] = ideal.seconds
    return measured


def measure_views(
    measured: Measured,
    plan: PredictionPlan,
    model: GenerativeQueryNetwork,
    views: SceneViews,
    name: str,
) -> None:
    """Add what is predicted of the last view of each scene, under a name for the scenes."""
    found = _predicted(plan, model, views, name)
    measured.numbers[name] = {
        "views": {str(count): each.summary() for count, each in found.items()},
        "baselines": {str(count): baseline_errors(views, count) for count in found},
    }
    measured.calibration[name] = {
        str(count): each.uncertainty() for count, each in found.items() if each.num_samples > 1
    }
    if model.steps_to_take(plan.steps) > 0:
        bare = _predicted(replace(plan, steps=0), model, views, f"{name} without refinement")
        measured.numbers[name]["bare"] = {
            str(count): each.summary() for count, each in bare.items()
        }
    shown = found[plan.sample_views]
    measured.rows.extend(_sheet_rows(plan, name, views, shown))
    for rank, chosen in _ranked(shown.errors.squared).items():
        some = views.select(chosen)
        rows = _sheet_rows(plan, name, some, _drawn_again(plan, model, some))
        measured.ranked[rank].extend(rows)
    measured.milliseconds[name] = _milliseconds(plan, model, views)


def _ranked(squared: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    """The queries with the smallest, the middle and the largest errors, the largest first."""
    order = np.argsort(squared)[::-1]
    middle = max(0, (len(order) - SHEET_ROWS) // 2)
    starts = zip(RANKS, (0, middle, max(0, len(order) - SHEET_ROWS)), strict=True)
    return {rank: order[start : start + SHEET_ROWS] for rank, start in starts}


def _milliseconds(
    plan: PredictionPlan, model: GenerativeQueryNetwork, views: SceneViews
) -> dict[str, float]:
    """Processor time of `predict` for each of the first scenes, by number of views."""
    timed = views.select(slice(TIMED_SCENES))
    found = {}
    for count in plan.samples_by_views:
        begin = time.process_time()
        for images, poses in tensor_chunks(model, timed, SCENES_PER_CHUNK):
            context = Context(images[:, :count], poses[:, :count])
            model.predict(context, poses[:, -1], steps=plan.steps)
        found[str(count)] = 1000 * (time.process_time() - begin) / len(timed)
    return found


def _predicted(
    plan: PredictionPlan, model: GenerativeQueryNetwork, views: SceneViews, orientation: str
) -> dict[int, PredictedQueries]:
    with progress(f"prediction, {orientation}", len(views)) as advance:
        return predict_by_views(
            model,
            views,
            plan.samples_by_views,
            seed=plan.seed,
            steps=plan.steps,
            precision=plan.precision,
            keep=SHEET_ROWS,
            on_scenes=advance,
        )


def _ideal(
    plan: PredictionPlan, views: SceneViews, scenes: SceneBatch, orientation: str
) -> IdealFigures:
    """What the ideal observer makes of the first scenes."""
    count = min(plan.ideal_scenes, plan.scenes)
    if not count:
        return IdealFigures({}, {})
    with progress(f"ideal observer, {orientation}", count) as advance:
        return ideal_by_views(
            views.select(slice(count)),
            scenes[:count],
            tuple(plan.samples_by_views),
            orientation=orientation,
            position=plan.position,
            seed=plan.seed,
            on_scenes=advance,
        )


def _drawn_again(
    plan: PredictionPlan, model: GenerativeQueryNetwork, views: SceneViews
) -> PredictedQueries:
    """Fresh samples of a few queries."""
    samples = {plan.sample_views: plan.samples}
    found = predict_by_views(
        model,
        views,
        samples,
        seed=plan.seed,
        steps=plan.steps,
        precision=plan.precision,
        keep=len(views),
    )
    return found[plan.sample_views]


def _sheet_rows(
    plan: PredictionPlan, orientation: str, views: SceneViews, found: PredictedQueries
) -> list[SheetRow]:
    context = views.images[:, : plan.sample_views]
    return [
        SheetRow(orientation, context[row], views.images[row, -1], found.kept[:, row])
        for row in range(found.kept.shape[1])
    ]
