"""The explorer, served, and a real Chromium that opens it.

A test marked `explorer` needs the extra `browser`, Chromium and its driver (Debian's packages
chromium and chromium-driver). `make test` leaves these tests out, `make test-explorer` runs
nothing else, and there something missing is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("gradio", "selenium")
PROGRAMS = ("chromium", "chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,1300",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-explorer",
        action="store_true",
        help="fail, instead of skipping, where the extra or Chromium is missing",
    )
    parser.addoption(
        "--pictures", type=Path, help="folder, such as docs/images, for the pictures of the pages"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("explorer") is None:
        return
    missing = [f"package {name}" for name in PACKAGES if find_spec(name) is None]
    missing += [f"program {name}" for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        report = (
            f"no {', no '.join(missing)}; `make test-explorer` installs the packages, "
            "`apt-get install chromium chromium-driver` the programs"
        )
        if item.config.getoption("require_explorer", False):
            pytest.fail(report)
        pytest.skip(report)


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path | None:
    """Where to leave the pictures that the documentation shows; None for nowhere."""
    folder: Path | None = request.config.getoption("pictures")
    return folder


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the explorer is served, started by its command on a free port."""
    command = [sys.executable, "-m", "experiments.explore", "--port", "0", "--seed", "7"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    assert server.stdout is not None
    try:
        for line in server.stdout:
            found = re.match(r"(http://127\.0\.0\.1:\d+) ", line)
            if found:
                yield found[1]
                break
        else:
            pytest.fail(f"the explorer ended with exit code {server.wait()}")
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()
