"""A renderer: a depth camera. Near cubes are bright, far ones dark, the background is black."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS, Viewpoints
from gqn_rl.rendering import RendererIdentity
from gqn_rl.scenes.scene import SceneBatch

REACH = 4.5
"""Depths from `SPHERE_RADIUS` - REACH (white) to + REACH (black), in cube edges."""


class DepthRenderer:
    """Grey is linear in the depth along the camera's axis, 28 levels to a cube edge.

    Args:
        image_size: height and width in pixels.
    """

    def __init__(self, image_size: int = 64) -> None:
        # Another `look` than "flat-v1": a GQN trained on colours refuses these pictures.
        self.identity = RendererIdentity(
            "add_renderer:DepthRenderer", version="1", image_size=image_size, look="depth-v1"
        )
        self._rays = pixel_directions(image_size).double().numpy()  # (H * W, 3), forward is 1

    def render(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """uint8 (N, H, W, 3); see `Renderer.render`."""
        size = self.identity.image_size
        images = np.zeros((len(scenes), size, size, 3), np.uint8)
        axes = viewpoints.axes()  # (N, 3, 3): right, up, forward
        for n in range(len(scenes)):
            # In the object's own frame all cubes are parallel to the axes.
            directions = self._rays @ axes[n] @ scenes.rotation[n]
            eye = viewpoints.position[n] @ scenes.rotation[n]
            depth = first_hit(eye, directions, scenes.cubes[n][scenes.mask[n]])
            grey = 255 * (SPHERE_RADIUS + REACH - depth) / (2 * REACH)
            images[n] = grey.clip(0, 255).round().reshape(size, size, 1)
        return images

    def close(self) -> None:
        """There is nothing to free."""


def first_hit(
    eye: NDArray[np.float64], directions: NDArray[np.float64], cubes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where rays (R, 3) first meet unit cubes centred at (P, 3), in lengths of the ray; (R,)."""
    directions = np.where(directions == 0, 1e-12, directions)[:, None]  # (R, 1, 3)
    faces = np.stack([(cubes - eye - 0.5) / directions, (cubes - eye + 0.5) / directions])
    enter, leave = faces.min(axis=0).max(axis=-1), faces.max(axis=0).min(axis=-1)  # (R, P)
    depth: NDArray[np.float64] = np.where(enter < leave, enter, np.inf).min(axis=1)
    return depth
