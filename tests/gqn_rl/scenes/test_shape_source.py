"""Where objects come from: all shapes of a size, or a file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import MIRROR
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import num_cubes_of, shape_source
from gqn_rl.scenes.shape_split import SHAPES, split_by_hash
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject, canonical_forms
from gqn_rl.scenes.stimuli import write_objects

TEXTS = ["uuuubbuur", "uuuubbuul", "rrruuufff"]


@pytest.fixture
def figures(tmp_path: Path) -> str:
    """A file of three objects of ten cubes, two of them mirror images."""
    path = tmp_path / "figures.txt"
    write_objects(path, [ShepardMetzlerObject.from_directions(text) for text in TEXTS])
    return str(path)


def letters(cubes: np.ndarray) -> list[str]:
    return [ShepardMetzlerObject(each).directions() for each in cubes]


@pytest.mark.parametrize("shapes", SHAPES)
def test_pool_of_an_enumerated_size_is_the_catalogue(shapes: str) -> None:
    catalogue, pool = shape_catalogue(7), shape_source(7, shapes).pool()
    np.testing.assert_array_equal(pool.numbers, catalogue.indices(shapes))
    expected = np.stack([catalogue.representative(shape).cubes for shape in pool.numbers])
    np.testing.assert_array_equal(pool.cubes, expected)
    np.testing.assert_array_equal(pool.numbers[pool.mirror()], catalogue.mirror[pool.numbers])
    chiral = catalogue.is_chiral[pool.numbers]
    np.testing.assert_array_equal(pool.chiral().numbers, pool.numbers[chiral])


@pytest.mark.parametrize("shapes", ["train", "validation", "test"])
@pytest.mark.parametrize("num_cubes", [10, 12])
def test_large_objects_stay_in_their_part(
    rng: np.random.Generator, num_cubes: int, shapes: str
) -> None:
    source = shape_source(num_cubes, shapes)
    assert set(split_by_hash(source.sample(rng, 100)).tolist()) == {shapes}
    assert set(split_by_hash(source.pool().cubes).tolist()) == {shapes}


@pytest.mark.parametrize("num_cubes", [10, 14])
def test_pool_of_large_objects_is_closed_under_mirroring_and_has_no_shape_twice(
    num_cubes: int,
) -> None:
    pool = shape_source(num_cubes, "test").pool()
    pool.require_distinct()
    forms = {form.tobytes() for form in canonical_forms(pool.cubes)}
    assert len(forms) == len(pool) > 500
    assert {form.tobytes() for form in canonical_forms(pool.cubes * MIRROR)} == forms
    chiral = pool.chiral()
    assert (chiral.mirror() != np.arange(len(chiral))).all()


def test_pool_of_large_objects_is_always_the_same() -> None:
    one, again = (shape_source(10, "train").pool() for _ in range(2))
    np.testing.assert_array_equal(one.cubes, again.cubes)
    first = shape_source(10, "train").pool().cubes[:3]
    assert letters(first) == ["lfrfflfld", "fllbrdllb", "llluufdru"]


def test_objects_of_a_file_are_drawn_alike_often_and_pooled_in_order(
    rng: np.random.Generator, figures: str
) -> None:
    source = shape_source(10, figures)
    drawn = letters(source.sample(rng, 3000))
    assert set(drawn) == set(TEXTS)
    assert all(900 < drawn.count(text) < 1100 for text in TEXTS)
    pool = source.pool()
    assert letters(pool.cubes) == TEXTS
    assert pool.mirror().tolist() == [1, 0, 2]


def test_small_objects_of_a_file_have_their_numbers_in_the_catalogue(tmp_path: Path) -> None:
    catalogue = shape_catalogue(7)
    numbers = np.array([42, 7, 300])
    write_objects(tmp_path / "seven.txt", [catalogue.representative(int(n)) for n in numbers])
    pool = shape_source(7, tmp_path / "seven.txt").pool()
    np.testing.assert_array_equal(pool.numbers, numbers)


def test_a_file_that_has_changed_is_read_again(figures: str) -> None:
    assert len(shape_source(10, figures).pool()) == 3
    write_objects(Path(figures), [ShepardMetzlerObject.from_directions(TEXTS[2])])
    os.utime(figures, (1, 1))
    assert letters(shape_source(10, figures).pool().cubes) == TEXTS[2:]


def test_number_of_cubes_is_that_of_the_file_unless_given(figures: str) -> None:
    assert num_cubes_of(None, "train") == 7
    assert num_cubes_of(None, figures) == 10
    assert num_cubes_of(8, figures) == 8


@pytest.mark.parametrize(
    ("num_cubes", "content", "message"),
    [
        (7, "uuuubbuur\n", "num_cubes is 7, expected 10 as the objects of .* have"),
        (4, "uur\nuurr\n", "object 2 of .* has 5 cubes, expected 4 as the first has"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    tmp_path: Path, num_cubes: int, content: str, message: str
) -> None:
    (tmp_path / "mine.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        shape_source(num_cubes, tmp_path / "mine.txt")


@pytest.mark.parametrize("shapes", ["exam", "exam.txt", "a/exam"])
def test_unknown_names_and_missing_files_are_told_apart(shapes: str) -> None:
    message = "unknown shapes 'exam'" if shapes == "exam" else f"cannot read shapes from {shapes}"
    with pytest.raises(UserError, match=message):
        shape_source(10, shapes)


@pytest.mark.parametrize("num_cubes", [1, 15])
def test_sizes_that_cannot_be_drawn_are_refused(num_cubes: int) -> None:
    with pytest.raises(UserError, match=f"num_cubes is {num_cubes}, expected 2 to 14"):
        shape_source(num_cubes, "all")


def test_five_cubes_are_not_split() -> None:
    with pytest.raises(UserError, match="needs num_cubes >= 6"):
        shape_source(5, "train")


def given(*texts: str) -> ShapePool:
    cubes = np.stack([ShepardMetzlerObject.from_directions(text).cubes for text in texts])
    return ShapePool(cubes, np.arange(len(texts)), "mine.txt", is_given=True)


def test_an_achiral_object_that_was_given_is_named() -> None:
    with pytest.raises(UserError, match=r"object 2 of mine.txt, 'uuu', is its own mirror image"):
        given("rub", "uuu").chiral()
    assert len(given("rub", "lub").chiral()) == 2


def test_two_objects_of_one_shape_are_named() -> None:
    with pytest.raises(UserError, match=r"objects 2 and 3 of mine.txt have one shape"):
        given("rub", "uuu", "bbb").require_distinct()
