"""Several processes that draw at once, each with a renderer of its own."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering.base import Drawn, RendererIdentity, check_batch
from gqn_rl.rendering.pooled.process import WorkerProcess
from gqn_rl.rendering.pooled.shared_scenes import SharedScenes
from gqn_rl.scenes.scene import SceneBatch

MAX_LOSSES = 8
"""Workers killed one after the other without one image in between: then something is wrong."""


class PooledRenderer:
    """Draws with worker processes; the images are those of the renderer they hold, to the bit.

    Scenes, poses and images lie in shared memory; only a few bytes per request go through pipes.
    A worker that is killed is replaced. `render` has what it was drawing drawn again;
    `render_portions` says what is missing and leaves it at that.

    The workers end when the renderer is closed or garbage collected, and when this process ends in
    whatever way. A copy, pickled or in a forked process, starts its own.

    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> rng = np.random.default_rng(0)
    >>> scenes, viewpoints = sample_scenes(rng, 2), sample_on_sphere(rng, 2)
    >>> renderer = PooledRenderer("raycast", 32, workers=2, capacity=64, options={})
    >>> renderer.render(scenes, viewpoints).shape, len(renderer.process_ids)
    ((2, 32, 32, 3), 2)
    >>> renderer.close()

    Args:
        renderer: a name in `RENDERERS`.
        image_size: height and width in pixels.
        workers: processes.
        capacity: images that can be drawn in one go; more are drawn one go after the other.
        options: what else the renderer takes.

    Attributes:
        restarts: workers that were killed and replaced so far.
    """

    def __init__(
        self, renderer: str, image_size: int, workers: int, capacity: int, options: dict[str, Any]
    ) -> None:
        if os.name != "posix":
            raise UserError(f"rendering workers need a POSIX system, not {os.name!r}")
        self._arguments = (renderer, image_size, workers, capacity, options)
        self._owner = os.getpid()
        self.restarts = self._losses = 0
        self._shared: SharedScenes | None = SharedScenes(capacity, image_size)
        self._workers: list[WorkerProcess] = []
        self._finalizer = weakref.finalize(self, _end, self._workers, self._owner)
        try:
            # All are started before the first is waited for.
            self._workers += [self._start() for _ in range(workers)]
            identities = [worker.await_ready() for worker in self._workers]
        except BaseException:
            self.close()
            raise
        self._identity = identities[0]

    @property
    def identity(self) -> RendererIdentity:
        return self._identity

    @property
    def process_ids(self) -> list[int]:
        """Of the workers."""
        return [worker.process.pid for worker in self._workers]

    def render(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """See `Renderer.render`; complete, whatever becomes of the workers."""
        (drawn,) = self.render_portions(scenes, viewpoints, [len(scenes)])
        images, missing = drawn.images, np.flatnonzero(drawn.lost)
        while len(missing):
            (again,) = self.render_portions(scenes[missing], viewpoints[missing], [len(missing)])
            images[missing] = again.images
            missing = missing[again.lost]
        return images

    def render_portions(
        self, scenes: SceneBatch, viewpoints: Viewpoints, sizes: Sequence[int]
    ) -> Iterator[Drawn]:
        """The images in order, in portions of the given sizes.

        All are asked for at once: while the caller does something with one portion, the workers
        draw the next.

        Raises:
            RuntimeError: when the workers cannot draw, or keep being killed.
        """
        check_batch(scenes, viewpoints)
        if sum(sizes) != len(scenes):
            raise ValueError(f"portions of {list(sizes)} are not {len(scenes)} scenes")
        room = self._memory.room(scenes.mask.shape[1])
        if self._owner != os.getpid():  # a fork: the workers belong to the parent
            self.__setstate__(self.__getstate__())
        self._finish_what_was_left()
        if len(scenes) <= room:
            yield from self._go(scenes, viewpoints, sizes)
            return
        for start, stop in pairwise(accumulate(sizes, initial=0)):
            goes = [slice(k, min(k + room, stop)) for k in range(start, max(stop, start + 1), room)]
            parts = [next(self._go(scenes[k], viewpoints[k], [k.stop - k.start])) for k in goes]
            yield Drawn(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _go(
        self, scenes: SceneBatch, viewpoints: Viewpoints, sizes: Sequence[int]
    ) -> Iterator[Drawn]:
        """Portions of scenes that all fit into the shared memory."""
        self._memory.write(scenes, viewpoints)
        num_cubes = scenes.mask.shape[1]
        bounds = list(pairwise(accumulate(sizes, initial=0)))
        portions = [self._divided(start, stop) for start, stop in bounds]
        for job in (job for jobs in portions for job in jobs):
            if not job.worker.ask(job.start, job.stop, num_cubes):
                self._replace(job.worker)
        for (start, stop), jobs in zip(bounds, portions, strict=True):
            lost = np.zeros(stop - start, dtype=bool)
            for job in jobs:
                if not self._is_done(job.worker):
                    lost[job.start - start : job.stop - start] = True
            images = self._memory.images(start, stop).copy()
            images[lost] = 0
            yield Drawn(images, lost)

    def _divided(self, start: int, stop: int) -> list[_Job]:
        """An even share for every worker."""
        bounds = np.linspace(start, stop, len(self._workers) + 1).round().astype(int).tolist()
        shares = zip(self._workers, pairwise(bounds), strict=True)
        return [_Job(worker, a, b) for worker, (a, b) in shares if a < b]

    def _is_done(self, worker: WorkerProcess) -> bool:
        """Wait for the worker's next image or images; False if it was killed."""
        if worker.wait():
            self._losses = 0
            return True
        if worker in self._workers:
            self._replace(worker)
        return False

    def _replace(self, worker: WorkerProcess) -> None:
        """Start another one instead of a worker that was killed."""
        if worker not in self._workers:
            return
        worker.end()
        self.restarts += 1
        self._losses += 1
        if self._losses > MAX_LOSSES:
            raise RuntimeError(
                f"{self._losses} rendering workers in a row ended before they had drawn anything, "
                f"the last with exit code {worker.process.returncode}"
            )
        new = self._start()
        self._workers[self._workers.index(worker)] = new
        new.await_ready()

    @property
    def _memory(self) -> SharedScenes:
        if self._shared is None:
            raise RuntimeError("render() called on a closed PooledRenderer")
        return self._shared

    def _finish_what_was_left(self) -> None:
        """Wait for images that somebody has asked for and not taken."""
        for worker in list(self._workers):
            while worker.pending and self._is_done(worker):
                pass

    def _start(self) -> WorkerProcess:
        renderer, image_size, _, capacity, options = self._arguments
        given = {"renderer": renderer, "image_size": image_size, "options": options}
        return WorkerProcess(self._memory.descriptor, {"capacity": capacity, **given})

    def close(self) -> None:
        """End the workers; more than once does no harm."""
        self._finalizer()
        if self._shared is not None:
            self._shared.close()
        self._shared = None

    def __getstate__(self) -> tuple[Any, ...]:
        """Processes cannot be pickled: the copy starts its own."""
        return self._arguments

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]


class _Job(NamedTuple):
    worker: WorkerProcess
    start: int
    stop: int


def _end(workers: list[WorkerProcess], owner: int) -> None:
    """End the workers, unless this is a fork of the process they belong to."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.dismiss()
    while workers:
        workers.pop().end()
