"""The rows' pictures, drawn when they are wanted, at most once, and all in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.rows.pixel_noise import PixelNoise
from envs.tasks import Task, Trials
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import Drawn, Renderer, render_portions
from gqn_rl.scenes.scene import SceneBatch


class Wanted(NamedTuple):
    """Rows whose current view is missing, and rows that lack what is drawn beside it."""

    current: NDArray[np.int64]
    extra: NDArray[np.int64]


class ViewStore:
    """The current view of N scenes and what the task wants drawn beside it.

    That is the reference seen from the cue views, or the true query view, or nothing.

    Args:
        groups: rows whose pictures are handed out together, see `draw_groups`; all N rows in order.
        noise: on views and references; the true query view, which is not shown, has none.
    """

    def __init__(
        self,
        groups: Sequence[slice],
        task: Task,
        renderer: Renderer,
        noise: PixelNoise | None = None,
    ) -> None:
        self.renderer, self._noise = renderer, noise
        self._groups = groups
        self._task = task
        n, size = groups[-1].stop, renderer.identity.image_size
        extra = images_per_row(task) - 1
        self._current = np.zeros((n, size, size, 3), np.uint8)
        self._extra = np.zeros((n, extra, size, size, 3), np.uint8)
        self._stale = np.ones(n, dtype=bool)
        self._stale_extra = np.full(n, extra > 0)

    @property
    def current(self) -> NDArray[np.uint8]:
        """The current views as far as they are drawn, uint8 (N, H, W, 3), not to be written to."""
        return self._current

    @property
    def extra(self) -> NDArray[np.uint8]:
        """The rest as far as it is drawn, uint8 (N, E, H, W, 3), not to be written to."""
        return self._extra

    @property
    def missing(self) -> NDArray[np.bool_]:
        """The rows of which some picture is not drawn, bool (N,)."""
        return self._stale | self._stale_extra

    def expire(self, mask: NDArray[np.bool_], scenes: bool = False) -> None:
        """The rows of `mask` (N,) have moved their cameras; with `scenes`, have new scenes."""
        self._stale = self._stale | mask
        if scenes and self._extra.shape[1]:
            self._stale_extra = self._stale_extra | mask

    def draw(self, trials: Trials, viewpoints: Viewpoints, extra: bool = True) -> None:
        """Draw what is missing, again if it is lost with a rendering worker.

        Args:
            extra: whether more than the current views is wanted.
        """
        while (self.missing if extra else self._stale).any():
            for _ in self._draw(trials, viewpoints, extra):
                pass

    def draw_groups(self, trials: Trials, viewpoints: Viewpoints) -> Iterator[slice]:
        """Draw what is missing in one call, and name the groups one by one as they are ready.

        With rendering workers the next groups are drawn while the caller is busy with one. What is
        lost with a worker stays missing.
        """
        if self.missing.any():
            yield from self._draw(trials, viewpoints, extra=True)
        else:
            yield from self._groups

    def _draw(self, trials: Trials, viewpoints: Viewpoints, extra: bool) -> Iterator[slice]:
        wanted = [self._wanted(rows, extra) for rows in self._groups]
        pairs = [pair for want in wanted for pair in self._pairs(want, trials, viewpoints)]
        scenes, poses = map(list, zip(*pairs, strict=True))
        sizes = [len(want.current) + len(want.extra) * self._extra.shape[1] for want in wanted]
        portions = render_portions(
            self.renderer, SceneBatch.concatenate(scenes), Viewpoints.concatenate(poses), sizes
        )
        for rows, want, drawn in zip(self._groups, wanted, portions, strict=True):
            self._keep(want, drawn)
            yield rows

    def _wanted(self, rows: slice, extra: bool) -> Wanted:
        current, others = (np.flatnonzero(a[rows]) for a in (self._stale, self._stale_extra))
        return Wanted(current + rows.start, (others if extra else others[:0]) + rows.start)

    def _pairs(
        self, want: Wanted, trials: Trials, viewpoints: Viewpoints
    ) -> Iterator[tuple[SceneBatch, Viewpoints]]:
        """Scenes and poses of a group."""
        yield trials.scenes[want.current], viewpoints[want.current]
        if len(want.extra):
            yield self._extra_views(trials[want.extra])

    def _keep(self, want: Wanted, drawn: Drawn) -> None:
        count = len(want.current)
        views = drawn.images[:count]
        if self._noise is not None:
            views = self._noise.on_views(views, want.current)
        if count == len(self._current):  # spares a copy in the most common case
            self._current = views
        else:
            self._current[want.current] = views
        self._stale[want.current] = drawn.lost[:count]
        if len(want.extra):
            shape = (len(want.extra), *self._extra.shape[1:])
            extra = drawn.images[count:].reshape(shape)
            if self._noise is not None and self._task.cue_views is not None:
                extra = self._noise.on_references(extra, want.extra)
            self._extra[want.extra] = extra
            self._stale_extra[want.extra] = drawn.lost[count:].reshape(shape[:2]).any(axis=1)

    def _extra_views(self, trials: Trials) -> tuple[SceneBatch, Viewpoints]:
        if self._task.cue_views is None:
            assert trials.query is not None
            return trials.scenes, trials.query.viewpoints()
        assert trials.reference is not None
        count = len(self._task.cue_views)
        return trials.reference.repeat(count), self._task.reference_views(trials)


def images_per_row(task: Task) -> int:
    """How many pictures a row has: its current view and what is drawn beside it."""
    return 1 + (int(task.has_query) if task.cue_views is None else len(task.cue_views))
