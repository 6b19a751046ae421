"""Pairs of the published benchmark: objects that stand as their letters say, seen once each.

The camera stands between 10 and 45 degrees above or below the object, and nowhere within 10 degrees
of its vertical planes. In depth, the second object has turned about the vertical axis by any angle
up to 180 degrees. Half of the pairs are mirror images, reflected along the direction that the
letters call towards the viewer.

References:
    Khazoum et al., 2025, github.com/BRAIN-Aalto/deep-mental-rotation, whose shapes, ranges of
    angles and number of pairs these are. Distance, field of view and look are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_pool import ShapePool

ELEVATION = (10.0, 45.0)
CLEAR = 10.0
"""Degrees between the camera and the planes in which the first object's cubes lie."""
QUARTER = 90.0
LARGEST_ANGLE = 180.0
REFLECTION = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class RotationPairs:
    """n pairs.

    Attributes:
        first, second: the objects.
        poses: of the camera, the same for both.
        shape: int64 (n,), places in the pool.
        mirrored: bool (n,).
        angle: float64 (n,), degrees.
    """

    first: SceneBatch
    second: SceneBatch
    poses: Viewpoints
    shape: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    angle: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.angle)


def depth_pairs(rng: np.random.Generator, n: int, pool: ShapePool) -> RotationPairs:
    """n pairs turned in depth: shape, answer, angle, camera and colours independent.

    >>> from gqn_rl.scenes.shape_source import shape_source
    >>> pool = shape_source(10, "test").pool().chiral()
    >>> pairs = depth_pairs(np.random.default_rng(0), 4, pool)
    >>> pairs.angle.round(), pairs.mirrored.astype(int)
    (array([146., 164., 109., 131.]), array([0, 0, 0, 0]))
    """
    shape, mirrored = rng.integers(len(pool), size=n), rng.integers(2, size=n) == 1
    angle = rng.uniform(0.0, LARGEST_ANGLE, n)
    clear = rng.uniform(CLEAR, QUARTER - CLEAR, n)
    around = np.deg2rad(clear + QUARTER * rng.integers(4, size=n))
    elevation = np.deg2rad(rng.uniform(*ELEVATION, n) * rng.choice([-1.0, 1.0], n))
    cubes = pool.centred()[shape]
    colour = sample_colours(rng, n, cubes.shape[1])
    mask = np.ones(cubes.shape[:2], dtype=bool)
    factors = np.where(mirrored[:, None], REFLECTION, 1.0)
    first = SceneBatch(cubes, mask, yaw_matrices(-around), colour)
    turned = yaw_matrices(-around - np.deg2rad(angle))
    second = SceneBatch(cubes * factors[:, None], mask, turned, colour)
    poses = look_at_origin(np.zeros(n), elevation)
    return RotationPairs(first, second, poses, shape, mirrored, angle)


def pictures(
    renderer: Renderer, pairs: RotationPairs
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture of each object, uint8 (n, H, W, 3) twice."""
    first = renderer.render(pairs.first, pairs.poses)
    return first, renderer.render(pairs.second, pairs.poses)
