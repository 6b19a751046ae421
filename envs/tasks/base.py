"""What a task is, and the table of tasks.

A task scores states, never pixels: it can be sampled and scored without drawing anything. Adding
one is a new file, a line in `TASKS` and a line in `envs.registration.ENVIRONMENTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.tables import construct
from gqn_rl.scene import SceneBatch


@dataclass(frozen=True)
class Trials:
    """What n episodes are about.

    Attributes:
        scenes: n scenes, all with the same number of cubes.
        target: int64 (n,), the right answer, in [0, num_answers).
        cue: float32 (n, C), what the agent is told beside what it sees; C = 0 for nothing.
    """

    scenes: SceneBatch
    target: NDArray[np.int64]
    cue: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.target)
        if len(self.scenes) != n or len(self.cue) != n:
            raise ValueError(f"{n} targets, but {len(self.scenes)} scenes and {len(self.cue)} cues")

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: slice | NDArray) -> Trials:
        """Select trials with a slice, a mask or an integer array; the result is a batch."""
        return Trials(self.scenes[index], self.target[index], self.cue[index])

    @staticmethod
    def concatenate(parts: list[Trials]) -> Trials:
        return Trials(
            SceneBatch.concatenate([p.scenes for p in parts]),
            np.concatenate([p.target for p in parts]),
            np.concatenate([p.cue for p in parts]),
        )

    def replaced(self, mask: NDArray[np.bool_], new: Trials) -> Trials:
        """These trials with `new`, in order, in the rows of `mask` (n,); a fresh copy."""
        order = np.arange(len(self))
        order[mask] = len(self) + np.arange(len(new))
        return Trials.concatenate([self, new])[order]


class Task(Protocol):
    """One kind of question about a scene."""

    @property
    def num_answers(self) -> int:
        """How many answers there are; an answer is an integer in [0, num_answers)."""
        ...

    @property
    def cue(self) -> spaces.Box | None:
        """The space of one cue, float32 (C,); None where the task tells nothing."""
        ...

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n independent trials."""
        ...

    def score(self, trials: Trials, answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the answers (n,) are right; bool (n,). An answer of -1 (none) is wrong."""
        ...


TASKS = {
    "recognition": "envs.tasks.recognition:RecognitionTask",
}
"""Name to `module:class`."""


def make_task(name: str, **options: Any) -> Task:
    """The task called `name`.

    Raises:
        UserError: for an unknown name, an option the task does not have, or a value it refuses.
    """
    task: Task = construct("task", name, TASKS, options)
    return task
