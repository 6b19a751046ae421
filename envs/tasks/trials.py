"""Trials, which episodes are about, and their outcomes: plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles
from envs.snapshots import Snapshot, named, part_of
from gqn_rl.scenes.scene import SceneBatch, sample_positions

BATCHES: dict[str, type] = {
    "scenes": SceneBatch,
    "reference": SceneBatch,
    "query": CameraAngles,
    "camera": CameraAngles,
    "details": dict,
}
"""The parts of `Trials` that consist of several arrays."""


@dataclass(frozen=True)
class Trials:
    """What n episodes are about.

    >>> from envs.tasks.recognition import RecognitionTask
    >>> trials = RecognitionTask().sample(np.random.default_rng(0), 4)
    >>> trials.target, trials[trials.target > 5].target
    (array([8, 6, 5, 2]), array([8, 6]))
    >>> Trials.from_arrays(trials.to_arrays()).scenes.cubes.shape  # as saved and loaded
    (4, 7, 3)

    Attributes:
        scenes: n scenes, all with the same number of cubes.
        target: int64 (n,), the right answer, in [0, num_answers).
        cue: float32 (n, C), numbers that the agent is told beside what it sees.
        reference: n scenes that the agent is shown as its cue.
        query: n positions from which the encoder is to draw the scenes in the end.
        camera: n positions from which the first views are taken; None where any will do.
        details: name to (n,) bool, int64 or float64, for `info`.
    """

    scenes: SceneBatch
    target: NDArray[np.int64]
    cue: NDArray[np.float32] | None = None
    reference: SceneBatch | None = None
    query: CameraAngles | None = None
    camera: CameraAngles | None = None
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

    def placed(self, rng: np.random.Generator) -> Trials:
        """The same trials with every object, references too, at a position of its own.

        See `gqn_rl.scenes.scene.sample_positions`.
        """
        scenes = self.scenes.moved(sample_positions(rng, self.scenes))
        if self.reference is None:
            return replace(self, scenes=scenes)
        reference = self.reference.moved(sample_positions(rng, self.reference))
        return replace(self, scenes=scenes, reference=reference)

    def to_arrays(self) -> Snapshot:
        """All there is to say about them, as named arrays."""
        snapshot: Snapshot = {}
        for name, value in _parts(self).items():
            if name in BATCHES and value is not None:
                arrays = value if isinstance(value, dict) else vars(value)
                snapshot |= named(name, {key: np.array(array) for key, array in arrays.items()})
            elif value is not None:
                snapshot[name] = np.array(value)
        return snapshot

    @staticmethod
    def from_arrays(arrays: Snapshot) -> Trials:
        """Inverse of `to_arrays`."""
        parts: dict[str, Any] = {name: value for name, value in arrays.items() if "/" not in name}
        for name, kind in BATCHES.items():
            batch = part_of(arrays, name)
            if batch:
                parts[name] = kind(**batch)
        return Trials(**parts)


@dataclass(frozen=True)
class QueryErrors:
    """How far the drawn query views of n episodes are from the truth.

    Root mean square over pixels and channels, on the images' 0-255 scale.

    >>> errors = QueryErrors(first=np.array([40.0, 40.0]), last=np.array([10.0, 40.0]))
    >>> 1 - errors.last / errors.first  # what view prediction pays for them
    array([0.75, 0.  ])

    Attributes:
        first: float64 (n,), drawn after the first view.
        last: float64 (n,), drawn at the answer; -1 where there was none.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Success and reward of n episodes in the step that ends them.

    >>> from envs.tasks.recognition import RecognitionTask
    >>> task = RecognitionTask()
    >>> trials = task.sample(np.random.default_rng(0), 2)
    >>> task.score(trials, trials.target)
    Outcome(success=array([ True,  True]), reward=array([1., 1.]))

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
