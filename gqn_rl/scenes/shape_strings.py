"""Chains of cubes as text: one letter a step, or the position of every cube.

The letters are those of the package shepard-metzler-shape-renderer and of data made with it: the
next cube lies to the right (R, +x), to the left (L, -x), up (U, +z), down (D, -z), towards the
viewer (F, -y) or away (B, +y). What is y there is z here.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError

DIRECTIONS = {
    "R": (1, 0, 0),
    "L": (-1, 0, 0),
    "U": (0, 0, 1),
    "D": (0, 0, -1),
    "F": (0, -1, 0),
    "B": (0, 1, 0),
}
"""Letter to the step from a cube to the next."""
LONGEST = 100
"""Cubes; further apart than that, their positions would not fit the type that holds them."""

_LETTERS = {step: letter.lower() for letter, step in DIRECTIONS.items()}


def cubes_from_directions(text: str, longest: int = LONGEST) -> NDArray[np.int8]:
    """The cubes of a chain that begins at the origin, int8 (P, 3).

    >>> cubes_from_directions("uR").tolist()
    [[0, 0, 0], [0, 0, 1], [1, 0, 1]]

    Args:
        text: P - 1 of the letters of `DIRECTIONS`, upper or lower case.
        longest: the largest P.

    Raises:
        UserError: for other letters, for none, and for a chain that crosses itself.
    """
    unknown = [letter for letter in text if letter.upper() not in DIRECTIONS]
    if unknown or not text:
        received = f"has the letter {unknown[0]!r}" if unknown else "has no letter"
        raise UserError(
            f"{_short(text)} {received}, expected R, L, U, D, F or B for each cube after the first"
        )
    cubes = [(0, 0, 0)]
    for letter in text.upper():
        x, y, z = (a + b for a, b in zip(cubes[-1], DIRECTIONS[letter], strict=True))
        cubes.append((x, y, z))
    return cubes_from_coordinates(cubes, longest)


def cubes_from_coordinates(positions: Any, longest: int = LONGEST) -> NDArray[np.int8]:
    """The same cubes, moved so that the first is at the origin, int8 (P, 3).

    Args:
        positions: P whole-number positions [x, y, z] along the chain.
        longest: the largest P.

    Raises:
        UserError: for what is no such list, for a single cube or too many, and for what is no
            chain: cubes at one place, or without a common face.
    """
    cubes = positions.tolist() if isinstance(positions, np.ndarray) else positions
    if not isinstance(cubes, list | tuple):
        raise UserError(f"{_short(cubes)} received, expected a list of positions [x, y, z]")
    for cube in cubes:
        is_triple = isinstance(cube, list | tuple) and len(cube) == 3
        if not is_triple or any(type(value) is not int for value in cube):
            raise UserError(f"cube {_short(cube)} received, expected three whole numbers [x, y, z]")
    if not 2 <= len(cubes) <= longest:
        cubes_received = f"{len(cubes)} {'cube' if len(cubes) == 1 else 'cubes'} received"
        raise UserError(f"{cubes_received}, expected 2 to {longest}")
    _check_chain([list(cube) for cube in cubes])
    return np.array([np.subtract(cube, cubes[0]) for cube in cubes], dtype=np.int8)


def directions_of(cubes: NDArray[np.integer]) -> str:
    """The letters of a chain of cubes (P, 3), lower case; inverse of `cubes_from_directions`."""
    steps = np.diff(cubes.astype(int), axis=0).tolist()
    return "".join(_LETTERS[x, y, z] for x, y, z in steps)


def _check_chain(cubes: list[list[int]]) -> None:
    places: dict[tuple[int, ...], int] = {}
    for index, cube in enumerate(cubes):
        if (earlier := places.setdefault(tuple(cube), index)) != index:
            raise UserError(
                f"cubes {earlier + 1} and {index + 1} are both at {_short(cube)}, "
                "expected a chain that does not cross itself"
            )
        before = cubes[max(index - 1, 0)]
        if index and sum(abs(a - b) for a, b in zip(cube, before, strict=True)) != 1:
            raise UserError(
                f"cubes {index} at {_short(before)} and {index + 1} at {_short(cube)} do not "
                "share a face, expected each cube beside the one before"
            )


def _short(value: Any) -> str:
    """The value received, in quotation marks where it is text, cut to a readable length."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
