"""What episodes are about, and what becomes of them: plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles
from gqn_rl.scenes.scene import SceneBatch


@dataclass(frozen=True)
class Trials:
    """What n episodes are about.

    Attributes:
        scenes: n scenes, all with the same number of cubes.
        target: int64 (n,), the right answer, in [0, num_answers).
        cue: float32 (n, C), numbers that the agent is told beside what it sees.
        reference: n scenes that the agent is shown as its cue.
        query: n positions from which the encoder is to draw the scenes in the end.
        details: name to (n,) bool, int64 or float64, for `info`.
    """

    scenes: SceneBatch
    target: NDArray[np.int64]
    cue: NDArray[np.float32] | None = None
    reference: SceneBatch | None = None
    query: CameraAngles | None = None
    details: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.target)
        sized = {name: value for name, value in _parts(self).items() if name != "details"}
        for name, value in (sized | self.details).items():
            if value is not None and len(value) != n:
                raise ValueError(f"{n} targets, but {len(value)} of {name}")

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: slice | NDArray) -> Trials:
        """Select trials with a slice, a mask or an integer array; the result is a batch."""
        return Trials(**{name: _selected(value, index) for name, value in _parts(self).items()})

    @staticmethod
    def concatenate(parts: Sequence[Trials]) -> Trials:
        """One batch from several of the same task."""
        columns = [_parts(part) for part in parts]
        return Trials(**{name: _joined([c[name] for c in columns]) for name in columns[0]})

    def replaced(self, mask: NDArray[np.bool_], new: Trials) -> Trials:
        """These trials with `new`, in order, in the rows of `mask` (n,); a fresh copy."""
        order = np.arange(len(self))
        order[mask] = len(self) + np.arange(len(new))
        return Trials.concatenate([self, new])[order]


@dataclass(frozen=True)
class QueryErrors:
    """How far the drawn query views of n episodes are from the truth.

    Root mean square over pixels and channels, on the images' 0-255 scale.

    Attributes:
        first: float64 (n,), drawn after the first view.
        last: float64 (n,), drawn at the answer; -1 where there was none.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What n episodes come to in the step that ends them.

    Attributes:
        success: bool (n,).
        reward: float64 (n,), beside the cost of the looks.
    """

    success: NDArray[np.bool_]
    reward: NDArray[np.float64]


def _parts(trials: Trials) -> dict[str, Any]:
    return {part.name: getattr(trials, part.name) for part in fields(trials)}


def _selected(value: Any, index: slice | NDArray) -> Any:
    if isinstance(value, dict):
        return {key: item[index] for key, item in value.items()}
    return None if value is None else value[index]


def _joined(values: list[Any]) -> Any:
    first = values[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: np.concatenate([value[key] for value in values]) for key in first}
    if isinstance(first, np.ndarray):
        return np.concatenate(values)
    return type(first).concatenate(values)
