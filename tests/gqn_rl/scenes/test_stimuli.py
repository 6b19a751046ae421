"""Files of objects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject
from gqn_rl.scenes.stimuli import LARGEST_FILE, read_objects, write_objects

TEXTS = ["uuuubbuur", "rrb", "rub"]


def file_of(folder: Path, content: str, name: str = "shapes.txt") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def positions(text: str) -> list[list[int]]:
    return ShepardMetzlerObject.from_directions(text).cubes.tolist()


@pytest.mark.parametrize(
    "content",
    [
        "uuuubbuur\nrrb\nrub\n",
        "\n# three objects\nUUUUBBUUR\r\n  rrb  \n\nrub",
        "".join(f"{json.dumps(positions(text))}\n" for text in TEXTS),
        f"uuuubbuur\n{json.dumps(positions('rrb'))}\nrub",
        json.dumps(TEXTS),
        json.dumps(TEXTS, indent=1),
        json.dumps([positions(text) for text in TEXTS]),
    ],
)
def test_every_form_gives_the_same_objects(tmp_path: Path, content: str) -> None:
    assert [item.directions() for item in read_objects(file_of(tmp_path, content))] == TEXTS


@pytest.mark.parametrize("content", ["[[0,0,0],[0,0,1]]", "u", '["u"]', "[[[0,0,0],[0,0,1]]]"])
def test_a_file_may_hold_one_object(tmp_path: Path, content: str) -> None:
    assert [item.directions() for item in read_objects(file_of(tmp_path, content))] == ["u"]


def test_what_is_written_is_read(tmp_path: Path, rng: np.random.Generator) -> None:
    objects = [ShepardMetzlerObject.sample(rng, n) for n in (4, 10, 7)]
    write_objects(tmp_path / "mine.txt", objects)
    read = read_objects(tmp_path / "mine.txt")
    for one, other in zip(objects, read, strict=True):
        np.testing.assert_array_equal(one.cubes, other.cubes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "uur\n\nuux\n", r"a\.txt, line 3: 'uux' has the letter 'x'"),
        ("a.txt", "uur\nud\n", r"a\.txt, line 2: cubes 1 and 3 are both at"),
        ("a.txt", "uur\n[[0,0,0],[0,0\n", r"a\.txt, line 2: .* is no JSON"),
        ("a.txt", "uur\n[[0,0,0]]\n", r"a\.txt, line 2: 1 cube received"),
        ("a.json", '["uur", "ud"]', r"a\.json, object 2: cubes 1 and 3"),
        ("a.json", '["uur", 7]', r"a\.json, object 2: 7 received, expected a list of positions"),
        ("a.json", '[\n"uur",\n]', r"a\.json, line \d: "),
        ("a.json", '{"a": "uur"}', r"a\.json: expected a JSON list of objects"),
        ("a.txt", "# nothing\n\n", r"a\.txt holds no object"),
        ("a.json", "[]", r"a\.json holds no object"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_objects(file_of(tmp_path, content, name))


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read shapes from .*missing: No such file"):
        read_objects(tmp_path / "missing")
    with pytest.raises(UserError, match=r"cannot read shapes from .*Is a directory"):
        read_objects(tmp_path)
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match="picture is no text"):
        read_objects(tmp_path / "picture")
    file_of(tmp_path, "u\n" * LARGEST_FILE)
    with pytest.raises(UserError, match="bytes, expected at most"):
        read_objects(tmp_path / "shapes.txt")
