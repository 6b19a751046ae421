"""The part of the observation that shows the scene: a representation, pixels or the truth.

Adding a kind of observation is a new class and a line in `OBSERVERS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.tables import load
from gqn_rl.encoders import SceneEncoder, make_encoder
from gqn_rl.errors import UserError
from gqn_rl.rendering import Renderer
from gqn_rl.scene import SceneBatch
from gqn_rl.view import Views
from gqn_rl.viewpoint import Viewpoints

REPRESENTATION_LIMIT = 10.0
"""Standardised representations are clipped here, in standard deviations, for a finite space."""


class Observer(Protocol):
    """Keeps what has been seen of n scenes and says how the agent is shown it."""

    key: str
    """Its key in the observation."""
    space: spaces.Box
    """The space of one row."""
    needs_images: bool
    encoder: SceneEncoder[Any] | None

    def forget(self, mask: NDArray[np.bool_]) -> None:
        """New scenes begin in the rows of `mask` (n,)."""
        ...

    def observe(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, viewpoints: Viewpoints
    ) -> NDArray[Any]:
        """Take in one more view of every scene; one row of `space` per scene, a fresh array.

        Args:
            images: uint8 (n, H, W, 3), or None where the observer needs none.
        """
        ...

    def imagine(self, viewpoints: Viewpoints) -> NDArray[np.uint8] | None:
        """How the scenes might look from elsewhere, uint8 (n, H, W, 3); None: it has no idea."""
        ...


class RepresentationObserver:
    """An encoder's running aggregate; each view is encoded once, all rows in one call."""

    key = "representation"
    needs_images = True

    def __init__(
        self,
        n: int,
        num_cubes: int,
        renderer: Renderer,
        encoder: str | Path | SceneEncoder[Any],
        device: str,
    ) -> None:
        self.encoder = usable_encoder(encoder, renderer, device)
        self.space = spaces.Box(
            -REPRESENTATION_LIMIT,
            REPRESENTATION_LIMIT,
            (self.encoder.representation_size,),
            np.float32,
        )
        self._state = self.encoder.initial_state(n)

    def forget(self, mask: NDArray[np.bool_]) -> None:
        self._state = self.encoder.reset(self._state, mask)

    def observe(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, viewpoints: Viewpoints
    ) -> NDArray[np.float32]:
        assert images is not None
        self._state = self.encoder.update(self._state, Views(images, viewpoints))
        representation = self.encoder.representation(self._state)
        return np.clip(representation, -REPRESENTATION_LIMIT, REPRESENTATION_LIMIT)

    def imagine(self, viewpoints: Viewpoints) -> NDArray[np.uint8] | None:
        predict_view = getattr(self.encoder, "predict_view", None)
        if predict_view is None:
            return None
        images: NDArray[np.uint8] = predict_view(self._state, viewpoints)
        return images


class PixelObserver:
    """The current image alone, uint8 (H, W, 3)."""

    key = "image"
    needs_images = True
    encoder = None

    def __init__(self, n: int, num_cubes: int, renderer: Renderer, **_: Any) -> None:
        size = renderer.identity.image_size
        self.space = spaces.Box(0, 255, (size, size, 3), np.uint8)

    def forget(self, mask: NDArray[np.bool_]) -> None:
        pass

    def observe(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, viewpoints: Viewpoints
    ) -> NDArray[np.uint8]:
        assert images is not None
        return images.copy()

    def imagine(self, viewpoints: Viewpoints) -> NDArray[np.uint8] | None:
        return None


class StateObserver:
    """The truth, float32 (P * 6,): all cube centres, then all cube colours.

    Centres (P * 3) are in world coordinates and cube edges, relative to the barycentre; colours
    (P * 3) are RGB in [0, 1]. Cubes come in the order of the shape's catalogue entry.
    """

    key = "state"
    needs_images = False
    encoder = None

    def __init__(self, n: int, num_cubes: int, renderer: Renderer, **_: Any) -> None:
        low = np.repeat(np.array([-num_cubes, 0.0], np.float32), num_cubes * 3)
        high = np.repeat(np.array([num_cubes, 1.0], np.float32), num_cubes * 3)
        self.space = spaces.Box(low, high, dtype=np.float32)

    def forget(self, mask: NDArray[np.bool_]) -> None:
        pass

    def observe(
        self, scenes: SceneBatch, images: NDArray[np.uint8] | None, viewpoints: Viewpoints
    ) -> NDArray[np.float32]:
        n = len(scenes)
        centres = scenes.cube_centres().astype(np.float32)
        return np.concatenate([centres.reshape(n, -1), scenes.colour.reshape(n, -1)], axis=1)

    def imagine(self, viewpoints: Viewpoints) -> NDArray[np.uint8] | None:
        return None


OBSERVERS = {
    "representation": "envs.observers:RepresentationObserver",
    "pixels": "envs.observers:PixelObserver",
    "state": "envs.observers:StateObserver",
}
"""Name to `module:class`."""


def make_observer(name: str, **arguments: Any) -> Observer:
    """The observer called `name`.

    Raises:
        UserError: for an unknown name, or an encoder that cannot be used.
    """
    observer: Observer = load("observation", name, OBSERVERS)(**arguments)
    return observer


def usable_encoder(
    encoder: str | Path | SceneEncoder[Any], renderer: Renderer, device: str
) -> SceneEncoder[Any]:
    """The encoder by name, path or as it is, if it fits the renderer's pictures.

    Raises:
        UserError: for an unknown name, or an encoder made for other pictures.
    """
    built = make_encoder(encoder, device=device) if isinstance(encoder, str | Path) else encoder
    source = f"encoder {str(encoder) if isinstance(encoder, str | Path) else type(encoder)!r}"
    image_size = renderer.identity.image_size
    if built.image_size != image_size:
        raise UserError(
            f"{source} takes images of image_size={built.image_size}, "
            f"but the environment has image_size={image_size}"
        )
    if built.renderer is not None:
        renderer.identity.require_same_pictures(built.renderer, source)
    return built
