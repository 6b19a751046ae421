"""A cheap encoder with exact, row-wise arithmetic, in place of a GQN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints

GRID = 4
State = tuple[NDArray[np.float64], NDArray[np.int64]]


class FakeEncoder:
    """The mean over views of 4 x 4 x 3 block averages; its state is (sum, number of views)."""

    def __init__(self, image_size: int = 64, renderer: dict[str, Any] | None = None) -> None:
        self.image_size, self.renderer = image_size, renderer
        self.representation_size = GRID * GRID * 3
        self.updates = 0

    def initial_state(self, n: int) -> State:
        return np.zeros((n, self.representation_size)), np.zeros(n, dtype=np.int64)

    def update(self, state: State, views: Views, mask: NDArray[np.bool_] | None = None) -> State:
        self.updates += 1
        block = self.image_size // GRID
        # Integers, so that the sum is exact in any order.
        sums = views.images.astype(np.int64).reshape(-1, GRID, block, GRID, block, 3).sum((2, 4))
        seen = np.ones(len(views), dtype=np.int64) if mask is None else mask.astype(np.int64)
        return state[0] + seen[:, None] * sums.reshape(len(views), -1), state[1] + seen

    def reset(self, state: State, mask: NDArray[np.bool_]) -> State:
        return np.where(mask[:, None], 0.0, state[0]), np.where(mask, 0, state[1])

    def state_arrays(self, state: State) -> tuple[NDArray[Any], ...]:
        return state[0].copy(), state[1].copy()

    def state_from_arrays(self, arrays: tuple[NDArray[Any], ...]) -> State:
        sums, counts = arrays
        return sums, counts

    def identity(self) -> str:
        return "fake"

    def representation(self, state: State) -> NDArray[np.float32]:
        block = self.image_size // GRID
        mean = state[0] / np.maximum(state[1], 1)[:, None]
        return (mean / (255.0 * block * block)).astype(np.float32)


class FakeDreamer(FakeEncoder):
    """Also draws: its mean view so far, darker the lower the camera it is asked about."""

    def __init__(self, image_size: int = 64, renderer: dict[str, Any] | None = None) -> None:
        super().__init__(image_size, renderer)
        self.drawn: list[int] = []
        """How many images each call drew."""

    def select(self, state: State, rows: NDArray[np.int64]) -> State:
        return state[0][rows], state[1][rows]

    def predict_view(self, state: State, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        self.drawn.append(len(viewpoints))
        block = self.image_size // GRID
        coarse = 255.0 * self.representation(state).reshape(-1, GRID, 1, GRID, 1, 3)
        light = 0.5 + viewpoints.position[:, 2] / 20.0
        coarse = coarse * light[:, None, None, None, None, None]
        images = np.broadcast_to(coarse, (len(coarse), GRID, block, GRID, block, 3))
        size = self.image_size
        return images.reshape(-1, size, size, 3).astype(np.uint8)


class CountingRenderer:
    """Counts the calls and images of the renderer it stands before."""

    def __init__(self, renderer: Any) -> None:
        self.inner, self.calls, self.images = renderer, 0, 0
        self.identity = renderer.identity

    def render(self, scenes: Any, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        self.calls += 1
        self.images += len(scenes)
        images: NDArray[np.uint8] = self.inner.render(scenes, viewpoints)
        return images

    def close(self) -> None:
        self.inner.close()
