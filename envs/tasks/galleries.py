"""Galleries of shapes: any, or ones that are easily taken for each other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import unknown_name
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import ShapeSource, shape_source

GALLERIES = ("distinct", "confusable")


DEFAULT_SIZE = 10


def choose_gallery(
    num_cubes: int, shapes: str, gallery_size: int | None = None, gallery: str = "distinct"
) -> ShapePool:
    """K shapes, always the same ones.

    "distinct": the first K of the pool, whose order is pseudo-random, or that of a file.
    "confusable": mirror pairs and near neighbours. It begins with the first shape of that order
    whose mirror image is in the pool; then, again and again, it takes the shape whose distances
    (`shape_distances`) to those it holds have the smallest sum, the first in the order if several
    have. A mirror image that is in the pool follows its shape at once, so every pair is complete
    save one that K cuts in two.

    Either way a larger gallery begins with the smaller one. It is chosen once, and environments
    that ask for it again share its arrays, which cannot be written to.

    Args:
        num_cubes, shapes: see `gqn_rl.scenes.shape_source.shape_source`.
        gallery_size: K; None for 10, or all objects of a file.

    Raises:
        UserError: for an unknown name, more shapes than there are, or a file that has one twice.
    """
    pool = _distinct_pool(shape_source(num_cubes, shapes))
    if gallery_size is None:
        gallery_size = len(pool) if pool.is_given else DEFAULT_SIZE
    distinct = pool.first(gallery_size)
    if gallery not in GALLERIES:
        raise unknown_name("gallery", gallery, GALLERIES)
    return distinct if gallery == "distinct" else _confusable(pool, gallery_size)


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


# Choosing takes up to a second, which every single environment of a task would pay for anew.
@lru_cache(maxsize=16)
def _distinct_pool(source: ShapeSource) -> ShapePool:
    pool = source.pool()
    pool.require_distinct()
    return _read_only(pool)


def _read_only(pool: ShapePool) -> ShapePool:
    for array in (pool.cubes, pool.numbers):
        array.setflags(write=False)
    return pool


@lru_cache(maxsize=16)
def _confusable(pool: ShapePool, gallery_size: int) -> ShapePool:
    mirror = pool.mirror()
    chosen: list[int] = []
    total = np.zeros(len(pool), dtype=np.int64)
    following = int(np.argmax(mirror != np.arange(len(mirror))))
    while len(chosen) < gallery_size:
        pair = dict.fromkeys((following, int(mirror[following])))  # in this order, once each
        for shape in pair:
            total += shape_distances(pool.cubes[shape], pool.cubes)
        chosen += pair
        total[chosen] = np.iinfo(np.int64).max // 2
        following = int(total.argmin())
    return _read_only(pool[np.array(chosen[:gallery_size])])
