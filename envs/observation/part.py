"""A part of the observation: its key, its space, and what it says of the rows after each view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.camera.angles import KeepOut
from envs.camera.control import CameraControl
from envs.camera.paths import CameraPaths
from envs.observation.encoder_memory import EncoderMemory
from envs.snapshots import Snapshot, arrays_of, set_arrays
from envs.tasks import Task, Trials
from gqn_rl.entry_points import find, is_entry_point
from gqn_rl.errors import UserError, unknown_name

Observation = dict[str, NDArray[Any]]


class DrawnViews(Protocol):
    """Pictures that are there already; they are not to be written to.

    >>> class BlackViews:  # two rows without a reference or a query
    ...     current = np.zeros((2, 64, 64, 3), np.uint8)
    ...     extra = np.zeros((2, 0, 64, 64, 3), np.uint8)
    >>> views: DrawnViews = BlackViews()
    >>> views.current.mean(axis=(1, 2, 3)).tolist(), len(views.extra[0])
    ([0.0, 0.0], 0)
    """

    @property
    def current(self) -> NDArray[np.uint8]:
        """The current view of each row, uint8 (N, H, W, 3)."""
        ...

    @property
    def extra(self) -> NDArray[np.uint8]:
        """The reference from the cue views or the true query view, uint8 (N, E, H, W, 3)."""
        ...


class Rows(Protocol):
    """All that a part may know: N scenes, a camera in front of each, and what was seen so far.

    A part can be tried on a class that has no more than the part asks for:

    >>> from envs.observation.budget import Budget
    >>> class ThreeRows:
    ...     max_looks, cameras = 5, CameraPaths(n=3, max_looks=5)
    ...
    ...     def __len__(self):
    ...         return 3
    >>> rows, budget = ThreeRows(), Budget(ThreeRows())
    >>> for mask in ([True, True, True], [False, False, True]):
    ...     rows.cameras.note(np.array(mask))
    ...     budget.update(rows, np.array(mask))
    >>> budget.values[:, 0].tolist()
    [1.0, 1.0, 0.75]

    Attributes:
        image_size: height and width of the views, in pixels.
        num_cubes: cubes per object.
        position: where objects stand, see `gqn_rl.scenes.scene.POSITIONS`.
        pixel_noise: standard deviation of the noise on what is seen, in levels.
        max_looks: views per episode, the first one included.
        memory: what the encoder knows; None where nothing needs one.
        control: what the camera's moves are.
        cameras: where they are, and whence the views so far were taken.
        views: drawn for parts with `needs_images`, and where there is a memory.
    """

    task: Task
    control: CameraControl
    memory: EncoderMemory | None
    image_size: int
    num_cubes: int
    position: str
    pixel_noise: float
    max_looks: int
    cameras: CameraPaths

    def __len__(self) -> int: ...

    @property
    def field_of_view(self) -> float:
        """Opening angle of the camera, in degrees."""
        ...

    @property
    def views(self) -> DrawnViews: ...

    @property
    def trials(self) -> Trials:
        """What the current episodes are about, the truth included."""
        ...

    @property
    def keep_out(self) -> KeepOut | None:
        """Where the cameras may not stand; None where they may stand anywhere."""
        ...


class ObservationPart:
    """One entry of the observation of N rows.

    A part of one's own extends it, sets `key`, gives its space, and writes into `values` the rows
    that a mask names, in `update`, after every view, or in `begin`, once in an episode. Whatever it
    says of a row depends on that row alone.

    >>> import gymnasium
    >>> class Brightness(ObservationPart):  # the mean of the view's pixels
    ...     key, needs_images = "brightness", True
    ...
    ...     def __init__(self, rows):
    ...         super().__init__(rows, spaces.Box(0.0, 255.0, (1,), np.float32))
    ...
    ...     def update(self, rows, mask):
    ...         self.values[mask, 0] = rows.views.current[mask].mean(axis=(1, 2, 3))
    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state", parts=[Brightness])
    >>> env.reset(seed=0)[0]["brightness"].round()
    array([13.], dtype=float32)

    Args:
        rows: as they will be; there is no episode yet.
        space: of one row; no other part's, because spaces keep random generators.

    Attributes:
        key: in the observation.
        needs_images: whether `Rows.views` has to be drawn.
        needs_encoder: whether there has to be a `Rows.memory`.
        ARRAYS: attributes that change, for snapshots; their shapes and types stay.
        values: (N, *space.shape), what the observation says now.
    """

    key: str
    needs_images: bool = False
    needs_encoder: bool = False
    ARRAYS: tuple[str, ...] = ("values",)

    def __init__(self, rows: Rows, space: spaces.Box) -> None:
        self.space = space
        self.values: NDArray[Any] = np.zeros((len(rows), *space.shape), space.dtype)

    def begin(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """The first views of new episodes have been taken in the rows of `mask`, bool (N,).

        All parts begin before one is updated.
        """

    def update(self, rows: Rows, mask: NDArray[np.bool_]) -> None:
        """A view has been taken in the rows of `mask`, bool (N,); the others stay as they are.

        The first view of an episode is one of them. Parts are updated in the order of
        `envs.observation.parts.make_parts`, those of one's own after all others.
        """

    def snapshot(self) -> Snapshot:
        """Copies of the `ARRAYS`."""
        return arrays_of(self, self.ARRAYS)

    def restore(self, snapshot: Snapshot) -> None:
        """Take the `ARRAYS` from a snapshot of as many rows."""
        set_arrays(self, self.ARRAYS, snapshot)


@runtime_checkable
class PartFactory(Protocol):
    """What makes a part for given rows; a class that extends `ObservationPart` and takes them.

    >>> from envs.observation.budget import Budget
    >>> isinstance(Budget, PartFactory)
    True
    >>> part_factories(["envs.observation.budget:Budget"])
    [<class 'envs.observation.budget.Budget'>]
    """

    needs_encoder: bool

    def __call__(self, rows: Rows) -> ObservationPart: ...


def part_factories(parts: Sequence[str | PartFactory]) -> list[PartFactory]:
    """Factories by name, `module:class`, or as they are.

    Raises:
        UserError: for another kind of name, or what cannot be found or is no factory.
    """
    if isinstance(parts, str):
        raise UserError(f"parts is {parts!r}, expected a sequence of module:class")
    return [_factory(part) for part in parts]


def _factory(part: str | PartFactory) -> PartFactory:
    if isinstance(part, str) and not is_entry_point(part):
        raise unknown_name("part", part, ["module:class"])
    found = find("part", part, {}) if isinstance(part, str) else part
    if not isinstance(found, PartFactory):
        raise UserError(f"part {part!r} is {found!r}, expected a subclass of ObservationPart")
    return found
