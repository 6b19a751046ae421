"""A task: how many of the object's cubes are red? Some are hidden wherever the camera stands."""

from __future__ import annotations

from functools import partial

import numpy as np

from envs import register_task
from envs.tasks import AnswerTask, Trials
from gqn_rl.errors import UserError
from gqn_rl.scenes.scene import SceneBatch, sample_scenes

RED, BLUE = np.array([1.0, 0.2, 0.2]), np.array([0.2, 0.2, 1.0])


class CountRedTask(AnswerTask):
    """Answer k for k red cubes; the others are blue.

    Args:
        num_cubes, shapes, orientation: every task is given these; see `sample_scenes`.
        most_red: no object has more red cubes; by default all of its cubes may be red.
    """

    def __init__(
        self,
        num_cubes: int = 7,
        shapes: str = "train",
        orientation: str = "grid",
        most_red: int | None = None,
    ) -> None:
        self._scenes = partial(
            sample_scenes, num_cubes=num_cubes, shapes=shapes, orientation=orientation
        )
        self._num_cubes = num_cubes
        self._most_red = num_cubes if most_red is None else most_red
        if not 1 <= self._most_red <= num_cubes:
            raise UserError(f"most_red is {most_red}, expected 1 to {num_cubes}")

    @property
    def num_answers(self) -> int:
        return self._most_red + 1

    def sample(self, rng: np.random.Generator, n: int) -> Trials:
        """n trials: the count uniform, which cubes are red at random."""
        scenes = self._scenes(rng, n)
        target = rng.integers(self.num_answers, size=n)
        rank = rng.random((n, self._num_cubes)).argsort(axis=1).argsort(axis=1)
        is_red = rank < target[:, None]
        colour = np.where(is_red[:, :, None], RED, BLUE).astype(np.float32)
        return Trials(SceneBatch(scenes.cubes, scenes.mask, scenes.rotation, colour), target)

    def answer_name(self, answer: int) -> str:
        """For pictures of episodes."""
        return f"{answer} red"


# "add_task:CountRed-v0" imports this module and then makes the environment, in any process.
register_task("CountRed", "add_task:CountRedTask")
