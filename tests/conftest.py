"""What all tests share."""

from __future__ import annotations

import os

# Before anything imports a threaded library: the tests' arrays are small, and on a machine with
# other work threads that wait for each other cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of its own for every test, always in the same state."""
    return np.random.default_rng(20_180_615)
