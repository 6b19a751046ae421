"""N scenes, a camera in front of each, and what has been seen so far: no rewards, no endings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from envs.camera.angles import CameraAngles, KeepOut
from envs.camera.control import CameraControl
from envs.observation.next_best_view import NextBestViewFeatures
from envs.observation.observers import Observer
from envs.observation.spaces import Observation, comparison_space, encoded, row_space
from envs.rows.encoder_memory import EncoderMemory
from envs.rows.query_errors import QueryPredictions
from envs.rows.seeding import RowGenerators
from envs.rows.snapshots import (
    Snapshot,
    arrays_of,
    named,
    part_of,
    restore_parts,
    set_arrays,
    snapshot_of,
    trials_from_arrays,
    trials_to_arrays,
)
from envs.rows.view_store import ViewStore
from envs.tasks import QueryErrors, Task, Trials
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import Renderer


class SceneRows:
    """The state of N rows that a camera move or a new trial changes.

    Args:
        groups: rows that are drawn and encoded together; all N rows in order.
        memory: what the encoder knows; None where neither the observer nor the task needs it.
        control: whose moves the observation tells about, where the task has a query.

    Attributes:
        looks: int64 (N,), images taken of each row's scene.
        angles: where the cameras are.
    """

    ARRAYS = ("looks", "_path", "_content", "_cue", "_comparison", "_prospects")

    def __init__(
        self,
        groups: Sequence[slice],
        task: Task,
        renderer: Renderer,
        observer: Observer,
        memory: EncoderMemory | None,
        control: CameraControl,
        num_cubes: int,
        max_looks: int,
    ) -> None:
        self.task, self.observer, self.memory = task, observer, memory
        self.max_looks, n = max_looks, groups[-1].stop
        self.looks = np.zeros(n, dtype=np.int64)
        self.angles = CameraAngles(np.zeros(n), np.zeros(n))
        self._path = np.zeros((n, max_looks, 2))
        self._trials: Trials | None = None
        self._views = ViewStore(groups, task, renderer)
        self.predictions = QueryPredictions(n, memory) if task.has_query and memory else None
        size = memory.encoder.representation_size if memory else 0
        space = observer.space(num_cubes, renderer.identity.image_size, size)
        self._content = np.zeros((n, *space.shape), space.dtype)
        comparison = comparison_space(task, observer, memory)
        told = memory if observer.needs_encoder else None
        self.prospects = NextBestViewFeatures(control, told) if task.has_query else None
        ahead = self.prospects.space if self.prospects else None
        self.observation_space = row_space(task, observer, space, comparison, ahead)
        self._prospects = np.zeros((n, *(ahead.shape if ahead else (0,))), np.float32)
        self._comparison = np.zeros((n, *(comparison.shape if comparison else (0,))), np.float32)
        self._cue: NDArray[Any] = np.zeros((n, 0))
        if "cue" in self.observation_space.spaces:
            cue_space = self.observation_space["cue"]
            self._cue = np.zeros((n, *(cue_space.shape or ())), cue_space.dtype)

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def renderer(self) -> Renderer:
        return self._views.renderer

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
        self._views.draw(self.trials, self.viewpoints, extra=False)
        return self._views.current.copy()

    @property
    def extra_images(self) -> NDArray[np.uint8]:
        """The reference from the cue views or the true query view, uint8 (N, E, H, W, 3)."""
        self._views.draw(self.trials, self.viewpoints)
        return self._views.extra.copy()

    @property
    def keep_out(self) -> KeepOut | None:
        """Where the cameras may not stand; None where they may stand anywhere."""
        query = self.trials.query
        return None if query is None else KeepOut(query, self.task.clearance)

    @property
    def details(self) -> dict[str, NDArray[Any]]:
        """What only some tasks have to say about the rows, name to (N,)."""
        if self.predictions is None:
            return self.trials.details
        errors = {"first_error": self.predictions.first, "error": self.predictions.last}
        return {**self.trials.details, **errors}

    def path(self, row: int) -> NDArray[np.float64]:
        """Azimuth and elevation of each look of a row's episode, (looks, 2), radians."""
        return self._path[row, : self.looks[row]].copy()

    def begin(self, mask: NDArray[np.bool_], generators: RowGenerators) -> None:
        """New trials and cameras in the rows of `mask` (N,), each from the row's own generator."""
        if not mask.any():
            return
        trials, cameras = [], []
        for row in np.flatnonzero(mask).tolist():
            trials.append(self.task.sample(generators[row], 1))
            cameras.append(_first_camera(generators[row], trials[-1], self.task.clearance))
        new = Trials.concatenate(trials)
        self._trials = new if mask.all() else self.trials.replaced(mask, new)
        self.angles = self.angles.replaced(mask, CameraAngles.concatenate(cameras))
        self.looks[mask] = 0
        self._views.expire(mask, scenes=True)
        if self.memory is not None:
            self.memory.forget(mask)

    def turn(
        self, mask: NDArray[np.bool_], turn: NDArray[np.float64], partway: bool = False
    ) -> None:
        """Turn the cameras of `mask` (N,) by azimuth and elevation (N, 2), radians.

        Args:
            partway: see `KeepOut.after`.
        """
        if not mask.any():
            return
        cameras, keep_out = self.angles[mask], self.keep_out
        if keep_out is None:
            turned = cameras.turned(turn[mask])
        else:
            turned = keep_out[mask].after(cameras, turn[mask], partway)
        self.angles = self.angles.replaced(mask, turned)

    def take_view(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """One more view in the rows of `mask` (N,), in one render and one encoder call.

        What only begins with an episode comes on top in the rows whose first look this is: their
        reference goes through the encoder, or their query view is drawn for the first time.

        Returns:
            bool (N,), the rows whose view was lost with a rendering worker: they are as they were
            after their last look, camera included. First looks are taken again instead.
        """
        if not mask.any():
            return np.zeros_like(mask)
        self._views.expire(mask)
        lost, first = self._see(mask), mask & (self.looks == 0)
        while (again := lost & first).any():
            lost[again] = self._see(again)[again]
        seen = mask & ~lost
        self._note(seen)
        self._go_back(lost)
        images = self._views.current if self.observer.needs_images else None
        content = self.observer.show(self.trials.scenes, images, self.memory)
        content[~seen] = self._content[~seen]
        self._content = content
        self._begin_looking(seen & first)
        if "comparison" in self.observation_space.spaces:
            assert self.memory is not None
            self._comparison[seen] = self.memory.compare(content[seen], self._cue[seen])
        if self.prospects is not None and seen.any():
            self._look_ahead(self.prospects, seen)
        return lost

    def _look_ahead(self, prospects: NextBestViewFeatures, seen: NDArray[np.bool_]) -> None:
        """What moves from here would bring, in the rows of `seen` (N,)."""
        keep_out = self.keep_out
        assert keep_out is not None
        self._prospects[seen] = prospects.of(
            self.angles[seen], keep_out[seen], self._path[seen], self.looks[seen],
            self._content[seen],
        )  # fmt: skip

    def _see(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Draw and encode what is to be seen in the rows of `mask`; those that were lost, (N,)."""
        lost = np.zeros_like(mask)
        if not self.observer.needs_images and self.memory is None:
            return lost
        viewpoints = self.viewpoints
        for rows in self._views.draw_groups(self.trials, viewpoints):
            lost[rows] = (mask & self._views.missing)[rows]
            if self.memory is not None:
                ready = (mask & ~lost)[rows]
                self.memory.take_in(rows, self._views.current[rows], viewpoints[rows], ready)
        return lost

    def _note(self, seen: NDArray[np.bool_]) -> None:
        """A look has been taken in these rows."""
        rows = np.flatnonzero(seen)
        self._path[rows, self.looks[rows]] = self.angles.stacked()[rows]
        self.looks[rows] += 1

    def _go_back(self, lost: NDArray[np.bool_]) -> None:
        """Where the last look of these rows was taken from."""
        if lost.any():
            last = self._path[lost, self.looks[lost] - 1]
            self.angles = self.angles.replaced(lost, CameraAngles(last[:, 0], last[:, 1]))
            self._views.expire(lost)

    def _begin_looking(self, first: NDArray[np.bool_]) -> None:
        if not first.any():
            return
        trials, poses = self.trials, self.task.cue_views
        if trials.cue is not None:
            self._cue[first] = trials.cue[first]
        if poses is not None:
            assert trials.reference is not None
            images = self._views.extra[first] if self.observer.needs_images else None
            self._cue[first] = self.observer.show_reference(
                trials.reference[first], images, poses, self.memory
            )
        if self.predictions is not None:
            self.predictions.begin(first, trials, self._views.extra[:, 0])

    def finish(self, over: NDArray[np.bool_], answered: NDArray[np.bool_]) -> QueryErrors | None:
        """The errors of the rows of `over` (N,), of which `answered` (N,) predict now."""
        if self.predictions is None:
            return None
        self.predictions.finish(answered, self.trials, self._views.extra[:, 0], self.looks)
        return self.predictions.errors(over)

    def errors_now(self) -> QueryErrors | None:
        """The errors of all rows if each predicted now; None where nothing is predicted."""
        if self.predictions is None:
            return None
        return self.predictions.now(self.trials, self._views.extra[:, 0], self.looks)

    def snapshot(self) -> Snapshot:
        """All of it, save images, which are drawn again."""
        snapshot = arrays_of(self, self.ARRAYS) | {"cameras": self.angles.stacked()}
        snapshot |= named("trials", trials_to_arrays(self.trials))
        return snapshot | snapshot_of(self._parts())

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where a snapshot of as many rows of the same kind was taken."""
        set_arrays(self, self.ARRAYS, snapshot)
        self.angles = CameraAngles(*snapshot["cameras"].T.copy())
        self._trials = trials_from_arrays(part_of(snapshot, "trials"))
        restore_parts(self._parts(), snapshot)
        self._views.expire(np.ones(len(self), dtype=bool), scenes=True)
        if self.predictions is not None:
            self._views.draw(self.trials, self.viewpoints)  # the truth that errors are taken from

    def _parts(self) -> dict[str, Any]:
        return {"memory": self.memory, "predictions": self.predictions}

    def observe(self) -> Observation:
        """The observation of all rows, not to be written to."""
        moves = max(self.max_looks - 1, 1)
        observation = {
            self.observer.key: self._content,
            "viewpoint": encoded(self.viewpoints),
            "looks_left": ((self.max_looks - self.looks[:, None]) / moves).astype(np.float32),
        }
        if "cue" in self.observation_space.spaces:
            observation["cue"] = self._cue
        if "comparison" in self.observation_space.spaces:
            observation["comparison"] = self._comparison
        if self.prospects is not None:
            observation["prospects"] = self._prospects
        return observation


def _first_camera(rng: np.random.Generator, trial: Trials, clearance: float) -> CameraAngles:
    """Uniform over where a camera may stand; a trial of one row."""
    camera = CameraAngles.sample(rng, 1)
    if trial.query is not None:
        while KeepOut(trial.query, clearance).bars(camera)[0]:
            camera = CameraAngles.sample(rng, 1)
    return camera
