"""Changes by name, and the appearance of objects as one of them."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.shared.appearance import AppearanceFlags
from experiments.shared.changes import parse_changes
from gqn_rl.errors import UserError


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["a=1", "b.c=x"], {"a": 1, "b": {"c": "x"}}),
        (["rate=5e-4"], {"rate": 5e-4}),
        (["b.c=1", "b.d=[2, 3]"], {"b": {"c": 1, "d": [2, 3]}}),
    ],
)
def test_changes_are_read_as_yaml(changes: list[str], expected: dict[str, Any]) -> None:
    assert parse_changes(changes) == expected


@pytest.mark.parametrize("change", ["a", "=1"])
def test_a_change_needs_a_name_and_a_value(change: str) -> None:
    with pytest.raises(UserError, match="not of the form name=value"):
        parse_changes([change])


def test_an_appearance_is_told_by_parts() -> None:
    assert AppearanceFlags().look() is None
    flags = AppearanceFlags(appearance=("background=white", "ambient=0.5"))
    assert flags.look() == {"background": "white", "ambient": 0.5}


@pytest.mark.parametrize(
    ("flags", "message"),
    [(("edges",), "appearance 'edges' is not of the form"), (("size=3",), "'size'")],
)
def test_what_is_no_appearance_is_refused(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        AppearanceFlags(appearance=flags).look()
