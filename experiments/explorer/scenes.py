"""The object in front of the camera, and pictures of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin
from gqn_rl.rendering import RendererIdentity, RendererWithSegmentation, make_renderer
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One object as it stands in front of the camera.

    Everything random is a function of the seed and of how many things were drawn before, so that
    a session can be repeated.

    Attributes:
        item: the object.
        orientation: "grid" or "free", see `gqn_rl.geometry.rotations.sample_orientations`.
        rotation: float64 (3, 3), object to world.
        colour: float32 (P, 3), RGB in [0, 1].
        seed: of the session.
        drawn: how many random things the session has drawn so far.
    """

    item: ShepardMetzlerObject
    orientation: str
    rotation: NDArray[np.float64]
    colour: NDArray[np.float32]
    seed: int
    drawn: int

    @staticmethod
    def begin(item: ShepardMetzlerObject, orientation: str, seed: int, drawn: int = 0) -> Shown:
        """The object with a random orientation and random colours."""
        nothing = Shown(item, orientation, np.eye(3), np.zeros((len(item), 3), np.float32),
                        seed, drawn)  # fmt: skip
        return nothing.turned(orientation).recoloured()

    def rng(self) -> np.random.Generator:
        """The source of the next random thing."""
        return np.random.default_rng([self.seed, self.drawn])

    def recoloured(self) -> Shown:
        """With new colours."""
        colour = sample_colours(self.rng(), 1, len(self.item))[0]
        return replace(self, colour=colour, drawn=self.drawn + 1)

    def turned(self, orientation: str) -> Shown:
        """In a new orientation of the given kind.

        Raises:
            UserError: for an unknown kind.
        """
        rotation = sample_orientations(self.rng(), 1, orientation)[0]
        return replace(self, orientation=orientation, rotation=rotation, drawn=self.drawn + 1)

    def scenes(self, count: int = 1) -> SceneBatch:
        """As `count` scenes, all the same."""
        return SceneBatch.from_objects([self.item], self.rotation[None], self.colour[None]).repeat(
            count
        )


class Studio:
    """A renderer that sessions share; pictures are taken one after the other.

    Args:
        image_size: height and width of the pictures.
    """

    def __init__(self, image_size: int = 64) -> None:
        self._renderer = make_renderer(image_size=image_size)
        self._lock = threading.Lock()

    @property
    def identity(self) -> RendererIdentity:
        """What its pictures depend on."""
        return self._renderer.identity

    def photograph(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """uint8 (N, H, W, 3), see `Renderer.render`."""
        with self._lock:
            return self._renderer.render(scenes, viewpoints)

    def cubes(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.int8]:
        """Which cube each pixel shows, int8 (N, H, W), -1 for the background."""
        with self._lock:
            assert isinstance(self._renderer, RendererWithSegmentation)  # as both of ours are
            return self._renderer.render_with_segmentation(scenes, viewpoints)[1]

    def close(self) -> None:
        self._renderer.close()


def pose(azimuth: float, elevation: float) -> Viewpoints:
    """The camera at an azimuth and an elevation in degrees, looking at the object; one pose."""
    return look_at_origin(np.deg2rad([azimuth]), np.deg2rad([elevation]))
