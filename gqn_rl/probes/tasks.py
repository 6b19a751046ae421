"""The table of what is asked of a representation. A new probe is one entry.

Probes with the same `sample` share their scenes, and so the features that encoders make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.probes.fitting import COMPARING_KINDS, KINDS, ProbeRecipe
from gqn_rl.probes.scenes import ProbeScenes, ProbeTrials
from gqn_rl.probes.targets import Classes, Directions, Rotations, Target
from gqn_rl.scenes.scene import SceneBatch

CORNER = np.sqrt([1.0, 2.0, 3.0])
"""Direction from the barycentre to the fixed corner of the colour probe. No two cubes whose offset
is a whole number of edges along each axis are equally far in it."""
ANGLE_BINS = {"0-45": (0, 45), "45-105": (45, 105), "105-150": (105, 150), "150-180": (150, 181)}
"""Degrees; one bin for each angle between grid orientations (0, 90, 120, 180)."""


def no_breakdown(trials: ProbeTrials) -> dict[str, NDArray[np.bool_]]:
    return {}


def every_trial(trials: ProbeTrials) -> NDArray[np.bool_]:
    return np.ones(len(trials), dtype=bool)


@dataclass(frozen=True)
class ProbeTask:
    """One question.

    >>> task, scenes = PROBES["chirality"], ProbeScenes()
    >>> trials = task.sample(scenes, np.random.default_rng(0), 8, "test")
    >>> np.bincount(task.labels(scenes, trials))  # as many of the same shape as mirror images
    array([2, 2])

    Attributes:
        question: heading of its table.
        sample: (scenes, rng, number of scenes, "train" or "test") to trials.
        labels: of the trials, as the target wants them.
        target: what kind of labels they are.
        usable: bool (n,), trials that have a label.
        breakdown: name to bool (n,), trials that are also scored by themselves.
        kinds: probes by name.
        reference: a published figure to compare with, or nothing.
    """

    question: str
    sample: Callable[[ProbeScenes, np.random.Generator, int, str], ProbeTrials]
    labels: Callable[[ProbeScenes, ProbeTrials], NDArray]
    target: Callable[[ProbeScenes], Target]
    usable: Callable[[ProbeTrials], NDArray[np.bool_]] = every_trial
    breakdown: Callable[[ProbeTrials], dict[str, NDArray[np.bool_]]] = no_breakdown
    kinds: Mapping[str, ProbeRecipe] = field(default_factory=KINDS.copy)
    reference: str = ""


def shape_labels(scenes: ProbeScenes, trials: ProbeTrials) -> NDArray[np.int64]:
    """Place in the gallery, int64 (n,)."""
    return (trials.shape[trials.first, None] == scenes.gallery_shapes).argmax(axis=1)


def chirality_labels(scenes: ProbeScenes, trials: ProbeTrials) -> NDArray[np.int64]:
    """0 for the same shape, 1 for its mirror image, int64 (n,)."""
    return trials.mirrored.astype(np.int64)


def by_angle(trials: ProbeTrials) -> dict[str, NDArray[np.bool_]]:
    angle = trials.angle
    return {name: (angle >= low) & (angle < high) for name, (low, high) in ANGLE_BINS.items()}


def orientation_labels(scenes: ProbeScenes, trials: ProbeTrials) -> NDArray[np.float32]:
    """From the shape's own frame to the world, float32 (n, 3, 3).

    The frame of a shape is that of `ShapeCatalogue.representative`; the probe has to learn it, so
    the shapes are the gallery's, the same in training and test.
    """
    return trials.scenes.rotation[trials.first].astype(np.float32)


def has_one_orientation(trials: ProbeTrials) -> NDArray[np.bool_]:
    """Whether no other rotation would look the same: bool (n,), false for symmetrical shapes."""
    shapes, example = np.unique(trials.shape, return_index=True)
    symmetries = [num_symmetries(cubes) for cubes in trials.scenes.cubes[example]]
    plain = shapes[np.array(symmetries) == 1]
    return np.asarray(np.isin(trials.shape[trials.first], plain))


def num_symmetries(cubes: NDArray[np.float64]) -> int:
    """How many of the 24 grid rotations map centred cubes (P, 3) onto themselves."""
    turned = np.einsum("gij,pj->gpi", GRID_ROTATIONS, cubes)
    gap = np.abs(turned[:, :, None] - cubes).max(axis=-1)  # (24, P, P)
    return int((gap.min(axis=2) < 0.25).all(axis=1).sum())


def colour_labels(scenes: ProbeScenes, trials: ProbeTrials) -> NDArray[np.float32]:
    """Hue of the cube nearest to the corner, as a point on the circle, float32 (n, 2)."""
    return hue_directions(corner_colours(trials.scenes[trials.first])).astype(np.float32)


def corner_colours(scenes: SceneBatch) -> NDArray[np.float32]:
    """RGB (N, 3) of the cube that lies furthest in the direction of `CORNER`."""
    reach = np.where(scenes.mask, scenes.cube_centres() @ CORNER, -np.inf)
    return scenes.colour[np.arange(len(scenes)), reach.argmax(axis=1)]


def hue_directions(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unit vectors (N, 2) of colours (N, 3) seen along the grey axis, red at (1, 0)."""
    r, g, b = np.asarray(rgb, dtype=np.float64).T
    vector = np.stack([r - (g + b) / 2.0, np.sqrt(0.75) * (g - b)], axis=1)
    length: NDArray[np.float64] = np.linalg.norm(vector, axis=1, keepdims=True)
    return vector / np.maximum(length, 1e-12)


PROBES = {
    "shape": ProbeTask(
        question="which shape of the gallery",
        sample=ProbeScenes.gallery,
        labels=shape_labels,
        target=lambda scenes: Classes(scenes.gallery_size),
    ),
    "chirality": ProbeTask(
        question="same shape or mirror image, shapes unseen by the probe",
        sample=ProbeScenes.mirror_pairs,
        labels=chirality_labels,
        target=lambda scenes: Classes(2),
        breakdown=by_angle,
        kinds=COMPARING_KINDS,
        reference="0.567, Siamese ResNet-18 with a curriculum, the best published without actions",
    ),
    "orientation": ProbeTask(
        question="how a known shape is turned",
        sample=ProbeScenes.gallery,
        labels=orientation_labels,
        target=lambda scenes: Rotations(),
        usable=has_one_orientation,
    ),
    "colour": ProbeTask(
        question="hue of the cube nearest to a corner",
        sample=ProbeScenes.gallery,
        labels=colour_labels,
        target=lambda scenes: Directions(),
    ),
}
