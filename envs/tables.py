"""Looking names up in the package's tables."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from gqn_rl.entry_points import find
from gqn_rl.errors import UserError


class UnexpectedArgumentError(UserError, TypeError):
    """An argument that nothing takes: a user's mistake and, to code that probes, a TypeError.

    TorchRL's `GymEnv` offers every environment a `frameskip` and withdraws it when the refusal is
    a TypeError in Python's own words.
    """


def construct(kind: str, name: str, table: Mapping[str, str], arguments: dict[str, Any]) -> Any:
    """Make the class called `name` with keyword arguments; see `gqn_rl.entry_points.find`.

    Raises:
        UserError: for a name that stands for nothing.
        UnexpectedArgumentError: for an argument that the class does not take.
    """
    factory = find(kind, name, table)
    for argument in arguments:
        if argument not in signature(factory).parameters:
            raise UnexpectedArgumentError(
                f"unexpected keyword argument {argument!r}; {kind} {name!r} takes "
                f"{sorted(signature(factory).parameters)}"
            )
    return factory(**arguments)
