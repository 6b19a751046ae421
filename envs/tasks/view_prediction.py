"""View prediction: how will the object look from over there?"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from envs.camera.actions import NO_ANSWER
from envs.camera.angles import CameraAngles
from envs.camera.space import encoded, viewpoint_space
from envs.tasks.base import WRONG, Task
from envs.tasks.trials import Outcome, QueryErrors, Trials
from gqn_rl.scenes.scene import sample_scenes

CLEARANCE = np.deg2rad(40.0)
"""No camera may stand closer to the query viewpoint than this, in radians on the sphere."""
SMALLEST_ERROR = 1.0
"""First errors below one grey level count as one: there is nothing left to be learned."""
SUCCESS = 0.25
"""The smallest reward that `is_success` calls a success."""


class ViewPredictionTask(Task):
    """Look where the encoder learns most about a view that cannot be taken; then "predict now".

    The cue is the query viewpoint, encoded like the camera's own. Camera positions within 40
    degrees of it on the sphere are out of reach. The one answer is "predict now": the encoder
    draws the query view from what was seen. With e the root mean square error of the picture
    against the true view, and e1 that of the picture drawn after the first view alone, both on
    the images' 0-255 scale,

        reward = clip((e1 - e) / max(e1, 1), -1, 1)

    which is 1 - e / e1 unless the first picture was right to within one grey level. Answering at
    once gives exactly 0, a perfect picture 1; running out of looks -1, as in every task. The cost
    of the looks comes on top. `is_success` means a reward of 0.25 at least: a quarter of the
    first error is gone. `info` has `first_error`, e1, and `error`, e, which is -1 until there is
    an answer. What the encoder draws is what counts, so every kind of observation needs one that
    can draw.

    >>> task = ViewPredictionTask()
    >>> trials = task.sample(np.random.default_rng(0), 3)
    >>> errors = QueryErrors(first=np.array([40.0, 40.0, 40.0]), last=np.array([10.0, 38.0, -1.0]))
    >>> outcome = task.score(trials, np.array([0, 0, -1]), errors)
    >>> outcome.reward, outcome.success
    (array([ 0.75,  0.05, -1.  ]), array([ True, False, False]))

    Args:
        num_cubes: cubes per object.
        shapes: see `gqn_rl.scenes.shape_source.shape_source`; drawn by the growth rule, as in GQN
            pre-training, or from a file.
        orientation: "grid" or "free", see `gqn_rl.geometry.rotations.sample_orientations`.
    """

    num_answers = 1
    has_query = True
    encoder = "base"
    clearance = float(CLEARANCE)

    def __init__(
        self, num_cubes: int = 7, shapes: str = "train", orientation: str = "grid"
    ) -> None:
        self.cue, self.orientation = viewpoint_space(), orientation
        self._sample_scenes = partial(
            sample_scenes, num_cubes=num_cubes, shapes=shapes, orientation=orientation
        )
        self._sample_scenes(np.random.default_rng(0), 1)  # refuses wrong names

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n trials: the query viewpoint uniform on the sphere; 0 is the only target there is."""
        scenes = self._sample_scenes(rng, n)
        query = CameraAngles.sample(rng, n)
        return Trials(
            scenes, np.zeros(n, dtype=np.int64), cue=encoded(query.viewpoints()), query=query
        )

    def score(
        self, trials: Trials, answers: NDArray[np.int64], errors: QueryErrors | None = None
    ) -> Outcome:
        """See `Task.score`; the formula is the class's."""
        assert errors is not None
        gain = (errors.first - errors.last) / np.maximum(errors.first, SMALLEST_ERROR)
        reward = np.where(answers == NO_ANSWER, WRONG, np.clip(gain, -1.0, 1.0))
        return Outcome(reward >= SUCCESS, reward)

    def answer_name(self, answer: int) -> str:
        """See `Task.answer_name`."""
        return "predict now"
