"""Shepard-Metzler objects that a person names, draws or uploads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from gqn_rl.errors import UserError
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED, MIN_CUBES_TO_SPLIT, shape_catalogue
from gqn_rl.scenes.shape_strings import DIRECTIONS, cubes_from_coordinates, cubes_from_directions
from gqn_rl.scenes.shepard_metzler import STEPS, ShepardMetzlerObject

NUM_CUBES = 7
"""Of the objects in the catalogue that the page shows: the size the shipped GQNs learned."""
MOVES = {f"{sign}{axis}": STEPS[2 * i + j] for i, axis in enumerate("xyz") for j, sign in
         enumerate("+-")}  # fmt: skip
"""Name of a move to its step, int8 (3,)."""
EXPECTED = (
    "moves such as '+x +x +y', letters such as 'uur' or a JSON list of cube positions such as "
    "[[0,0,0],[1,0,0]]"
)
LARGEST_UPLOAD = 10_000
"""Bytes; the nine largest cubes take a few hundred."""


def parse_object(text: str) -> ShepardMetzlerObject:
    """An object from moves between neighbouring cubes, or from the positions of its cubes.

    Args:
        text: moves "+x", "-x", "+y", "-y", "+z", "-z" separated by blanks or commas, one fewer
            than there are cubes; or the letters of `ShepardMetzlerObject.from_directions`; or a
            JSON list of whole-number positions [x, y, z] along the chain. What is in it is no
            code and never run.

    Raises:
        UserError: with the value received, for what is no chain of 2 to 9 cubes.
    """
    text = text.strip()
    if not text:
        raise UserError(f"the text is empty, expected {EXPECTED}")
    if set(text.upper()) <= DIRECTIONS.keys():
        return ShepardMetzlerObject(cubes_from_directions(text, MAX_ENUMERATED))
    cubes = _positions(text) if text[0] in "[{" else _walk(text)
    return ShepardMetzlerObject(cubes_from_coordinates(cubes, MAX_ENUMERATED))


def read_object(path: Path) -> str:
    """The text of an uploaded file.

    Raises:
        UserError: for a file that is too large or no text.
    """
    size = path.stat().st_size
    if size > LARGEST_UPLOAD:
        raise UserError(f"{path.name} has {size} bytes, expected at most {LARGEST_UPLOAD}")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is no text, expected {EXPECTED}") from None


def moves_of(item: ShepardMetzlerObject) -> str:
    """The moves along the chain, such as "+x +x +y"; inverse of `parse_object` up to a shift."""
    names = {tuple(step.tolist()): name for name, step in MOVES.items()}
    return " ".join(names[tuple(step)] for step in np.diff(item.cubes, axis=0).tolist())


def catalogue_object(number: Any) -> ShepardMetzlerObject:
    """The shape with a number in the catalogue of `NUM_CUBES` cubes.

    Raises:
        UserError: for what is no such number.
    """
    count = shape_catalogue(NUM_CUBES).num_shapes
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or not 0 <= number < count:
        raise UserError(f"shape {number!r} received, expected a whole number from 0 to {count - 1}")
    return shape_catalogue(NUM_CUBES).representative(number)


def held_out_object(rng: np.random.Generator) -> tuple[int, ShepardMetzlerObject]:
    """A "test" shape, which no GQN has been trained on, and its number; uniform over shapes."""
    catalogue = shape_catalogue(NUM_CUBES)
    number = int(rng.choice(catalogue.indices("test")))
    return number, catalogue.representative(number)


def shape_number(item: ShepardMetzlerObject) -> int:
    """The shape's index in the catalogue of objects of its size."""
    catalogue = shape_catalogue(len(item))
    return int(catalogue.shape[_walk_index(item)])


def describe_object(item: ShepardMetzlerObject) -> str:
    """What a person wants to know of a shape, in one line."""
    catalogue, number = shape_catalogue(len(item)), shape_number(item)
    words = [f"Shape {number} of the {catalogue.num_shapes} of {len(item)} cubes"]
    mirror = int(catalogue.mirror[number])
    words.append(
        "its own mirror image" if mirror == number else f"its mirror image is shape {mirror}"
    )
    if len(item) >= MIN_CUBES_TO_SPLIT:
        held = "test" if catalogue.is_test[number] else "validation"
        seen = not (catalogue.is_test[number] or catalogue.is_validation[number])
        words.append("among those of GQN training" if seen else f"held out of training ({held})")
    if len(item) != NUM_CUBES:
        words.append(f"the shipped GQNs have seen objects of {NUM_CUBES} cubes only")
    return "; ".join(words) + "."


def _walk(text: str) -> list[list[int]]:
    cubes = [[0, 0, 0]]
    words = re.split(r"[\s,]+", text.strip(" ,"))
    for word in words:
        if word not in MOVES:
            raise UserError(f"{_short(word)} is no move, expected {EXPECTED}")
    for word in words:
        cubes.append([a + int(b) for a, b in zip(cubes[-1], MOVES[word], strict=True)])
    return cubes


def _positions(text: str) -> list[list[int]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{_short(text)} is no JSON, expected {EXPECTED}") from None
    if not isinstance(content, list):
        raise UserError(f"{_short(text)} is no list, expected {EXPECTED}")
    return content


def _walk_index(item: ShepardMetzlerObject) -> int:
    walks = shape_catalogue(len(item)).walks
    own = item.cubes.astype(int) - item.cubes[0].astype(int)
    return int((walks == own).all(axis=(1, 2)).argmax())


def _short(value: Any) -> str:
    """The value received, in quotation marks where it is text, cut to a readable length."""
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
