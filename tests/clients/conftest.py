"""Clients that the ordinary environment does not have.

A test marked `client("name")` runs the client of that name. `make test` leaves these tests out,
`make test-clients` runs nothing else, and there a missing client is a failure.
"""

from __future__ import annotations

import signal
from importlib.util import find_spec

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-clients",
        action="store_true",
        help="fail, instead of skipping, where a client is not installed",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("client"):
        for name in marker.args:
            if find_spec(name) is None:
                report = f"{name} is not installed; `make test-clients` installs it"
                if item.config.getoption("require_clients", False):
                    pytest.fail(report)
                pytest.skip(report)


MEANING_OF_SIGTERM = signal.getsignal(signal.SIGTERM)


@pytest.fixture(autouse=True)
def usual_meaning_of_sigterm() -> None:
    """Take back what tests before made of SIGTERM: `ray.init` lets it end the process for good."""
    signal.signal(signal.SIGTERM, MEANING_OF_SIGTERM)
