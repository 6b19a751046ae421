"""Every Shepard-Metzler shape of a given size, and the split that keeps some of them unseen.

Networks are trained on the "train" shapes only. "validation" shapes may be looked at while recipes
are chosen; "test" shapes are for the figures that are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR
from gqn_rl.scenes.growth import free_steps
from gqn_rl.scenes.shape_split import (
    HELD_OUT_FRACTION,
    MIN_CUBES_TO_SPLIT,
    SHAPES,
    VALIDATION_EVERY,
    check_part,
    hash_scores,
)
from gqn_rl.scenes.shepard_metzler import MIN_CUBES, ShepardMetzlerObject, canonical_forms

__all__ = [
    "MAX_ENUMERATED",
    "MIN_CUBES_TO_SPLIT",
    "SHAPES",
    "ShapeCatalogue",
    "shape_catalogue",
]

MAX_ENUMERATED = 9
"""Cubes: nine make 6,444 shapes and take 5 seconds, each further one five times as long."""


@dataclass(frozen=True, eq=False)
class ShapeCatalogue:
    """All walks of one length, grouped into shapes. Build it with `shape_catalogue`.

    >>> catalogue = shape_catalogue(num_cubes=7)
    >>> catalogue.num_shapes, len(catalogue.indices("train")), len(catalogue.indices("test"))
    (310, 252, 40)
    >>> walks = catalogue.sample_walks(np.random.default_rng(0), 3, shapes="test")
    >>> catalogue.is_test[catalogue.shape[walks]]
    array([ True,  True,  True])

    Attributes:
        walks: int8 (W, P, 3), every self-avoiding walk from the origin.
        probability: float64 (W,), how likely the growth rule makes each walk; sums to 1.
        shape: int64 (W,), index of the walk's shape.
        mirror: int64 (S,), index of each shape's mirror image; itself for an achiral shape.
        is_validation, is_test: bool (S,), the held-out shapes; those in neither are for training.
            Stable: a hash of the shapes decides, not a seed, and mirror images stay together.
        rank: int64 (S,), the shapes in a fixed pseudo-random order (by that hash).
    """

    walks: NDArray[np.int8]
    probability: NDArray[np.float64]
    shape: NDArray[np.int64]
    mirror: NDArray[np.int64]
    is_validation: NDArray[np.bool_]
    is_test: NDArray[np.bool_]
    rank: NDArray[np.int64]

    @property
    def num_shapes(self) -> int:
        return len(self.mirror)

    @property
    def is_chiral(self) -> NDArray[np.bool_]:
        return self.mirror != np.arange(self.num_shapes)

    def indices(self, shapes: str) -> NDArray[np.int64]:
        """The shapes of one of `SHAPES`, in their fixed pseudo-random order."""
        check_part(shapes, self.walks.shape[1])
        if shapes == "all":
            return self.rank
        parts = {"validation": self.is_validation, "test": self.is_test}
        wanted = parts.get(shapes, ~(self.is_validation | self.is_test))
        return self.rank[wanted[self.rank]]

    def gallery(self, shapes: str, size: int) -> NDArray[np.int64]:
        """The first `size` of the shapes, int64 (size,).

        Raises:
            UserError: for fewer than two, or more than there are.
        """
        available = self.indices(shapes)
        if not 2 <= size <= len(available):
            raise UserError(
                f"gallery_size is {size}, expected 2 to {len(available)} "
                f"(the shapes={shapes!r} of num_cubes={self.walks.shape[1]})"
            )
        return available[:size].copy()

    def find(self, cubes: NDArray[np.int8]) -> NDArray[np.int64]:
        """The shapes of N objects (N, P, 3), int64 (N,)."""
        _, first = np.unique(self.shape, return_index=True)
        forms = canonical_forms(self.walks[first])
        lookup = {form.tobytes(): index for index, form in enumerate(forms)}
        found = [lookup[form.tobytes()] for form in canonical_forms(cubes)]
        return np.array(found, dtype=np.int64)

    def representative(self, shape: int) -> ShepardMetzlerObject:
        """One object of the shape, always the same."""
        return ShepardMetzlerObject(self.walks[int(np.argmax(self.shape == shape))])

    def sample_walks(
        self, rng: np.random.Generator, n: int, shapes: str = "all"
    ) -> NDArray[np.int64]:
        """n walks from the growth rule restricted to the given shapes; int64 (n,) into `walks`."""
        cumulative = self._cumulative(shapes)
        # `uniform` may round up to its upper bound, beyond which there is no walk.
        draws = np.minimum(rng.uniform(0.0, cumulative[-1], n), np.nextafter(cumulative[-1], 0.0))
        return np.searchsorted(cumulative, draws, side="right").astype(np.int64)

    @lru_cache(maxsize=4)  # noqa: B019 - catalogues are themselves cached for the process's life
    def _cumulative(self, shapes: str) -> NDArray[np.float64]:
        wanted = np.zeros(self.num_shapes, dtype=bool)
        wanted[self.indices(shapes)] = True
        return np.cumsum(np.where(wanted[self.shape], self.probability, 0.0))


@lru_cache(maxsize=8)
def shape_catalogue(num_cubes: int = 7) -> ShapeCatalogue:
    """The catalogue for objects of `num_cubes` cubes; 7 cubes: 16,926 walks, 310 shapes.

    Raises:
        UserError: for more cubes than `MAX_ENUMERATED`, of which there are too many shapes.
    """
    if not MIN_CUBES <= num_cubes <= MAX_ENUMERATED:
        raise UserError(
            f"num_cubes is {num_cubes}, expected {MIN_CUBES} to {MAX_ENUMERATED} where every shape "
            "has to be known"
        )
    walks, probability = _enumerate_walks(num_cubes)
    forms, shape = np.unique(canonical_forms(walks), axis=0, return_inverse=True)
    shape = shape.reshape(-1).astype(np.int64)
    mirror = _mirror_indices(walks, shape, forms)
    score = hash_scores(forms)
    pair_score = score[np.minimum(mirror, np.arange(len(forms)))]
    held_out = pair_score < HELD_OUT_FRACTION
    watched = np.unique(pair_score[held_out])[VALIDATION_EVERY - 1 :: VALIDATION_EVERY]
    is_validation = np.isin(pair_score, watched)
    catalogue = ShapeCatalogue(
        walks=walks,
        probability=probability,
        shape=shape,
        mirror=mirror,
        is_validation=is_validation,
        is_test=held_out & ~is_validation,
        rank=np.argsort(score, kind="stable").astype(np.int64),
    )
    for array in vars(catalogue).values():
        array.setflags(write=False)  # everyone shares this object
    return catalogue


def _enumerate_walks(num_cubes: int) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    walks = np.zeros((1, 1, 3), dtype=np.int8)
    probability = np.ones(1)
    while walks.shape[1] < num_cubes:
        ends, free = free_steps(walks)
        parent, step = np.nonzero(free)
        probability = probability[parent] / free.sum(axis=1)[parent]
        walks = np.concatenate([walks[parent], ends[parent, step][:, None]], axis=1)
    return walks, probability


def _mirror_indices(
    walks: NDArray[np.int8], shape: NDArray[np.int64], forms: NDArray[np.int64]
) -> NDArray[np.int64]:
    _, first = np.unique(shape, return_index=True)
    mirrored = canonical_forms(walks[first] * MIRROR)
    lookup = {form.tobytes(): index for index, form in enumerate(forms)}
    return np.array([lookup[form.tobytes()] for form in mirrored], dtype=np.int64)
