"""The shapes that a representation is nearest to.

A representation holds colours and orientation beside the shape, so shapes are compared through
scenes: every candidate is encoded in each of the 24 grid orientations, from four fixed cameras
and in colours of its own. A shape is as far away as the nearest of its 24 orientations, averaged
over colours; nothing about the object in front of the camera is used but its representation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from envs.tasks.galleries import choose_gallery
from envs.tasks.mental_rotation import CUE_VIEWS
from experiments.explorer.estimates import Estimator, SceneEstimate
from experiments.explorer.objects import NUM_CUBES, shape_number
from experiments.explorer.scenes import Image, Studio
from experiments.shared import seeds
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.geometry.view import Views
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

GALLERY_SIZE = 10
"""As many as the recognition agents choose from, and the same ones."""
COLOURINGS = 2
Shape = tuple[int, int]
"""Number of cubes, and index in the catalogue of that size."""


class Neighbour(NamedTuple):
    """A candidate shape.

    Attributes:
        number: of the shape in the catalogue of its size.
        num_cubes: its size.
        distance: root mean square difference of the representations, in standard deviations.
        picture: the nearest of its orientations, uint8 (H, W, 3).
        role: "this object", "its mirror image" or "" for a shape of the gallery.
    """

    number: int
    num_cubes: int
    distance: float
    picture: Image
    role: str


class ShapeGallery:
    """Candidate shapes as one GQN represents them; each is encoded when it is first needed."""

    def __init__(self, estimator: Estimator, studio: Studio) -> None:
        self._estimator, self._studio = estimator, studio
        self._encoder = GQNEncoder(estimator.model)
        gallery = choose_gallery(NUM_CUBES, "train", GALLERY_SIZE)
        self.shapes: list[Shape] = [(NUM_CUBES, int(shape)) for shape in gallery.numbers]
        self._templates = lru_cache(maxsize=256)(self._encode)

    def prepare(self) -> None:
        """Encode the gallery, which takes seconds."""
        for shape in self.shapes:
            self._templates(shape)

    def neighbours(self, estimate: SceneEstimate, item: ShepardMetzlerObject) -> list[Neighbour]:
        """The gallery, the object's own shape and its mirror image, the nearest first."""
        roles = self._roles(item)
        found = self._estimator.representation(estimate)
        distances = {}
        for shape in dict.fromkeys([*roles, *self.shapes]):
            squared = np.square(self._templates(shape) - found).mean(axis=1)  # (24,)
            distances[shape] = float(np.sqrt(squared.min())), int(squared.argmin())
        order = sorted(distances, key=lambda shape: distances[shape])
        return [
            Neighbour(
                shape[1],
                shape[0],
                distances[shape][0],
                self._picture(shape, distances[shape][1]),
                roles.get(shape, ""),
            )
            for shape in order
        ]

    def _roles(self, item: ShepardMetzlerObject) -> dict[Shape, str]:
        size, number = len(item), shape_number(item)
        mirror = int(shape_catalogue(size).mirror[number])
        return {(size, mirror): "its mirror image", (size, number): "this object"}

    @torch.inference_mode()
    def _encode(self, shape: Shape) -> NDArray[np.float32]:
        """Representations of the 24 orientations, the mean over colours, float32 (24, F)."""
        each = [self._represented(_scenes(shape, k)) for k in range(COLOURINGS)]
        mean: NDArray[np.float32] = np.mean(each, axis=0)
        return mean

    def _represented(self, scenes: SceneBatch) -> NDArray[np.float32]:
        state = self._encoder.initial_state(len(scenes))
        for index in range(len(CUE_VIEWS)):
            poses = CUE_VIEWS[np.full(len(scenes), index)]
            images = self._studio.photograph(scenes, poses)
            state = self._encoder.update(state, Views(images, poses))
        return self._encoder.representation(state)

    def _picture(self, shape: Shape, orientation: int) -> Image:
        scene = _scenes(shape, 0)[orientation : orientation + 1]
        return self._studio.photograph(scene, CUE_VIEWS[:1])[0]


def _scenes(shape: Shape, colouring: int) -> SceneBatch:
    """A shape in all 24 grid orientations, each in random colours."""
    item = shape_catalogue(shape[0]).representative(shape[1])
    rng = np.random.default_rng([seeds.GALLERY_COLOURS, *shape, colouring])
    count = len(GRID_ROTATIONS)
    colours = sample_colours(rng, count, len(item))
    return SceneBatch.from_objects([item] * count, GRID_ROTATIONS.astype(np.float64), colours)
