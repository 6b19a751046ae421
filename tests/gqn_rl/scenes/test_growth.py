"""Walks grown many at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gqn_rl.scenes.growth import free_steps, grow_walks
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import MAX_CUBES, STEPS, ShepardMetzlerObject

TRAP = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [-1, 0, 1], [-1, 0, 0], [-1, -1, 0],
     [0, -1, 0], [0, -1, -1], [0, 0, -1], [0, 0, 0]], dtype=np.int8,
)  # fmt: skip
"""Twelve cubes, the last of which has no free neighbour."""


@pytest.mark.parametrize("num_cubes", [2, 7, 10, MAX_CUBES])
def test_walks_are_self_avoiding_chains(rng: np.random.Generator, num_cubes: int) -> None:
    walks = grow_walks(rng, 200, num_cubes)
    assert walks.shape == (200, num_cubes, 3)
    assert walks.dtype == np.int8
    for walk in walks:
        ShepardMetzlerObject(walk)  # refuses what is none


def test_walks_are_as_likely_as_the_catalogue_says(rng: np.random.Generator) -> None:
    catalogue = shape_catalogue(5)
    index = {walk.tobytes(): i for i, walk in enumerate(catalogue.walks)}
    counts = np.zeros(len(index))
    for walk in grow_walks(rng, 30_000, 5):
        counts[index[walk.tobytes()]] += 1
    assert stats.chisquare(counts, 30_000 * catalogue.probability).pvalue > 0.01


def test_one_walk_is_grown_as_many_are(rng: np.random.Generator) -> None:
    # By how far apart the ends are, which the whole walk decides.
    many = grow_walks(rng, 4000, 10)
    one = np.stack([ShepardMetzlerObject.sample(rng, 10).cubes for _ in range(2000)])
    apart = [np.linalg.norm(walks[:, -1].astype(float), axis=1) for walks in (many, one)]
    assert stats.ks_2samp(*apart).pvalue > 0.01


def test_twelve_cubes_can_be_a_trap_and_eleven_cannot(rng: np.random.Generator) -> None:
    ShepardMetzlerObject(TRAP)
    assert not free_steps(TRAP[None])[1].any()
    assert free_steps(grow_walks(rng, 20_000, 11))[1].any(axis=1).all()


class Leads:
    """In place of a generator: chooses the steps of `TRAP`, and then always the first."""

    def __init__(self) -> None:
        self.chosen = 0

    def integers(self, bound: int) -> int:
        k = self.chosen
        self.chosen += 1
        if k + 1 >= len(TRAP):
            return 0
        chain = TRAP[: k + 1].tolist()
        free = [p for p in (TRAP[k] + STEPS).tolist() if p not in chain]
        return free.index(TRAP[k + 1].tolist())


def test_a_chain_that_traps_itself_is_begun_anew() -> None:
    leads = Leads()
    item = ShepardMetzlerObject.sample(leads, 13)  # type: ignore[arg-type]
    assert leads.chosen == len(TRAP) - 1 + 12
    np.testing.assert_array_equal(item.cubes[:, 0], np.arange(13))
