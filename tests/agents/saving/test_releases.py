"""What pyproject.toml allows to be installed is what agents and trainings are read with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.saving import releases
from agents.saving.releases import FIRST, TOO_NEW, release, require_release
from gqn_rl.errors import UserError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_the_range_is_that_of_the_dependency() -> None:
    (asked,) = re.findall(r'"stable-baselines3(>=[^"]*)"', PYPROJECT.read_text())
    low, high = re.fullmatch(r">=([\d.]+),<([\d.]+)", asked).groups()  # type: ignore[union-attr]
    assert (release(low), release(f"{high}.0")) == (FIRST, TOO_NEW)


@pytest.mark.parametrize("version", ["2.6.9", "3.0.0", "1.10", "", "unknown", "10.0"])
def test_other_releases_are_refused_in_one_line(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made_with, present in ((version, "2.9.2"), ("2.9.2", version)):
        monkeypatch.setattr(releases.stable_baselines3, "__version__", present)
        with pytest.raises(UserError, match=r"expected 2\.7 to before 3\.0") as refusal:
            require_release("agent 'a'", made_with)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("version", ["2.7.0", "2.7.1a0", "2.10.0", "2.99"])
def test_releases_between_are_read(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_release("agent 'a'", version)
    monkeypatch.setattr(releases.stable_baselines3, "__version__", version)
    require_release("agent 'a'", "2.9.2")
