"""The part of the observation that shows a scene: a representation, pixels or the truth.

The same observer shows the scene itself and the reference that some tasks give as their cue.
Adding a kind of observation is a new class and a line in `OBSERVERS`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.rows.encoder_memory import REPRESENTATION_LIMIT, EncoderMemory
from gqn_rl.entry_points import find
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.scenes.scene import SceneBatch


class Observer(Protocol):
    """Says how the agent is shown scenes; keeps nothing itself."""

    key: str
    """Its key in the observation."""
    needs_images: bool
    needs_encoder: bool

    def space(self, num_cubes: int, image_size: int, representation_size: int) -> spaces.Box:
        """The space of one row."""
        ...

    def cue_space(self, space: spaces.Box, num_views: int) -> spaces.Box:
        """The space of a reference shown from `num_views` poses, where a scene has `space`.

        A space of its own: spaces keep random generators.
        """
        ...

    def show(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, memory: EncoderMemory | None
    ) -> NDArray[Any]:
        """The scenes after their latest view, (n, *space), a fresh array.

        Args:
            images: uint8 (n, H, W, 3); None where the observer needs none.
            memory: of these n scenes; None where the observer needs none.
        """
        ...

    def show_reference(
        self,
        scenes: SceneBatch,
        images: NDArray[np.uint8] | None,
        viewpoints: Viewpoints,
        memory: EncoderMemory | None,
    ) -> NDArray[Any]:
        """Reference scenes seen from given poses, (k, *cue_space), a fresh array.

        Args:
            images: uint8 (k, C, H, W, 3); None where the observer needs none.
            viewpoints: the C poses.
        """
        ...


class RepresentationObserver:
    """The encoder's aggregate of the views so far, float32 (F,)."""

    key = "representation"
    needs_images, needs_encoder = True, True

    def space(self, num_cubes: int, image_size: int, representation_size: int) -> spaces.Box:
        return spaces.Box(
            -REPRESENTATION_LIMIT, REPRESENTATION_LIMIT, (representation_size,), np.float32
        )

    def cue_space(self, space: spaces.Box, num_views: int) -> spaces.Box:
        return deepcopy(space)

    def show(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, memory: EncoderMemory | None
    ) -> NDArray[np.float32]:
        assert memory is not None
        return memory.representation()

    def show_reference(
        self,
        scenes: SceneBatch,
        images: NDArray[np.uint8] | None,
        viewpoints: Viewpoints,
        memory: EncoderMemory | None,
    ) -> NDArray[np.float32]:
        assert memory is not None
        assert images is not None
        return memory.represent(images, viewpoints)


class PixelObserver:
    """The current image alone, uint8 (H, W, 3).

    A reference is its pictures one behind the other along the channels, uint8 (H, W, 3 C), the
    way stacked frames are laid out.
    """

    key = "image"
    needs_images, needs_encoder = True, False

    def space(self, num_cubes: int, image_size: int, representation_size: int) -> spaces.Box:
        return spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)

    def cue_space(self, space: spaces.Box, num_views: int) -> spaces.Box:
        height, width, channels = space.shape
        return spaces.Box(0, 255, (height, width, channels * num_views), np.uint8)

    def show(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, memory: EncoderMemory | None
    ) -> NDArray[np.uint8]:
        assert images is not None
        return images.copy()

    def show_reference(
        self,
        scenes: SceneBatch,
        images: NDArray[np.uint8] | None,
        viewpoints: Viewpoints,
        memory: EncoderMemory | None,
    ) -> NDArray[np.uint8]:
        assert images is not None
        return np.concatenate(list(images.swapaxes(0, 1)), axis=-1)


class StateObserver:
    """The truth, float32 (P * 6,): all cube centres, then all cube colours.

    Centres (P * 3) are in world coordinates and cube edges, relative to the barycentre; colours
    (P * 3) are RGB in [0, 1]. Cubes come in the order of the shape's catalogue entry; those of a
    mirror image in the order of the cubes they mirror.
    """

    key = "state"
    needs_images, needs_encoder = False, False

    def space(self, num_cubes: int, image_size: int, representation_size: int) -> spaces.Box:
        low = np.repeat(np.array([-num_cubes, 0.0], np.float32), num_cubes * 3)
        high = np.repeat(np.array([num_cubes, 1.0], np.float32), num_cubes * 3)
        return spaces.Box(low, high, dtype=np.float32)

    def cue_space(self, space: spaces.Box, num_views: int) -> spaces.Box:
        return deepcopy(space)

    def show(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, memory: EncoderMemory | None
    ) -> NDArray[np.float32]:
        n = len(scenes)
        centres = scenes.cube_centres().astype(np.float32)
        return np.concatenate([centres.reshape(n, -1), scenes.colour.reshape(n, -1)], axis=1)

    def show_reference(
        self,
        scenes: SceneBatch,
        images: NDArray[np.uint8] | None,
        viewpoints: Viewpoints,
        memory: EncoderMemory | None,
    ) -> NDArray[np.float32]:
        return self.show(scenes, None, None)


OBSERVERS = {
    "representation": "envs.observation.observers:RepresentationObserver",
    "pixels": "envs.observation.observers:PixelObserver",
    "state": "envs.observation.observers:StateObserver",
}
"""Name to `module:class`."""


def make_observer(name: str) -> Observer:
    """The observer called `name`.

    Raises:
        UserError: for an unknown name.
    """
    observer: Observer = find("observation", name, OBSERVERS)()
    return observer
