"""The terminal that a command prints to, or the file that its lines are kept in."""

from __future__ import annotations

import os
import sys

from rich.console import Console

LOG_WIDTH = 200
"""Characters of a line in a file: more than any table here has."""


def console() -> Console:
    """Prints tables as wide as the terminal, and in a file without cutting them."""
    found = Console()
    if found.is_terminal or "COLUMNS" in os.environ:
        return found
    return Console(width=LOG_WIDTH)


def shows_bars() -> bool:
    """Whether somebody watches, so that a line may be written over again and again."""
    return sys.stdout.isatty() and sys.stderr.isatty()
