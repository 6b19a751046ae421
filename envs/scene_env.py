"""A single environment: row 0 of a one-row `SceneVectorEnv`."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs.plain_spec import PlainSpec
from envs.rows.episodes import row_of
from envs.scene_vector_env import SceneVectorEnv
from gqn_rl.errors import UserError

OF_SEVERAL = ("num_envs", "autoreset_mode")
"""Arguments that only `gymnasium.make_vec` takes."""


class SceneEnv(PlainSpec, gymnasium.Env[Any, Any]):
    """See `SceneVectorEnv` for the task, the spaces, the rewards and the arguments.

    Infos hold NumPy scalars, of the types that the arrays of the vector environment have; what is
    true or false is an array of no dimension.

    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state")
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step(1)  # to the right
    >>> reward, terminated, info["looks"]
    (-0.02, False, np.int64(2))
    >>> observation, reward, terminated, truncated, info = env.step(4 + info["target"])
    >>> reward, terminated, info["is_success"]
    (1.0, True, array(True))

    Attributes:
        rows: the one-row vector environment, with the current scene, target, image and viewpoint
            for baselines and pictures.

    Raises:
        UserError: as `SceneVectorEnv`, and for an argument that only several environments have.
    """

    metadata = SceneVectorEnv.metadata

    def __init__(self, **arguments: Any) -> None:
        for name in OF_SEVERAL:
            if name in arguments:
                raise UserError(
                    f"{name}={arguments[name]!r} is for several environments: make those with "
                    f"gymnasium.make_vec"
                )
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
    """The infos of the only row, in types that keep their meaning where rows are put together.

    TorchRL cannot read Python's own numbers. Gymnasium's vector environments keep `np.bool_` as
    objects, whose mean is a logical or; arrays of no dimension become an array of bool.
    """
    first = {key: value[0] for key, value in infos.items() if not key.startswith("_")}
    return {k: np.asarray(v) if isinstance(v, np.bool_) else v for k, v in first.items()}
