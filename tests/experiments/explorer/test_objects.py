"""What a person types or uploads becomes an object, or a message that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.explorer.objects import (
    LARGEST_UPLOAD,
    NUM_CUBES,
    catalogue_object,
    describe_object,
    held_out_object,
    moves_of,
    parse_object,
    read_object,
    shape_number,
)
from gqn_rl.errors import UserError
from gqn_rl.scenes.shape_catalogue import shape_catalogue

CHAIN = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    "text",
    [
        *("+x +y +z", "+x,+y, +z", " +x\n+y  +z ", str(CHAIN), "[[5,5,5],[6,5,5],[6,6,5],[6,6,6]]"),
        *("rbu", "RBU"),
    ],
)
def test_moves_and_positions_name_the_same_object(text: str) -> None:
    assert parse_object(text).cubes.tolist() == CHAIN


def test_every_shape_of_the_catalogue_survives_being_written_down() -> None:
    for number in range(0, shape_catalogue(NUM_CUBES).num_shapes, 31):
        item = catalogue_object(number)
        assert shape_number(item) == number
        again = parse_object(moves_of(item))
        np.testing.assert_array_equal(again.cubes, item.cubes - item.cubes[0])
        assert shape_number(parse_object(str(item.cubes[::-1].tolist()))) == number


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "empty"),
        ("hello", "'hello'"),
        ("+x +q", "'+q'"),
        ("+x -x", "cubes 1 and 3 are both at [0, 0, 0]"),
        ("+x " * 9, "10 cubes"),
        ("u" * 9, "10 cubes"),
        ("rl", "cubes 1 and 3 are both at [0, 0, 0]"),
        ("+x " * 500, "501 cubes"),
        ("[[0,0,0]]", "1 cube "),
        ("[[0,0,0],[2,0,0]]", "[2, 0, 0] do not share a face"),
        ("[[0,0,0],[0.5,0,0]]", "[0.5, 0, 0]"),
        ("[[0,0,0],[true,0,0]]", "[true, 0, 0]"),
        ("[[0,0],[1,0]]", "[0, 0]"),
        ('{"cubes": 3}', "no list"),
        ("[1, 2", "no JSON"),
        ("[[0,0,0],[1e400,0,0]]", "Infinity"),
        ("[" * 9000, "no JSON"),
        ("<script>alert(1)</script>", "<script>"),
    ],
)
def test_what_is_no_object_is_refused_with_what_was_received(text: str, received: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_object(text)
    message = str(caught.value)
    assert received in message
    assert "expected" in message
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize("number", [-1, 310, 1.5, None, "3", float("nan")])
def test_a_shape_number_out_of_range_is_refused(number: object) -> None:
    with pytest.raises(UserError, match=r"received, expected a whole number from 0 to 309"):
        catalogue_object(number)


def test_uploads_that_are_no_text_or_too_large_are_refused(tmp_path: Path) -> None:
    picture, long = tmp_path / "picture.png", tmp_path / "long.txt"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    long.write_text("+x " * LARGEST_UPLOAD)
    with pytest.raises(UserError, match=r"picture\.png is no text"):
        read_object(picture)
    with pytest.raises(UserError, match=r"long\.txt has 30000 bytes"):
        read_object(long)


def test_held_out_shapes_are_test_shapes_and_said_to_be(rng: np.random.Generator) -> None:
    for _ in range(5):
        number, item = held_out_object(rng)
        assert shape_catalogue(NUM_CUBES).is_test[number]
        assert "held out of training (test)" in describe_object(item)
    assert "cubes only" in describe_object(parse_object("+x +y"))
