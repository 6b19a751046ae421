"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_table_of_faults_names_exists() -> None:
    table = (ROOT / "docs" / "gqn.md").read_text().split("## What other implementations got wrong")
    named = set(re.findall(r"`(test_\w+)`", table[1]))
    assert len(named) >= 10
    source = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert not {name for name in named if f"def {name}(" not in source}
