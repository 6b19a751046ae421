"""Files of tensors hold what they were given, and equal content makes equal files."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from safetensors import safe_open

import gqn_rl
from gqn_rl.tensor_files import tensor_bytes, write_tensors

GRID = np.arange(24.0).reshape(2, 3, 4)
LAYOUTS = {
    "as it is": GRID,
    "turned": GRID.T,
    "in Fortran's order": np.asfortranarray(GRID),
    "every other": GRID[:, ::2],
    "backwards": GRID[::-1],
    "one for all": np.broadcast_to(np.arange(3), (2, 3)),
    "no dimension": np.array(3.5),
    "nothing": GRID[:, :0],
    "words": np.array([2**64 - 1, 1], np.uint64),
    "true or false": GRID.T > 3,
    "one column": np.asarray(GRID[:, 1, 2]),
}
OWNER = "gqn_rl/tensor_files.py"
ROOT = Path(gqn_rl.__file__).parents[1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_every_layout_come_back(tmp_path: Path, layout: str) -> None:
    array = LAYOUTS[layout]
    write_tensors(tmp_path / "file", {"x": array})
    for content in ((tmp_path / "file").read_bytes(), tensor_bytes({"x": array})):
        back = safetensors.numpy.load(content)["x"]
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("make", [lambda x: x.T, lambda x: x[:, ::2], lambda x: x[:1].expand(5, 3)])
def test_tensors_of_every_layout_come_back(make: Any) -> None:
    tensor = make(torch.arange(6.0, requires_grad=True).view(2, 3))
    back = safetensors.torch.load(tensor_bytes({"x": tensor}))["x"]
    assert torch.equal(back, tensor)


def test_equal_content_makes_equal_files(tmp_path: Path) -> None:
    arrays = {str(number): GRID + number for number in range(8)}
    about = {"one": 1, "two": [2, 2], "three": {"a": None}, "four": "4"}
    files = {tensor_bytes(arrays, "about", about) for _ in range(8)}
    files.add(tensor_bytes(dict(reversed(arrays.items())), "about", about))
    assert len(files) == 1
    write_tensors(tmp_path / "file", arrays, "about", about)
    assert (tmp_path / "file").read_bytes() in files
    with safe_open(tmp_path / "file", "np") as file:
        assert json.loads(file.metadata()["about"]) == about


def test_a_file_with_nothing_to_say_has_no_metadata() -> None:
    content = tensor_bytes({"x": torch.zeros(2)})
    assert content == safetensors.torch.save({"x": torch.zeros(2)})


def test_what_cannot_be_told_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, {"x": GRID})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_tensors(path, {"x": GRID}, "about", {"loss": float("nan")})
    with pytest.raises(TypeError, match=r"\['x'\] are arrays, \['y'\] are tensors"):
        write_tensors(path, {"x": GRID, "y": torch.zeros(1)})
    assert path.read_bytes() == before


def saving_names(path: Path) -> set[str]:
    """What a module takes from safetensors to write with."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("safetensors"):
            found |= {name.name for name in node.names if name.name.startswith(("save", "seri"))}
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("safetensors.")}
    return found


def test_nobody_else_writes_such_files() -> None:
    folders = ("gqn_rl", "agents", "envs", "experiments")
    modules = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    writers = {str(path.relative_to(ROOT)) for path in modules if saving_names(path)}
    assert writers == {OWNER}
