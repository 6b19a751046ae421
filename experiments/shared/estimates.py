"""Estimates in words, of what may be known by bounds alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def number(value: float) -> str:
    """Three digits, with thousands set apart.

    >>> number(23210.7), number(16.66), number(9.0)
    ('23,211', '16.7', '9')
    """
    if value >= 1000:
        return f"{round(value):,}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def estimate(found: dict[str, Any]) -> str:
    """Such as "4.2 (3.1 to 5.0)", or what is known instead: "> 4.2 (from 3.1)".

    >>> estimate({"value": None, "at_least": 4.2, "at_most": None, "interval": [3.1, None]})
    '> 4.2 (from 3.1)'

    Args:
        found: "value", "at_least", "at_most" and "interval"; a value, an upper bound and ends of
            the interval are None where they are not known, see `experiments.study.summary`.
    """
    least, most = found["at_least"], found["at_most"]
    if found["value"] is not None:
        return number(found["value"]) + _interval(found["interval"])
    if most is None and least <= 0:
        return "unknown"
    if most is None:
        return f"> {number(least)}" + _from(found["interval"], least)
    if least <= 0:
        return f"< {number(most)}"
    return f"{number(least)} to {number(most)}, not known better"


def _interval(ends: Sequence[float | None] | None) -> str:
    if ends is None:
        return ""
    low, high = ("unknown" if end is None else number(end) for end in ends)
    return f" ({low} to {high})"


def _from(ends: Sequence[float | None] | None, least: float) -> str:
    """The lower end of the interval of a lower bound."""
    low = ends[0] if ends else None
    return "" if low is None or low >= least else f" (from {number(low)})"
