"""N scenes, a camera in front of each, and what has been seen so far: no rewards, no endings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from envs.camera.aim import CENTRE, FREE, AimRange
from envs.camera.angles import CameraAngles, KeepOut, first_camera
from envs.camera.control import CameraControl
from envs.camera.paths import camera_paths
from envs.observation.content import Content
from envs.observation.encoder_memory import EncoderMemory
from envs.observation.part import PartFactory
from envs.observation.parts import Parts, make_parts
from envs.rows.pixel_noise import PixelNoise
from envs.rows.query_errors import DrawnQueries
from envs.rows.seeding import RowGenerators
from envs.rows.view_store import ViewStore
from envs.snapshots import (
    Resumable,
    Snapshot,
    named,
    part_of,
    require_layout,
    restore_parts,
    snapshot_of,
)
from envs.tasks import QueryErrors, Task, Trials
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import CENTRED


class SceneRows:
    """The state of N rows that a camera move or a new trial changes, and its observation.

    Args:
        groups: rows that are drawn and encoded together; all N rows in order.
        memory: what the encoder knows; None where neither the observation nor the task needs it.
        control: whose moves the observation tells about, where the task has a query.
        position: where objects stand: "centred", or "random", each somewhere of its own.
        noise: on what is seen; None for none.
        aim_range: how far beside the centre cameras may look; None for the centre alone.
        content: shows the scenes.
        more_parts: of the observation, beside those that the task has.

    Attributes:
        cameras: where they are, and the views taken of each row's scene.
        views: the pictures, as far as they are drawn.
        queries: what the encoder draws; None where the task does not ask.
        observation: its parts.
    """

    def __init__(
        self,
        groups: Sequence[slice],
        task: Task,
        renderer: Renderer,
        memory: EncoderMemory | None,
        control: CameraControl,
        *,
        num_cubes: int,
        max_looks: int,
        content: type[Content],
        more_parts: Sequence[PartFactory] = (),
        position: str = CENTRED,
        noise: PixelNoise | None = None,
        aim_range: AimRange | None = None,
    ) -> None:
        self.task, self.memory, self.control = task, memory, control
        self.position, self.noise = position, noise
        self.aim = CENTRE if aim_range is None else FREE
        self.pixel_noise = 0.0 if noise is None else noise.sd
        self.num_cubes, self.max_looks, n = num_cubes, max_looks, groups[-1].stop
        self.image_size = renderer.identity.image_size
        self.cameras = camera_paths(n, max_looks, aim_range)
        self._trials: Trials | None = None
        self.views = ViewStore(groups, task, renderer, noise)
        self.queries = DrawnQueries(self) if task.has_query else None
        self.observation = Parts(make_parts(self, content, more_parts))
        self._draws = memory is not None or self.observation.needs_images

    def __len__(self) -> int:
        return len(self.cameras.looks)

    @property
    def renderer(self) -> Renderer:
        return self.views.renderer

    @property
    def field_of_view(self) -> float:
        """Opening angle of the camera, in degrees."""
        return float(np.rad2deg(self.renderer.identity.field_of_view))

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
        return self.cameras.viewpoints()

    @property
    def images(self) -> NDArray[np.uint8]:
        """The current views, uint8 (N, H, W, 3); drawn when asked for, and only once."""
        self.views.draw(self.trials, self.viewpoints, extra=False)
        return self.views.current.copy()

    @property
    def extra_images(self) -> NDArray[np.uint8]:
        """The reference from the cue views or the true query view, uint8 (N, E, H, W, 3)."""
        self.views.draw(self.trials, self.viewpoints)
        return self.views.extra.copy()

    @property
    def keep_out(self) -> KeepOut | None:
        """Where the cameras may not stand; None where they may stand anywhere."""
        return self.task.keep_out(self.trials)

    @property
    def details(self) -> dict[str, NDArray[Any]]:
        """What only some tasks have to say about the rows, name to (N,)."""
        if self.queries is None:
            return self.trials.details
        errors = {"first_error": self.queries.first, "error": self.queries.last}
        return {**self.trials.details, **errors}

    def begin(
        self,
        mask: NDArray[np.bool_],
        generators: RowGenerators,
        given: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """New trials and cameras in the rows of `mask` (N,), each from the row's own generator.

        Args:
            given: of each of the N rows, what its trial has to be, see `Task.sample_given`.
        """
        if not mask.any():
            return
        trials, cameras = [], []
        for row in np.flatnonzero(mask).tolist():
            if given is None or not given[row]:
                trial = self.task.sample(generators[row], 1)
            else:
                trial = self.task.sample_given(generators[row], given[row])
            if self.position != CENTRED:
                trial = trial.placed(generators[row])
            trials.append(trial)
            cameras.append(
                first_camera(generators[row], self.task.keep_out(trial))
                if trial.camera is None
                else trial.camera
            )
        new = Trials.concatenate(trials)
        self._trials = new if mask.all() else self.trials.replaced(mask, new)
        self.cameras.begin(mask, CameraAngles.concatenate(cameras))
        if self.noise is not None:
            self.noise.begin(mask, generators)
        self.views.expire(mask, scenes=True)
        if self.memory is not None:
            self.memory.forget(mask)

    def turn(
        self, mask: NDArray[np.bool_], turn: NDArray[np.float64], partway: bool = False
    ) -> None:
        """Turn the cameras of `mask` (N,) by turns (N, T), radians, see `envs.camera.base`.

        Args:
            partway: see `KeepOut.after`.
        """
        if mask.any():
            self.cameras.turn(mask, turn, self.keep_out, partway)

    def take_view(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """One more view in the rows of `mask` (N,), in one render and one encoder call.

        What only begins with an episode comes on top in the rows whose first look this is: parts of
        the observation begin, and query views are drawn for the first time.

        Returns:
            bool (N,), the rows whose view was lost with a rendering worker: they are as they were
            after their last look, camera included. First looks are taken again instead.
        """
        if not mask.any():
            return np.zeros_like(mask)
        self.views.expire(mask)
        if self.noise is not None:
            self.noise.next(mask)
        lost, first = self._see(mask), mask & (self.cameras.looks == 0)
        while (again := lost & first).any():
            lost[again] = self._see(again)[again]
        seen = mask & ~lost
        self.cameras.note(seen)
        if lost.any():
            self.cameras.go_back(lost)
            if self.noise is not None:
                self.noise.go_back(lost)
            self.views.expire(lost)
        if self.queries is not None and (seen & first).any():
            self.queries.begin(self, seen & first)
        if seen.any():
            self.observation.update(self, seen, seen & first)
        return lost

    def _see(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Draw and encode what is to be seen in the rows of `mask`; those that were lost, (N,)."""
        lost = np.zeros_like(mask)
        if not self._draws:
            return lost
        viewpoints = self.viewpoints
        for rows in self.views.draw_groups(self.trials, viewpoints):
            lost[rows] = (mask & self.views.missing)[rows]
            if self.memory is not None:
                ready = (mask & ~lost)[rows]
                self.memory.take_in(rows, self.views.current[rows], viewpoints[rows], ready)
        return lost

    def finish(self, over: NDArray[np.bool_], answered: NDArray[np.bool_]) -> QueryErrors | None:
        """The errors of the rows of `over` (N,), of which `answered` (N,) predict now."""
        if self.queries is None:
            return None
        self.queries.finish(self, answered)
        return self.queries.errors(over)

    def errors_now(self) -> QueryErrors | None:
        """The errors of all rows if each predicted now; None where nothing is predicted."""
        return None if self.queries is None else self.queries.now(self)

    def snapshot(self) -> Snapshot:
        """All of it, save images, which are drawn again."""
        parts = {**self._parts(), "memory": self.memory}
        return named("trials", self.trials.to_arrays()) | snapshot_of(parts)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where a snapshot of as many rows of the same kind was taken."""
        for name, present in self._parts().items():  # before anything changes
            if present is not None:
                require_layout(present.snapshot(), part_of(snapshot, name))
        restore_parts({**self._parts(), "memory": self.memory}, snapshot)
        self._trials = Trials.from_arrays(part_of(snapshot, "trials"))
        self.views.expire(np.ones(len(self), dtype=bool), scenes=True)
        if self.queries is not None:
            self.views.draw(self.trials, self.viewpoints)  # the truth that errors are taken from

    def _parts(self) -> dict[str, Resumable | None]:
        """What has arrays of the same layout at all times."""
        return {
            "cameras": self.cameras,
            "observation": self.observation,
            "queries": self.queries,
            "noise": self.noise,
        }
