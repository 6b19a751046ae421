"""Answers of a participant of the benchmark: right or wrong by angle, and as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import EpisodeRecord, Evaluation
from experiments.rotation.protocol import RotationPairs
from experiments.trials.table import ANSWERS, Trial
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject


@dataclass(frozen=True)
class Answers:
    """What one participant said.

    Attributes:
        evaluation: right and wrong, by angle.
        trials: the same for the table.
        seconds: of processor time, all trials together.
        notes: what else metrics.json is to say.
    """

    evaluation: Evaluation
    trials: list[Trial]
    seconds: float
    notes: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The numbers of metrics.json."""
        return {
            **self.evaluation.summary(),
            "processor_seconds": round(self.seconds, 1),
            "by_angle": self.evaluation.by_angle(),
            **self.notes,
        }


def answers_about(
    name: str,
    pairs: RotationPairs,
    shapes: ShapePool,
    said: NDArray[np.bool_],
    seconds: float,
    notes: dict[str, Any],
    steps: NDArray[np.int64] | None = None,
) -> Answers:
    """The answers to pairs of shapes of a pool.

    Args:
        said: bool (n,), where the answer was "mirrored".
        seconds, notes: see `Answers`.
        steps: int (n,), turns that were tried in imagination; None where nobody counted.
    """
    right = said == pairs.mirrored
    records = [
        EpisodeRecord(
            success=bool(right[row]), reward=2.0 * bool(right[row]) - 1.0, looks=1,
            target=int(pairs.mirrored[row]), answer=int(said[row]), row=row,
            angle=float(pairs.angle[row]),
        )
        for row in range(len(pairs))
    ]  # fmt: skip
    letters = [ShepardMetzlerObject(cubes).directions() for cubes in shapes.cubes]
    elevation = np.degrees(np.arcsin(pairs.poses.position[:, 2] / SPHERE_RADIUS))
    trials = [
        Trial(
            participant=name, trial=row + 1, shape=letters[pairs.shape[row]],
            mirrored=bool(pairs.mirrored[row]), angle=float(pairs.angle[row]), axis=pairs.axis,
            answer=ANSWERS[int(said[row])], glimpses=1, seconds=None,
            camera_path=((0.0, float(elevation[row])),),
            steps=None if steps is None else int(steps[row]),
        )
        for row in range(len(pairs))
    ]  # fmt: skip
    return Answers(Evaluation(records), trials, seconds, notes)
