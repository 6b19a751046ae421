"""What `make dist` built, and an empty environment that the wheel is installed into."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def built(pattern: str) -> Path:
    """The one file in dist/ of that form."""
    found = sorted((ROOT / "dist").glob(pattern))
    assert len(found) == 1, f"dist/ holds {found}; `make dist` builds one {pattern}"
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return built("*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return built("*.tar.gz")


@pytest.fixture(scope="session")
def run_installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the interpreter of a new environment that holds the wheel and what it asks for.

    It runs in a folder without the repository, and with no variable that could lead to it.
    """
    place = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    kept = ("PATH", "HOME", "LANG", "OMP_NUM_THREADS", "TMPDIR")
    environment = {name: value for name, value in os.environ.items() if name in kept}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(place / "venv" / "bin" / "python"), *map(str, arguments)],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
        )

    pins = ROOT / "constraints.txt"
    installed = run("-m", "pip", "install", "--quiet", "-c", pins, wheel)
    assert installed.returncode == 0, installed.stderr
    return run
