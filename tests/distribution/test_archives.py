"""Wheel and sdist hold what they should, and nothing else."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.distribution.conftest import ROOT

pytestmark = pytest.mark.dist

PACKAGES = ("gqn_rl", "envs", "agents", "experiments")
OF_THE_REPOSITORY = {".gitignore", ".ci/run"}
"""Of no use to who has no repository."""


def tracked(*paths: str) -> set[str]:
    """Files under version control."""
    command = ["git", "ls-files", "-z", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert tracked(*PACKAGES) <= names
    assert {name.split("/")[0] for name in names} == set(PACKAGES)


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name for name in archive.namelist() if name.endswith("METADATA"))
        said = Parser().parsestr(archive.read(info).decode())
        licence = next(name for name in archive.namelist() if name.endswith("LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert said["License-Expression"] == "MIT"
    assert said["Description-Content-Type"] == "text/markdown"
    assert {"hub", "onnx", "wandb", "optimize"} <= set(said.get_all("Provides-Extra") or ())


def test_the_sdist_holds_the_project(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        files = [item.name.split("/", 1)[1] for item in archive.getmembers() if item.isfile()]
    assert tracked() - OF_THE_REPOSITORY <= set(files)
    assert not [name for name in files if "__pycache__" in name or name.startswith("runs/")]
