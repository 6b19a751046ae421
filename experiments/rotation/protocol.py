"""Pairs of the published benchmark: objects that stand as their letters say, seen once each.

The camera stands between 10 and 45 degrees above or below the object, and nowhere within 10 degrees
of its vertical planes. In depth, the second object has turned about the vertical axis by any angle
up to 180 degrees. In the picture plane it has turned about the line of sight by any angle up to 360
degrees, so that its picture is turned (its faces are lit as they then stand), and the camera stands
up to 80 degrees above or below. Half of the pairs are mirror images, reflected along the direction
that the letters call towards the viewer.

References:
    Khazoum et al., 2025, github.com/BRAIN-Aalto/deep-mental-rotation, whose shapes, ranges of
    angles and number of pairs these are. Distance, field of view and look are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_pool import ShapePool

ELEVATION, PICTURE_ELEVATION = (10.0, 45.0), (10.0, 80.0)
"""Degrees above or below, of objects turned in depth and in the picture plane."""
CLEAR = 10.0
"""Degrees between the camera and the planes in which the first object's cubes lie."""
QUARTER = 90.0
LARGEST_ANGLE, FULL_TURN = 180.0, 360.0
REFLECTION = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class RotationPairs:
    """n pairs.

    Attributes:
        first, second: the objects.
        poses: of the camera, the same for both.
        shape: int64 (n,), places in the pool.
        mirrored: bool (n,).
        angle: float64 (n,), degrees between the objects, 0 to 180.
        axis: what the second object has turned about: "vertical" or "sight".
    """

    first: SceneBatch
    second: SceneBatch
    poses: Viewpoints
    shape: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    angle: NDArray[np.float64]
    axis: str = "vertical"

    def __len__(self) -> int:
        return len(self.angle)

    def __getitem__(self, index: slice) -> RotationPairs:
        """Some of the pairs."""
        return RotationPairs(
            self.first[index],
            self.second[index],
            self.poses[index],
            self.shape[index],
            self.mirrored[index],
            self.angle[index],
            self.axis,
        )


def depth_pairs(rng: np.random.Generator, n: int, pool: ShapePool) -> RotationPairs:
    """n pairs turned in depth: shape, answer, angle, camera and colours independent.

    >>> from gqn_rl.scenes.shape_source import shape_source
    >>> pool = shape_source(10, "test").pool().chiral()
    >>> pairs = depth_pairs(np.random.default_rng(0), 4, pool)
    >>> pairs.angle.round(), pairs.mirrored.astype(int)
    (array([146., 164., 109., 131.]), array([0, 0, 0, 0]))
    """
    around, first, mirrored, turn, poses, shape = _drawn(rng, n, pool, LARGEST_ANGLE, ELEVATION)
    turned = yaw_matrices(-around - np.deg2rad(turn))
    return RotationPairs(first, _second(first, mirrored, turned), poses, shape, mirrored, turn)


def picture_pairs(rng: np.random.Generator, n: int, pool: ShapePool) -> RotationPairs:
    """n pairs turned in the picture plane, anticlockwise; all else as in `depth_pairs`.

    >>> from gqn_rl.scenes.shape_source import shape_source
    >>> pool = shape_source(10, "test").pool().chiral()
    >>> pairs = picture_pairs(np.random.default_rng(0), 4, pool)
    >>> pairs.angle.round(), pairs.axis
    (array([ 67.,  31., 142.,  97.]), 'sight')
    """
    _, first, mirrored, turn, poses, shape = _drawn(rng, n, pool, FULL_TURN, PICTURE_ELEVATION)
    turned = turned_about_sight(first.rotation, poses, turn)
    second, angle = _second(first, mirrored, turned), np.minimum(turn, FULL_TURN - turn)
    return RotationPairs(first, second, poses, shape, mirrored, angle, "sight")


PAIRS: dict[str, Callable[[np.random.Generator, int, ShapePool], RotationPairs]] = {
    "depth": depth_pairs,
    "picture": picture_pairs,
}
"""By the name of the rotation."""


def turned_about_sight(
    rotation: NDArray[np.float64], poses: Viewpoints, angle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rotations of objects (n, 3, 3) turned in the pictures of n cameras that look at the origin.

    Args:
        angle: float64 (n,), degrees, anticlockwise in the picture.
    """
    towards = poses.position / np.linalg.norm(poses.position, axis=1, keepdims=True)
    from scipy.spatial.transform import Rotation  # see `uniform`

    turn = Rotation.from_rotvec(np.deg2rad(angle)[:, None] * towards).as_matrix()
    return np.asarray(turn @ rotation, dtype=np.float64)


class _Drawn(NamedTuple):
    """What pairs are drawn of, whatever the axis."""

    around: NDArray[np.float64]
    first: SceneBatch
    mirrored: NDArray[np.bool_]
    turn: NDArray[np.float64]
    poses: Viewpoints
    shape: NDArray[np.int64]


def _drawn(
    rng: np.random.Generator, n: int, pool: ShapePool, turn: float, elevations: tuple[float, float]
) -> _Drawn:
    shape, mirrored = rng.integers(len(pool), size=n), rng.integers(2, size=n) == 1
    angle = rng.uniform(0.0, turn, n)
    clear = rng.uniform(CLEAR, QUARTER - CLEAR, n)
    around = np.deg2rad(clear + QUARTER * rng.integers(4, size=n))
    elevation = np.deg2rad(rng.uniform(*elevations, n) * rng.choice([-1.0, 1.0], n))
    cubes = pool.centred()[shape]
    colour = sample_colours(rng, n, cubes.shape[1])
    mask = np.ones(cubes.shape[:2], dtype=bool)
    first = SceneBatch(cubes, mask, yaw_matrices(-around), colour)
    return _Drawn(around, first, mirrored, angle, look_at_origin(np.zeros(n), elevation), shape)


def _second(
    first: SceneBatch, mirrored: NDArray[np.bool_], turned: NDArray[np.float64]
) -> SceneBatch:
    factors = np.where(mirrored[:, None], REFLECTION, 1.0)
    return SceneBatch(first.cubes * factors[:, None], first.mask, turned, first.colour)


def pictures(
    renderer: Renderer, pairs: RotationPairs
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture of each object, uint8 (n, H, W, 3) twice."""
    first = renderer.render(pairs.first, pairs.poses)
    return first, renderer.render(pairs.second, pairs.poses)
