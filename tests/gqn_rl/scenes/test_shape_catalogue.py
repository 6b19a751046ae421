"""All shapes of one size, how often they are drawn, and which are held out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import stats

from gqn_rl.errors import UserError
from gqn_rl.scenes.shape_catalogue import SHAPES, shape_catalogue
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject


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


@pytest.mark.parametrize("num_cubes", [6, 7, 8])
def test_every_shape_is_in_one_part_of_the_split_with_its_mirror_image(num_cubes: int) -> None:
    catalogue = shape_catalogue(num_cubes)
    parts = [catalogue.indices(name) for name in SHAPES if name != "all"]
    everything = np.arange(catalogue.num_shapes)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), everything)
    np.testing.assert_array_equal(np.sort(catalogue.indices("all")), everything)
    for part in parts:
        assert set(catalogue.mirror[part].tolist()) == set(part.tolist())


@pytest.mark.parametrize("num_cubes", [6, 7, 8, 9])
def test_a_fifth_is_held_out_and_a_third_of_that_is_for_validation(num_cubes: int) -> None:
    catalogue = shape_catalogue(num_cubes)
    count = {name: len(catalogue.indices(name)) for name in SHAPES}
    held_out = count["validation"] + count["test"]
    assert 0.1 < held_out / count["all"] < 0.25
    assert 0.3 < count["validation"] / held_out < 0.35
    for name in ("validation", "test"):  # no same/mirrored trial without a chiral shape
        assert catalogue.is_chiral[catalogue.indices(name)].any()


@pytest.mark.parametrize(
    ("num_cubes", "train", "validation", "test"),
    [
        (6, "1039be800a1e41b0", "4fda898689a6cd2a", "734445332ba1a632"),
        (7, "f7786c9254f3cf00", "0b8f3bb612509bf1", "7aa719f7d5007077"),
        (8, "619271485f81a6b7", "d313e0f2b6659216", "a786962095c9a10c"),
    ],
)
def test_split_has_not_changed(num_cubes: int, train: str, validation: str, test: str) -> None:
    # Shipped weights and agents know the training shapes, in this order, and have seen no others.
    # If this fails, train them again or undo the change.
    catalogue = shape_catalogue(num_cubes)
    order = catalogue.indices("train").astype("<i8").tobytes()
    assert hashlib.sha256(order).hexdigest()[:16] == train
    for name, fingerprint in (("validation", validation), ("test", test)):
        shapes = catalogue.indices(name)
        forms = sorted(catalogue.representative(shape).canonical_form.hex() for shape in shapes)
        assert hashlib.sha256("".join(forms).encode()).hexdigest()[:16] == fingerprint


def test_order_of_shapes_has_not_changed() -> None:
    # The gallery of an agent is the first shapes in this order.
    catalogue = shape_catalogue(7)
    assert catalogue.indices("train")[:10].tolist() == [
        103, 187, 134, 163, 298, 47, 297, 282, 96, 296,
    ]  # fmt: skip


@pytest.mark.parametrize("shapes", SHAPES)
def test_sampling_stays_in_its_part_and_reaches_all_of_it(
    rng: np.random.Generator, shapes: str
) -> None:
    catalogue = shape_catalogue(7)
    drawn = catalogue.shape[catalogue.sample_walks(rng, 50_000, shapes)]
    assert set(drawn.tolist()) == set(catalogue.indices(shapes).tolist())


def test_sampling_keeps_the_growth_rule_within_a_part(rng: np.random.Generator) -> None:
    catalogue = shape_catalogue(6)
    walks = catalogue.sample_walks(rng, 50_000, "train")
    allowed = np.isin(catalogue.shape, catalogue.indices("train"))
    expected = catalogue.probability[allowed] / catalogue.probability[allowed].sum()
    counts = np.bincount(walks, minlength=len(catalogue.walks))[allowed]
    assert stats.chisquare(counts, 50_000 * expected).pvalue > 0.01


@pytest.mark.parametrize("shapes", ["train", "validation", "test"])
def test_five_cubes_refuse_a_split(shapes: str) -> None:
    with pytest.raises(UserError, match=r"needs num_cubes >= 6.*received num_cubes=5"):
        shape_catalogue(5).indices(shapes)
    assert len(shape_catalogue(5).indices("all")) == 18


def test_unknown_part_lists_those_there_are() -> None:
    expected = r"unknown shapes 'exam'.*\['all', 'test', 'train', 'validation'\]"
    with pytest.raises(UserError, match=expected):
        shape_catalogue(7).indices("exam")


def test_shared_catalogue_cannot_be_shuffled_by_accident(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="read-only"):
        rng.shuffle(shape_catalogue(7).indices("all"))
