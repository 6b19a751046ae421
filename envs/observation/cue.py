"""The part that tells what a task says beside the scene: numbers, or a second object."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.content import Content
from envs.observation.part import ObservationPart, Rows


class Cue(ObservationPart):
    """What stays the same through an episode; one of the two below."""

    key = "cue"


class NumbersCue(Cue):
    """The numbers of `Trials.cue`, in view prediction the query viewpoint.

    Args:
        space: that of the task, `Task.cue`.
    """

    def __init__(self, rows: Rows, space: spaces.Box) -> None:
        super().__init__(rows, deepcopy(space))

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        assert rows.trials.cue is not None
        self.values[mask] = rows.trials.cue[mask]


class ReferenceCue(Cue):
    """The reference of mental rotation from `Task.cue_views`, shown as the scene itself is.

    Args:
        content: the part that shows the scene.
    """

    def __init__(self, rows: Rows, content: Content) -> None:
        super().__init__(rows, content.reference_space(rows))
        self._content = content

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.values[mask] = self._content.references(rows, mask)


def cue_of(rows: Rows, content: Content) -> Cue | None:
    """The cue of the rows' task; None where there is none."""
    if rows.task.cue_views is not None:
        return ReferenceCue(rows, content)
    return None if rows.task.cue is None else NumbersCue(rows, rows.task.cue)
