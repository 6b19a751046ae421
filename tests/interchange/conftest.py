"""Packages that the ordinary environment does not have.

A test marked `interchange("name")` needs the package of that name. `make test` leaves these tests
out, `make test-interchange` runs nothing else, and there a missing package is a failure.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-interchange",
        action="store_true",
        help="fail, instead of skipping, where a package is not installed",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("interchange"):
        for name in marker.args:
            if find_spec(name) is None:
                report = f"{name} is not installed; `make test-interchange` installs it"
                if item.config.getoption("require_interchange", False):
                    pytest.fail(report)
                pytest.skip(report)
