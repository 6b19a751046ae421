"""The split of shapes into those for training, for validation and for tests.

A hash of a shape decides, so that the split needs no seed, and no list of all shapes either: that
exists for small objects only (`gqn_rl.scenes.shape_catalogue`).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.rotations import MIRROR
from gqn_rl.scenes.shepard_metzler import canonical_forms, row_less

SHAPES = ("train", "validation", "test", "all")
"""Names of the parts of all shapes of one size, wherever a flag or an argument is called `shapes`;
the path of a file of objects may stand there too."""
HELD_OUT_FRACTION = 0.2
VALIDATION_EVERY = 3
"""Of the held-out shapes, mirror images together, every third: in the order of the hash where the
shapes have been enumerated, and by another part of the hash where they have not."""
MIN_CUBES_TO_SPLIT = 6
"""Five cubes make only 18 shapes: too few to hold some out."""


def check_part(shapes: str, num_cubes: int) -> None:
    """Refuse names that are none, and parts of what is too small to be split.

    Raises:
        UserError: for either.
    """
    if shapes not in SHAPES:
        raise unknown_name("shapes", shapes, SHAPES)
    if shapes != "all" and num_cubes < MIN_CUBES_TO_SPLIT:
        raise UserError(
            f"shapes={shapes!r} needs num_cubes >= {MIN_CUBES_TO_SPLIT} (fewer shapes cannot "
            f"be held out), received num_cubes={num_cubes}; use shapes='all'"
        )


def split_by_hash(cubes: NDArray[np.int8]) -> NDArray[np.str_]:
    """The part that each object's shape is in, without a list of all shapes.

    Mirror images are in one part. What is held out is the same as in `shape_catalogue`; which of
    it is for validation is decided otherwise there.

    >>> screws = np.array([[[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, z]] for z in (1, -1)], np.int8)
    >>> split_by_hash(screws).tolist()
    ['train', 'train']

    Args:
        cubes: int8 (N, P, 3).

    Returns:
        "train", "validation" or "test", (N,).
    """
    forms, mirrored = canonical_forms(cubes), canonical_forms(cubes * MIRROR)
    digests = _digests(np.where(row_less(mirrored, forms)[:, None], mirrored, forms))
    numbers = [_number(digest[8:16]) for digest in digests]
    is_validation = np.array([n % VALIDATION_EVERY == 0 for n in numbers], dtype=bool)
    is_held_out = np.array([_fraction(digest) for digest in digests]) < HELD_OUT_FRACTION
    held_out = np.where(is_validation, "validation", "test")
    return np.where(is_held_out, held_out, "train")


def hash_scores(forms: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) per canonical form (N, P) that depends on nothing but the form."""
    return np.array([_fraction(digest) for digest in _digests(forms)])


def _digests(forms: NDArray[np.int64]) -> list[bytes]:
    return [hashlib.sha256(form.astype("<i8").tobytes()).digest() for form in forms]


def _fraction(digest: bytes) -> float:
    return _number(digest[:8]) / 2**64


def _number(part: bytes) -> int:
    return int.from_bytes(part, "big")
