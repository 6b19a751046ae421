"""Objects as letters and as coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shape_strings import DIRECTIONS, LONGEST
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

AXES = {"R": "+x", "L": "-x", "U": "+z", "D": "-z", "F": "-y", "B": "+y"}


@pytest.mark.parametrize("num_cubes", [2, 5, 7])
def test_every_object_of_the_catalogue_comes_back_from_its_letters(num_cubes: int) -> None:
    texts = set()
    walks = shape_catalogue(num_cubes).walks
    for walk in walks[:: 1 + len(walks) // 2000]:
        item = ShepardMetzlerObject(walk)
        texts.add(item.directions())
        for again in (
            ShepardMetzlerObject.from_directions(item.directions()),
            ShepardMetzlerObject.from_coordinates(walk.tolist()),
        ):
            np.testing.assert_array_equal(again.cubes, walk)
    assert len(texts) > 0.5 * min(len(walks), 2000)


@pytest.mark.parametrize("letter", AXES)
def test_letters_are_steps_along_the_axes(letter: str) -> None:
    sign, axis = AXES[letter]
    expected = np.zeros((2, 3), np.int8)
    expected[1, "xyz".index(axis)] = int(f"{sign}1")
    for text in (letter, letter.lower()):
        np.testing.assert_array_equal(ShepardMetzlerObject.from_directions(text).cubes, expected)


def test_the_mirror_image_has_left_for_right() -> None:
    item = ShepardMetzlerObject.from_directions("uuuubbuur")
    assert item.mirror().directions() == "uuuubbuul"
    assert item.mirror().canonical_form != item.canonical_form


def test_letters_do_not_depend_on_where_an_object_is() -> None:
    item = ShepardMetzlerObject.from_coordinates(np.array([[3, -2, 5], [3, -2, 6], [4, -2, 6]]))
    assert item.directions() == "ur"
    assert item.cubes[0].tolist() == [0, 0, 0]


def test_letters_of_all_directions_are_opposite_in_pairs() -> None:
    for one, other in ("RL", "UD", "FB"):
        np.testing.assert_array_equal(DIRECTIONS[one], np.negative(DIRECTIONS[other]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'' has no letter, expected R, L, U, D, F or B"),
        ("uxu", r"'uxu' has the letter 'x'"),
        ("u r", r"has the letter ' '"),
        ("ud", r"cubes 1 and 3 are both at \[0, 0, 0\], expected a chain that does not cross"),
        ("rulldr", r"cubes 1 and 7 are both at"),
        ("u" * LONGEST, rf"{LONGEST + 1} cubes received, expected 2 to {LONGEST}"),
    ],
)
def test_letters_of_no_object_are_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ShepardMetzlerObject.from_directions(text)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([[0, 0, 0]], "1 cube received, expected 2 to"),
        ([], "0 cubes received"),
        (
            [[0, 0, 0], [1, 1, 0]],
            r"cubes 1 at \[0, 0, 0\] and 2 at \[1, 1, 0\] do not share a face",
        ),
        ([[0, 0, 0], [1, 0, 0], [0, 0, 0]], "cubes 1 and 3 are both at"),
        ([[0, 0, 0], [1.0, 0, 0]], r"cube \[1.0, 0, 0\] received, expected three whole numbers"),
        ([[0, 0], [1, 0]], r"cube \[0, 0\] received, expected three whole numbers"),
        ({"cubes": 3}, "expected a list of positions"),
        ("uur", "'uur' received, expected a list of positions"),
    ],
)
def test_positions_of_no_object_are_refused(positions: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ShepardMetzlerObject.from_coordinates(positions)
