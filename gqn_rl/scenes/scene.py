"""Scenes: objects, how they are turned and coloured; not how they are drawn."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import unknown_name
from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, SPHERE_RADIUS
from gqn_rl.scenes.shape_source import shape_source
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

MIN_SATURATION = 0.75
CENTRED = "centred"
POSITIONS = (CENTRED, "random")
VIEW_RADIUS = float(SPHERE_RADIUS * np.sin(FIELD_OF_VIEW / 2))
"""Cube edges from the origin up to which every camera on the viewing sphere sees everything."""


@dataclass(frozen=True)
class SceneBatch:
    """N scenes with up to P cubes each.

    >>> rng = np.random.default_rng(0)
    >>> objects = [ShepardMetzlerObject.sample(rng, num_cubes) for num_cubes in (5, 7)]
    >>> rotation, colour = sample_orientations(rng, 2, "grid"), sample_colours(rng, 2, 7)
    >>> scenes = SceneBatch.from_objects(objects, rotation, colour)
    >>> scenes.mask.sum(axis=1)
    array([5, 7])
    >>> scenes.repeat(3).cube_centres().shape
    (6, 7, 3)

    Attributes:
        cubes: float64 (N, P, 3), cube centres before the rotation, in cube edges; barycentre at
            the origin, unless the object has been `moved`.
        mask: bool (N, P), which cubes exist.
        rotation: float64 (N, 3, 3), object to world.
        colour: float32 (N, P, 3), RGB in [0, 1].
    """

    cubes: NDArray[np.float64]
    mask: NDArray[np.bool_]
    rotation: NDArray[np.float64]
    colour: NDArray[np.float32]

    def __post_init__(self) -> None:
        n, p = self.mask.shape
        expectations = {"cubes": (n, p, 3), "rotation": (n, 3, 3), "colour": (n, p, 3)}
        for name, expected in expectations.items():
            received = getattr(self, name).shape
            if received != expected:
                raise ValueError(f"{name} has shape {received}, expected {expected}")

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, index: slice | NDArray) -> SceneBatch:
        """Select scenes with a slice, a mask or an integer array; the result is a batch."""
        return SceneBatch(
            self.cubes[index], self.mask[index], self.rotation[index], self.colour[index]
        )

    def repeat(self, times: int) -> SceneBatch:
        """Each scene `times` in a row: (N * times) scenes."""
        return self[np.repeat(np.arange(len(self)), times)]

    @staticmethod
    def concatenate(parts: list[SceneBatch]) -> SceneBatch:
        """One batch from several with the same P."""
        return SceneBatch(
            np.concatenate([p.cubes for p in parts]),
            np.concatenate([p.mask for p in parts]),
            np.concatenate([p.rotation for p in parts]),
            np.concatenate([p.colour for p in parts]),
        )

    @staticmethod
    def from_objects(
        objects: list[ShepardMetzlerObject],
        rotation: NDArray[np.floating],
        colour: NDArray[np.floating],
    ) -> SceneBatch:
        """One scene per object; objects of different size are padded.

        Args:
            rotation: (N, 3, 3).
            colour: (N, P, 3) with P the size of the largest object.
        """
        n, p = len(objects), max(map(len, objects))
        cubes, mask = np.zeros((n, p, 3)), np.zeros((n, p), dtype=bool)
        for row, item in enumerate(objects):
            cubes[row, : len(item)] = item.centred()
            mask[row, : len(item)] = True
        return SceneBatch(
            cubes, mask, np.asarray(rotation, np.float64), np.asarray(colour, np.float32)
        )

    def moved(self, offset: NDArray[np.floating]) -> SceneBatch:
        """The scenes with their objects moved by offset (N, 3), in world coordinates."""
        own = np.einsum("nij,ni->nj", self.rotation, offset)  # along the object's axes
        return SceneBatch(self.cubes + own[:, None], self.mask, self.rotation, self.colour)

    def grid_poses(self) -> NDArray[np.float32]:
        """How the grid that the cubes of each scene lie on is placed in the world.

        Returns:
            float32 (N, 4): yaw in [-pi/4, pi/4) radians, and along the three axes turned by it the
            offset of the planes between cubes from the origin, in [-0.5, 0.5) cube edges. NaN for
            scenes none of whose cubes' axes is vertical.
        """
        vertical = np.abs(self.rotation[:, 2]).max(axis=1)
        level = np.hypot(self.rotation[:, 0], self.rotation[:, 1]).argmax(axis=1)
        axis = np.take_along_axis(self.rotation, level[:, None, None], axis=2)[:, :, 0]
        yaw = _centred(np.arctan2(axis[:, 1], axis[:, 0]), np.pi / 2)
        centre = self.cube_centres()[:, 0]
        cos, sin = np.cos(yaw), np.sin(yaw)
        turned = [cos * centre[:, 0] + sin * centre[:, 1], cos * centre[:, 1] - sin * centre[:, 0]]
        offset = _centred(np.stack([*turned, centre[:, 2]], axis=1) - 0.5, 1.0)
        poses = np.concatenate([yaw[:, None], offset], axis=1).astype(np.float32)
        poses[vertical < 1 - 1e-6] = np.nan
        return poses

    def cube_centres(self) -> NDArray[np.float64]:
        """Cube centres in world coordinates, float64 (N, P, 3)."""
        return np.einsum("nij,npj->npi", self.rotation, self.cubes)


def _centred(value: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """The same up to whole periods, in [-period / 2, period / 2)."""
    return (value + period / 2) % period - period / 2


def sample_colours(rng: np.random.Generator, n: int, num_cubes: int) -> NDArray[np.float32]:
    """Flat colours, float32 (n, num_cubes, 3): hue uniform, saturation at least 0.75, value 1."""
    hue = rng.uniform(0.0, 1.0, n * num_cubes)
    saturation = rng.uniform(MIN_SATURATION, 1.0, n * num_cubes)
    pairs = zip(hue.tolist(), saturation.tolist(), strict=True)  # faster than NumPy's numbers
    rgb = [colorsys.hsv_to_rgb(h, s, 1.0) for h, s in pairs]
    return np.array(rgb, dtype=np.float32).reshape(n, num_cubes, 3)


def sample_scenes(
    rng: np.random.Generator,
    n: int,
    *,
    num_cubes: int = 7,
    shapes: str = "train",
    orientation: str = "grid",
    position: str = "centred",
) -> SceneBatch:
    """n random scenes: growth rule over the given shapes, random orientation and colours.

    >>> sample_scenes(np.random.default_rng(0), 4, shapes="test").cubes.shape
    (4, 7, 3)

    Args:
        shapes: "train", "validation", "test" or "all", see `gqn_rl.scenes.shape_split`, or the path
            of a file of objects, which are all alike likely.
        orientation: "grid" or "free", see `gqn_rl.geometry.rotations.sample_orientations`.
        position: "centred", barycentre at the origin, or "random", see `sample_positions`.

    Raises:
        UserError: for an unknown name, or a file that cannot be used.
    """
    if position not in POSITIONS:
        raise unknown_name("position", position, POSITIONS)
    cubes = shape_source(num_cubes, shapes).sample(rng, n).astype(np.float64)
    scenes = SceneBatch(
        cubes=cubes - cubes.mean(axis=1, keepdims=True),
        mask=np.ones((n, num_cubes), dtype=bool),
        rotation=sample_orientations(rng, n, orientation),
        colour=sample_colours(rng, n, num_cubes),
    )
    return scenes if position == CENTRED else scenes.moved(sample_positions(rng, scenes))


def sample_positions(rng: np.random.Generator, scenes: SceneBatch) -> NDArray[np.float64]:
    """Where objects may stand so that cameras on the viewing sphere see all of them.

    Uniform in the largest ball about the origin in which the barycentre may lie; of a chain that
    is too long to be seen whole even from there, the origin itself.

    Returns:
        float64 (n, 3), world coordinates of the barycentres, in cube edges.
    """
    room = room_to_stand(scenes.cubes, scenes.mask)
    direction = rng.normal(size=(len(scenes), 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance = room * rng.uniform(size=len(scenes)) ** (1 / 3)
    return direction * distance[:, None]


def room_to_stand(
    cubes: NDArray[np.floating], mask: NDArray[np.bool_] | bool = True
) -> NDArray[np.floating]:
    """How far from the origin barycentres may lie for cameras to see all of an object, (n,).

    >>> room_to_stand(np.zeros((1, 1, 3))).round(2)  # a single cube
    array([2.58])

    Args:
        cubes: (n, P, 3), from the barycentre, however they are turned.
        mask: bool (n, P), which of them there are.

    Returns:
        In cube edges; 0 for chains that are too long to be seen whole even from there.
    """
    reach = np.linalg.norm(np.abs(cubes) + 0.5, axis=-1)  # an upper bound, any rotation
    room: NDArray[np.floating] = np.clip(VIEW_RADIUS - (reach * mask).max(axis=1), 0.0, None)
    return room
