"""Hyperparameters by the names that they have now, for files and flags with older ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEW_NAMES = {
    "assurance": "confidence_gain",
    "sharpness": "inverse_temperature",
    "supervised_belief": "supervised_posterior",
    "pay_by_look": "potential_shaping",
}
"""Old name to new one, wherever in the nested settings it stands."""


def current_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with every old name replaced; dotted keys are replaced part by part.

    >>> current_names({"policy_kwargs": {"assurance": 6.0}, "policy_kwargs.sharpness": 2.0})
    {'policy_kwargs': {'confidence_gain': 6.0}, 'policy_kwargs.inverse_temperature': 2.0}
    """
    return {
        ".".join(NEW_NAMES.get(part, part) for part in str(key).split(".")): (
            current_names(value) if isinstance(value, Mapping) else value
        )
        for key, value in settings.items()
    }
