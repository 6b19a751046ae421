"""The part that tells what a task says beside the scene: numbers, or a second object."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.content import Content
from envs.observation.part import ObservationPart, Rows


class Cue(ObservationPart):
    """What stays the same through an episode; one of the two below.

    >>> import gymnasium
    >>> for task in ("", "MentalRotation", "ViewPrediction"):
    ...     env = gymnasium.make(f"envs:GQNShepard{task}-v0", observation="pixels", device="cpu")
    ...     print(env.observation_space.get("cue"))
    None
    Box(0, 255, (64, 64, 12), uint8)
    Box([-9. -9. -9. -1. -1. -1. -1.], [9. 9. 9. 1. 1. 1. 1.], (7,), float32)
    """

    key = "cue"

    @property
    def remembered(self) -> NDArray[Any]:
        """What it said when the episode began, which is what it says now unless it passes."""
        return self.values


class NumbersCue(Cue):
    """The numbers of `Trials.cue`, in view prediction the query viewpoint.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepardViewPrediction-v0", device="cpu")
    >>> observation, info = env.reset(seed=0)
    >>> apart = observation["cue"][:3] @ observation["viewpoint"][:3] / 81
    >>> round(float(np.rad2deg(np.arccos(apart))))  # degrees on the sphere; at least 40
    157

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

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepardMentalRotation-v0", observation="state")
    >>> observation, info = env.reset(seed=0)
    >>> reference, judged = observation["cue"][:21], observation["state"][:21]  # centres of cubes
    >>> np.abs(reference - judged).reshape(7, 3).max(axis=0).round(1)  # turned about the vertical
    array([1.3, 1.5, 0. ], dtype=float32)

    Args:
        content: the part that shows the scene.
    """

    def __init__(self, rows: Rows, content: Content) -> None:
        super().__init__(rows, content.reference_space(rows))
        self._content = content

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.values[mask] = self._content.references(rows, mask)


class PassingReferenceCue(ReferenceCue):
    """A reference that the first looks show, and later ones no more: all zeros.

    >>> import gymnasium
    >>> env = gymnasium.make(
    ...     "envs:GQNShepardMentalRotation-v0", observation="pixels", presentation="successive"
    ... )
    >>> observation, info = env.reset(seed=0)
    >>> later, *_ = env.step(0)
    >>> bool(observation["cue"].any()), bool(later["cue"].any())
    (True, False)

    Args:
        looks: so many looks of an episode show it.
    """

    ARRAYS = ("values", "_remembered")

    def __init__(self, rows: Rows, content: Content, looks: int) -> None:
        super().__init__(rows, content)
        self._looks, self._remembered = looks, np.zeros_like(self.values)

    @property
    def remembered(self) -> NDArray[Any]:
        """See `Cue`."""
        return self._remembered

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        super().begin(rows, mask)
        self._remembered[mask] = self.values[mask]

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.values[mask & (rows.cameras.looks > self._looks)] = 0


def cue_of(rows: Rows, content: Content) -> Cue | None:
    """The cue of the rows' task; None where there is none."""
    if rows.task.cue_views is not None:
        if rows.task.cue_looks is not None:
            return PassingReferenceCue(rows, content, rows.task.cue_looks)
        return ReferenceCue(rows, content)
    return None if rows.task.cue is None else NumbersCue(rows, rows.task.cue)
