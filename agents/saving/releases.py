"""The releases of Stable-Baselines3 that agents and trainings are read with."""

from __future__ import annotations

import re

import stable_baselines3

from gqn_rl.errors import UserError

FIRST, TOO_NEW = (2, 7), (3, 0)
"""From the first to before the other, as `pyproject.toml` has it.

Among them neither the networks nor the names of weights have changed (tried: 2.7.0, 2.8.0, 2.9.2).
"""


def require_release(who: str, made_with: str) -> None:
    """Refuse what a release outside the range has made, or is to read.

    >>> require_release("'a'", "2.7.1")
    >>> require_release("'a'", "1.8.0")
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: 'a' was made with stable-baselines3 1.8.0, expected 2.7 to before 3.0

    Args:
        who: what the message calls it.
        made_with: a version.

    Raises:
        UserError: naming the version and the range.
    """
    expected = f"expected {_text(FIRST)} to before {_text(TOO_NEW)}"
    if not FIRST <= release(made_with) < TOO_NEW:
        raise UserError(f"{who} was made with stable-baselines3 {made_with}, {expected}")
    present = stable_baselines3.__version__
    if not FIRST <= release(present) < TOO_NEW:
        raise UserError(f"{who} is to be read by stable-baselines3 {present}, {expected}")


def release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, (0, 0) where there are none.

    >>> release("2.10.0a1")
    (2, 10)
    """
    numbers = re.match(r"(\d+)\.(\d+)", str(version))
    return tuple(map(int, numbers.groups())) if numbers else (0, 0)


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
