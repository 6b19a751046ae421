"""White cubes with black edges, read as coloured ones: which faces are of one cube.

Inference explains pictures by cells of one colour each. Where all cubes are white, lines and shades
are what tells them apart. Faces are what lines enclose. How bright one is says which way it faces,
and where two faces that face different ways meet in an edge that stands out, they are two sides of
one cube. Each cube so found gets a colour of its own, and lines go to the faces beside them.
"""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import AMBIENT, DIFFUSE, unit_light

FILLED = Appearance(colours="uniform", background="white")
"""The same without lines."""
LOOK = Appearance(colours="uniform", edges=True, background="white")
"""As the published pictures look; distance and light are ours."""
BACKGROUND, LINE = 255, 0
YAWS = np.deg2rad(np.arange(0.0, 90.0, 0.5))
"""By which the cubes may be turned: a quarter turn is the same again."""
SHORTEST = 2
"""Neighbouring pixels of two faces that make an edge."""


class Coloured(NamedTuple):
    """Pictures of cubes of that look, with colours on black instead.

    Attributes:
        images: uint8 (n, H, W, 3).
        clear: bool (n, H, W), pixels that certainly show what their colour says; elsewhere a line
            hides which of the faces beside it a pixel shows.
    """

    images: NDArray[np.uint8]
    clear: NDArray[np.bool_]


def coloured_cubes(images: NDArray[np.uint8], poses: Viewpoints) -> Coloured:
    """Pictures uint8 (n, H, W, 3) of cubes of that look read as coloured ones."""
    clear = [clear_pixels(image[..., 0]) for image in images]
    coloured = [_coloured(image, poses[row : row + 1]) for row, image in enumerate(images)]
    return Coloured(np.stack(coloured), np.stack(clear))


def shaded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture uint8 (H, W, 3) of that look without its lines."""
    face, shade = faces_of(image[..., 0])
    value = np.append(shade, BACKGROUND).astype(np.uint8)[face]  # -1 is the last
    return np.repeat(value[..., None], 3, axis=2)


def _coloured(image: NDArray[np.uint8], pose: Viewpoints) -> NDArray[np.uint8]:
    value = image[..., 0]
    face, shade = faces_of(value)
    cube = cubes_of(face, shade, pose)
    hues = np.arange(len(cube)) * 0.6180339887 % 1.0  # neighbours in number are far apart
    palette = np.array([colorsys.hsv_to_rgb(hue, 1.0, 1.0) for hue in hues]).reshape(-1, 3)
    drawn = np.concatenate([palette[cube] * shade[:, None], np.zeros((1, 3))])  # the last is -1
    return drawn[face].astype(np.uint8)


def faces_of(value: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What lines enclose, lines included: int64 (H, W), -1 for the background; and brightness (F,).

    Args:
        value: uint8 (H, W), of a picture.
    """
    inside = (value != BACKGROUND) & (value != LINE)
    from scipy import ndimage  # takes as long to import as --help of the benchmark takes

    label, count = ndimage.label(inside, output=np.int64)
    shade = np.asarray(ndimage.median(value, label, np.arange(1, count + 1)), dtype=np.float64)
    known = _under_lines(label)
    nearest = ndimage.distance_transform_edt(
        known == 0, return_distances=False, return_indices=True
    )
    there = (value != BACKGROUND) & (count > 0)
    return np.where(there, known[tuple(nearest)] - 1, -1).astype(np.int64), shade


def clear_pixels(value: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture, uint8 (H, W), leaves no doubt what it shows, bool (H, W)."""
    free = (value != BACKGROUND) & (value != LINE)
    return (_under_lines(free.astype(np.int64)) > 0) | (value == BACKGROUND)


def _under_lines(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces (H, W), 0 for none, and what they say of the lines beside them.

    Of two pixels that show different faces the line covers the left or upper one (`border_pixels`).
    So a pixel that it leaves free shows what the pixels to its right and below it show.
    """
    known = label.copy()
    known[1:] = np.where(known[1:] == 0, label[:-1], known[1:])
    known[:, 1:] = np.where(known[:, 1:] == 0, label[:, :-1], known[:, 1:])
    return known


def cubes_of(
    face: NDArray[np.int64], shade: NDArray[np.float64], pose: Viewpoints
) -> NDArray[np.int64]:
    """Which cube each of F faces is of, int64 (F,), from what `faces_of` gives."""
    if not len(shade):
        return np.zeros(0, np.int64)
    pixels = np.bincount(face[face >= 0], minlength=len(shade))
    normals, brightness = _directions(shade, pixels, pose)
    towards = np.abs(shade[:, None] - brightness).argmin(axis=1)
    across = normals @ pose.axes()[0, :2].T  # to the right and upwards in the picture
    row, column = np.indices(face.shape)
    from scipy import ndimage

    middle = np.stack([ndimage.mean(part, face, np.arange(len(shade))) for part in (column, -row)])
    cube, taken = np.arange(len(shade)), [{int(side)} for side in towards]
    for one, other in _meeting(face):
        mine, theirs = cube[one], cube[other]
        apart = middle[:, one] - middle[:, other]
        stands_out = apart @ (across[towards[one]] - across[towards[other]]) > 0
        if mine != theirs and stands_out and not taken[mine] & taken[theirs]:
            taken[mine] |= taken[theirs]
            cube[cube == theirs] = mine
    return np.unique(cube, return_inverse=True)[1].reshape(-1)


def _directions(
    shade: NDArray[np.float64], pixels: NDArray[np.int64], pose: Viewpoints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The normals (3, 3) of the faces that are seen, at the yaw that explains best how bright they
    are, and how bright each is."""
    camera, light = pose.position[0], unit_light()
    start = np.arctan2(camera[1], camera[0])
    best: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None
    for yaw in YAWS:
        # One side faces left of the camera, one right of it.
        angles = start + np.array([yaw, yaw - np.pi / 2])
        normals = np.zeros((3, 3))
        normals[:2, 0], normals[:2, 1] = np.cos(angles), np.sin(angles)
        normals[2, 2] = np.sign(camera[2])
        bright = 255.0 * (AMBIENT + DIFFUSE * np.maximum(normals @ light, 0.0))
        misfit = float((np.abs(shade[:, None] - bright).min(axis=1) * pixels).sum())
        if best is None or misfit < best[0]:
            best = misfit, normals, bright
    assert best is not None
    return best[1], best[2]


def _meeting(face: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs of faces that lie beside each other, those with the longest edge first."""
    pairs = np.concatenate(
        [
            np.stack([before.ravel(), after.ravel()], axis=1)
            for part in (face, face.T)
            for before, after in ((part[:-1], part[1:]),)
        ]
    )
    pairs = np.sort(pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs >= 0).all(axis=1)], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(a), int(b)) for a, b in found[order[counts[order] >= SHORTEST]]]
