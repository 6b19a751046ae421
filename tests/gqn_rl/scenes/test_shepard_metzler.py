"""One object: growth, rotation, mirror image, canonical form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import MAX_CUBES, ShepardMetzlerObject

SCREW = ShepardMetzlerObject(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]))
"""The smallest chiral object."""


def normalised(cubes: np.ndarray) -> frozenset[tuple[int, ...]]:
    return frozenset(map(tuple, (cubes - cubes.min(axis=0)).tolist()))


def same_shape_by_brute_force(a: ShepardMetzlerObject, b: ShepardMetzlerObject) -> bool:
    target = normalised(b.cubes.astype(int))
    return any(normalised(a.cubes.astype(int) @ turn.T) == target for turn in GRID_ROTATIONS)


@pytest.mark.parametrize("num_cubes", range(2, MAX_CUBES + 1))
def test_grown_objects_are_self_avoiding_chains(rng: np.random.Generator, num_cubes: int) -> None:
    for _ in range(50):
        cubes = ShepardMetzlerObject.sample(rng, num_cubes).cubes
        assert cubes.dtype == np.int8
        assert cubes.shape == (num_cubes, 3)
        assert len(np.unique(cubes, axis=0)) == num_cubes
        np.testing.assert_array_equal(np.abs(np.diff(cubes, axis=0)).sum(axis=1), 1)


@pytest.mark.parametrize("num_cubes", [4, 5])
def test_walks_are_grown_as_often_as_the_catalogue_says(
    rng: np.random.Generator, num_cubes: int
) -> None:
    catalogue = shape_catalogue(num_cubes)
    index = {walk.tobytes(): i for i, walk in enumerate(catalogue.walks)}
    n = 20 * len(index)
    counts = np.zeros(len(index))
    for _ in range(n):
        counts[index[ShepardMetzlerObject.sample(rng, num_cubes).cubes.tobytes()]] += 1
    assert stats.chisquare(counts, n * catalogue.probability).pvalue > 0.01


def test_canonical_form_ignores_rotation_translation_and_direction(
    rng: np.random.Generator,
) -> None:
    for _ in range(20):
        item = ShepardMetzlerObject.sample(rng)
        shift = rng.integers(-9, 10, 3).astype(np.int8)
        forms = {item.rotate(rotation).canonical_form for rotation in GRID_ROTATIONS}
        forms.add(ShepardMetzlerObject(item.cubes[::-1]).canonical_form)
        forms.add(ShepardMetzlerObject(item.cubes + shift).canonical_form)
        assert forms == {item.canonical_form}


def test_canonical_form_agrees_with_brute_force(rng: np.random.Generator) -> None:
    objects = [ShepardMetzlerObject.sample(rng, 5) for _ in range(40)]
    for a in objects:
        for b in objects:
            assert (a.canonical_form == b.canonical_form) == same_shape_by_brute_force(a, b)


def test_canonical_form_tells_long_chains_apart() -> None:
    straight = ShepardMetzlerObject(np.array([[0, 0, z] for z in range(11)]))
    hooked = ShepardMetzlerObject(np.array([[0, 1, 0], *([0, 0, z] for z in range(10))]))
    assert straight.canonical_form != hooked.canonical_form


def test_chirality_agrees_with_brute_force(rng: np.random.Generator) -> None:
    objects = [ShepardMetzlerObject.sample(rng, n) for n in (4, 5, 6, 7) for _ in range(15)]
    found = [item.is_chiral for item in objects]
    assert found == [not same_shape_by_brute_force(item, item.mirror()) for item in objects]
    assert 0 < sum(found) < len(found)


def test_mirror_image_of_a_screw_is_another_shape() -> None:
    assert SCREW.is_chiral
    assert SCREW.mirror().canonical_form != SCREW.canonical_form


def test_mirroring_twice_changes_nothing(rng: np.random.Generator) -> None:
    item = ShepardMetzlerObject.sample(rng)
    np.testing.assert_array_equal(item.mirror().mirror().cubes, item.cubes)


def test_centred_cubes_have_their_barycentre_at_the_origin(rng: np.random.Generator) -> None:
    item = ShepardMetzlerObject.sample(rng)
    np.testing.assert_allclose(item.centred().mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(np.diff(item.centred(), axis=0), np.diff(item.cubes, axis=0))


@pytest.mark.parametrize(
    ("cubes", "message"),
    [
        (np.zeros((0, 3)), "expected"),
        (np.zeros((3, 2)), "expected"),
        ([[0, 0, 0], [0, 0, 0]], "overlap"),
        ([[0, 0, 0], [1, 1, 0]], "share a face"),
    ],
)
def test_impossible_objects_are_refused(cubes: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShepardMetzlerObject(np.array(cubes, dtype=np.int8))


@pytest.mark.parametrize("num_cubes", [-1, 0, 1, 15])
def test_sizes_out_of_range_are_user_errors(rng: np.random.Generator, num_cubes: int) -> None:
    with pytest.raises(UserError, match=f"num_cubes is {num_cubes}, expected 2 to 14"):
        ShepardMetzlerObject.sample(rng, num_cubes)
