"""All shapes of one size, how often they are drawn, and which are held out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import stats

from gqn_rl.errors import UserError
from gqn_rl.shape_catalogue import shape_catalogue
from gqn_rl.shepard_metzler import ShepardMetzlerObject


@pytest.mark.parametrize(
    ("num_cubes", "walks", "shapes", "chiral"),
    [(4, 150, 6, 2), (5, 726, 18, 8), (6, 3534, 72, 50), (7, 16926, 310, 252)],
)
def test_exhaustive_counts(num_cubes: int, walks: int, shapes: int, chiral: int) -> None:
    catalogue = shape_catalogue(num_cubes)
    assert len(catalogue.walks) == walks
    assert catalogue.num_shapes == shapes
    assert catalogue.is_chiral.sum() == chiral


def test_catalogue_agrees_with_the_single_object(rng: np.random.Generator) -> None:
    catalogue = shape_catalogue(6)
    shapes = range(catalogue.num_shapes)
    objects = [catalogue.representative(shape) for shape in shapes]
    forms = [item.canonical_form for item in objects]
    assert len(set(forms)) == catalogue.num_shapes
    assert [item.is_chiral for item in objects] == catalogue.is_chiral.tolist()
    for shape in shapes:
        assert objects[shape].mirror().canonical_form == forms[catalogue.mirror[shape]]
    for walk in rng.integers(len(catalogue.walks), size=100):
        form = ShepardMetzlerObject(catalogue.walks[walk]).canonical_form
        assert form == forms[catalogue.shape[walk]]


def test_mirror_of_mirror_is_the_shape_itself() -> None:
    mirror = shape_catalogue(7).mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(310))


def test_probabilities_sum_to_one_and_favour_no_mirror_image() -> None:
    catalogue = shape_catalogue(7)
    assert catalogue.probability.sum() == pytest.approx(1)
    of_shape = np.bincount(catalogue.shape, weights=catalogue.probability)
    np.testing.assert_allclose(of_shape, of_shape[catalogue.mirror])


def test_every_shape_is_on_one_side_of_the_split() -> None:
    catalogue = shape_catalogue(7)
    train, test = catalogue.indices("train"), catalogue.indices("test")
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(310))
    np.testing.assert_array_equal(np.sort(catalogue.indices("all")), np.arange(310))
    np.testing.assert_array_equal(catalogue.is_test, catalogue.is_test[catalogue.mirror])


@pytest.mark.parametrize(
    ("num_cubes", "held_out", "fingerprint"),
    [
        (6, 9, "82408324e747c4b6"),
        (7, 58, "993b18c001f382b3"),
        (8, 285, "9f0263ad20b76828"),
    ],
)
def test_split_has_not_changed(num_cubes: int, held_out: int, fingerprint: str) -> None:
    # Shipped weights have never seen these shapes. If this fails, retrain them or undo the change.
    catalogue = shape_catalogue(num_cubes)
    test = catalogue.indices("test")
    forms = sorted(catalogue.representative(shape).canonical_form.hex() for shape in test)
    assert len(test) == held_out
    assert hashlib.sha256("".join(forms).encode()).hexdigest()[:16] == fingerprint


def test_order_of_shapes_has_not_changed() -> None:
    # The gallery of an agent is the first shapes in this order.
    catalogue = shape_catalogue(7)
    assert catalogue.indices("train")[:10].tolist() == [
        103, 187, 134, 163, 298, 47, 297, 282, 96, 296,
    ]  # fmt: skip


@pytest.mark.parametrize("shapes", ["train", "test"])
def test_sampling_stays_on_its_side_and_reaches_all_of_it(
    rng: np.random.Generator, shapes: str
) -> None:
    catalogue = shape_catalogue(7)
    drawn = catalogue.shape[catalogue.sample_walks(rng, 50_000, shapes)]
    assert set(drawn.tolist()) == set(catalogue.indices(shapes).tolist())


def test_sampling_keeps_the_growth_rule_within_a_side(rng: np.random.Generator) -> None:
    catalogue = shape_catalogue(6)
    walks = catalogue.sample_walks(rng, 50_000, "train")
    allowed = ~catalogue.is_test[catalogue.shape]
    expected = catalogue.probability[allowed] / catalogue.probability[allowed].sum()
    counts = np.bincount(walks, minlength=len(catalogue.walks))[allowed]
    assert stats.chisquare(counts, 50_000 * expected).pvalue > 0.01


def test_five_cubes_refuse_a_split() -> None:
    with pytest.raises(UserError, match=r"needs num_cubes >= 6.*received num_cubes=5"):
        shape_catalogue(5).indices("test")
    assert len(shape_catalogue(5).indices("all")) == 18


def test_unknown_side_is_a_user_error() -> None:
    with pytest.raises(UserError, match="unknown shapes 'validation'"):
        shape_catalogue(7).indices("validation")


def test_shared_catalogue_cannot_be_shuffled_by_accident(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="read-only"):
        rng.shuffle(shape_catalogue(7).indices("all"))
