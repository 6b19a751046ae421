"""One person's exploration of one object: a value, and what can be done to it.

Every action takes an exploration and returns another one; what they share between sessions
(networks, renderer) is in the `Workshop`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.explorer.estimates import MOST_VIEWS, Estimator, Prediction, SceneEstimate
from experiments.explorer.nearest import Neighbour, ShapeGallery
from experiments.explorer.objects import catalogue_object, held_out_object
from experiments.explorer.scenes import Shown, Studio, pose
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints, wrap_angle
from gqn_rl.gqn.checkpoint import shipped_names
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

Angles = tuple[float, float]
"""Azimuth and elevation in degrees."""
FIRST_CAMERA: Angles = (30.0, 20.0)


class Workshop:
    """What all sessions use and none changes: a renderer, and each GQN once it is asked for.

    Args:
        weights: the GQN that sessions begin with, shipped or by path.
        seed: of everything random.

    Raises:
        UserError: for weights that cannot be loaded.
    """

    def __init__(self, weights: str, seed: int) -> None:
        self.weights, self.seed = weights, seed
        self.studio = Studio()
        self._lock = threading.Lock()
        self._galleries: dict[str, ShapeGallery] = {}
        self._believers = {weights: Estimator(weights, self.studio, seed)}

    @property
    def names(self) -> list[str]:
        """The GQNs to choose from."""
        shipped = shipped_names()
        return shipped if self.weights in shipped else [self.weights, *shipped]

    def estimator(self, name: str) -> Estimator:
        """The GQN of that name, loaded if it has not been yet."""
        with self._lock:
            if name not in self._believers:
                self._believers[name] = Estimator(name, self.studio, self.seed)
            return self._believers[name]

    def gallery(self, name: str) -> ShapeGallery:
        """The shapes it can be asked about, encoded by it."""
        estimator = self.estimator(name)
        with self._lock:
            if name not in self._galleries:
                self._galleries[name] = ShapeGallery(estimator, self.studio)
            return self._galleries[name]


@dataclass(frozen=True)
class Exploration:
    """Attributes:
    weights: name of the GQN.
    shown: the object.
    estimate: what the GQN believes about it.
    camera: where the person stands.
    """

    weights: str
    shown: Shown
    estimate: SceneEstimate
    camera: Angles = FIRST_CAMERA

    @property
    def looks(self) -> list[Angles]:
        """Whence the views so far were taken."""
        return [_angles(viewpoint) for viewpoint in self.estimate.viewpoints]


def begin(workshop: Workshop) -> Exploration:
    """A random held-out object and no views."""
    nothing = Shown.begin(catalogue_object(0), "grid", workshop.seed)
    _, item = held_out_object(nothing.rng())
    return _anew(workshop, workshop.weights, Shown.begin(item, "grid", workshop.seed), FIRST_CAMERA)


def show_object(workshop: Workshop, now: Exploration, item: ShepardMetzlerObject) -> Exploration:
    """Another object, in a new orientation and new colours; the views are forgotten."""
    shown = Shown.begin(item, now.shown.orientation, workshop.seed, now.shown.drawn)
    return _anew(workshop, now.weights, shown, now.camera)


def show_number(workshop: Workshop, now: Exploration, number: Any) -> Exploration:
    """The shape with a number in the catalogue, see `catalogue_object`."""
    return show_object(workshop, now, catalogue_object(number))


def show_held_out(workshop: Workshop, now: Exploration) -> Exploration:
    """A random shape that no GQN has been trained on."""
    return show_object(workshop, now, held_out_object(now.shown.rng())[1])


def recolour(workshop: Workshop, now: Exploration) -> Exploration:
    """New colours; the views are forgotten, for they show the old ones."""
    return _anew(workshop, now.weights, now.shown.recoloured(), now.camera)


def turn(workshop: Workshop, now: Exploration, orientation: str) -> Exploration:
    """A new orientation, "grid" or "free"; the views are forgotten."""
    return _anew(workshop, now.weights, now.shown.turned(orientation), now.camera)


def forget(workshop: Workshop, now: Exploration) -> Exploration:
    """The same object with no views."""
    return _anew(workshop, now.weights, now.shown, now.camera)


def look(workshop: Workshop, now: Exploration) -> Exploration:
    """One more view, from where the camera is.

    Raises:
        UserError: after `MOST_VIEWS`.
    """
    if len(now.estimate.images) >= MOST_VIEWS:
        raise UserError(
            f"{MOST_VIEWS} views have been taken, expected at most that many; forget them first"
        )
    estimator = workshop.estimator(now.weights)
    return replace(now, estimate=estimator.look(now.estimate, now.shown, pose(*now.camera)))


def choose_weights(workshop: Workshop, now: Exploration, name: str) -> Exploration:
    """Another GQN, which is shown the same views."""
    estimate = workshop.estimator(name).review(now.estimate, now.shown)
    return replace(now, weights=name, estimate=estimate)


def move(now: Exploration, azimuth: float, elevation: float) -> Exploration:
    """The camera elsewhere on its sphere."""
    return replace(now, camera=(float(azimuth), float(elevation)))


def predict(workshop: Workshop, now: Exploration) -> Prediction:
    """What the GQN expects to see from where the camera is, and what there is."""
    estimator = workshop.estimator(now.weights)
    return estimator.predict(now.estimate, now.shown, pose(*now.camera))


def neighbours(workshop: Workshop, now: Exploration) -> list[Neighbour]:
    """Which shapes the representation is nearest to, see `ShapeGallery`."""
    return workshop.gallery(now.weights).neighbours(now.estimate, now.shown.item)


def _anew(workshop: Workshop, weights: str, shown: Shown, camera: Angles) -> Exploration:
    estimate = workshop.estimator(weights).nothing_seen()
    return Exploration(weights, shown, estimate, camera)


def _angles(viewpoint: Viewpoints) -> Angles:
    """Azimuth and elevation of a camera that looks at the object, one pose."""
    azimuth = wrap_angle(viewpoint.yaw + np.pi)[0]
    return float(np.rad2deg(azimuth)), float(-np.rad2deg(viewpoint.pitch[0]))
