"""The part that shows what the ideal observer makes of the views: the posterior over the answers.

With it an agent has nothing to infer and all to decide: where to look, and when to answer. It needs
no encoder and no trained weights, and serves where none of them can: cameras that see a part of an
object, shapes of any number of cubes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.content import Content
from envs.observation.part import Rows
from envs.snapshots import Snapshot
from gqn_rl.errors import UserError
from gqn_rl.inference.ideal_observer import AnyPosterior, GalleryObserver

MOST_BITS = 10.0
"""The largest expectation that is told: as much as singles out one of a thousand shapes."""


class ExactPosterior(Content):
    """Probability of each of K answers, then what each of M moves is expected to tell, (K + M,).

    Moves are `CameraControl.probes`; what a view from there is expected to tell about the answer
    (Lindley, 1956) is in bits, see `gqn_rl.inference.ideal_observer`. Only of tasks whose answers
    name shapes; of objects that stand anywhere, or are seen in part or with pixel noise, in grid
    orientation.

    >>> import gymnasium
    >>> given = {"observation": "posterior", "gallery": "confusable", "image_size": 16}
    >>> env = gymnasium.make("envs:GQNShepard-v0", field_of_view=2.0, **given)
    >>> observation, info = env.reset(seed=3)
    >>> answers, moves = observation["posterior"][:10], observation["posterior"][10:]
    >>> answers.round(2)
    array([0. , 0. , 0. , 0. , 0. , 0. , 0. , 0.5, 0.5, 0. ], dtype=float32)
    >>> moves.round(2)  # of left, right, up and down, one tells which of the two it is
    array([0., 1., 0., 0.], dtype=float32)
    """

    key = "posterior"
    needs_images = True
    ARRAYS = ("values", "images", "count")

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self._observer = _observer_of(rows)
        size = (len(rows), rows.max_looks, rows.image_size, rows.image_size, 3)
        self.images = np.zeros(size, np.uint8)
        self.count = np.zeros(len(rows), np.int64)
        self._posteriors: list[AnyPosterior | None] = [None] * len(rows)

    @classmethod
    def scene_space(cls, rows: Rows) -> spaces.Box:
        """See `Content`."""
        answers, moves = rows.task.num_answers, len(rows.control.probes)
        high = np.repeat(np.array([1.0, MOST_BITS], np.float32), [answers, moves])
        return spaces.Box(np.zeros_like(high), high, dtype=np.float32)

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        self.count[mask] = 0
        for row in np.flatnonzero(mask):
            self._posteriors[row] = None

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """See `ObservationPart`."""
        for row in np.flatnonzero(mask).tolist():
            self.images[row, self.count[row]] = rows.views.current[row]
            self.count[row] += 1
            self.values[row] = self._read(rows, row)

    def scenes(self, rows: Rows) -> NDArray[np.float32]:
        """See `Content`."""
        return np.asarray(self.values, np.float32)

    def references(self, rows: Rows, mask: NDArray[np.bool_]) -> NDArray[Any]:
        """Refused: no task has both answers that name shapes and a reference."""
        raise UserError("the posterior over a gallery says nothing of a reference")

    def _read(self, rows: Rows, row: int) -> NDArray[np.float32]:
        """What the views of a row say; its posterior, if it has one, knows all but the last."""
        count, before = int(self.count[row]), self._posteriors[row]
        poses, images = rows.cameras.poses_of(row), self.images[row, :count]
        if before is None:
            found = self._observer.observe(images, poses)
        else:
            found = before.update(images[-1:], poses[-1:])
        self._posteriors[row] = found
        landings = rows.cameras.landings(row, rows.control.probes)
        told = found.expected_information(landings, about="shape")
        numbers = np.concatenate([self._observer.answers(found), told]).astype(np.float32)
        return np.clip(numbers, self.space.low, self.space.high)

    def restore(self, snapshot: Snapshot) -> None:
        """See `ObservationPart`; the next view has posteriors reckoned again from all images."""
        super().restore(snapshot)
        self._posteriors = [None] * len(self._posteriors)


def _observer_of(rows: Rows) -> GalleryObserver:
    """The ideal observer of the rows' gallery.

    Raises:
        UserError: where there is none.
    """
    gallery, task = rows.task.answer_shapes, rows.task
    if gallery is None:
        raise UserError(
            f'observation is "posterior", but the answers of {type(task).__name__} name no shapes'
        )
    where = task.orientation, rows.position, rows.field_of_view, rows.pixel_noise
    if not GalleryObserver.knows(*where):
        raise UserError(
            'observation is "posterior", which is known of position="random", or of field_of_view '
            "below 45 and pixel_noise, not of both, and in grid orientation alone"
        )
    return GalleryObserver(gallery, *where)
