"""Answers of an ideal observer that knows the shapes: what one picture of each leaves open.

It knows how pictures are made, that an object is one of the shapes or a mirror image of one, that
it stands as its letters say, turned about the vertical axis by any angle, and how colours are
drawn. That the two objects share their colours it makes no use of.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from experiments.rotation.protocol import REFLECTION
from gqn_rl.geometry.rotations import VERTICAL_TURNS, yaw_matrices
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import Candidates, Posterior
from gqn_rl.inference.ideal_observer.ray_casting import SilhouetteTable
from gqn_rl.inference.ideal_observer.search.yaw_search import search_yaw
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shepard_metzler import canonical_forms

MOST = 8
"""Shapes that a picture may show, which are kept where scenes are asked for."""


class KnownShapes:
    """An observer of pictures of S shapes and their mirror images.

    Args:
        pool: the shapes.
    """

    def __init__(self, pool: ShapePool) -> None:
        both = np.concatenate([pool.cubes, pool.cubes * REFLECTION.astype(np.int8)])
        _, names = np.unique(canonical_forms(both), axis=0, return_inverse=True)
        self._names = names.reshape(2, -1)  # of shapes, and of their mirror images
        cubes = both - both.mean(axis=1, keepdims=True)
        turned = np.concatenate([cubes @ turn.T for turn in VERTICAL_TURNS.astype(np.float64)])
        count = len(turned)
        self._candidates = Candidates(
            turned, np.zeros(count), np.full(count, -np.log(count)), np.tile(names.ravel(), 4)
        )
        self._table = SilhouetteTable(turned)
        self._count = int(names.max()) + 1

    def shapes(self, image: NDArray[np.uint8], pose: Viewpoints) -> NDArray[np.float64]:
        """Probability of each different shape, given a picture (H, W, 3) from one pose."""
        posterior = self._posterior(image, pose)
        shares = np.bincount(posterior.candidates.shape, posterior.probability, self._count)
        return np.asarray(shares, dtype=np.float64)

    def scenes(self, image: NDArray[np.uint8], pose: Viewpoints) -> SceneBatch:
        """The likeliest scenes that a picture (H, W, 3) may show, of different shapes, at most
        `MOST`; cubes that it does not show are grey."""
        posterior = self._posterior(image, pose)
        candidates, order = posterior.candidates, np.argsort(-posterior.probability, kind="stable")
        _, first = np.unique(candidates.shape[order], return_index=True)
        rows = order[np.sort(first)[:MOST]]
        cubes = candidates.cubes[rows].astype(np.float64)
        grey = np.full(cubes.shape, 0.5, np.float32)
        there = np.ones(cubes.shape[:2], dtype=bool)
        scenes = SceneBatch(cubes, there, yaw_matrices(candidates.yaw[rows]), grey)
        return coloured(scenes, image, pose)

    def _posterior(self, image: NDArray[np.uint8], pose: Viewpoints) -> Posterior:
        found = search_yaw(self._candidates, self._table, image, pose)
        return Posterior.of(found, len(image)).update(image[None], pose)

    def mirrored(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        """Probability that the second object is the mirror image, given both posteriors."""
        opposite = np.empty(self._count, dtype=np.int64)
        opposite[self._names[0]], opposite[self._names[1]] = self._names[1], self._names[0]
        same, mirror = float(one @ other), float(one @ other[opposite])
        return 0.5 if same + mirror == 0 else mirror / (same + mirror)


def coloured(scenes: SceneBatch, image: NDArray[np.uint8], pose: Viewpoints) -> SceneBatch:
    """E scenes with the colours in which a picture (H, W, 3) shows their cubes."""
    renderer = RaycastRenderer(len(image))
    white = replace(scenes, colour=np.ones_like(scenes.colour))
    shade, cube = renderer.render_with_segmentation(white, pose[np.zeros(len(scenes), np.int64)])
    colour = scenes.colour.copy()
    for row, number in np.ndindex(colour.shape[:2]):
        shown = cube[row] == number
        if shown.any():
            lit = image[shown].astype(np.float64) / shade[row][shown]
            colour[row, number] = np.median(lit, axis=0).clip(0.0, 1.0)
    return replace(scenes, colour=colour)
