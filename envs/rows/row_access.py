"""The rows of a vector environment as it shows them beside their observations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.observation.next_best_view import NextBestViewFeatures
from envs.rows.scene_rows import SceneRows
from envs.rows.seeding import RowGenerators
from envs.tasks import Task, Trials
from gqn_rl.encoders import SceneEncoder
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch


class RowAccess:
    """The truth about N rows, for baselines, pictures and tests; no agent sees it.

    >>> import gymnasium
    >>> rows = gymnasium.make_vec("envs:GQNShepard-v0", num_envs=3, observation="state")
    >>> _ = rows.reset(seed=0)
    >>> rows.targets, rows.looks_taken
    (array([8, 4, 8]), array([1, 1, 1]))
    >>> rows.images.shape, len(rows.scenes)
    ((3, 64, 64, 3), 3)
    """

    _rows: SceneRows
    _generators: RowGenerators

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:
        """One generator per row."""
        return self._generators.all()

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:
        """The seed of each row's generator."""
        return self._generators.seeds()

    @property
    def task(self) -> Task:
        return self._rows.task

    @property
    def encoder(self) -> SceneEncoder[Any] | None:
        """The encoder; None where neither the observation nor the task needs one."""
        return self._rows.memory.encoder if self._rows.memory else None

    @property
    def renderer(self) -> Renderer:
        return self._rows.renderer

    @property
    def num_cubes(self) -> int:
        """Of every object."""
        return self._rows.num_cubes

    @property
    def position(self) -> str:
        """Where objects stand: "centred" or "random"."""
        return self._rows.position

    @property
    def field_of_view(self) -> float:
        """Opening angle of the camera, in degrees."""
        return self._rows.field_of_view

    @property
    def aim(self) -> str:
        """Where cameras look: at the "centre" alone, or "free"."""
        return self._rows.aim

    @property
    def pixel_noise(self) -> float:
        """Standard deviation of the noise on what is seen, in levels."""
        return self._rows.pixel_noise

    @property
    def prospects(self) -> NextBestViewFeatures | None:
        """The part with next-best-view features; None where the task has no query."""
        found = (part for part in self._rows.observation if isinstance(part, NextBestViewFeatures))
        return next(found, None)

    @property
    def trials(self) -> Trials:
        """What the current episodes are about; `ResetNeeded` before the first reset."""
        return self._rows.trials

    @property
    def scenes(self) -> SceneBatch:
        """The current scenes, one per row."""
        return self.trials.scenes

    @property
    def targets(self) -> NDArray[np.int64]:
        """The right answers, int64 (N,)."""
        return self.trials.target.copy()

    @property
    def viewpoints(self) -> Viewpoints:
        """The current poses, one per row."""
        return self._rows.viewpoints

    @property
    def images(self) -> NDArray[np.uint8]:
        """The current views, uint8 (N, H, W, 3)."""
        return self._rows.images

    @property
    def query_images(self) -> NDArray[np.uint8]:
        """The true query views of view prediction, uint8 (N, H, W, 3)."""
        return self._rows.extra_images[:, 0]

    def path_of(self, row: int) -> NDArray[np.float64]:
        """Azimuth and elevation of each look of a row's episode, float64 (looks, 2), radians."""
        return self._rows.cameras.of(row)

    def landings(self, row: int, turns: NDArray[np.float64]) -> Viewpoints:
        """The poses in which M turns (M, T) of `CameraControl.turns` would leave a row's camera, if
        it may stand anywhere."""
        return self._rows.cameras.landings(row, turns)

    @property
    def looks_taken(self) -> NDArray[np.int64]:
        """Images taken of each row's scene, int64 (N,)."""
        return self._rows.cameras.looks.copy()
