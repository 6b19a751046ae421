"""PyBullet's software rasteriser (TinyRenderer); the only module that imports pybullet."""

from __future__ import annotations

import contextlib

import numpy as np
import pybullet
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gqn_rl.rendering.base import (
    AMBIENT,
    DIFFUSE,
    LIGHT_DIRECTION,
    RendererIdentity,
    check_batch,
)
from gqn_rl.scene import SceneBatch
from gqn_rl.viewpoint import FIELD_OF_VIEW, Viewpoints

NEAR, FAR = 1.0, 30.0
FAR_AWAY = (0.0, 0.0, 1000.0)
"""Where unused bodies of the pool wait, behind the far plane."""


class PyBulletRenderer:
    """Draws with one physics client in DIRECT mode.

    Bodies are pooled: a scene moves and recolours them. Removing and creating bodies leaks memory
    in PyBullet (35 MB over 3,000 scenes) and takes twenty times as long.
    """

    def __init__(self, image_size: int = 64) -> None:
        self._identity = RendererIdentity(
            name="pybullet",
            version=f"{pybullet.getAPIVersion()}",
            image_size=image_size,
        )
        self._client: int | None = None
        self._open()

    def _open(self) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise RuntimeError("PyBullet could not open a DIRECT client")
        self._shape = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=[0.5] * 3, physicsClientId=self._client
        )
        self._bodies: list[int] = []
        self._last_scene: tuple[NDArray, ...] | None = None
        fov, size = np.rad2deg(FIELD_OF_VIEW), self._identity.image_size
        self._camera = {
            "width": size,
            "height": size,
            "projectionMatrix": pybullet.computeProjectionMatrixFOV(fov, 1.0, NEAR, FAR),
            "lightDirection": LIGHT_DIRECTION,
            "lightAmbientCoeff": AMBIENT,
            "lightDiffuseCoeff": DIFFUSE,
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
        return self.render_with_segmentation(scenes, viewpoints)[0]

    def render_with_segmentation(
        self, scenes: SceneBatch, viewpoints: Viewpoints
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """Images uint8 (N, H, W, 3) and cube indices int8 (N, H, W), -1 for the background."""
        check_batch(scenes, viewpoints)
        if self._client is None:
            raise RuntimeError("render() called on a closed PyBulletRenderer")
        size = self._identity.image_size
        images = np.zeros((len(scenes), size, size, 3), dtype=np.uint8)
        cube_index = np.full((len(scenes), size, size), -1, dtype=np.int8)
        centres = scenes.cube_centres()
        quaternions = Rotation.from_matrix(scenes.rotation).as_quat()
        # OpenGL matrices are column-major.
        matrices = viewpoints.view_matrices().transpose(0, 2, 1).reshape(-1, 16)
        for n in range(len(scenes)):
            self._place(centres[n], scenes.mask[n], quaternions[n], scenes.colour[n])
            _, _, rgba, _, segmentation = pybullet.getCameraImage(
                viewMatrix=matrices[n].tolist(), **self._camera
            )
            body = np.asarray(segmentation).reshape(size, size)
            rgb = np.asarray(rgba, dtype=np.uint8).reshape(size, size, 4)[..., :3]
            # TinyRenderer's own background is white.
            images[n] = rgb * (body >= 0)[..., None]
            cube_index[n] = self._cube_of_body(body)
        return images, cube_index

    def _cube_of_body(self, body: NDArray) -> NDArray[np.int8]:
        lookup = np.full(max(self._bodies) + 2, -1, dtype=np.int8)
        lookup[self._bodies] = np.arange(len(self._bodies))
        return lookup[body]  # body -1 reads the last entry, which is -1

    def _place(self, centres: NDArray, mask: NDArray, quaternion: NDArray, colour: NDArray) -> None:
        scene = (centres, mask, quaternion, colour)
        if self._last_scene is not None and all(
            np.array_equal(a, b) for a, b in zip(scene, self._last_scene, strict=True)
        ):
            return
        while len(self._bodies) < len(mask):
            self._bodies.append(
                pybullet.createMultiBody(
                    baseVisualShapeIndex=self._shape,
                    basePosition=FAR_AWAY,
                    physicsClientId=self._client,
                )
            )
        turn = quaternion.tolist()
        for index, body in enumerate(self._bodies):
            used = index < len(mask) and mask[index]
            pybullet.resetBasePositionAndOrientation(
                body,
                centres[index].tolist() if used else FAR_AWAY,
                turn,
                physicsClientId=self._client,
            )
            if used:
                pybullet.changeVisualShape(
                    body,
                    -1,
                    rgbaColor=[*colour[index].tolist(), 1.0],
                    physicsClientId=self._client,
                )
        self._last_scene = scene

    def close(self) -> None:
        """Disconnect; more than once does no harm."""
        if self._client is not None:
            pybullet.disconnect(self._client)
            self._client = None

    def __getstate__(self) -> dict[str, int]:
        """A client cannot be pickled: the copy opens its own."""
        return {"image_size": self._identity.image_size}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be shutting down
            self.close()
