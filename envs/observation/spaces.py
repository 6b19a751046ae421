"""Observation spaces that several modules need, and one Box out of a Dict of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.rows.encoder_memory import REPRESENTATION_LIMIT, EncoderMemory
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, SPHERE_RADIUS, Viewpoints

if TYPE_CHECKING:
    from envs.observation.observers import Observer
    from envs.tasks import Task

Observation = dict[str, NDArray[Any]]


def viewpoint_space() -> spaces.Box:
    """Poses on the viewing sphere as `Viewpoints.encode` gives them, float32 (7,)."""
    high = np.array([SPHERE_RADIUS] * 3 + [1.0] * (ENCODING_SIZE - 3), np.float32)
    return spaces.Box(-high, high, dtype=np.float32)


def encoded(viewpoints: Viewpoints) -> NDArray[np.float32]:
    """Poses as observations, float32 (N, 7): rounding never steps out of `viewpoint_space`."""
    space = viewpoint_space()
    return np.clip(viewpoints.encode(), space.low, space.high)


def comparison_space(
    task: Task, observer: Observer, memory: EncoderMemory | None
) -> spaces.Box | None:
    """The space of what the encoder says about object and reference; None where it says nothing."""
    if task.cue_views is None or not observer.needs_encoder or not (memory and memory.can_compare):
        return None
    size = memory.encoder.comparison_size  # type: ignore[attr-defined]
    return spaces.Box(-REPRESENTATION_LIMIT, REPRESENTATION_LIMIT, (size,), np.float32)


def row_space(
    task: Task,
    observer: Observer,
    space: spaces.Box,
    comparison: spaces.Box | None,
    prospects: spaces.Box | None,
) -> spaces.Dict:
    """The space of one row, keys in alphabetical order."""
    parts: dict[str, spaces.Space[Any]] = {
        observer.key: space,
        "viewpoint": viewpoint_space(),
        "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
    }
    if task.cue_views is not None:
        parts["cue"] = observer.cue_space(space, len(task.cue_views))
    elif task.cue is not None:
        parts["cue"] = task.cue
    if comparison is not None:
        parts["comparison"] = comparison
    if prospects is not None:
        parts["prospects"] = prospects
    return spaces.Dict(parts)


class Flattening:
    """The parts of a Dict of Boxes one after the other, each in C order.

    They come in the alphabetical order of their keys: comparison, cue, image, looks_left,
    prospects, representation, state, viewpoint, as far as there are such parts. Each keeps its own
    range of values. It is what `gymnasium.spaces.flatten` does, for a batch at once.

    Args:
        space: of one row.
    """

    def __init__(self, space: spaces.Dict) -> None:
        flat = spaces.flatten_space(space)
        assert isinstance(flat, spaces.Box)
        self.space: spaces.Box = flat
        """The space of one row, float32 (L,); pixels are still 0 to 255."""
        self._keys = tuple(space.spaces)

    def __call__(self, observation: Observation) -> NDArray[Any]:
        """The batch (N, L), a fresh array."""
        parts = [observation[key].reshape(len(observation[key]), -1) for key in self._keys]
        return np.concatenate(parts, axis=1).astype(self.space.dtype)
