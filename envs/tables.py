"""Looking names up in the package's tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import Any

from gqn_rl.errors import UserError, unknown_name


class UnexpectedArgumentError(UserError, TypeError):
    """An argument that nothing takes: a user's mistake and, to code that probes, a TypeError.

    TorchRL's `GymEnv` offers every environment a `frameskip` and withdraws it when the refusal is
    a TypeError in Python's own words.
    """


def load(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """The object at the table's `module:attribute`, imported only now.

    Raises:
        UserError: listing the valid names, when `name` is not one of them.
    """
    if name not in table:
        raise unknown_name(kind, name, table)
    module_name, attribute = table[name].split(":")
    return getattr(import_module(module_name), attribute)


def construct(kind: str, name: str, table: Mapping[str, str], arguments: dict[str, Any]) -> Any:
    """Make the class called `name` with keyword arguments.

    Raises:
        UserError: for an unknown name.
        UnexpectedArgumentError: for an argument that the class does not take.
    """
    factory = load(kind, name, table)
    for argument in arguments:
        if argument not in signature(factory).parameters:
            raise UnexpectedArgumentError(
                f"unexpected keyword argument {argument!r}; {kind} {name!r} takes "
                f"{sorted(signature(factory).parameters)}"
            )
    return factory(**arguments)
