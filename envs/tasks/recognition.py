"""Which shape of the gallery is this?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.tasks.base import Trials
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.rotations import sample_orientations
from gqn_rl.scene import SceneBatch, sample_colours
from gqn_rl.shape_catalogue import shape_catalogue

ORIENTATIONS = ("grid", "free")


class RecognitionTask:
    """Name one of K shapes, whatever its colours, its orientation and the views taken of it.

    The gallery is fixed by the arguments alone: the first K shapes of the catalogue's fixed order.
    No two are the same shape; a shape and its mirror image may both be in it.

    Args:
        num_cubes: cubes per object.
        shapes: "train", "test" (never shown in GQN pre-training) or "all".
        orientation: "grid" or "free", see `gqn_rl.rotations.sample_orientations`.
        gallery_size: K, at least 2.

    Raises:
        UserError: for a value outside these, or more shapes than there are.
    """

    cue = None

    def __init__(
        self,
        num_cubes: int = 7,
        shapes: str = "train",
        orientation: str = "grid",
        gallery_size: int = 10,
    ) -> None:
        catalogue = shape_catalogue(num_cubes)
        available = catalogue.indices(shapes)
        if not 2 <= gallery_size <= len(available):
            raise UserError(
                f"gallery_size is {gallery_size}, expected 2 to {len(available)} "
                f"(the shapes={shapes!r} of num_cubes={num_cubes})"
            )
        if orientation not in ORIENTATIONS:
            raise unknown_name("orientation", orientation, ORIENTATIONS)
        self.orientation = orientation
        self.gallery: NDArray[np.int64] = available[:gallery_size].copy()
        """int64 (K,), indices into `shape_catalogue(num_cubes)`; answer k names gallery[k]."""
        objects = [catalogue.representative(shape) for shape in self.gallery]
        self._cubes = np.stack([item.centred() for item in objects])  # (K, P, 3)

    @property
    def num_answers(self) -> int:
        return len(self.gallery)

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
        return Trials(scenes, target, np.zeros((n, 0), dtype=np.float32))

    def score(self, trials: Trials, answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `Task.score`."""
        return np.asarray(answers) == trials.target
