"""Mental rotation: is this object the reference, only turned, or its mirror image?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.tasks.base import AnswerTask
from envs.tasks.first_cameras import CUE_VIEWS, FirstCameras
from envs.tasks.trials import Trials
from envs.tasks.turning import (
    ANGLES,
    ROTATIONS,
    Angles,
    checked_angle,
    checked_angles,
    draw_angles,
    reflections,
    turned_in_depth,
    turned_in_picture,
)
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_source import shape_source
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

__all__ = ["ANGLES", "COLOURS", "CUE_VIEWS", "PRESENTATIONS", "MentalRotationTask"]

COLOURS = ("shared", "independent")
PRESENTATIONS = {"together": None, "successive": 1}
"""How the two objects are shown, and in how many looks the reference then is: None for all."""
AXES = {"depth": "vertical", "picture": "sight"}
"""What objects are turned about, by the name of the rotation."""


class MentalRotationTask(AnswerTask):
    """Shepard and Metzler's task: answer 0 for the same object, 1 for its mirror image.

    The cue shows the reference object from four fixed poses. The object to be judged is the
    reference (target 0) or its mirror image (target 1), then turned, in depth by default: about
    the vertical axis through its centre, anticlockwise seen from above, by an angle uniform over
    0, 20, ..., 180 degrees. The angle is in `info["angle"]`.

    The plane of reflection holds the axis of rotation, so that the object and its mirror image
    have their cubes at the same heights and at the same distances from the axis: nothing but
    handedness tells them apart. Only chiral shapes are used. The reference stands in free
    orientation, one of the 24 grid rotations times a random yaw; so does the object, unless it is
    turned in the picture plane.

    >>> trials = MentalRotationTask().sample(np.random.default_rng(1), 4)
    >>> trials.target, trials.details["angle"]
    (array([0, 0, 1, 1]), array([ 40.,  60., 160.,  80.]))

    One picture of each object from the same camera, as people were shown them:

    >>> pairs = MentalRotationTask(rotation="picture", angles="random", glimpses=1)
    >>> pairs.max_looks, len(pairs.reference_views(pairs.sample(np.random.default_rng(1), 5)))
    (1, 5)

    Args:
        num_cubes: cubes per object.
        shapes: "train", "validation", "test" (these two held out from GQN pre-training), "all", or
            the path of a file of chiral objects, see `gqn_rl.scenes.stimuli`.
        orientation: "free"; turns by 20 degrees leave the grid.
        colours: "shared" if a cube has its colour in both objects, "independent" if each object
            has colours of its own, so that they say nothing.
        rotation: "depth", or "picture": about the line of sight of the first camera, anticlockwise
            in the picture; mirror images then are reflected in the vertical plane through it.
        angles: degrees from 0 to 180 to choose from; "random" for any of them; None for 0, 20,
            ..., 180.
        camera: where the first camera stands: "random", or "fixed" at the place whence the
            reference's first view is taken; None for what the rotation needs: random, or for
            pictures fixed.
        elevation: lowest and highest elevation of the first camera in degrees, below 0 from below;
            None for any, or 35.3 where it is fixed.
        glimpses: views of either object, 1 to 4: so many of the reference, and so many the agent
            may take of the other, unless `max_looks` says how many; None for 4 and 12.
        presentation: "together", or "successive": the reference is shown with the first view
            alone, then the cue is all zeros. What an encoder says of the two objects
            (`comparison`) goes on: the encoder remembers, an agent without one has to.

    Raises:
        UserError: for a value outside these, where no shape is chiral, or for a file with one that
            is not.

    References:
        Shepard and Metzler, Mental Rotation of Three-Dimensional Objects, Science 171:701, 1971.
    """

    num_answers = 2
    encoder, orientation = "cells", "free"
    trial_options = ("shape", "angle", "same")

    def __init__(
        self,
        num_cubes: int = 7,
        shapes: str = "train",
        orientation: str = "free",
        colours: str = "shared",
        rotation: str = "depth",
        angles: Angles = None,
        camera: str | None = None,
        elevation: tuple[float, float] | None = None,
        glimpses: int | None = None,
        presentation: str = "together",
    ) -> None:
        if orientation != "free":
            raise UserError(
                f"orientation is {orientation!r}, expected 'free': mental rotation turns objects "
                "off the grid"
            )
        if colours not in COLOURS:
            raise unknown_name("colours", colours, COLOURS)
        if rotation not in ROTATIONS:
            raise unknown_name("rotation", rotation, ROTATIONS)
        if presentation not in PRESENTATIONS:
            raise unknown_name("presentation", presentation, PRESENTATIONS)
        if rotation == "picture" and camera not in (None, "fixed"):
            raise UserError(f"camera is {camera!r}, expected 'fixed' for rotation='picture'")
        self.rotation, self.angles = rotation, checked_angles(angles)
        default = "random" if rotation == "depth" else "fixed"
        seen = {} if glimpses is None else {"glimpses": glimpses}
        self.cameras = FirstCameras(camera or default, elevation, **seen)
        self.cue_views = self.cameras.cue_views
        self.cue_looks = PRESENTATIONS[presentation]
        self.max_looks = glimpses
        self.axis = AXES[rotation]
        pool = shape_source(num_cubes, shapes).pool().chiral()
        self.shapes: NDArray[np.int64] = pool.numbers
        """int64 (S,), the chiral shapes: indices into `shape_catalogue(num_cubes)`, if it is."""
        self.colours = colours
        self._cubes = pool.centred()  # (S, P, 3)

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n trials: shape, answer, angle, orientation and colours uniform and independent."""
        return self._trials(rng, n, {})

    def sample_given(self, rng: np.random.Generator, given: Mapping[str, Any]) -> Trials:
        """One trial of a "shape", by its letters, an "angle" in degrees and "same", True or False.

        What is not given is drawn, and what is drawn does not depend on what is given.

        Raises:
            UserError: for letters that are none of an object of this task, an angle outside 0 to
                180 degrees, or anything but True or False.
        """
        return self._trials(rng, 1, given)

    def reference_views(self, trials: Trials) -> Viewpoints:
        """See `Task.reference_views`."""
        return self.cameras.references(trials.camera, len(trials))

    def answer_name(self, answer: int) -> str:
        """See `Task.answer_name`."""
        return ("same", "mirrored")[answer]

    def _trials(self, rng: np.random.Generator, n: int, given: Mapping[str, Any]) -> Trials:
        cubes = self._cubes[rng.integers(len(self.shapes), size=n)]
        mirrored = rng.integers(2, size=n)
        angle = draw_angles(rng, n, self.angles)
        if "shape" in given:
            cubes = self._given_cubes(given["shape"])
        if "same" in given:
            mirrored = np.array([0 if _checked_same(given["same"]) else 1])
        if "angle" in given:
            angle = np.array([checked_angle(given["angle"])])
        mask = np.ones(cubes.shape[:2], dtype=bool)
        rotation = sample_orientations(rng, n, "free")
        colour = sample_colours(rng, n, cubes.shape[1])
        reference = SceneBatch(cubes, mask, rotation, colour)
        if self.colours == "independent":
            colour = sample_colours(rng, n, cubes.shape[1])
        camera = self.cameras.draw(rng, n)
        if self.rotation == "depth":
            turned = turned_in_depth(rotation, mirrored, angle)
        else:
            assert camera is not None
            turned = turned_in_picture(rotation, mirrored, angle, camera)
        scenes = SceneBatch(cubes * reflections(mirrored)[:, None, :], mask, turned, colour)
        details = {"angle": angle}
        return Trials(scenes, mirrored, reference=reference, camera=camera, details=details)

    def _given_cubes(self, letters: Any) -> NDArray[np.float64]:
        """The centres of the cubes of one object, (1, P, 3)."""
        if not isinstance(letters, str):
            raise UserError(f"shape is {letters!r}, expected letters such as 'uuuubbuur'")
        item = ShepardMetzlerObject.from_directions(letters)
        expected = self._cubes.shape[1]
        if len(item) != expected:
            raise UserError(f"shape {letters!r} has {len(item)} cubes, expected {expected}")
        if not item.is_chiral:
            raise UserError(f"shape {letters!r} is its own mirror image, expected one that is not")
        return item.centred()[None]


def _checked_same(same: Any) -> bool:
    if not isinstance(same, bool | np.bool_):
        raise UserError(f"same is {same!r}, expected True or False")
    return bool(same)
