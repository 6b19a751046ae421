"""Scenes for probes, and which of them make up a trial: one scene, or two to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR, rotation_angles, sample_orientations
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_catalogue import shape_catalogue

PAIRS_PER_SCENE = 4
"""Training pairs of mirror trials, for each training scene."""
SCENES_PER_FAMILY = 4
"""At least, in training: two of each hand."""
TEST_FAMILY_EVERY = 3
"""Where a probe's training shapes have to be taken from those it is tested on."""


def mirror_families(num_cubes: int, shapes: str, part: str) -> NDArray[np.int64]:
    """Chiral shapes beside their mirror images; none is in both parts.

    "test" has those of `shapes`, "train" those of the training shapes: a probe that knows what
    makes two objects mirror images of each other, and not which objects are, needs many of them.
    Where `shapes` are no held-out shapes, every third family is for "test", the others for "train".

    Returns:
        int64 (K, 2), indices into `shape_catalogue(num_cubes)`.
    """
    tested = _families(num_cubes, shapes)
    if shapes in ("validation", "test"):
        found = {"train": _families(num_cubes, "train"), "test": tested}[part]
    else:
        chosen = np.arange(len(tested)) % TEST_FAMILY_EVERY == TEST_FAMILY_EVERY - 1
        found = tested[chosen == (part == "test")]
    if not len(found):
        raise UserError(
            f"shapes={shapes!r} of num_cubes={num_cubes} have too few chiral shapes for the "
            "chirality probe; expected more cubes or another choice of probes"
        )
    return found


def _families(num_cubes: int, shapes: str) -> NDArray[np.int64]:
    catalogue = shape_catalogue(num_cubes)
    members = catalogue.indices(shapes)
    first = members[members < catalogue.mirror[members]]
    return np.stack([first, catalogue.mirror[first]], axis=1)


@dataclass(frozen=True)
class ProbeTrials:
    """n trials of S scenes each, among N scenes.

    >>> trials = ProbeScenes().mirror_pairs(np.random.default_rng(0), 8, "test")
    >>> trials.rows.tolist()
    [[0, 1], [2, 3], [4, 5], [6, 7]]
    >>> int(trials.mirrored.sum()), trials.scenes.cubes.shape
    (2, (8, 7, 3))

    Attributes:
        scenes: N scenes.
        shape: int64 (N,), the shape of each, an index into the catalogue.
        rows: int64 (n, S), the scenes of each trial.
        groups: int64 (n,), trials that share scenes or shapes are in one group.
    """

    scenes: SceneBatch
    shape: NDArray[np.int64]
    rows: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: NDArray[np.bool_]) -> ProbeTrials:
        """Some of the trials, bool (n,), among the same scenes."""
        return ProbeTrials(self.scenes, self.shape, self.rows[chosen], self.groups[chosen])

    @property
    def first(self) -> NDArray[np.int64]:
        """int64 (n,), the first scene of each trial."""
        return self.rows[:, 0]

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """bool (n,): whether a pair shows mirror images, not the same shape twice."""
        first, second = self.shape[self.rows].T
        return np.asarray(first != second)

    @property
    def angle(self) -> NDArray[np.float64]:
        """float64 (n,): degrees by which the second scene of a pair is turned from the first.

        Between mirror images it is the turn after a reflection in the object's own plane x = 0.
        """
        first, second = np.moveaxis(self.scenes.rotation[self.rows], 1, 0)
        return np.degrees(rotation_angles(np.swapaxes(first, 1, 2) @ second))


@dataclass(frozen=True)
class ProbeScenes:
    """What probes are shown; colours and orientations are random and independent.

    >>> scenes = ProbeScenes(shapes="test", gallery_size=10)
    >>> trials = scenes.gallery(np.random.default_rng(0), 100, "train")
    >>> len(trials), bool(np.isin(trials.shape, scenes.gallery_shapes).all())
    (100, True)

    Attributes:
        num_cubes: cubes per object.
        shapes: of the test, see `gqn_rl.scenes.shape_catalogue.SHAPES`.
        gallery_size: shapes of `gallery`.
        orientation: "grid" or "free".
    """

    num_cubes: int = 7
    shapes: str = "test"
    gallery_size: int = 10
    orientation: str = "grid"

    @property
    def gallery_shapes(self) -> NDArray[np.int64]:
        """The gallery of the recognition task, int64 (gallery_size,)."""
        return shape_catalogue(self.num_cubes).gallery(self.shapes, self.gallery_size)

    def gallery(self, rng: np.random.Generator, n: int, part: str) -> ProbeTrials:
        """n trials of one scene, each of a gallery shape, uniform; "train" and "test" are alike."""
        catalogue = shape_catalogue(self.num_cubes)
        shapes = self.gallery_shapes
        cubes = np.stack([catalogue.representative(int(shape)).centred() for shape in shapes])
        which = rng.integers(self.gallery_size, size=n)
        numbers = np.arange(n)
        return ProbeTrials(
            self._scenes(rng, cubes[which]), shapes[which], numbers[:, None], numbers
        )

    def mirror_pairs(self, rng: np.random.Generator, n: int, part: str) -> ProbeTrials:
        """Trials of two among n scenes of a shape and of its mirror image, as many of either kind.

        The test has n / 2 trials that share no scene, so that they are independent. Training has
        more trials than scenes: each scene is compared with several. Groups are families.
        """
        families = mirror_families(self.num_cubes, self.shapes, part)
        plan = _training_pairs if part == "train" else _independent_pairs
        family, hand, rows = plan(rng, n, len(families))
        catalogue = shape_catalogue(self.num_cubes)
        base = np.stack([catalogue.representative(int(pair[0])).centred() for pair in families])
        cubes = base[family] * np.where(hand[:, None, None] == 1, MIRROR, 1.0)
        return ProbeTrials(
            self._scenes(rng, cubes), families[family, hand], rows, family[rows[:, 0]]
        )

    def _scenes(self, rng: np.random.Generator, cubes: NDArray[np.float64]) -> SceneBatch:
        n = len(cubes)
        return SceneBatch(
            cubes=cubes,
            mask=np.ones((n, self.num_cubes), dtype=bool),
            rotation=sample_orientations(rng, n, self.orientation),
            colour=sample_colours(rng, n, self.num_cubes),
        )


Plan = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Family (N,) and hand (N,) of each scene, rows (n, 2) of each trial."""


def _independent_pairs(rng: np.random.Generator, n: int, families: int) -> Plan:
    """Trial k compares scenes 2k and 2k + 1; half of the trials show mirror images."""
    trials = n // 2
    family = rng.integers(families, size=trials).repeat(2)
    mirrored = rng.permutation(np.arange(trials) % 2)
    first = rng.integers(2, size=trials)
    hand = np.stack([first, first ^ mirrored], axis=1).reshape(-1)
    return family, hand, np.arange(2 * trials).reshape(trials, 2)


def _training_pairs(rng: np.random.Generator, n: int, families: int) -> Plan:
    """The scenes spread evenly over families and hands; random pairs within families."""
    used = rng.permutation(families)[: max(1, n // SCENES_PER_FAMILY)]
    family = np.sort(np.arange(n) % len(used))
    start, count = np.searchsorted(family, family), np.bincount(family)[family]
    place = np.arange(n) - start
    hand = place % 2
    first = rng.permutation(np.arange(n).repeat(2 * PAIRS_PER_SCENE))
    other = (place[first] + rng.integers(1, count[first])) % count[first]
    rows = np.stack([first, start[first] + other], axis=1)
    mirrored = hand[rows[:, 0]] != hand[rows[:, 1]]
    half = min(n * PAIRS_PER_SCENE // 2, int(mirrored.sum()), int((~mirrored).sum()))
    chosen = [np.flatnonzero(mirrored == kind)[:half] for kind in (False, True)]
    return used[family], hand, rows[rng.permutation(np.concatenate(chosen))]
