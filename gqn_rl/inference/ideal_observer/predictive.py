"""Pictures of candidates whose colours are known, or are given a colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.ray_casting import segment, shared_rays


def draw(
    candidates: Candidates,
    bases: NDArray[np.float64],
    viewpoints: Viewpoints,
    image_size: int,
    field_of_view: float = FIELD_OF_VIEW,
) -> NDArray[np.float32]:
    """Views of C candidates from N poses, not rounded to whole numbers.

    Args:
        bases: (C, P, 3), 0 to 255, colours of the cubes.
        field_of_view: in radians.

    Returns:
        float32 (C, N, 3, H, W), 0 to 255.
    """
    count, size = len(candidates), image_size
    shown = bases[:, :, None] * candidates.shades()[:, None, :, None]  # (C, P, 6, 3)
    images = np.zeros((count, len(viewpoints), size * size, 3), np.float32)
    for number in range(len(viewpoints)):
        pose = viewpoints[number : number + 1]
        rays = shared_rays(candidates, pose, size, field_of_view=field_of_view)
        cube, face = segment(candidates, rays)
        there, pixel = np.nonzero(cube >= 0)
        images[there, number, pixel] = shown[there, cube[there, pixel], face[there, pixel]]
    return np.moveaxis(images, -1, 2).reshape(count, len(viewpoints), 3, size, size)
