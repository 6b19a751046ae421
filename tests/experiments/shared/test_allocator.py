"""Freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from experiments.shared.allocator import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    print("cannot")
    sys.exit()
for step in range(30):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [b"x" * (number << 20) for number in range(4, 12)]  # 60 MB, all freed at once
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> str:
    """Page faults of taking and freeing 60 MB twenty times."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_memory_that_is_freed_need_not_be_mapped_again() -> None:
    kept = faults("kept")
    if kept == "cannot":
        pytest.skip("this C library cannot be asked")
    assert int(faults("given back")) > 1000, "the test can tell"
    assert int(kept) < 100
