"""A task in pixels that takes a memory: two sides of an object, of which one is seen at a time.

The camera starts at the one end or the other of a line of three places. The image shows one of two
colours at the left end, one of two others at the right end, and nothing in the middle; which of
the four answers is right follows from both, so an agent has to walk across and remember.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv

LEFT, RIGHT = 0, 1
NUM_MOVES, NUM_ANSWERS = 2, 4
SIZE, MAX_LOOKS = 16, 5
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], dtype=np.uint8)
"""By end and bit."""

Observation = dict[str, NDArray[Any]]


class FakeViewsEnv(gymnasium.Env[Observation, int]):
    """Same observation as the recognition environment with pixels; one pixel counts the looks."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own form

    def __init__(self) -> None:
        self.render_mode = None
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8),
                "viewpoint": spaces.Box(-1.0, 1.0, (7,), np.float32),
                "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
            }
        )
        self.action_space = spaces.Discrete(NUM_MOVES + NUM_ANSWERS)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.target = int(self.np_random.integers(NUM_ANSWERS))
        self.place, self.looks = int(2 * self.np_random.integers(2)), 1
        return self._observation(), self._info(-1)

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if action >= NUM_MOVES:
            answer = int(action) - NUM_MOVES
            reward = 1.0 if answer == self.target else -1.0
            return self._observation(), reward, True, False, self._info(answer)
        if self.looks == MAX_LOOKS:
            return self._observation(), -1.0, True, False, self._info(-1)
        self.place = int(np.clip(self.place + (1 if action == RIGHT else -1), 0, 2))
        self.looks += 1
        return self._observation(), -0.02, False, False, self._info(-1)

    def _observation(self) -> Observation:
        image = np.zeros((SIZE, SIZE, 3), np.uint8)
        if self.place != 1:
            bit = (self.target // 2, self.target % 2)[self.place // 2]
            image[2:-2, 2:-2] = COLOURS[self.place // 2, bit]
        image[0, 0] = self.looks
        viewpoint = np.zeros(7, np.float32)
        viewpoint[self.place] = 1.0
        left = np.array([1.0 - self.looks / MAX_LOOKS], np.float32)
        return {"image": image, "viewpoint": viewpoint, "looks_left": left}

    def _info(self, answer: int) -> dict[str, Any]:
        success = answer == self.target
        return {"target": self.target, "answer": answer, "is_success": success, "looks": self.looks}


def fake_views(num_envs: int) -> DummyVecEnv:
    return DummyVecEnv([FakeViewsEnv for _ in range(num_envs)])
