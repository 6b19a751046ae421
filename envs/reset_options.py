"""The options of `reset`: which rows begin anew, and with what trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError

RESET_MASK = "reset_mask"
"""The option that every task has."""


class ResetOptions(NamedTuple):
    """What a reset is asked for.

    >>> options = reset_options({"angle": [0, 60]}, 2, ("shape", "angle"))
    >>> options.mask, options.given
    (array([ True,  True]), [{'angle': 0}, {'angle': 60}])

    Attributes:
        mask: bool (n,), the rows that begin anew.
        given: what is given of each row's trial, n dictionaries.
    """

    mask: NDArray[np.bool_]
    given: list[dict[str, Any]]


def reset_options(
    options: Mapping[str, Any] | None, n: int, trial_options: Sequence[str]
) -> ResetOptions:
    """The options, checked.

    Args:
        options: "reset_mask", bool (n,), and any of the `trial_options`, one value for all rows or
            a sequence of n; None for all rows and any trial.
        trial_options: those of the task.

    Raises:
        UserError: for any other option, a mask that is not a boolean array (n,) with at least one
            row to reset, or another number of values.
    """
    known = [RESET_MASK, *trial_options]
    if options is not None and not isinstance(options, dict):
        raise UserError(f"reset options are {options!r}, expected a dict with any of {known}")
    asked = options or {}
    if unknown := [name for name in asked if name not in known]:
        raise UserError(f"reset option {unknown[0]!r} is unknown, expected any of {known}")
    given: list[dict[str, Any]] = [{} for _ in range(n)]
    for name in trial_options:
        if asked.get(name) is not None:
            for row, value in zip(given, _of_rows(name, asked[name], n), strict=True):
                row[name] = value
    return ResetOptions(_mask(asked.get(RESET_MASK), n), given)


def _of_rows(name: str, value: Any, n: int) -> list[Any]:
    """One value for each of n rows."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return [value] * n
    if len(value) != n:
        raise UserError(f"reset option {name!r} has {len(value)} values, expected 1 or {n}")
    return list(value)


def _mask(mask: Any, n: int) -> NDArray[np.bool_]:
    if mask is None:
        return np.ones(n, dtype=bool)
    values = np.asarray(mask)
    if values.shape != (n,) or values.dtype != np.bool_ or not values.any():
        raise UserError(
            f"reset_mask is {mask!r}, expected a boolean array of shape ({n},) with at least one "
            "True"
        )
    return values.copy()
