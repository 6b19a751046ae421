"""Every public class shows how it is used, in an example that runs."""

from __future__ import annotations

import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "api"
MODULES = sorted(
    {
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"automodule:: ([\w.]+)", page.read_text())
    }
)
"""The modules of the API reference: what is public."""
ROOT = PAGES.parents[1]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("gqn_rl", "envs", "agents", "experiments")
    for path in (ROOT / package).rglob("*.py")
    if ">>>" in path.read_text()
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def pybullet_is_there(request: pytest.FixtureRequest) -> None:
    """Skips the one module that cannot be imported without it."""
    name = request.node.callspec.params.get("name") if hasattr(request.node, "callspec") else None
    if name == "gqn_rl.rendering.pybullet":
        pytest.importorskip("pybullet")


def public_classes(module: ModuleType) -> list[type]:
    """The classes that a module defines."""
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def test_the_reference_names_modules_of_all_packages() -> None:
    assert {name.split(".")[0] for name in MODULES} == {"gqn_rl", "envs", "agents"}
    assert len(MODULES) > 60


@pytest.mark.parametrize("name", MODULES)
def test_every_public_class_has_an_example(name: str) -> None:
    without = [
        c.__name__ for c in public_classes(import_module(name)) if ">>>" not in (c.__doc__ or "")
    ]
    assert not without


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert result.failed == 0
