"""An encoder that learns nothing: small pictures of what each side of the scene looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.view import Views

SIDES, SMALL, IMAGE_SIZE = 8, 8, 64
State = tuple[NDArray[np.float32], NDArray[np.float32]]


class AlbumEncoder:
    """The mean 8x8 thumbnail of the views from each octant of the viewing sphere.

    A state is the sums (n, 8, 192) and counts (n, 8) of those thumbnails, so that its size is
    fixed, the order of the views does not matter and each view is taken in once.
    """

    representation_size = SIDES * (SMALL * SMALL * 3 + 1)
    image_size = IMAGE_SIZE
    renderer = None  # pictures of any renderer will do

    def __init__(self, device: str = "auto", seed: int = 0) -> None:
        """Every encoder is offered these two; this one has no use for them."""

    def initial_state(self, n: int) -> State:
        size = self.representation_size // SIDES - 1
        return np.zeros((n, SIDES, size), np.float32), np.zeros((n, SIDES), np.float32)

    def update(self, state: State, views: Views, mask: NDArray[np.bool_] | None = None) -> State:
        n, block = len(views), IMAGE_SIZE // SMALL
        small = views.images.reshape(n, SMALL, block, SMALL, block, 3).mean(axis=(2, 4)) / 255
        side = (views.viewpoints.position > 0) @ np.array([1, 2, 4])
        here = np.eye(SIDES, dtype=np.float32)[side]
        here = here if mask is None else here * mask[:, None]
        return state[0] + here[:, :, None] * small.reshape(n, 1, -1), state[1] + here

    def reset(self, state: State, mask: NDArray[np.bool_]) -> State:
        kept = (~mask).astype(np.float32)
        return state[0] * kept[:, None, None], state[1] * kept[:, None]

    def representation(self, state: State) -> NDArray[np.float32]:
        mean = state[0] / np.maximum(state[1], 1)[:, :, None]
        parts = np.concatenate([mean, (state[1] > 0)[:, :, None]], axis=2)
        return parts.reshape(len(mean), -1).astype(np.float32)

    def identity(self) -> str:
        return f"thumbnails {SIDES} {SMALL}"  # where there are weights, their hash

    # These two are optional; with them, trainings can be saved and resumed.
    def state_arrays(self, state: State) -> tuple[NDArray[Any], ...]:
        return state

    def state_from_arrays(self, arrays: tuple[NDArray[Any], ...]) -> State:
        return arrays[0], arrays[1]
