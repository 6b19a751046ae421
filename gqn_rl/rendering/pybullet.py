"""PyBullet's software rasteriser (TinyRenderer); the only module that imports pybullet."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gqn_rl.errors import UserError
from gqn_rl.extras import require
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import FAR, LIGHT_DIRECTION, NEAR, WIDEST, RendererIdentity, check_batch
from gqn_rl.scenes.scene import SceneBatch


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what C code writes to the file descriptor of stderr to nowhere."""
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        saved = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


# Importing pybullet prints its build time from C, which would end up in every command's output.
with _silent_stderr():
    pybullet = require("pybullet", "pybullet")

FAR_AWAY = (0.0, 0.0, 1000.0)
"""Where unused bodies of the pool wait, behind the far plane."""


class PyBulletRenderer:
    """Draws with one physics client in DIRECT mode, which is never client 0.

    Every PyBullet call without a client's id reaches client 0: a script that simulates with such
    calls has it for itself.

    Bodies are pooled: a scene moves and recolours them. Removing and creating bodies leaks memory
    in PyBullet (35 MB over 3,000 scenes) and takes twenty times as long.

    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> rng = np.random.default_rng(0)
    >>> scenes, viewpoints = sample_scenes(rng, 2), sample_on_sphere(rng, 2)
    >>> renderer = PyBulletRenderer(image_size=32)
    >>> images, cubes = renderer.render_with_segmentation(scenes, viewpoints)
    >>> images.shape, images.dtype
    ((2, 32, 32, 3), dtype('uint8'))
    >>> int(images[cubes == -1].max())  # the background is black
    0
    >>> renderer.close()

    Args:
        image_size: height and width in pixels.
        appearance: of objects, see `gqn_rl.rendering.appearance`.
        field_of_view: opening angle in degrees, 1 to 45.

    Attributes:
        camera: what `pybullet.getCameraImage` is called with beside the view matrix.
    """

    def __init__(
        self,
        image_size: int = 64,
        appearance: Appearance | Mapping[str, Any] | None = None,
        field_of_view: float = WIDEST,
    ) -> None:
        self.appearance = Appearance.of(appearance)
        version = f"{pybullet.getAPIVersion()}"
        self._identity = self.appearance.identity("pybullet", version, image_size, field_of_view)
        self._field_of_view = field_of_view
        self._client: int | None = None
        self._open()

    def _open(self) -> None:
        self._client = client = _connect()
        # Not __del__: at exit PyBullet may be gone before the renderer is.
        self._disconnect = weakref.finalize(self, pybullet.disconnect, client)
        self._shape = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=[0.5] * 3, physicsClientId=self._client
        )
        self._bodies: list[int] = []
        self._last_scene: tuple[NDArray, ...] | None = None
        fov, size = self._field_of_view, self._identity.image_size
        self.camera = {
            "width": size,
            "height": size,
            "projectionMatrix": pybullet.computeProjectionMatrixFOV(fov, 1.0, NEAR, FAR),
            "lightDirection": LIGHT_DIRECTION,
            "lightAmbientCoeff": self.appearance.ambient,
            "lightDiffuseCoeff": self.appearance.diffuse,
            "lightSpecularCoeff": 0.0,
            "shadow": 0,
            "renderer": pybullet.ER_TINY_RENDERER,
            "physicsClientId": self._client,
        }

    @property
    def identity(self) -> RendererIdentity:
        return self._identity

    def render(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """See `Renderer.render`."""
        if not self.appearance.is_finished:
            return self.render_with_segmentation(scenes, viewpoints)[0]
        size = self._identity.image_size
        images = np.empty((len(scenes), size, size, 3), dtype=np.uint8)
        for n, (rgba, _) in enumerate(self._draw(scenes, viewpoints)):
            _copy_colours(rgba, images[n])
        return images

    def render_with_segmentation(
        self, scenes: SceneBatch, viewpoints: Viewpoints
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """Images uint8 (N, H, W, 3) and cube indices int8 (N, H, W), -1 for the background."""
        size = self._identity.image_size
        images = np.empty((len(scenes), size, size, 3), dtype=np.uint8)
        cube_index = np.empty((len(scenes), size, size), dtype=np.int8)
        for n, (rgba, body) in enumerate(self._draw(scenes, viewpoints)):
            _copy_colours(rgba, images[n])
            cube_index[n] = self._cube_of_body(body)
        if len(scenes) and not self.appearance.is_finished:
            self._finish(images, cube_index, scenes, viewpoints)
        return images, cube_index

    def _finish(
        self,
        images: NDArray[np.uint8],
        cube_index: NDArray[np.int8],
        scenes: SceneBatch,
        viewpoints: Viewpoints,
    ) -> None:
        """Lines and background, see `borders.finish`."""
        # Not at the top: most workers need no PyTorch.
        import torch

        from gqn_rl.rendering.borders import finish

        arrays = (scenes.cubes, scenes.rotation, viewpoints.position, viewpoints.axes())
        cubes, rotation, position, axes = (torch.from_numpy(np.array(a)) for a in arrays)
        pixels, index = torch.from_numpy(images), torch.from_numpy(cube_index)
        angle = self._identity.field_of_view
        finish(pixels, index, (cubes, rotation), (position, axes), self.appearance, angle)

    def _draw(
        self, scenes: SceneBatch, viewpoints: Viewpoints
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
        """Image (H, W, 4) and body ids (H, W), -1 for the background, of one scene at a time."""
        check_batch(scenes, viewpoints)
        given = self.appearance.cube_colours(scenes.mask.shape[1])
        if given is not None:
            scenes = replace(scenes, colour=np.broadcast_to(given, scenes.colour.shape))
        if self._client is None:
            raise RuntimeError("render() called on a closed PyBulletRenderer")
        self._require_own_bodies()
        if len(scenes) == 0:
            return
        centres = scenes.cube_centres()
        quaternions = Rotation.from_matrix(scenes.rotation).as_quat()
        parts = (centres, scenes.mask, quaternions, scenes.colour)
        is_new, self._last_scene = self._are_new(parts), None
        # PyBullet reads lists faster than arrays, and NumPy makes many lists at once faster than
        # one by one.
        opaque = np.concatenate([scenes.colour, np.ones((*scenes.mask.shape, 1))], axis=2)
        placings = [part.tolist() for part in (centres, scenes.mask, quaternions, opaque)]
        # OpenGL matrices are column-major.
        matrices = viewpoints.view_matrices().transpose(0, 2, 1).reshape(-1, 16).tolist()
        for n, matrix in enumerate(matrices):
            if is_new[n]:
                self._place(*(part[n] for part in placings))
            rgba, body = self._picture(matrix)
            # TinyRenderer's own background is white. One 32-bit word a pixel: faster than bytes.
            words = rgba.view(np.uint32)[..., 0]
            np.multiply(words, body >= 0, out=words)
            yield rgba, body
        # Copies: the caller may change the scene's arrays in place before the next call.
        self._last_scene = tuple(part[-1].copy() for part in parts)

    def _require_own_bodies(self) -> None:
        """Refuse to draw what somebody else's calls have made of this client."""
        present = pybullet.getNumBodies(physicsClientId=self._client)
        if present != len(self._bodies):
            raise UserError(
                f"PyBullet's client {self._client}, which a renderer holds, has {present} bodies, "
                f"expected {len(self._bodies)}: other code of this process has changed it; give "
                "its calls a client of their own, and make the renderer again"
            )

    def _picture(self, matrix: list[float]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """What PyBullet draws (H, W, 4), and body ids (H, W).

        Compiled where there was no NumPy, as pip does it from source, PyBullet returns tuples.
        """
        _, _, rgba, _, body = pybullet.getCameraImage(viewMatrix=matrix, **self.camera)
        if isinstance(rgba, np.ndarray):
            return rgba, body
        size = self._identity.image_size
        pixels = np.array(rgba, np.uint8).reshape(size, size, 4)
        return pixels, np.array(body, np.int32).reshape(size, size)

    def _are_new(self, scenes: tuple[NDArray, ...]) -> NDArray[np.bool_]:
        """Which scenes are not the one placed before them, bool (N,); none is placed in between."""
        is_new = np.zeros(len(scenes[0]), dtype=bool)
        for part in scenes:
            is_new[1:] |= (part[1:] != part[:-1]).any(axis=tuple(range(1, part.ndim)))
        last = self._last_scene
        is_new[0] = last is None or not all(
            np.array_equal(part[0], one) for part, one in zip(scenes, last, strict=True)
        )
        return is_new

    def _cube_of_body(self, body: NDArray) -> NDArray[np.int8]:
        lookup = np.full(max(self._bodies) + 2, -1, dtype=np.int8)
        lookup[self._bodies] = np.arange(len(self._bodies))
        return lookup[body]  # body -1 reads the last entry, which is -1

    def _place(
        self,
        centres: list[list[float]],
        mask: list[bool],
        quaternion: list[float],
        colour: list[list[float]],
    ) -> None:
        """Move and recolour the bodies for one scene; colours are RGBA."""
        while len(self._bodies) < len(mask):
            self._bodies.append(
                pybullet.createMultiBody(
                    baseVisualShapeIndex=self._shape,
                    basePosition=FAR_AWAY,
                    physicsClientId=self._client,
                )
            )
        client = self._client
        for body, centre, used, rgba in zip(self._bodies, centres, mask, colour, strict=False):
            where = centre if used else FAR_AWAY
            pybullet.resetBasePositionAndOrientation(body, where, quaternion, client)
            if used:
                pybullet.changeVisualShape(body, -1, rgbaColor=rgba, physicsClientId=client)
        for body in self._bodies[len(mask) :]:
            pybullet.resetBasePositionAndOrientation(body, FAR_AWAY, quaternion, client)

    def close(self) -> None:
        """Disconnect; more than once does no harm."""
        self._disconnect()
        self._client = None

    def __getstate__(self) -> dict[str, Any]:
        """A client cannot be pickled: the copy opens its own."""
        appearance = asdict(self.appearance)
        return {
            "image_size": self._identity.image_size,
            "appearance": appearance,
            "field_of_view": self._field_of_view,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _connect() -> int:
    """A new client in DIRECT mode, never client 0."""
    client = pybullet.connect(pybullet.DIRECT)
    if client == 0:
        client = pybullet.connect(pybullet.DIRECT)
        pybullet.disconnect(0)
    if client < 0:
        raise RuntimeError("PyBullet could not open a DIRECT client")
    return int(client)


def _copy_colours(rgba: NDArray[np.uint8], image: NDArray[np.uint8]) -> None:
    """(H, W, 4) to (H, W, 3), a channel at a time: NumPy copies short runs of bytes slowly."""
    for channel in range(3):
        image[..., channel] = rgba[..., channel]
