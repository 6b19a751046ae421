"""The examples of docs/extending.md as modules that can be imported, here and in workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from envs.registration import ENVIRONMENTS

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the examples on the path of this process and of those it starts."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("PYTHONPATH", f"{EXAMPLES}{os.pathsep}{EXAMPLES.parents[1]}")
    yield EXAMPLES
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)
    for env_id in [name for name in ENVIRONMENTS if name.startswith("CountRed")]:
        ENVIRONMENTS.pop(env_id)
        gymnasium.registry.pop(env_id)
