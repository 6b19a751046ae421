"""The blocks of code in a page, in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

BLOCK = re.compile(
    r"(^ *<!-- slow -->\n)?^(?P<indent> *)```(python|sh)\n(.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Code as a reader sees it.

    Attributes:
        line: of its first line in the page.
        slow: whether the page marks it, invisibly, as one that takes its time.
    """

    language: str
    code: str
    line: int
    slow: bool


def blocks_of(page: Path) -> list[Block]:
    """Every block in Python or for a shell, those in lists too."""
    text = page.read_text()
    return [
        Block(found[3], dedent(found[4]), text.count("\n", 0, found.start(4)) + 1, bool(found[1]))
        for found in BLOCK.finditer(text)
    ]
