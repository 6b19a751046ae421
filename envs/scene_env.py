"""A single environment: row 0 of a one-row `SceneVectorEnv`."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs.rows.episodes import row_of
from envs.scene_vector_env import SceneVectorEnv


class SceneEnv(gymnasium.Env[Any, Any]):
    """See `SceneVectorEnv` for the task, the spaces, the rewards and the arguments.

    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state")
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step(1)  # to the right
    >>> reward, terminated, info["looks"]
    (-0.02, False, 2)
    >>> observation, reward, terminated, truncated, info = env.step(4 + info["target"])
    >>> reward, terminated, info["is_success"]
    (1.0, True, True)

    Attributes:
        rows: the one-row vector environment, with the current scene, target, image and viewpoint
            for baselines and pictures.
    """

    metadata = SceneVectorEnv.metadata

    def __init__(self, **arguments: Any) -> None:
        self.rows = SceneVectorEnv(1, autoreset_mode=AutoresetMode.DISABLED, **arguments)
        self.observation_space = self.rows.single_observation_space
        self.action_space = self.rows.single_action_space
        self.render_mode = self.rows.render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        observation, infos = self.rows.reset(seed=seed, options=options)
        self._np_random, self._np_random_seed = self.rows.np_random[0], self.rows.np_random_seed[0]
        return row_of(observation, 0), _first_info(infos)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One action of the action space."""
        observation, rewards, terminated, truncated, infos = self.rows.step(np.asarray([action]))
        return (
            row_of(observation, 0),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            _first_info(infos),
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The picture of `SceneVectorEnv.render`, uint8 (height, width, 3)."""
        frames = self.rows.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Free the renderer; more than once does no harm."""
        self.rows.close()


def _first_info(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: value[0].item() for key, value in infos.items() if not key.startswith("_")}
