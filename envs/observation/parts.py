"""The parts of an observation together; adding one to the package is a file and a line here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.budget import Budget
from envs.observation.comparison import comparison_of
from envs.observation.content import Content
from envs.observation.cue import cue_of
from envs.observation.next_best_view import next_best_view_features_of
from envs.observation.part import Observation, ObservationPart, PartFactory, Rows
from envs.observation.pose import Pose
from envs.snapshots import Snapshot, restore_parts, snapshot_of
from gqn_rl.errors import UserError


def make_parts(
    rows: Rows, content: type[Content], more: Sequence[PartFactory] = ()
) -> list[ObservationPart]:
    """The parts in the order in which they are updated: whatever reads another comes after it.

    Args:
        content: shows the scenes.
        more: parts of the user's own.
    """
    scene = content(rows)
    cue = cue_of(rows, scene)
    parts = [
        scene,
        Pose(rows),
        Budget(rows),
        cue,
        comparison_of(rows, scene, cue),
        next_best_view_features_of(rows, scene),
        *(make(rows) for make in more),
    ]
    return [part for part in parts if part is not None]


class Parts:
    """A list of parts that is told, asked and saved as one.

    Attributes:
        space: of one row, keys in alphabetical order.

    Raises:
        UserError: where two parts have the same key.
    """

    def __init__(self, parts: Sequence[ObservationPart]) -> None:
        self._by_key = {part.key: part for part in parts}
        if len(self._by_key) < len(parts):
            keys = [part.key for part in parts]
            raise UserError(f"the parts of the observation are {keys}, expected each key once")
        self.space = spaces.Dict({part.key: part.space for part in parts})

    def __iter__(self) -> Iterator[ObservationPart]:
        return iter(self._by_key.values())

    @property
    def needs_images(self) -> bool:
        return any(part.needs_images for part in self)

    @property
    def values(self) -> Observation:
        """The observation of all rows, not to be written to."""
        return {part.key: part.values for part in self}

    def update(self, rows: Rows, mask: NDArray[np.bool_], first: NDArray[np.bool_]) -> None:
        """A view has been taken in the rows of `mask`; in those of `first`, an episode's first."""
        if first.any():
            for part in self:
                part.begin(rows, first)
        for part in self:
            part.update(rows, mask)

    def snapshot(self) -> Snapshot:
        """Those of the parts, by their keys."""
        return snapshot_of(self._by_key)

    def restore(self, snapshot: Snapshot) -> None:
        """Take it from a snapshot of the same parts."""
        restore_parts(self._by_key, snapshot)
