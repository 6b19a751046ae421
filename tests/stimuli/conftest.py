"""The package that draws others' figures, which needs a newer Python than ours.

`make test` leaves these tests out, `make test-stimuli` runs nothing else, and there a missing
package is a failure.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-stimuli",
        action="store_true",
        help="fail, instead of skipping, where the package is not installed",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("stimuli") is None or find_spec("shaperenderer") is not None:
        return
    report = "shepard-metzler-shape-renderer is not installed; `make test-stimuli` installs it"
    if item.config.getoption("require_stimuli", False):
        pytest.fail(report)
    pytest.skip(report)
