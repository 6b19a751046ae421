"""The README's examples run as they are printed, and print what they are said to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLE = re.compile(r"^```python\n((?s:.*?))^```\n(?:\n((?:    .*\n)+))?", re.MULTILINE)
LONGEST = 120
"""Lines that somebody in a hurry reads."""


def test_the_examples_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    printed = []
    for code, output in EXAMPLE.findall(README.read_text()):
        exec(compile(code, str(README), "exec"), namespace)
        assert capsys.readouterr().out == output.replace("    ", "")
        printed.append(output)
    assert len(printed) == 2
    assert any(printed)
    assert namespace["model"].num_timesteps == 2048


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text())
    assert pictures
    for picture in pictures:
        assert (README.parent / picture).is_file()


def test_it_stays_short() -> None:
    assert len(README.read_text().splitlines()) <= LONGEST
