"""Files of objects: one a line, or JSON; by direction letters or by the positions of cubes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gqn_rl.errors import UserError
from gqn_rl.files import write_text
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

LARGEST_FILE = 10_000_000
"""Bytes; a hundred thousand objects of ten cubes by their positions."""


def read_objects(path: str | Path) -> list[ShepardMetzlerObject]:
    """The objects of a file, in its order; no two need to be of one size or different.

    A file that is JSON is one list of objects. Any other has one object a line; empty lines and
    those that begin with "#" count for nothing. An object is its letters
    (`ShepardMetzlerObject.from_directions`), or a JSON list of positions [x, y, z].

    Raises:
        UserError: for a file that cannot be read, holds no object, or has a bad one, with its line
            or its number in the list.
    """
    path = Path(path)
    objects = [_parsed(f"{path}, {where}", item) for where, item in _items(_text(path), path)]
    if not objects:
        raise UserError(f"{path} holds no object, expected one a line, or a JSON list")
    return objects


def write_objects(path: str | Path, objects: Sequence[ShepardMetzlerObject]) -> None:
    """A file that `read_objects` reads: the letters of one object a line."""
    write_text(Path(path), "".join(f"{item.directions()}\n" for item in objects))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            size = path.stat().st_size
            raise UserError(f"{path} has {size} bytes, expected at most {LARGEST_FILE}")
        return path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"cannot read shapes from {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text, expected a file of objects") from None


def _items(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Where each object stands, and what stands there: letters or a list."""
    whole = _as_list(text, path)
    if whole is not None:
        yield from ((f"object {number}", item) for number, item in enumerate(whole, start=1))
        return
    for number, line in enumerate(text.splitlines(), start=1):
        item = line.strip()
        if item and not item.startswith("#"):
            yield f"line {number}", item


def _as_list(text: str, path: Path) -> list[Any] | None:
    """The objects of a file that is one JSON list of them; None for one object a line."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as problem:
        if path.suffix == ".json":
            raise UserError(f"{path}, line {problem.lineno}: {problem.msg}") from None
        return None
    except RecursionError:
        return None
    if not isinstance(whole, list):
        raise UserError(f"{path}: expected a JSON list of objects, or one object a line")
    is_one_object = bool(whole) and _is_position(whole[0])
    return None if is_one_object else whole


def _is_position(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(number, int) for number in value)


def _parsed(where: str, item: Any) -> ShepardMetzlerObject:
    try:
        if isinstance(item, str) and item.startswith("["):
            item = json.loads(item)
        if isinstance(item, str):
            return ShepardMetzlerObject.from_directions(item)
        return ShepardMetzlerObject.from_coordinates(item)
    except UserError as problem:
        raise UserError(f"{where}: {problem}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{where}: {item!r} is no JSON, expected positions [[0,0,0],...]") from None
