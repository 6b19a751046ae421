"""Mental rotation: is this object the reference, only turned, or its mirror image?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.tasks.base import AnswerTask
from envs.tasks.trials import Trials
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.rotations import MIRROR, sample_orientations, yaw_matrices
from gqn_rl.geometry.viewpoint import look_at_origin
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_source import shape_source

ANGLES = np.arange(0.0, 181.0, 20.0)
"""Degrees between the two objects, as Shepard and Metzler chose them."""
COLOURS = ("shared", "independent")
CUE_VIEWS = look_at_origin(
    np.deg2rad(np.array([45.0, 225.0, 135.0, 315.0])),
    np.arcsin(np.sqrt(1 / 3)) * np.array([1.0, 1.0, -1.0, -1.0]),
)
"""The corners of a regular tetrahedron: no four views are further apart."""


class MentalRotationTask(AnswerTask):
    """Shepard and Metzler's task: answer 0 for the same object, 1 for its mirror image.

    The cue shows the reference object from four fixed poses. The object to be judged is the
    reference (target 0) or the reference reflected in the vertical plane x = 0 (target 1), then
    turned in depth: about the vertical axis through its centre, anticlockwise seen from above, by
    an angle uniform over 0, 20, ..., 180 degrees. The angle is in `info["angle"]`.

    The plane of reflection holds the axis of rotation, so that the object and its mirror image
    have their cubes at the same heights and at the same distances from the axis: nothing but
    handedness tells them apart. Only chiral shapes are used. Both objects stand in free
    orientation, one of the 24 grid rotations times the same random yaw.

    >>> trials = MentalRotationTask().sample(np.random.default_rng(1), 4)
    >>> trials.target, trials.details["angle"]
    (array([0, 0, 1, 1]), array([ 40.,  60., 160.,  80.]))

    Args:
        num_cubes: cubes per object.
        shapes: "train", "validation", "test" (these two held out from GQN pre-training), "all", or
            the path of a file of chiral objects, see `gqn_rl.scenes.stimuli`.
        orientation: "free"; turns by 20 degrees leave the grid.
        colours: "shared" if a cube has its colour in both objects, "independent" if each object
            has colours of its own, so that they say nothing.

    Raises:
        UserError: for a value outside these, where no shape is chiral, or for a file with one that
            is not.

    References:
        Shepard and Metzler, Mental Rotation of Three-Dimensional Objects, Science 171:701, 1971.
    """

    num_answers = 2
    cue_views = CUE_VIEWS
    encoder = "cells"

    def __init__(
        self,
        num_cubes: int = 7,
        shapes: str = "train",
        orientation: str = "free",
        colours: str = "shared",
    ) -> None:
        if orientation != "free":
            raise UserError(
                f"orientation is {orientation!r}, expected 'free': mental rotation turns objects "
                "off the grid"
            )
        if colours not in COLOURS:
            raise unknown_name("colours", colours, COLOURS)
        pool = shape_source(num_cubes, shapes).pool().chiral()
        self.shapes: NDArray[np.int64] = pool.numbers
        """int64 (S,), the chiral shapes: indices into `shape_catalogue(num_cubes)`, if it is."""
        self.colours = colours
        self._cubes = pool.centred()  # (S, P, 3)

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n trials: shape, answer, angle, orientation and colours uniform and independent."""
        cubes = self._cubes[rng.integers(len(self.shapes), size=n)]
        mask = np.ones(cubes.shape[:2], dtype=bool)
        mirrored = rng.integers(2, size=n)
        angle = ANGLES[rng.integers(len(ANGLES), size=n)]
        rotation = sample_orientations(rng, n, "free")
        colour = sample_colours(rng, n, cubes.shape[1])
        reference = SceneBatch(cubes, mask, rotation, colour)

        # A reflection is no rotation: the cubes are reflected in their own frame and the rotation
        # on either side, which keeps it a rotation and moves the cubes to the same places.
        reflection = np.where(mirrored[:, None] == 1, MIRROR, 1.0)  # (n, 3)
        turned = yaw_matrices(np.deg2rad(angle)) @ (
            reflection[:, :, None] * rotation * reflection[:, None, :]
        )
        if self.colours == "independent":
            colour = sample_colours(rng, n, cubes.shape[1])
        scenes = SceneBatch(cubes * reflection[:, None, :], mask, turned, colour)
        return Trials(scenes, mirrored, reference=reference, details={"angle": angle})

    def answer_name(self, answer: int) -> str:
        """See `Task.answer_name`."""
        return ("same", "mirrored")[answer]
