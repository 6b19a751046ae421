"""Lookup of things by name: what a table lists, or anything else as `module:attribute`.

Tasks, encoders and renderers of one's own need no place in the tables: their `module:attribute` is
a name that worker processes, run folders and the commands' flags understand as well.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from gqn_rl.errors import UserError, unknown_name

ENTRY_POINT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_entry_point(name: str) -> bool:
    """Whether a name has the form `module:attribute` or `package.module:attribute`."""
    return ENTRY_POINT.fullmatch(name) is not None


def require_imported(kind: str, name: str, table: Mapping[str, Any], source: str) -> None:
    """Let no stranger's file choose a module to import: what that runs, nobody has looked at.

    Args:
        kind: what the name is of, for the message.
        name: a key of the table, or a `module:attribute` of a module that has been imported.
        source: the file, for the message.

    Raises:
        UserError: for any other name.
    """
    if name not in table and name.partition(":")[0] not in sys.modules:
        raise UserError(
            f"{source} has {kind} {name!r}, which is not among {list(table)}; if you trust its "
            "module, import it first"
        )


def find(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """What `name` stands for; it is imported only now.

    >>> find("number", "tau", {"tau": "math:tau"}) == find("number", "math:tau", {})
    True
    >>> find("number", "math:sixth", {})
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: number 'math:sixth': module 'math' has no 'sixth'

    Args:
        kind: what is looked for, for the messages.
        name: a key of the table, or itself a `module:attribute`.
        table: name to `module:attribute`.

    Raises:
        UserError: for a name that is neither, a module that cannot be found, here or by an import
            in it, or one that has no such attribute.
    """
    if name not in table and not is_entry_point(name):
        raise unknown_name(kind, name, table)
    module_name, attribute = table.get(name, name).split(":")
    module = find_module(kind, name, module_name)
    if not hasattr(module, attribute):
        raise UserError(f"{kind} {name!r}: module {module_name!r} has no {attribute!r}")
    return getattr(module, attribute)


def find_module(kind: str, name: str, module_name: str) -> ModuleType:
    """The module that `name`, a `kind` of thing, is in.

    Raises:
        UserError: if it, or one that it imports, is not there.
    """
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(f"{kind} {name!r} needs the package {error.name!r}") from error
