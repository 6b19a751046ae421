"""A recognition task without pixels: small, quick, and impossible to solve without looking.

The camera stands at one of three places in a row and starts in the middle, where nothing can be
seen. The target has two bits; the left end shows the first, the right end the second, both as a
noisy code in the representation. So an agent must walk to both ends before it can answer, and
which of the four answers is right follows from the sum of what it saw.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from gqn_rl.random_state import generator_state, set_generator_state

LEFT, RIGHT = 0, 1
NUM_MOVES, NUM_ANSWERS = 2, 4
LEFT_END, CENTRE, RIGHT_END = range(3)
SIZE = 16
MAX_LOOKS = 10
LOOK_COST = 0.02


class FakeRecognitionEnv(gymnasium.Env[dict[str, NDArray[np.float32]], Any]):
    """Same spaces, rewards and infos as the recognition environment, with two moves.

    Args:
        hint: add the target's code to the first view, so that no look is needed.
        time_limit: truncate after so many steps; None never truncates.
        continuous: actions are a Box: to the right if the first number is positive, answer if the
            second is, and a logit for each answer.
        prospects: tell of both moves, as view prediction does: whether they lead to another place.
        posterior: tell how likely each answer is; all are until the episode ends.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 3}  # noqa: RUF012 - Gymnasium's form

    def __init__(
        self,
        hint: bool = False,
        noise: float = 0.3,
        time_limit: int | None = None,
        continuous: bool = False,
        prospects: bool = False,
        posterior: bool = False,
        render_mode: str | None = None,
    ):
        self.prospects, self.posterior = prospects, posterior
        self.hint, self.noise, self.time_limit = hint, noise, time_limit
        self.continuous = continuous
        self.render_mode = render_mode
        parts: dict[str, spaces.Space[Any]] = {
            "representation": spaces.Box(-np.inf, np.inf, (SIZE,), np.float32),
            "viewpoint": spaces.Box(-np.inf, np.inf, (7,), np.float32),
            "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
        }
        if prospects:
            parts["prospects"] = spaces.Box(-1.0, 1.0, (5 * (NUM_MOVES + 1),), np.float32)
        if posterior:
            parts["posterior"] = spaces.Box(0.0, 1.0, (NUM_ANSWERS,), np.float32)
        self.observation_space = spaces.Dict(parts)
        self.action_space: spaces.Space[Any] = spaces.Discrete(NUM_MOVES + NUM_ANSWERS)
        if continuous:
            self.action_space = spaces.Box(-1.0, 1.0, (2 + NUM_ANSWERS,), np.float32)
        # Fixed codes of the four (end, bit) facts: the task is the same in every episode.
        self.codes = np.random.default_rng(7).normal(size=(2, 2, SIZE)).astype(np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        super().reset(seed=seed)
        self.target = int(self.np_random.integers(NUM_ANSWERS))
        self.place, self.looks = CENTRE, 1
        self.seen = self._noise()
        if self.hint:
            self.seen += self.codes[0, self.target // 2] + self.codes[1, self.target % 2]
        return self._observation(), self._info(-1)

    def step(
        self, action: Any
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool, dict[str, Any]]:
        if self.continuous:
            answer = NUM_MOVES + int(np.argmax(action[2:]))
            action = answer if action[1] > 0 else (RIGHT if action[0] > 0 else LEFT)
        if action >= NUM_MOVES:
            answer = int(action) - NUM_MOVES
            reward = 1.0 if answer == self.target else -1.0
            return self._observation(), reward, True, False, self._info(answer)
        step = 1 if action == RIGHT else -1
        self.place = int(np.clip(self.place + step, LEFT_END, RIGHT_END))
        self.looks += 1
        self.seen = self.seen + self._noise()
        if self.place != CENTRE:
            end = 0 if self.place == LEFT_END else 1
            bit = (self.target // 2, self.target % 2)[end]
            self.seen = self.seen + self.codes[end, bit]
        ended = self.looks > MAX_LOOKS
        truncated = self.time_limit is not None and self.looks > self.time_limit
        reward = -1.0 if ended else -LOOK_COST
        return self._observation(), reward, ended, truncated, self._info(-1)

    def render(self) -> NDArray[np.uint8] | None:
        """A row of three fields, white where the camera is."""
        if self.render_mode is None:
            return None
        picture = np.zeros((1, 3, 3), np.uint8)
        picture[:, self.place] = 255
        return picture

    def _noise(self) -> NDArray[np.float32]:
        return (self.noise * self.np_random.normal(size=SIZE)).astype(np.float32)

    def _observation(self) -> dict[str, NDArray[np.float32]]:
        viewpoint = np.zeros(7, np.float32)
        viewpoint[self.place] = 1.0
        left = np.array([max(0.0, 1.0 - self.looks / MAX_LOOKS)], np.float32)
        seen = {"representation": self.seen.copy(), "viewpoint": viewpoint, "looks_left": left}
        if self.prospects:
            seen["prospects"] = self._prospects()
        if self.posterior:
            seen["posterior"] = np.full(NUM_ANSWERS, 1.0 / NUM_ANSWERS, np.float32)
        return seen

    def _prospects(self) -> NDArray[np.float32]:
        rows = np.zeros((NUM_MOVES + 1, 5), np.float32)
        rows[:NUM_MOVES, 0] = -1.0, 1.0
        rows[:NUM_MOVES, 4] = self.place > LEFT_END, self.place < RIGHT_END
        return rows.reshape(-1)

    def _info(self, answer: int) -> dict[str, Any]:
        return {
            "target": self.target,
            "answer": answer,
            "is_success": answer == self.target,
            "looks": self.looks,
        }


class FakeVectorEnv(SyncVectorEnv):
    """Rows of the fake task that can be saved and taken up again like the project's own."""

    def snapshot(self) -> dict[str, NDArray[Any]]:
        rows: list[Any] = [row.unwrapped for row in self.envs]
        return {
            "facts": np.array([[row.target, row.place, row.looks] for row in rows]),
            "seen": np.stack([row.seen for row in rows]),
            "generators": np.stack([generator_state(row.np_random) for row in rows]),
        }

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        for index, row in enumerate(self.envs):
            fake: Any = row.unwrapped
            fake.target, fake.place, fake.looks = snapshot["facts"][index].tolist()
            fake.seen = snapshot["seen"][index]
            set_generator_state(fake.np_random, snapshot["generators"][index])


def fake_vector_env(
    num_envs: int = 8, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP, **options: Any
) -> FakeVectorEnv:
    """`num_envs` rows of the fake task as one Gymnasium vector environment."""
    return FakeVectorEnv(
        [lambda: FakeRecognitionEnv(**options) for _ in range(num_envs)],
        autoreset_mode=autoreset_mode,
    )
