"""Borders of faces and cubes, and the background: what pictures get after the cubes are shaded.

Both renderers tell which cube each pixel shows. Which of its faces that is follows from geometry,
so that one function draws the same lines for both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW
from gqn_rl.rendering.appearance import BACKGROUNDS, Appearance

HALF_EDGE = 0.5
BACKGROUND = -1


def finish(
    images: Tensor,
    cube: Tensor,
    scene: tuple[Tensor, Tensor],
    camera: tuple[Tensor, Tensor],
    appearance: Appearance,
    field_of_view: float = FIELD_OF_VIEW,
) -> Tensor:
    """Images with the lines and the background of an appearance.

    Args:
        images: uint8 (N, H, W, 3), written to.
        cube: int8 (N, H, W), the index of the cube that each pixel shows; -1 for the background.
        scene: cubes float (N, P, 3) and rotation float (N, 3, 3), as in `SceneBatch`.
        camera: position float (N, 3) and axes float (N, 3, 3), rows right, up, forward.
        field_of_view: opening angle in radians.

    Returns:
        `images`.
    """
    if appearance.background != "black":
        images[cube == BACKGROUND] = BACKGROUNDS[appearance.background]
    if appearance.edges:
        images[border_pixels(face_labels(cube, scene, camera, field_of_view))] = 0
    return images


def border_pixels(labels: Tensor) -> Tensor:
    """Pixels of an object beside another face, another cube or the background, bool (N, H, W).

    One pixel wide: of two neighbours with different labels the one to the left or above is on the
    border, or, where that is the background, the other.

    >>> border_pixels(torch.tensor([[[-1, 0, 0, 0, 1, 1, -1]]])).int().tolist()
    [[[0, 1, 0, 1, 0, 1, 0]]]

    Args:
        labels: (N, H, W), -1 for the background.
    """
    inside = labels != BACKGROUND
    border = torch.zeros_like(inside)
    border[:, :, :-1] |= labels[:, :, :-1] != labels[:, :, 1:]
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:, :, 1:] |= ~inside[:, :, :-1]
    border[:, 1:] |= ~inside[:, :-1]
    return border & inside


def face_labels(
    cube: Tensor,
    scene: tuple[Tensor, Tensor],
    camera: tuple[Tensor, Tensor],
    field_of_view: float = FIELD_OF_VIEW,
) -> Tensor:
    """Which face of which cube each pixel shows: int64 (N, H, W), 6 cube + face, -1 for none.

    A ray enters a cube through the face whose plane it crosses last.

    Args:
        cube, scene, camera, field_of_view: see `finish`.
    """
    (cubes, rotation), (position, axes) = scene, camera
    n, height, width = cube.shape
    labels = torch.full((n, height, width), BACKGROUND, dtype=torch.int64, device=cube.device)
    where = (cube != BACKGROUND).nonzero()
    row, index = where[:, 0], cube[tuple(where.T)].long()
    pixel = where[:, 1] * width + where[:, 2]
    rays = pixel_directions(width, field_of_view).to(cube.device, torch.float64)[pixel]
    to_object = rotation.double().mT  # float64: the same faces on every device
    direction = (rays[:, None] @ axes.double()[row])[:, 0]
    direction = (to_object[row] @ direction[..., None])[..., 0]
    origin = (to_object @ position.double()[..., None])[..., 0]
    inverse = 1.0 / torch.where(direction == 0, 1e-12, direction)
    enter = (cubes.double()[row, index] - origin[row]) * inverse - HALF_EDGE * inverse.abs()
    axis = enter.argmax(dim=1)
    behind = direction.gather(1, axis[:, None])[:, 0] < 0
    labels[tuple(where.T)] = 6 * index + 2 * axis + behind
    return labels
