"""Observation and action spaces as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


def space_to_json(space: spaces.Space) -> dict[str, Any]:
    """A Box, Discrete or Dict of them as plain data.

    Raises:
        TypeError: for another kind of space.
    """
    if isinstance(space, spaces.Dict):
        parts = {key: space_to_json(part) for key, part in space.spaces.items()}
        return {"type": "Dict", "spaces": parts}
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.Box):
        return {
            "type": "Box",
            "shape": list(space.shape),
            "dtype": np.dtype(space.dtype).name,
            "low": _bounds_to_json(space.low),
            "high": _bounds_to_json(space.high),
        }
    raise TypeError(f"space {space} cannot be written as JSON")


def space_from_json(content: dict[str, Any]) -> spaces.Space:
    """Inverse of `space_to_json`.

    Raises:
        KeyError, TypeError, ValueError: for anything else.
    """
    kind = content["type"]
    if kind == "Dict":
        return spaces.Dict({key: space_from_json(part) for key, part in content["spaces"].items()})
    if kind == "Discrete":
        return spaces.Discrete(int(content["n"]), start=int(content["start"]))
    if kind == "Box":
        shape, dtype = tuple(content["shape"]), np.dtype(content["dtype"])
        low = _bounds_from_json(content["low"], shape, dtype)
        high = _bounds_from_json(content["high"], shape, dtype)
        return spaces.Box(low, high, dtype=dtype.type)
    raise ValueError(f"unknown kind of space {kind!r}")


def _bounds_to_json(bounds: NDArray[Any]) -> Any:
    """One number where all are equal; infinities, which JSON lacks, as text."""
    flat = [_number(value) for value in bounds.reshape(-1).tolist()]
    return flat[0] if len(set(flat)) == 1 else flat


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def _bounds_from_json(content: Any, shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    numbers = np.array(content, dtype=np.float64)  # numpy reads "inf" and "-inf"
    if numbers.ndim == 0:
        return np.full(shape, numbers, dtype=dtype)
    return numbers.reshape(shape).astype(dtype)
