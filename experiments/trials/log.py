"""A log of trials, kept while an agent plays them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import EpisodeRecord, Evaluation, Predictor
from envs.tasks import NO_ANSWER, Trials
from experiments.agent.environment import AgentEnvironment
from experiments.trials.table import ANSWERS, NONE, Trial
from gqn_rl.errors import UserError
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject


@dataclass
class _Begun:
    """A trial that has begun, and whence its object was seen so far."""

    trials: Trials
    path: list[tuple[float, float]] = field(default_factory=list)


class TrialLog:
    """A strategy that notes which trials it plays, and where its camera goes.

    It acts as the strategy inside does; after an evaluation, `trials` has one row for each episode.

    Args:
        predictor: the strategy.
        environment: in which it plays: one with a reference and an angle, as mental rotation has.

    Raises:
        UserError: for another environment.
    """

    def __init__(self, predictor: Predictor, environment: AgentEnvironment) -> None:
        if environment.task.axis is None:
            raise UserError(
                f"trials of {environment.env_id} cannot be written, expected mental rotation"
            )
        self._predictor, self._rows = predictor, environment.rows
        self._begun: list[list[_Begun]] = [[] for _ in range(environment.native.num_envs)]

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """See `agents.evaluation.Predictor`."""
        n = len(self._begun)
        starts = np.ones(n, dtype=bool) if episode_start is None else episode_start
        where = np.degrees(angles_on_sphere(self._rows.viewpoints.position))
        for row, begun in enumerate(self._begun):
            if starts[row]:
                begun.append(_Begun(self._rows.trials[np.array([row])]))
            begun[-1].path.append((float(where[row, 0]), float(where[row, 1])))
        return self._predictor.predict(observation, state, episode_start, deterministic)

    def trials(self, evaluation: Evaluation, participant: str) -> list[Trial]:
        """The trials of an evaluation of this strategy, row after row, numbered from 1."""
        axis = self._rows.task.axis
        assert axis is not None
        return [
            _trial(number, begun, record, participant, axis)
            for number, (begun, record) in enumerate(self._pairs(evaluation), start=1)
        ]

    def _pairs(self, evaluation: Evaluation) -> Iterator[tuple[_Begun, EpisodeRecord]]:
        for row, records in sorted(evaluation.by_row().items()):
            yield from zip(self._begun[row], records, strict=False)  # the last may be unfinished


def letters_of(scenes: SceneBatch, row: int = 0) -> str:
    """The letters of an object as it was chosen, however it stands."""
    cubes = scenes.cubes[row][scenes.mask[row]]
    return ShepardMetzlerObject(np.rint(cubes - cubes[0]).astype(np.int8)).directions()


def angles_on_sphere(position: NDArray[np.floating]) -> NDArray[np.float64]:
    """Azimuth and elevation (n, 2) of positions (n, 3), radians."""
    level = np.hypot(position[:, 0], position[:, 1])
    azimuth = np.arctan2(position[:, 1], position[:, 0])
    return np.stack([azimuth, np.arctan2(position[:, 2], level)], axis=1)


def _trial(number: int, begun: _Begun, record: EpisodeRecord, participant: str, axis: str) -> Trial:
    assert begun.trials.reference is not None
    return Trial(
        participant=participant,
        trial=number,
        shape=letters_of(begun.trials.reference),
        mirrored=bool(record.target),
        angle=float(begun.trials.details["angle"][0]),
        axis=axis,
        answer=NONE if record.answer == NO_ANSWER else ANSWERS[record.answer],
        glimpses=record.looks,
        seconds=None,
        camera_path=tuple(begun.path),
    )
