"""The part that shows a scene: as a representation, as pixels or as the truth.

The same class shows the scene itself and the reference that some tasks give as their cue. Adding a
kind of observation is a new class and a line in `CONTENTS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.encoder_memory import REPRESENTATION_LIMIT
from envs.observation.montage import montage_side, montages
from envs.observation.part import ObservationPart, Rows
from gqn_rl.entry_points import find
from gqn_rl.scenes.scene import CENTRED, VIEW_RADIUS, SceneBatch


class Content(ObservationPart, ABC):
    """How the agent is shown scenes.

    >>> from envs.tasks.recognition import RecognitionTask
    >>> class Height(Content):  # of the uppermost cube above the barycentre, in cube edges
    ...     key = "height"
    ...
    ...     @classmethod
    ...     def scene_space(cls, rows):
    ...         return spaces.Box(0.0, rows.num_cubes, (1,), np.float32)
    ...
    ...     def scenes(self, rows):
    ...         return rows.trials.scenes.cube_centres()[..., 2].max(axis=1, keepdims=True)
    ...
    ...     def references(self, rows, mask):
    ...         return rows.trials.reference[mask].cube_centres()[..., 2].max(axis=1, keepdims=True)
    >>> class TwoRows:
    ...     num_cubes, trials = 7, RecognitionTask().sample(np.random.default_rng(0), 2)
    ...
    ...     def __len__(self):
    ...         return 2
    >>> rows = TwoRows()
    >>> Height(rows).scenes(rows).round(2)
    array([[0.43],
           [0.29]])
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows, self.scene_space(rows))

    @classmethod
    @abstractmethod
    def scene_space(cls, rows: Rows) -> spaces.Box:
        """The space of one scene after its latest view."""

    @abstractmethod
    def scenes(self, rows: Rows) -> NDArray[Any]:
        """The scenes of all rows after their latest views, (N, *space.shape)."""

    def reference_space(self, rows: Rows) -> spaces.Box:
        """The space of one reference, shown from the task's cue views."""
        return deepcopy(self.space)

    @abstractmethod
    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[Any]:
        """The references of the rows of `mask` (N,), which has k, (k, *reference_space.shape)."""

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.values[mask] = self.scenes(rows)[mask]


class Representation(Content):
    """The encoder's representation of the views so far, float32 (F,).

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepard-v0", device="cpu")
    >>> env.reset(seed=0)[0]["representation"].shape
    (4352,)
    """

    key = "representation"
    needs_images, needs_encoder = True, True

    @classmethod
    def scene_space(cls, rows: Rows) -> spaces.Box:
        """See `Content`."""
        assert rows.memory is not None
        size = rows.memory.encoder.representation_size
        return spaces.Box(-REPRESENTATION_LIMIT, REPRESENTATION_LIMIT, (size,), np.float32)

    def scenes(self, rows: Rows) -> NDArray[np.float32]:
        """See `Content`; all rows at once, so that the encoder's batch never changes its size."""
        assert rows.memory is not None
        return rows.memory.representation()

    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """See `Content`."""
        assert rows.memory is not None
        poses = rows.task.reference_views(rows.trials[mask])
        return rows.memory.represent(rows.views.extra[mask], poses)


class Pixels(Content):
    """The current view alone, uint8 (H, W, 3).

    A reference is its pictures one behind the other along the channels, uint8 (H, W, 3 C), the
    way stacked frames are laid out.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepardMentalRotation-v0", observation="pixels")
    >>> observation, info = env.reset(seed=0)
    >>> observation["image"].shape, observation["cue"].shape
    ((64, 64, 3), (64, 64, 12))
    """

    key = "image"
    needs_images = True

    @classmethod
    def scene_space(cls, rows: Rows) -> spaces.Box:
        """See `Content`."""
        return spaces.Box(0, 255, (rows.image_size, rows.image_size, 3), np.uint8)

    def scenes(self, rows: Rows) -> NDArray[np.uint8]:
        """See `Content`."""
        return rows.views.current

    def reference_space(self, rows: Rows) -> spaces.Box:
        """See `Content`."""
        assert rows.task.cue_views is not None
        channels = 3 * len(rows.task.cue_views)
        return spaces.Box(0, 255, (rows.image_size, rows.image_size, channels), np.uint8)

    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """See `Content`."""
        return np.concatenate(list(rows.views.extra[mask].swapaxes(0, 1)), axis=-1)


class RgbPixels(Pixels):
    """The current view alone, and every picture RGB, for libraries that take three channels only.

    A reference is the montage of its pictures, uint8 (S H, S W, 3) where S² pictures have room: two
    by two, row by row.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepardMentalRotation-v0", observation="rgb")
    >>> observation, info = env.reset(seed=0)
    >>> observation["image"].shape, observation["cue"].shape
    ((64, 64, 3), (128, 128, 3))
    """

    def reference_space(self, rows: Rows) -> spaces.Box:
        """See `Content`."""
        assert rows.task.cue_views is not None
        size = rows.image_size * montage_side(len(rows.task.cue_views))
        return spaces.Box(0, 255, (size, size, 3), np.uint8)

    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """See `Content`."""
        return montages(rows.views.extra[mask])


class State(Content):
    """The truth, float32 (P * 6,): all cube centres, then all cube colours.

    Centres (P * 3) are in world coordinates and cube edges, relative to where the cameras look,
    which is the barycentre unless objects have a position of their own; colours (P * 3) are RGB in
    [0, 1]. Cubes come in the order of the shape's catalogue entry; those of a mirror image in the
    order of the cubes they mirror.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state")
    >>> centres = env.reset(seed=0)[0]["state"][:21].reshape(7, 3)
    >>> np.linalg.norm(np.diff(centres, axis=0), axis=1).round(2)  # from each cube to the next
    array([1., 1., 1., 1., 1., 1.], dtype=float32)
    """

    key = "state"

    @classmethod
    def scene_space(cls, rows: Rows) -> spaces.Box:
        """See `Content`."""
        count = rows.num_cubes
        reach = count if rows.position == CENTRED else max(count, VIEW_RADIUS)
        low = np.repeat(np.array([-reach, 0.0], np.float32), count * 3)
        high = np.repeat(np.array([reach, 1.0], np.float32), count * 3)
        return spaces.Box(low, high, dtype=np.float32)

    def scenes(self, rows: Rows) -> NDArray[np.float32]:
        """See `Content`."""
        return _truth(rows.trials.scenes)

    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """See `Content`."""
        assert rows.trials.reference is not None
        return _truth(rows.trials.reference[mask])


CONTENTS = {
    "representation": "envs.observation.content:Representation",
    "pixels": "envs.observation.content:Pixels",
    "rgb": "envs.observation.content:RgbPixels",
    "state": "envs.observation.content:State",
    "posterior": "envs.observation.exact_posterior:ExactPosterior",
}
"""Name to `module:class`."""


def content_named(name: str) -> type[Content]:
    """The class called `name`, or `module:class` for one of one's own.

    Raises:
        UserError: for an unknown name.
    """
    content: type[Content] = find("observation", name, CONTENTS)
    return content


def _truth(scenes: SceneBatch) -> NDArray[np.float32]:
    n = len(scenes)
    centres = scenes.cube_centres().astype(np.float32)
    return np.concatenate([centres.reshape(n, -1), scenes.colour.reshape(n, -1)], axis=1)
