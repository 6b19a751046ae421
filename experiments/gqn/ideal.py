"""The ideal observer on the queries of a network: how well anybody could predict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.evaluation.metrics import prediction_errors
from gqn_rl.inference.ideal_observer import IdealObserver, Posterior
from gqn_rl.scenes.scene import POSITIONS, SceneBatch
from gqn_rl.scenes.shape_catalogue import shape_catalogue


class Prediction(NamedTuple):
    """What is predicted of one query view.

    Attributes:
        mean, sample: of the predictive distribution, float32 (H, W, 3) in [0, 1].
        shape: the likeliest, an index into the catalogue.
        stated: its probability.
        seconds: that taking in one more view took.
    """

    mean: NDArray[np.float32]
    sample: NDArray[np.float32]
    shape: int
    stated: float
    seconds: float


class IdealFigures(NamedTuple):
    """What came out, by number of views.

    Attributes:
        views: the errors of the mean of the posterior's predictions as `prediction_errors` has
            them; `sample`, those of single samples; `shape_accuracy`, how often the likeliest shape
            is the right one; `stated_probability`, how probable it was on average (the same, if
            calibrated).
        seconds: processor time that the last of the views took.
    """

    views: dict[str, dict[str, Any]]
    seconds: dict[str, float]


def ideal_by_views(
    views: SceneViews,
    scenes: SceneBatch,
    counts: Sequence[int],
    *,
    orientation: str,
    position: str = POSITIONS[0],
    seed: int,
    on_scenes: Callable[[int], object] | None = None,
) -> IdealFigures:
    """Predict the last view of each scene from its first view, first two views, ...

    Args:
        views: of the scenes.
        orientation: of the scenes, "grid" or "free".
        position: "centred", or "random", which it knows in grid orientation only: nothing is
            predicted of others.
        seed: of the samples.
        on_scenes: called with the number of scenes done, for progress bars.
    """
    if position != POSITIONS[0] and orientation != "grid":
        return IdealFigures({}, {})
    observer = IdealObserver(scenes.mask.shape[1], orientation, position=position)
    observer.prepare()
    rng = np.random.default_rng(seed)
    found: dict[int, list[Prediction]] = {count: [] for count in counts}
    for row in range(len(views)):
        for count, prediction in _predictions(observer, views, row, counts, rng):
            found[count].append(prediction)
        if on_scenes is not None:
            on_scenes(1)
    truth, shapes = views.images[:, -1], shapes_of(scenes)
    return IdealFigures(
        {str(count): _summary(rows, truth, shapes) for count, rows in found.items()},
        {str(count): float(np.mean([r.seconds for r in rows])) for count, rows in found.items()},
    )


def shapes_of(scenes: SceneBatch) -> NDArray[np.int64]:
    """The shape of each of N objects, int64 (N,), indices into the catalogue."""
    catalogue = shape_catalogue(scenes.mask.shape[1])
    return catalogue.find(np.round(scenes.cubes - scenes.cubes[:, :1]).astype(np.int8))


def _predictions(
    observer: IdealObserver,
    views: SceneViews,
    row: int,
    counts: Sequence[int],
    rng: np.random.Generator,
) -> list[tuple[int, Prediction]]:
    """What one scene's views tell about its last one, by number of views."""
    query, found = views.viewpoints[row, -1:], []
    posterior: Posterior | None = None
    for count in range(1, max(counts) + 1):
        seen = views.images[row, count - 1 : count], views.viewpoints[row, count - 1 : count]
        begin = time.process_time()
        posterior = observer.observe(*seen) if posterior is None else posterior.update(*seen)
        seconds = time.process_time() - begin
        if count in counts:
            shapes = posterior.shapes()
            mean, sample = posterior.mean(query)[0], posterior.sample(query, 1, rng)[0, 0]
            best = int(shapes.argmax())
            mean, sample = (np.moveaxis(image, 0, -1) / 255.0 for image in (mean, sample))
            found.append((count, Prediction(mean, sample, best, float(shapes[best]), seconds)))
    return found


def _summary(
    predictions: Sequence[Prediction], truth: NDArray[np.uint8], shapes: NDArray[np.int64]
) -> dict[str, Any]:
    named = np.array([prediction.shape for prediction in predictions])
    return {
        **prediction_errors(np.stack([p.mean for p in predictions]), truth),
        "sample": prediction_errors(np.stack([p.sample for p in predictions]), truth),
        "shape_accuracy": float((named == shapes).mean()),
        "stated_probability": float(np.mean([p.stated for p in predictions])),
    }
