"""Recognition: which shape of the gallery is this?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.tasks.base import AnswerTask
from envs.tasks.galleries import choose_gallery
from envs.tasks.trials import Trials
from gqn_rl.errors import unknown_name
from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.scenes.scene import SceneBatch, sample_colours
from gqn_rl.scenes.shape_pool import ShapePool

ORIENTATIONS = ("grid", "free")


class RecognitionTask(AnswerTask):
    """Name one of K shapes, whatever its colours, its orientation and the views taken of it.

    The gallery is fixed by the arguments alone, see `envs.tasks.galleries.choose_gallery`. No two
    are the same shape; a shape and its mirror image may both be in it.

    >>> task = RecognitionTask(gallery_size=5)
    >>> trials = task.sample(np.random.default_rng(0), 4)
    >>> trials.target
    array([4, 3, 2, 1])
    >>> task.score(trials, np.array([4, 4, 2, -1])).success
    array([ True, False,  True, False])

    Args:
        num_cubes: cubes per object.
        shapes: "train", "validation", "test" (these two held out from GQN pre-training), "all", or
            the path of a file of objects, see `gqn_rl.scenes.stimuli`.
        orientation: "grid" or "free", see `gqn_rl.geometry.rotations.sample_orientations`.
        gallery_size: K, from 2 to all of the shapes; None for 10, or all objects of a file.
        gallery: "distinct" for shapes without regard to each other, "confusable" for mirror
            pairs and near neighbours.

    Raises:
        UserError: for a value outside these, more shapes than there are, or a file that has one
            shape twice.
    """

    is_turnable = True

    def __init__(
        self,
        num_cubes: int = 7,
        shapes: str = "train",
        orientation: str = "grid",
        gallery_size: int | None = None,
        gallery: str = "distinct",
    ) -> None:
        if orientation not in ORIENTATIONS:
            raise unknown_name("orientation", orientation, ORIENTATIONS)
        self.orientation = orientation
        self.answer_shapes: ShapePool = choose_gallery(num_cubes, shapes, gallery_size, gallery)
        self._cubes = self.answer_shapes.centred()  # (K, P, 3)

    @property
    def gallery(self) -> NDArray[np.int64]:
        """int64 (K,), `ShapePool.numbers`: indices into `shape_catalogue(num_cubes)`, if it is."""
        return self.answer_shapes.numbers

    @property
    def num_answers(self) -> int:
        return len(self.answer_shapes)

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n trials: target uniform over the gallery, orientation and colours random."""
        target = rng.integers(self.num_answers, size=n)
        num_cubes = self._cubes.shape[1]
        scenes = SceneBatch(
            cubes=self._cubes[target],
            mask=np.ones((n, num_cubes), dtype=bool),
            rotation=sample_orientations(rng, n, self.orientation),
            colour=sample_colours(rng, n, num_cubes),
        )
        return Trials(scenes, target)

    def answer_name(self, answer: int) -> str:
        """See `Task.answer_name`."""
        return f"shape {answer}"
