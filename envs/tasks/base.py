"""Interface of tasks, and the table of them.

A task scores states, never pixels: it can be sampled and scored without drawing anything. Adding
one is a new file, a line in `TASKS` and a line in `envs.registration.TASK_IDS`; outside the
package, a class and a call of `envs.register_task`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.angles import KeepOut
from envs.tables import construct
from envs.tasks.trials import Outcome, QueryErrors, Trials
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.scenes.shape_pool import ShapePool

RIGHT, WRONG = 1.0, -1.0


class Task(ABC):
    """One kind of question about a scene.

    A task whose answers are right or wrong is an `AnswerTask`; this class is for graded ones.

    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> class CountRed(Task):  # the answer is a number of cubes; being off by one costs 0.2
    ...     num_answers = 8
    ...
    ...     def sample(self, rng, n):
    ...         scenes = sample_scenes(rng, n, num_cubes=7, shapes="train", orientation="grid")
    ...         return Trials(scenes, (scenes.colour.argmax(axis=-1) == 0).sum(axis=-1))
    ...
    ...     def score(self, trials, answers, errors=None):
    ...         off = np.abs(answers - trials.target)
    ...         return Outcome(off == 0, 1.0 - off / 5)
    >>> task = CountRed()
    >>> trials = task.sample(np.random.default_rng(0), 3)
    >>> trials.target
    array([3, 3, 2])
    >>> task.score(trials, np.array([3, 2, 0])).reward
    array([1. , 0.8, 0.6])

    Attributes:
        cue: the space of `Trials.cue`, float32 (C,); None where the task tells no numbers.
        cue_views: the poses from which `Trials.reference` is shown, as pictures, representation
            or truth like the scene itself, see also `reference_views`; None where there is no
            reference. Not beside `cue`.
        cue_looks: looks of an episode that show the reference, after which it is all zeros and has
            to be remembered; None for all of them.
        has_query: whether the encoder draws the view from `Trials.query` after the first look
            and at the answer; `score` then receives the errors.
        encoder: the one used unless another is asked for, see `gqn_rl.encoders.make_encoder`.
        is_turnable: whether the right answer is the same however the object stands.
        answer_shapes: the shape that each answer names, all alike likely; None where answers name
            no shapes.
        orientation: how objects stand, "grid" or "free".
        clearance: radians about `Trials.query` in which no camera may stand.
        trial_options: what `sample_given` can be told, by name.
        axis: what the second object of a trial is turned about, the "vertical" or the line of
            "sight", by the angle in `Trials.details`; None where there is no second one.
        max_looks: views of an episode, unless the environment is told another number; None to
            leave it to the environment.
    """

    cue: spaces.Box | None = None
    cue_views: Viewpoints | None = None
    cue_looks: int | None = None
    has_query: bool = False
    encoder: str = "gqn"
    is_turnable: bool = False
    answer_shapes: ShapePool | None = None
    orientation: str = "grid"
    clearance: float = 0.0
    trial_options: tuple[str, ...] = ()
    axis: str | None = None
    max_looks: int | None = None

    @property
    @abstractmethod
    def num_answers(self) -> int:
        """How many answers there are; an answer is an integer in [0, num_answers)."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n independent trials."""

    @abstractmethod
    def score(
        self, trials: Trials, answers: NDArray[np.int64], errors: QueryErrors | None = None
    ) -> Outcome:
        """The outcome of n episodes that end now.

        Args:
            answers: (n,); -1 where the looks ran out before there was one.
            errors: of the drawn query views; None without `has_query`.
        """

    def sample_given(self, rng: np.random.Generator, given: Mapping[str, Any]) -> Trials:
        """One trial in which all that is given is so, and the rest is drawn.

        Args:
            given: values by their names in `trial_options`; none for any trial.

        Raises:
            UserError: for a value that no trial has.
        """
        if given:
            raise UserError(f"a trial cannot be given {sorted(given)}, it is drawn as a whole")
        return self.sample(rng, 1)

    def reference_views(self, trials: Trials) -> Viewpoints:
        """The poses from which the references of n trials are shown, those of a trial one after
        the other: as many of each as there are `cue_views`, which they are unless a task has
        others for every trial."""
        assert self.cue_views is not None
        return self.cue_views[np.tile(np.arange(len(self.cue_views)), len(trials))]

    def keep_out(self, trials: Trials) -> KeepOut | None:
        """Where the cameras of n trials may not stand; None where they may stand anywhere."""
        return None if trials.query is None else KeepOut(trials.query, self.clearance)

    def answer_name(self, answer: int) -> str:
        """What a person calls the answer."""
        return f"answer {answer}"


class AnswerTask(Task):
    """A task with one right answer per trial: +1 for it, -1 for another or none.

    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> class Parity(AnswerTask):  # is the number of red cubes even (0) or odd (1)?
    ...     num_answers = 2
    ...
    ...     def sample(self, rng, n):
    ...         scenes = sample_scenes(rng, n, num_cubes=7, shapes="train", orientation="grid")
    ...         return Trials(scenes, (scenes.colour.argmax(axis=-1) == 0).sum(axis=-1) % 2)
    >>> trials = Parity().sample(np.random.default_rng(0), 3)
    >>> trials.target
    array([1, 1, 0])
    >>> Parity().score(trials, np.array([1, 0, -1])).reward
    array([ 1., -1., -1.])
    """

    def is_right(self, trials: Trials, answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the answers (n,) are right; bool (n,). An answer of -1 (none) is wrong."""
        return np.asarray(answers) == trials.target

    def score(
        self, trials: Trials, answers: NDArray[np.int64], errors: QueryErrors | None = None
    ) -> Outcome:
        """See `Task.score`."""
        right = self.is_right(trials, answers)
        return Outcome(right, np.where(right, RIGHT, WRONG))


TASKS = {
    "recognition": "envs.tasks.recognition:RecognitionTask",
    "mental_rotation": "envs.tasks.mental_rotation:MentalRotationTask",
    "view_prediction": "envs.tasks.view_prediction:ViewPredictionTask",
}
"""Name to `module:class`."""


def make_task(name: str, **options: Any) -> Task:
    """The task called `name`.

    Args:
        name: in `TASKS`, or `module:class` for a task of one's own.
        options: what the task's class takes; those that are None are left to it.

    Raises:
        UserError: for an unknown name, an option the task does not have, or a value it refuses.
    """
    given = {key: value for key, value in options.items() if value is not None}
    task: Task = construct("task", name, TASKS, given)
    return task
