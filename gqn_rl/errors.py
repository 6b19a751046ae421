"""The one exception type for a user's mistake."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(ValueError):
    """Something the user asked for cannot be done; the message is one clear line.

    Commands print the message and leave with exit code 2. Code that calls the library sees a
    plain `ValueError`.

    >>> from gqn_rl.rendering import make_renderer
    >>> try:
    ...     make_renderer("opengl")
    ... except ValueError as error:
    ...     print(error)
    unknown renderer 'opengl'; expected one of ['pybullet', 'raycast']
    """


def unknown_name(kind: str, received: object, valid: Iterable[object]) -> UserError:
    """Error for a name that is not in a table, listing the names that are.

    >>> print(unknown_name("split", "val", ["train", "test"]))
    unknown split 'val'; expected one of ['test', 'train']
    """
    return UserError(f"unknown {kind} {received!r}; expected one of {sorted(map(str, valid))}")
