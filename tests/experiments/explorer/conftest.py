"""A workshop that all tests of the explorer share: sessions change nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiments.explorer.exploring import Workshop
from experiments.explorer.rotation_test import PICTURE_SIZE
from experiments.explorer.scenes import Studio


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    made = Workshop("small", seed=0)
    yield made
    made.studio.close()


@pytest.fixture(scope="session")
def studio() -> Iterator[Studio]:
    made = Studio(PICTURE_SIZE)
    yield made
    made.close()
