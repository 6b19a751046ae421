"""Modules that have moved are found under their old names."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import agents
import envs
import experiments
import gqn_rl
from gqn_rl.moved import MovedModules

ROOT = Path(__file__).parents[1]
PACKAGES = (agents, envs, experiments, gqn_rl)
PLACES = {
    old: new
    for finder in sys.meta_path
    if isinstance(finder, MovedModules)
    for old, new in finder.places.items()
}
EXTRAS = ("gradio", "fastapi", "ray", "uvicorn")
"""Packages that some modules need and the tests of `make test` do not have."""


def test_every_package_has_a_table() -> None:
    assert {old.split(".")[0] for old in PLACES} == {package.__name__ for package in PACKAGES}


@pytest.mark.parametrize("old", PLACES)
def test_an_old_name_is_the_module_itself(old: str) -> None:
    new = PLACES[old]
    assert find_spec(new) is not None
    if new == "gqn_rl.rendering.pybullet":
        pytest.importorskip("pybullet")
    try:
        module = import_module(new)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in EXTRAS:
            raise
        pytest.skip(f"{new} needs {error.name}")
    assert import_module(old) is module
    assert module.__spec__ is not None
    assert module.__spec__.name == module.__name__ == new


@pytest.mark.parametrize("old", PLACES)
def test_no_old_name_hides_a_module_that_is_there(old: str) -> None:
    place = ROOT.joinpath(*old.split("."))
    assert not place.with_suffix(".py").exists()
    assert not place.is_dir()


def test_an_old_name_works_in_a_new_process_and_in_its_attributes() -> None:
    code = (
        "from gqn_rl.view import Context; from gqn_rl.geometry.view import Context as same; "
        "assert Context is same; from envs.camera_control import DiscreteControl"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_module_that_is_gone_says_where_to_look() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"agent_controls is gone: see envs\.camera"):
        import_module("experiments.agent_controls")
