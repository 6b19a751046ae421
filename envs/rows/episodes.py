"""Bookkeeping of the current episodes, and the infos that tell of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.actions import NO_ANSWER
from envs.snapshots import Snapshot, arrays_of, set_arrays
from envs.tasks import Outcome

Infos = dict[str, Any]


class Episodes:
    """The bookkeeping of N rows.

    Attributes:
        ended: bool (N,), rows whose episode is over and that wait for a reset.
        answers: int64 (N,), -1 while there is none.
        success: bool (N,).
        cut_off: bool (N,), rows whose episode was truncated.
        returns: float64 (N,), sum of the rewards so far.
    """

    ARRAYS = ("ended", "answers", "success", "cut_off", "returns")

    def __init__(self, n: int) -> None:
        self.ended = np.zeros(n, dtype=bool)
        self.answers = np.full(n, NO_ANSWER, dtype=np.int64)
        self.success = np.zeros(n, dtype=bool)
        self.cut_off = np.zeros(n, dtype=bool)
        self.returns = np.zeros(n)

    def begin(self, mask: NDArray[np.bool_]) -> None:
        """New episodes in the rows of `mask` (N,)."""
        self.ended[mask] = False
        self.answers[mask] = NO_ANSWER
        self.success[mask] = False
        self.cut_off[mask] = False
        self.returns[mask] = 0.0

    def end(self, mask: NDArray[np.bool_], answers: NDArray[np.int64], outcome: Outcome) -> None:
        """The episodes of `mask` (N,) end with the answers (N,) and an outcome for each of them."""
        self.ended = self.ended | mask
        self.answers[mask] = answers[mask]
        self.success[mask] = outcome.success

    def truncate(self, mask: NDArray[np.bool_]) -> None:
        """The episodes of `mask` (N,) end without an answer, and not because of the agent."""
        self.ended = self.ended | mask
        self.cut_off = self.cut_off | mask

    def snapshot(self) -> Snapshot:
        """The attributes by name."""
        return arrays_of(self, self.ARRAYS)

    def restore(self, snapshot: Snapshot) -> None:
        """Take the attributes from a snapshot of as many rows."""
        set_arrays(self, self.ARRAYS, snapshot)

    def status(
        self, answer_name: Callable[[int], str], details: dict[str, NDArray[Any]]
    ) -> list[str]:
        """A line about each row for people.

        Args:
            details: name to (N,), told at the end.
        """
        lines = []
        for row, answer in enumerate(self.answers.tolist()):
            line = [f"return {self.returns[row]:.2f}"]
            if self.ended[row]:
                said = "cut off" if self.cut_off[row] else "out of looks"
                said = said if answer == NO_ANSWER else f'"{answer_name(answer)}"'
                outcome = "success" if self.success[row] else "no success"
                more = [f"{key.replace('_', ' ')} {v[row]:.4g}" for key, v in details.items()]
                line = [f"{said}: {outcome}", *line, *more]
            lines.append(", ".join(line))
        return lines


def vector_infos(values: dict[str, NDArray[Any]], mask: NDArray[np.bool_]) -> Infos:
    """What is known of the rows of `mask` (N,), laid out as Gymnasium's vector environments do.

    Args:
        values: name to an array (N,).
    """
    infos: Infos = {}
    for key, value in values.items():
        infos[key] = np.where(mask, value, np.zeros_like(value))
        infos[f"_{key}"] = mask.copy()
    return infos


class FinalInfos:
    """The last observations and infos of the episodes that end in a SAME_STEP step of N rows."""

    def __init__(self, n: int) -> None:
        self._over = np.zeros(n, dtype=bool)
        self._observations = np.full(n, None, dtype=object)
        self._values: dict[str, NDArray[Any]] = {}

    def add(
        self, observation: Any, values: dict[str, NDArray[Any]], over: NDArray[np.bool_]
    ) -> None:
        """These episodes end too.

        Args:
            observation: theirs, a batch, Dict or array.
            values: as in `vector_infos`.
            over: bool (N,).
        """
        self._over |= over
        for index, row in enumerate(np.flatnonzero(over).tolist()):
            self._observations[row] = row_of(observation, index)
        known = {key: self._values.get(key, np.zeros_like(value)) for key, value in values.items()}
        self._values = {key: np.where(over, values[key], known[key]) for key in values}

    def infos(self) -> Infos:
        """What to add to the infos of the step; nothing if no episode has ended."""
        if not self._over.any():
            return {}
        return {
            "final_obs": self._observations,
            "_final_obs": self._over.copy(),
            "final_info": vector_infos(self._values, self._over),
            "_final_info": self._over.copy(),
        }


def row_of(observation: Any, row: int) -> Any:
    """One row of a batch, a Dict or an array, copied."""
    if isinstance(observation, dict):
        return {key: value[row].copy() for key, value in observation.items()}
    return observation[row].copy()
