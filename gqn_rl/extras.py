"""Packages that only some features need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from gqn_rl.errors import UserError


def require(module: str, extra: str) -> ModuleType:
    """The module of an optional package.

    Args:
        module: its name, such as "huggingface_hub".
        extra: the extra of ours that brings it.

    Raises:
        UserError: where it is not installed, saying how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise  # The package is there; what is missing is something else.
        raise UserError(f'{package} is not installed; pip install "gqn-rl[{extra}]"') from error
