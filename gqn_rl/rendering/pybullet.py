"""PyBullet's software rasteriser (TinyRenderer); only this and `bodies` import pybullet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import FAR, LIGHT_DIRECTION, NEAR, WIDEST, RendererIdentity, check_batch
from gqn_rl.rendering.bodies import Bodies, Placing, shared_bodies
from gqn_rl.rendering.bodies import pybullet as pybullet
from gqn_rl.scenes.scene import SceneBatch


class PyBulletRenderer:
    """Draws with a physics client that all renderers of a process share, see `Bodies`.

    It is opened for the first picture and closed with the last renderer that has drawn any.

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
        own_client: whether it has a client to itself, in which its last scene stays where it is
            while others draw.
    """

    def __init__(
        self,
        image_size: int = 64,
        appearance: Appearance | Mapping[str, Any] | None = None,
        field_of_view: float = WIDEST,
        *,
        own_client: bool = False,
    ) -> None:
        self.appearance = Appearance.of(appearance)
        version = f"{pybullet.getAPIVersion()}"
        self._identity = self.appearance.identity("pybullet", version, image_size, field_of_view)
        self._field_of_view, self._own_client = field_of_view, own_client
        self._closed = False
        self._bodies: Bodies | None = None
        self._last: tuple[object, tuple[NDArray, ...]] | None = None
        self._camera = {
            "width": image_size,
            "height": image_size,
            "projectionMatrix": pybullet.computeProjectionMatrixFOV(field_of_view, 1.0, NEAR, FAR),
            "lightDirection": LIGHT_DIRECTION,
            "lightAmbientCoeff": self.appearance.ambient,
            "lightDiffuseCoeff": self.appearance.diffuse,
            "lightSpecularCoeff": 0.0,
            "shadow": 0,
            "renderer": pybullet.ER_TINY_RENDERER,
        }

    @property
    def bodies(self) -> Bodies:
        """What it draws with, opened where there is none yet in this process."""
        if self._closed:
            raise RuntimeError("render() called on a closed PyBulletRenderer")
        if self._bodies is None or self._bodies.process != os.getpid():
            self._bodies = Bodies() if self._own_client else shared_bodies()
        return self._bodies

    @property
    def camera(self) -> dict[str, Any]:
        """What `pybullet.getCameraImage` is called with beside the view matrix."""
        return {**self._camera, "physicsClientId": self.bodies.client}

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
        bodies = self.bodies
        bodies.require_own()
        if len(scenes) == 0:
            return
        centres = scenes.cube_centres()
        quaternions = Rotation.from_matrix(scenes.rotation).as_quat()
        parts = (centres, scenes.mask, quaternions, scenes.colour)
        told_apart = self._told_apart(parts)
        # NumPy makes many lists at once faster than one by one.
        opaque = np.concatenate([scenes.colour, np.ones((*scenes.mask.shape, 1))], axis=2)
        lists = (part.tolist() for part in (centres, scenes.mask, quaternions, opaque))
        placings = zip(*lists, strict=True)
        # OpenGL matrices are column-major.
        matrices = viewpoints.view_matrices().transpose(0, 2, 1).reshape(-1, 16).tolist()
        camera = self.camera
        for scene, placing, matrix in zip(told_apart, placings, matrices, strict=True):
            with bodies.lock:
                bodies.show(scene, Placing(*placing))
                rgba, body = self._picture(matrix, camera)
            # TinyRenderer's own background is white. One 32-bit word a pixel: faster than bytes.
            words = rgba.view(np.uint32)[..., 0]
            np.multiply(words, body >= 0, out=words)
            yield rgba, body
        # Copies: the caller may change the scene's arrays in place before the next call.
        self._last = told_apart[-1], tuple(part[-1].copy() for part in parts)

    def _picture(
        self, matrix: list[float], camera: dict[str, Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """What PyBullet draws (H, W, 4), and body ids (H, W).

        Compiled where there was no NumPy, as pip does it from source, PyBullet returns tuples.
        """
        _, _, rgba, _, body = pybullet.getCameraImage(viewMatrix=matrix, **camera)
        if isinstance(rgba, np.ndarray):
            return rgba, body
        size = self._identity.image_size
        pixels = np.array(rgba, np.uint8).reshape(size, size, 4)
        return pixels, np.array(body, np.int32).reshape(size, size)

    def _told_apart(self, scenes: tuple[NDArray, ...]) -> list[object]:
        """An object for each scene (N,), the same for a scene that equals the one before it; the
        first for the last one of the call before this."""
        is_new = np.zeros(len(scenes[0]), dtype=bool)
        for part in scenes:
            is_new[1:] |= (part[1:] != part[:-1]).any(axis=tuple(range(1, part.ndim)))
        found: list[object] = []
        scene, last = object(), self._last
        if last is not None and all(map(np.array_equal, (part[0] for part in scenes), last[1])):
            scene = last[0]
        for begins in is_new:
            scene = object() if begins else scene
            found.append(scene)
        return found

    def _cube_of_body(self, body: NDArray) -> NDArray[np.int8]:
        ids = self.bodies.ids
        lookup = np.full(max(ids) + 2, -1, dtype=np.int8)
        lookup[ids] = np.arange(len(ids))
        return lookup[body]  # body -1 reads the last entry, which is -1

    def close(self) -> None:
        """Let go of the client; more than once does no harm."""
        self._closed, self._bodies = True, None

    def __getstate__(self) -> dict[str, Any]:
        """A client cannot be pickled: the copy opens its own."""
        appearance = asdict(self.appearance)
        return {
            "image_size": self._identity.image_size,
            "appearance": appearance,
            "field_of_view": self._field_of_view,
            "own_client": self._own_client,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _copy_colours(rgba: NDArray[np.uint8], image: NDArray[np.uint8]) -> None:
    """(H, W, 4) to (H, W, 3), a channel at a time: NumPy copies short runs of bytes slowly."""
    for channel in range(3):
        image[..., channel] = rgba[..., channel]
