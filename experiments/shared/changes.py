"""Changes to values by name, as flags take them: name=value, or a.b=value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from agents.hyperparameter_values import read_yaml
from gqn_rl.errors import UserError


def parse_changes(changes: Sequence[str], what: str = "hyperparameter") -> dict[str, Any]:
    """ "a.b=1" to {"a": {"b": 1}}; values are read as YAML.

    Args:
        what: is changed, for errors.

    Raises:
        UserError: for text without "=", or with a value that cannot be read.
    """
    result: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UserError(f"{what} {change!r} is not of the form name=value")
        *path, last = name.split(".")
        place: Any = result
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UserError(f"{what} {change!r}: {part} is {place!r} by another change")
        try:
            place[last] = read_yaml(value)
        except yaml.YAMLError as error:
            raise UserError(f"{what} {change!r} has a value that is no YAML") from error
    return result
