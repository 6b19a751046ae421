"""Search spaces of hyperparameters: which are tried, and between which values.

Those that ship are agents/search/spaces/<algorithm>.yml.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from agents.algorithms.algorithm import algorithm_named

Dimension = dict[str, Any]


class Trial(Protocol):
    """What is used of an `optuna.Trial`."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any: ...


def search_space(algo: str, env_id: str) -> dict[str, Dimension]:
    """Name to what is tried, for an algorithm on an environment.

    Raises:
        UserError: for an unknown algorithm, or one without a search space.
    """
    sections = algorithm_named(algo).search_space()
    dimensions = {**sections["default"], **(sections.get(env_id) or {})}
    return {name: dimension for name, dimension in dimensions.items() if dimension is not None}


def suggested(trial: Trial, space: dict[str, Dimension]) -> dict[str, Any]:
    """One setting of each name, nested as in the hyperparameter files."""
    changes: dict[str, Any] = {}
    for name, dimension in space.items():
        *path, last = name.split(".")
        place = changes
        for part in path:
            place = place.setdefault(part, {})
        place[last] = _value(trial, name, dimension)
    return changes


def parameters_of(settings: dict[str, Any], space: dict[str, Dimension]) -> dict[str, Any]:
    """What a trial must draw so that `suggested` gives settings as they are.

    Args:
        settings: hyperparameters, nested as in their files.

    Returns:
        name to what is drawn, without names that the settings lack or whose value is never drawn.
    """
    parameters: dict[str, Any] = {}
    for name, dimension in space.items():
        value: Any = settings
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        drawn = None if value is None else _drawn(value, dimension)
        if drawn is not None:
            parameters[name] = drawn
    return parameters


def _drawn(value: Any, dimension: Dimension) -> Any:
    """What `_value` makes this value of; None where it makes it of nothing."""
    if "choices" in dimension:
        return json.dumps(value) if value in dimension["choices"] else None
    low, high = dimension["low"], dimension["high"]
    if "as" in dimension:
        before, after = dimension["as"].split("{}")
        if not (isinstance(value, str) and value.startswith(before) and value.endswith(after)):
            return None
        value = float(value.removeprefix(before).removesuffix(after))
    if isinstance(value, str) or not low <= value <= high:
        return None
    return value


def _value(trial: Trial, name: str, dimension: Dimension) -> Any:
    if "choices" in dimension:
        # Lists go by their text: what is kept of a trial are numbers and text.
        texts = [json.dumps(choice) for choice in dimension["choices"]]
        return json.loads(trial.suggest_categorical(name, texts))
    low, high, log = dimension["low"], dimension["high"], dimension.get("log", False)
    value: Any
    if isinstance(low, int) and isinstance(high, int):
        value = trial.suggest_int(name, low, high, log=log)
    else:
        value = float(f"{trial.suggest_float(name, low, high, log=log):.3g}")
    return dimension["as"].format(value) if "as" in dimension else value
