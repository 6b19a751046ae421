"""N scenes, a camera in front of each, and what has been seen so far: no rewards, no endings."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from envs.camera_control import CameraAngles
from envs.observers import Observer
from envs.picture import compose_frame
from envs.seeding import RowGenerators
from envs.tasks import Task, Trials
from gqn_rl.rendering import Renderer
from gqn_rl.viewpoint import ENCODING_SIZE, SPHERE_RADIUS, Viewpoints

Observation = dict[str, NDArray[Any]]


class SceneRows:
    """The state of N rows that a camera move or a new trial changes.

    Attributes:
        looks: int64 (N,), images taken of each row's scene.
        angles: where the cameras are.
    """

    def __init__(
        self, n: int, task: Task, renderer: Renderer, observer: Observer, max_looks: int
    ) -> None:
        self.task, self.renderer, self.observer = task, renderer, observer
        self.max_looks = max_looks
        self.looks = np.zeros(n, dtype=np.int64)
        self.angles = CameraAngles(np.zeros(n), np.zeros(n))
        self._path = np.zeros((n, max_looks, 2))
        self._trials: Trials | None = None
        size = renderer.identity.image_size
        self._images = np.zeros((n, size, size, 3), np.uint8)
        self._stale = np.ones(n, dtype=bool)
        self._content = np.zeros((n, *observer.space.shape), observer.space.dtype)

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def observation_space(self) -> spaces.Dict:
        """The space of one row."""
        parts: dict[str, spaces.Space[Any]] = {
            self.observer.key: self.observer.space,
            "viewpoint": _viewpoint_space(),
            "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
        }
        if self.task.cue is not None:
            parts["cue"] = self.task.cue
        return spaces.Dict(parts)

    @property
    def trials(self) -> Trials:
        """The current trials.

        Raises:
            ResetNeeded: before the first.
        """
        if self._trials is None:
            raise ResetNeeded("there is no episode yet; call reset() first")
        return self._trials

    @property
    def viewpoints(self) -> Viewpoints:
        return self.angles.viewpoints()

    @property
    def images(self) -> NDArray[np.uint8]:
        """The current views, uint8 (N, H, W, 3); drawn when asked for, and only once."""
        stale = self._stale
        if stale.any():
            drawn = self.renderer.render(self.trials.scenes[stale], self.viewpoints[stale])
            self._images[stale] = drawn
            self._stale = np.zeros_like(stale)
        return self._images.copy()

    def begin(self, mask: NDArray[np.bool_], generators: RowGenerators) -> None:
        """New trials and cameras in the rows of `mask` (N,), each from the row's own generator."""
        if not mask.any():
            return
        trials, cameras = [], []
        for row in np.flatnonzero(mask).tolist():
            trials.append(self.task.sample(generators[row], 1))
            cameras.append(CameraAngles.sample(generators[row], 1))
        new = Trials.concatenate(trials)
        self._trials = new if mask.all() else self.trials.replaced(mask, new)
        self.angles = self.angles.replaced(mask, CameraAngles.concatenate(cameras))
        self.looks[mask] = 0
        self.observer.forget(mask)

    def turn(self, mask: NDArray[np.bool_], turn: NDArray[np.float64]) -> None:
        """Turn the cameras of `mask` (N,) by azimuth and elevation (N, 2), radians."""
        self.angles = self.angles.replaced(mask, self.angles.turned(turn)[mask])

    def look(self, mask: NDArray[np.bool_]) -> None:
        """One more view in the rows of `mask` (N,), in one render and one encoder call.

        Encoders take all rows at once, so a row that ended and waits for its reset is shown its
        last view again. Its observation stays what it was, and the reset forgets the view.
        """
        if not mask.any():
            return
        rows = np.flatnonzero(mask)
        self._path[rows, self.looks[rows]] = self.angles.stacked()[rows]
        self.looks[rows] += 1
        self._stale = self._stale | mask
        images = self.images if self.observer.needs_images else None
        content = self.observer.observe(self.trials.scenes, images, self.viewpoints)
        content[~mask] = self._content[~mask]
        self._content = content

    def observe(self) -> Observation:
        """The observation of all rows, in fresh arrays."""
        space = _viewpoint_space()
        moves = max(self.max_looks - 1, 1)
        observation = {
            self.observer.key: self._content.copy(),
            # Rounding to float32 may step over the sphere's radius.
            "viewpoint": np.clip(self.viewpoints.encode(), space.low, space.high),
            "looks_left": ((self.max_looks - self.looks[:, None]) / moves).astype(np.float32),
        }
        if self.task.cue is not None:
            observation["cue"] = self.trials.cue.copy()
        return observation

    def frames(self) -> tuple[NDArray[np.uint8], ...]:
        """One picture per row, see `envs.picture.compose_frame`."""
        images = self.images
        imagined = self.observer.imagine(self.angles.opposite().viewpoints())
        return tuple(
            compose_frame(
                images[row],
                self._path[row, : self.looks[row]],
                self.max_looks,
                None if imagined is None else imagined[row],
            )
            for row in range(len(self))
        )


def _viewpoint_space() -> spaces.Box:
    high = np.array([SPHERE_RADIUS] * 3 + [1.0] * (ENCODING_SIZE - 3), np.float32)
    return spaces.Box(-high, high, dtype=np.float32)
