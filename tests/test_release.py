"""What is said about a version in several places is the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text()


def stated(name: str) -> str:
    """The text of a field of pyproject.toml."""
    match = re.search(rf'^{name} = "(.+)"$', PROJECT, re.MULTILINE)
    assert match is not None, name
    return match[1]


def test_the_version_is_the_same_everywhere() -> None:
    version = stated("version")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert citation["license"] == stated("license")
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_python_versions_are_those_that_may_be_installed() -> None:
    least, limit = map(int, re.findall(r"3\.(\d+)", stated("requires-python")))
    named = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', PROJECT)
    assert sorted(map(int, named)) == list(range(least, limit))
    assert f'target-version = "py3{least}"' in PROJECT


def test_the_makefile_has_the_targets_that_contributors_are_told_of() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = set(re.findall(r"`make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert told <= targets
    assert {name for name in targets if name.startswith("test")} <= told
