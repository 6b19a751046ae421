"""Pairs of pictures: a balanced plan of trials, each seen once from one camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.tasks import Trials
from envs.tasks.mental_rotation import MentalRotationTask
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, SPHERE_RADIUS, Viewpoints
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch

SMALLEST_PART = 0.2
"""Of the pixels of an average cube that each cube must show to count as seen."""
TRIES = 200


class Planned(NamedTuple):
    """One trial of a plan.

    Attributes:
        shape: letters of the reference.
        same: whether the other object is the same.
        angle: degrees between them; None for any.
    """

    shape: str
    same: bool
    angle: float | None

    def given(self) -> dict[str, Any]:
        """What `Task.sample_given` takes."""
        angle = {} if self.angle is None else {"angle": self.angle}
        return {"shape": self.shape, "same": self.same, **angle}


@dataclass(frozen=True, eq=False)
class Pairs:
    """n pairs of pictures and what they are.

    Attributes:
        left, right: uint8 (n, H, W, 3), the reference and the object to be judged.
        trials: what they show.
        plan: what each was to be.
    """

    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    trials: Trials
    plan: Sequence[Planned]


def balanced_plan(
    rng: np.random.Generator, n: int, shapes: Sequence[str], angles: Sequence[float] | None
) -> list[Planned]:
    """n trials in random order: every angle with either answer equally often, or nearly so.

    Shapes take turns, each as often as any other, or once more.

    >>> plan = balanced_plan(np.random.default_rng(0), 8, ["uurb", "rrub"], [0.0, 90.0])
    >>> sorted((trial.angle, trial.same) for trial in plan)[:4]
    [(0.0, False), (0.0, False), (0.0, True), (0.0, True)]

    Args:
        shapes: letters of each.
        angles: degrees; None for any.
    """
    places = [None] if angles is None else list(angles)
    cells = [(angle, same) for angle in places for same in (True, False)]
    chosen, items = _dealt(rng, n, len(cells)), _dealt(rng, n, len(shapes))
    return [
        Planned(shapes[item], cells[cell][1], cells[cell][0])
        for cell, item in zip(chosen, items, strict=True)
    ]


def photographed(
    task: MentalRotationTask,
    renderer: Renderer,
    plan: Sequence[Planned],
    rng: np.random.Generator,
    *,
    distance: float = SPHERE_RADIUS,
    all_cubes_show: bool = False,
    portion: int = 64,
) -> Iterator[Pairs]:
    """The pairs of a plan, a portion at a time.

    Args:
        task: with a fixed camera and one glimpse.
        distance: of the camera from the objects, cube edges.
        all_cubes_show: whether pairs in which a cube hides are drawn anew, with the object standing
            otherwise; the renderer must tell which cube each pixel shows.

    Raises:
        UserError: where no way to stand shows all cubes of a shape.
    """
    for start in range(0, len(plan), portion):
        some = plan[start : start + portion]
        trials = [task.sample_given(rng, planned.given()) for planned in some]
        if all_cubes_show:
            trials = [
                _seen_whole(task, renderer, planned, trial, rng, distance)
                for planned, trial in zip(some, trials, strict=True)
            ]
        joined = Trials.concatenate(trials)
        images = renderer.render(*_both(task, joined, distance))
        yield Pairs(images[: len(some)], images[len(some) :], joined, some)


def all_shown(cubes: NDArray[np.int8], num_cubes: int) -> bool:
    """Whether no cube hides, by index images int8 (N, H, W), -1 for the background."""
    counts = np.stack([np.bincount(image[image >= 0], minlength=num_cubes) for image in cubes])
    enough = SMALLEST_PART * counts.sum(axis=1, keepdims=True) / num_cubes
    return bool((counts >= enough).all())


def whole_view_distance(cubes: NDArray[np.floating]) -> float:
    """From how far, in cube edges, each of S objects is seen whole, however it stands.

    >>> round(whole_view_distance(np.array([[[-0.5, 0, 0], [0.5, 0, 0]]])), 2)
    3.2

    Args:
        cubes: (S, P, 3), cubes of objects whose barycentre is the origin.
    """
    reach = float(np.linalg.norm(np.abs(cubes) + 0.5, axis=-1).max())
    return reach / float(np.sin(FIELD_OF_VIEW / 2))


def _both(
    task: MentalRotationTask, trials: Trials, distance: float
) -> tuple[SceneBatch, Viewpoints]:
    """The references, then the objects, and the camera of each."""
    assert trials.reference is not None
    order = np.tile(np.arange(len(trials)), 2)
    scenes = SceneBatch.concatenate([trials.reference, trials.scenes])
    poses = task.reference_views(trials)[order]
    nearer = distance / SPHERE_RADIUS
    return scenes, Viewpoints(nearer * poses.position, poses.yaw, poses.pitch)


def _seen_whole(
    task: MentalRotationTask,
    renderer: Any,
    planned: Planned,
    trial: Trials,
    rng: np.random.Generator,
    distance: float,
) -> Trials:
    for _ in range(TRIES):
        _, cubes = renderer.render_with_segmentation(*_both(task, trial, distance))
        if all_shown(cubes, trial.scenes.mask.shape[1]):
            return trial
        trial = task.sample_given(rng, planned.given())
    raise UserError(
        f"none of {TRIES} ways to stand shows all cubes of {planned.shape!r} in both pictures"
    )


def _dealt(rng: np.random.Generator, n: int, kinds: int) -> NDArray[np.int64]:
    """n numbers below `kinds` in random order, each as often as any other, or once more."""
    rounds = [rng.permutation(kinds) for _ in range(-(-n // kinds))]
    return rng.permutation(np.concatenate(rounds)[:n])
