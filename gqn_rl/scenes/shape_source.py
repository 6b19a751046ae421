"""Where objects come from: part of all shapes of one size, or a file of given ones."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR
from gqn_rl.scenes.growth import grow_walks
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED, shape_catalogue
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_split import SHAPES, check_part, hash_scores, split_by_hash
from gqn_rl.scenes.shepard_metzler import (
    canonical_forms,
    check_num_cubes,
)
from gqn_rl.scenes.stimuli import read_objects

DEFAULT_NUM_CUBES = 7
POOL_FAMILIES = 500
"""Walks whose shapes, and mirror images, make a pool where there are too many to know them all."""
POOL_SEED = 0
"""No seed of a run is added: the pool is the same in every run."""
EXPECTED_SHARE = {"all": 1.0, "train": 0.8, "validation": 0.06, "test": 0.13}
"""Of the walks that the growth rule makes, how many are in a part; a little too few."""


class ShapeSource(ABC):
    """Objects of one size.

    >>> source = shape_source(10, "test")
    >>> cubes = source.sample(np.random.default_rng(0), 3)
    >>> cubes.shape, split_by_hash(cubes).tolist()
    ((3, 10, 3), ['test', 'test', 'test'])

    Attributes:
        num_cubes: P, of every object.
    """

    num_cubes: int

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int8]:
        """n random objects, int8 (n, P, 3)."""

    @abstractmethod
    def pool(self) -> ShapePool:
        """The shapes that tasks choose from, always the same in the same order."""


class EnumeratedShapes(ShapeSource):
    """A part of a catalogue of all shapes; objects are drawn by the growth rule within it.

    >>> source = EnumeratedShapes(7, "train")
    >>> len(source.pool()), source.sample(np.random.default_rng(0), 2).shape
    (252, (2, 7, 3))
    """

    def __init__(self, num_cubes: int, shapes: str) -> None:
        self.num_cubes = num_cubes
        self._shapes = shapes
        self._catalogue = shape_catalogue(num_cubes)
        self._numbers = self._catalogue.indices(shapes)  # refuses wrong names

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int8]:
        """See `ShapeSource.sample`."""
        return self._catalogue.walks[self._catalogue.sample_walks(rng, n, self._shapes)]

    def pool(self) -> ShapePool:
        """See `ShapeSource.pool`; in the catalogue's pseudo-random order."""
        _, first = np.unique(self._catalogue.shape, return_index=True)
        cubes = self._catalogue.walks[first[self._numbers]]
        return ShapePool(cubes, self._numbers, _part_name(self._shapes, self.num_cubes))


class GrownShapes(ShapeSource):
    """A part of all shapes of a size of which there are too many to enumerate.

    Objects are drawn by the growth rule, and again until they are in the part. The pool has
    `POOL_FAMILIES` shapes and their mirror images, drawn once and for all.

    >>> source = GrownShapes(10, "validation")
    >>> source.sample(np.random.default_rng(0), 2).shape, len(source.pool()) > POOL_FAMILIES
    ((2, 10, 3), True)
    """

    def __init__(self, num_cubes: int, shapes: str) -> None:
        check_part(shapes, num_cubes)
        self.num_cubes = num_cubes
        self._shapes = shapes

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int8]:
        """See `ShapeSource.sample`."""
        parts: list[NDArray[np.int8]] = [np.zeros((0, self.num_cubes, 3), dtype=np.int8)]
        missing = n
        while missing:
            tries = int(missing / EXPECTED_SHARE[self._shapes]) + 1
            walks = grow_walks(rng, tries, self.num_cubes)
            if self._shapes != "all":
                walks = walks[split_by_hash(walks) == self._shapes]
            parts.append(walks[:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def pool(self) -> ShapePool:
        """See `ShapeSource.pool`; in a pseudo-random order, by the hash of the shapes."""
        walks = self.sample(np.random.default_rng(POOL_SEED), POOL_FAMILIES)
        both = np.stack([walks, walks * MIRROR], axis=1).reshape(-1, *walks.shape[1:])
        _, first = np.unique(canonical_forms(both), axis=0, return_index=True)
        score = hash_scores(canonical_forms(both[first]))
        cubes = both[first[np.argsort(score, kind="stable")]]
        return ShapePool(cubes, np.arange(len(cubes)), _part_name(self._shapes, self.num_cubes))


class GivenShapes(ShapeSource):
    """The objects of a file, all alike likely.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "figures.txt").write_text("uuuubbuur rrruuufff".replace(" ", chr(10)))
    ...     given = GivenShapes(f"{folder}/figures.txt")
    >>> given.num_cubes, len(given.pool())
    (10, 2)

    Args:
        path: see `gqn_rl.scenes.stimuli.read_objects`.

    Raises:
        UserError: for a file that cannot be read, and for objects of several sizes.
    """

    def __init__(self, path: str) -> None:
        objects = read_objects(path)
        self._path = path
        self.num_cubes = len(objects[0])
        for number, item in enumerate(objects, start=1):
            if len(item) != self.num_cubes:
                raise UserError(
                    f"object {number} of {path} has {len(item)} cubes, expected {self.num_cubes} "
                    "as the first has"
                )
        self._cubes = np.stack([item.cubes for item in objects])

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int8]:
        """See `ShapeSource.sample`."""
        return self._cubes[rng.integers(len(self._cubes), size=n)]

    def pool(self) -> ShapePool:
        """See `ShapeSource.pool`; in the order of the file."""
        numbers = np.arange(len(self._cubes))
        if self.num_cubes <= MAX_ENUMERATED:
            numbers = shape_catalogue(self.num_cubes).find(self._cubes)
        return ShapePool(self._cubes, numbers, self._path, is_given=True)


def shape_source(num_cubes: int, shapes: str | Path) -> ShapeSource:
    """The source called `shapes`.

    Args:
        num_cubes: of every object.
        shapes: one of `gqn_rl.scenes.shape_split.SHAPES`, or the path of a file of objects.

    Raises:
        UserError: for an unknown name, a file that cannot be used, or one whose objects have
            another number of cubes.
    """
    name = str(shapes)
    check_num_cubes(num_cubes)
    if not is_file(name):
        return _part(num_cubes, name)
    source = given_shapes(name)
    if source.num_cubes != num_cubes:
        raise UserError(
            f"num_cubes is {num_cubes}, expected {source.num_cubes} as the objects of {name} have"
        )
    return source


def given_shapes(path: str | Path) -> GivenShapes:
    """The objects of a file, which is read again when it has changed."""
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError:
        changed = 0  # reading it says what is wrong
    return _given(str(path), changed)


def num_cubes_of(num_cubes: int | None, shapes: str | Path) -> int:
    """How many cubes objects have where nobody says so: as many as those of a file, or seven."""
    if num_cubes is not None:
        return num_cubes
    return given_shapes(shapes).num_cubes if is_file(str(shapes)) else DEFAULT_NUM_CUBES


def is_file(shapes: str) -> bool:
    """Whether a choice of shapes is meant to be a file: a path, or a name with a suffix."""
    return shapes not in SHAPES and ("/" in shapes or bool(Path(shapes).suffix))


@lru_cache(maxsize=16)
def _part(num_cubes: int, shapes: str) -> ShapeSource:
    kind = EnumeratedShapes if num_cubes <= MAX_ENUMERATED else GrownShapes
    return kind(num_cubes, shapes)


@lru_cache(maxsize=16)
def _given(path: str, changed: int) -> GivenShapes:
    return GivenShapes(path)


def _part_name(shapes: str, num_cubes: int) -> str:
    return f"the shapes={shapes!r} of num_cubes={num_cubes}"
