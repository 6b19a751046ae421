"""Memory in which processes leave each other scenes to draw and the images of them."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.scenes.scene import SceneBatch

MEMORY_FOLDER = "/dev/shm"
"""Where files live in memory, on Linux."""
CUBES_FORESEEN = 16
"""With more cubes than that in an object, fewer scenes than `capacity` have room at once."""


class SharedScenes:
    """Scenes and poses one behind the other, then images.

    The memory belongs to a file that has no name, so that nothing can be left behind: it is gone
    with the last process that holds it, however that one ends.

    Args:
        capacity: images there is room for.
        image_size: height and width in pixels.
        descriptor: of the file that another process has made; None to make one.
    """

    def __init__(self, capacity: int, image_size: int, descriptor: int | None = None) -> None:
        self.capacity = capacity
        self._scene_bytes = capacity * _record(CUBES_FORESEEN).itemsize
        shape = (capacity, image_size, image_size, 3)
        total = self._scene_bytes + int(np.prod(shape))
        self._file = _nameless_file(total) if descriptor is None else os.fdopen(descriptor, "r+b")
        self._memory = mmap.mmap(self._file.fileno(), total)
        flat = np.frombuffer(self._memory, np.uint8, offset=self._scene_bytes)
        self._images: NDArray[np.uint8] = flat.reshape(shape)

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def room(self, num_cubes: int) -> int:
        """How many scenes of so many cubes fit."""
        return min(self.capacity, self._scene_bytes // _record(num_cubes).itemsize)

    def write(self, scenes: SceneBatch, viewpoints: Viewpoints) -> None:
        """Put up to `room` scenes and poses in, from the start."""
        n, num_cubes = scenes.mask.shape
        records = self._records(num_cubes)[:n]
        for name in ("cubes", "mask", "rotation", "colour"):
            records[name] = getattr(scenes, name)
        for name in ("position", "yaw", "pitch"):
            records[name] = getattr(viewpoints, name)

    def read(self, start: int, stop: int, num_cubes: int) -> tuple[SceneBatch, Viewpoints]:
        """Some of the scenes and poses that are there, in the same memory."""
        records = self._records(num_cubes)[start:stop]
        return (
            SceneBatch(records["cubes"], records["mask"], records["rotation"], records["colour"]),
            Viewpoints(records["position"], records["yaw"], records["pitch"]),
        )

    def images(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The place of some images, uint8 (stop - start, H, W, 3)."""
        return self._images[start:stop]

    def close(self) -> None:
        """Give the memory back, whoever still holds this object; more than once does no harm."""
        self._images = self._images[:0].copy()
        with suppress(BufferError):  # of a picture that somebody still looks at: gone with it
            self._memory.close()
        self._file.close()

    def _records(self, num_cubes: int) -> NDArray:
        return np.frombuffer(self._memory, _record(num_cubes), self.room(num_cubes))


def _record(num_cubes: int) -> np.dtype:
    """One scene and one pose, with the types of `SceneBatch` and `Viewpoints`."""
    return np.dtype(
        [
            ("cubes", np.float64, (num_cubes, 3)),
            ("rotation", np.float64, (3, 3)),
            ("position", np.float64, (3,)),
            ("yaw", np.float64),
            ("pitch", np.float64),
            ("colour", np.float32, (num_cubes, 3)),
            ("mask", np.bool_, (num_cubes,)),
        ],
        align=True,
    )


def _nameless_file(size: int) -> BinaryIO:
    """A file of `size` bytes that no folder lists, in memory if there is enough."""
    folder = None
    if os.path.isdir(MEMORY_FOLDER):
        space = os.statvfs(MEMORY_FOLDER)
        folder = MEMORY_FOLDER if space.f_bavail * space.f_frsize > size else None
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
    file.truncate(size)
    return file
