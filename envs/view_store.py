"""The rows' pictures, drawn when they are wanted, at most once, and all in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.tasks import Task, Trials
from gqn_rl.rendering import Renderer
from gqn_rl.scene import SceneBatch
from gqn_rl.viewpoint import Viewpoints


class ViewStore:
    """The current view of N scenes and what the task wants drawn beside it.

    That is the reference seen from the cue views, or the true query view, or nothing.

    Args:
        n: rows.
    """

    def __init__(self, n: int, task: Task, renderer: Renderer) -> None:
        self.renderer = renderer
        self._cue_views = task.cue_views
        extra = int(task.has_query) if task.cue_views is None else len(task.cue_views)
        size = renderer.identity.image_size
        self._current = np.zeros((n, size, size, 3), np.uint8)
        self._extra = np.zeros((n, extra, size, size, 3), np.uint8)
        self._stale = np.ones(n, dtype=bool)
        self._stale_extra = np.full(n, extra > 0)

    def expire(self, mask: NDArray[np.bool_], scenes: bool = False) -> None:
        """The rows of `mask` (N,) have moved their cameras; with `scenes`, have new scenes."""
        self._stale = self._stale | mask
        if scenes and self._extra.shape[1]:
            self._stale_extra = self._stale_extra | mask

    def draw(
        self, trials: Trials, viewpoints: Viewpoints, extra: bool = True
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The pictures of all rows, not to be written to; what is missing is drawn in one call.

        Args:
            extra: whether the second is wanted; otherwise it may be out of date.

        Returns:
            the current views, uint8 (N, H, W, 3), and the rest, uint8 (N, E, H, W, 3).
        """
        current = np.flatnonzero(self._stale)
        others = np.flatnonzero(self._stale_extra & extra)
        if len(current) or len(others):
            scenes, poses = [trials.scenes[current]], [viewpoints[current]]
            if len(others):
                more_scenes, more_poses = self._extra_views(trials[others])
                scenes, poses = [*scenes, more_scenes], [*poses, more_poses]
            drawn = self.renderer.render(
                SceneBatch.concatenate(scenes), Viewpoints.concatenate(poses)
            )
            self._current[current] = drawn[: len(current)]
            self._extra[others] = drawn[len(current) :].reshape(len(others), *self._extra.shape[1:])
            self._stale[current], self._stale_extra[others] = False, False
        return self._current, self._extra

    def _extra_views(self, trials: Trials) -> tuple[SceneBatch, Viewpoints]:
        if self._cue_views is None:
            assert trials.query is not None
            return trials.scenes, trials.query.viewpoints()
        assert trials.reference is not None
        count = len(self._cue_views)
        order = np.tile(np.arange(count), len(trials))
        return trials.reference.repeat(count), self._cue_views[order]
