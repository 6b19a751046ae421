"""Galleries of shapes: any, or ones that are easily taken for each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import unknown_name
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.scenes.shape_catalogue import ShapeCatalogue, shape_catalogue

GALLERIES = ("distinct", "confusable")


def choose_gallery(
    num_cubes: int, shapes: str, gallery_size: int, gallery: str
) -> NDArray[np.int64]:
    """K shapes, always the same ones; int64 (K,), indices into `shape_catalogue(num_cubes)`.

    "distinct": the first K of the catalogue's fixed pseudo-random order.
    "confusable": mirror pairs and near neighbours. It begins with the first chiral shape of that
    order; then, again and again, it takes the shape whose distances (`shape_distances`) to those
    it holds have the smallest sum, the first in the order if several have. The mirror image of a
    chiral shape follows it at once, so every pair is complete save one that K cuts in two.

    Either way a larger gallery begins with the smaller one.

    Raises:
        UserError: for an unknown name, or more shapes than there are.
    """
    catalogue = shape_catalogue(num_cubes)
    distinct = catalogue.gallery(shapes, gallery_size)
    if gallery not in GALLERIES:
        raise unknown_name("gallery", gallery, GALLERIES)
    if gallery == "distinct":
        return distinct
    return _confusable(catalogue, catalogue.indices(shapes), gallery_size)


def shape_distances(cubes: NDArray[np.int8], others: NDArray[np.int8]) -> NDArray[np.int64]:
    """How many cubes must move to make one shape into another.

    The smallest number of cubes of the one that lie where the other has none, over the 24 grid
    rotations and all shifts by whole cubes. 0 means the same shape; mirror images are compared
    like any other two.

    Args:
        cubes: int8 (P, 3).
        others: int8 (S, P, 3).

    Returns:
        int64 (S,), each the same when the two change places.
    """
    num_shapes, num_cubes = others.shape[:2]
    turned = cubes.astype(np.int64) @ GRID_ROTATIONS.astype(np.int64).transpose(0, 2, 1)
    shift = others.astype(np.int64)[:, None, :, None] - turned[None, :, None]  # (S, 24, P, P, 3)
    base = 8 * num_cubes  # above any difference of two shifts
    code = shift @ np.array([base * base, base, 1])
    code = np.sort(code.reshape(num_shapes, len(turned), -1), axis=-1)
    # The shift that most pairs of cubes agree on lays that many cubes onto each other.
    overlap = np.ones((num_shapes, len(turned)), dtype=np.int64)
    for count in range(2, num_cubes + 1):
        agree = (code[..., count - 1 :] == code[..., : 1 - count]).any(axis=-1)
        overlap[agree] = count
    distance: NDArray[np.int64] = num_cubes - overlap.max(axis=1)
    return distance


def _confusable(
    catalogue: ShapeCatalogue, available: NDArray[np.int64], gallery_size: int
) -> NDArray[np.int64]:
    cubes = np.stack([catalogue.representative(shape).cubes for shape in available])
    place = {int(shape): index for index, shape in enumerate(available)}
    mirror = np.array([place[int(catalogue.mirror[shape])] for shape in available])
    chosen: list[int] = []
    total = np.zeros(len(available), dtype=np.int64)
    following = int(np.argmax(mirror != np.arange(len(mirror))))
    while len(chosen) < gallery_size:
        chosen += sorted({following, int(mirror[following])}, key=lambda i: i != following)
        distance = shape_distances(cubes[following], cubes)
        # As far from the mirror image as their mirror images are from the shape itself.
        total += distance if mirror[following] == following else distance + distance[mirror]
        total[chosen] = np.iinfo(np.int64).max
        following = int(total.argmin())
    return available[chosen[:gallery_size]]
