"""The only adapter from a Gymnasium `VectorEnv` to a Stable-Baselines3 `VecEnv`.

Stable-Baselines3 steps a finished environment straight into its next episode and finds the end of
the old one in the info: Gymnasium's autoreset mode SAME_STEP. Other modes are refused, because
they would put a transition between two episodes into the training data.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import Wrapper, spaces
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import (
    VecEnvIndices,
    VecEnvObs,
    VecEnvStepReturn,
)

from agents.restorable import Restorable
from agents.row_attributes import row_attributes
from gqn_rl.errors import UserError

Info = dict[str, Any]
FINAL_OBSERVATION, FINAL_INFO = "final_obs", "final_info"


class GymnasiumVecEnv(VecEnv):
    """A Gymnasium vector environment that looks like `DummyVecEnv` over its rows.

    A training run sees exactly what it would see from `DummyVecEnv` over the same environments in
    the same order: the same numbers, hence the same weights to the bit. Spaces, observations and
    infos are its own, so that nothing outside changes what the environments go by. Every
    finished episode leaves `info["episode"]` with its return `r`, length `l` and time `t`, as the
    `Monitor` wrapper does.

    Attributes and methods are those of the rows, as with `DummyVecEnv`. Rows in other processes
    (`AsyncVectorEnv`) are asked all at once. Those of a native vector environment belong to all
    rows together: `get_attr(name)` returns that one object once per row.

    >>> import gymnasium
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> observation = env.reset()
    >>> _, _, dones, infos = env.step(np.array([4, 0]))  # an answer, and a move
    >>> dones
    array([ True, False])
    >>> infos[0]["episode"]["l"], sorted(infos[0]["terminal_observation"])
    (1, ['looks_left', 'state', 'viewpoint'])
    """

    def __init__(self, venv: VectorEnv) -> None:
        mode = venv.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise UserError(
                f"the vector environment has autoreset_mode {mode}, but stable-baselines3 needs "
                f"{AutoresetMode.SAME_STEP}"
            )
        self.venv = venv
        self._rows = row_attributes(venv)
        # Copies: wrappers such as `VecNormalize` change the spaces that they are given.
        seen, done = deepcopy((venv.single_observation_space, venv.single_action_space))
        super().__init__(venv.num_envs, seen, done)
        self.metadata = dict(venv.metadata)
        self._actions: NDArray[Any] = np.zeros(0)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._start = time.time()

    def reset(self) -> VecEnvObs:
        observations, infos = self.venv.reset(seed=self._reset_seed(), options=self._option())
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self.reset_infos = split_infos(infos, self.num_envs)
        return self._copied(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, terminated, truncated, vector_infos = self.venv.step(self._actions)
        dones = np.logical_or(terminated, truncated)
        self._returns += rewards
        self._lengths += 1
        infos = split_infos(vector_infos, self.num_envs)
        limits = np.logical_and(truncated, np.logical_not(terminated))
        for row in np.flatnonzero(dones):
            infos[row] = self._finish(int(row), infos[row])
        for info, limit in zip(infos, limits.tolist(), strict=True):
            info["TimeLimit.truncated"] = limit
        return self._copied(observations), np.asarray(rewards, np.float32), dones.copy(), infos

    def _finish(self, row: int, info: Info) -> Info:
        """The info of the episode that ended; what is left of `info` belongs to the next one."""
        if FINAL_OBSERVATION not in info or FINAL_INFO not in info:
            raise RuntimeError(
                f"row {row} ended its episode without {FINAL_OBSERVATION!r} and {FINAL_INFO!r}; "
                f"info has {sorted(info)}"
            )
        ended: Info = info.pop(FINAL_INFO)
        ended["terminal_observation"] = info.pop(FINAL_OBSERVATION)
        self.reset_infos[row] = info
        ended.setdefault(
            "episode",
            {
                "r": round(float(self._returns[row]), 6),
                "l": int(self._lengths[row]),
                "t": round(time.time() - self._start, 6),
            },
        )
        self._returns[row], self._lengths[row] = 0.0, 0
        return ended

    def _reset_seed(self) -> Any:
        """The pending seeds in the form that most vector environments understand."""
        seeds = self._seeds
        if all(seed is None for seed in seeds):
            return None
        # Gymnasium, too, gives row i the seed `seed + i`; native environments may know only this.
        if seeds[0] is not None and seeds == [seeds[0] + row for row in range(self.num_envs)]:
            return seeds[0]
        return list(seeds)

    def _option(self) -> dict[str, Any] | None:
        if not all(data_equivalence(option, self._options[0]) for option in self._options):
            raise UserError(f"a vector environment takes one set of options, got {self._options}")
        return self._options[0] or None

    def _copied(self, observations: Any) -> VecEnvObs:
        """Stable-Baselines3 keeps the last observation over the next step: never a live buffer."""
        if isinstance(observations, dict):
            return {key: np.array(value) for key, value in observations.items()}
        if isinstance(self.observation_space, spaces.Tuple):
            return tuple(np.array(value) for value in observations)
        return np.array(observations)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """The running episodes as named arrays, for native vector environments that say them.

        Raises:
            UserError: for one that does not.
        """
        own = {"returns": self._returns.copy(), "lengths": self._lengths.copy()}
        arrays = self._restorable().snapshot()
        return {f"native/{name}": array for name, array in arrays.items()} | own

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Go on where a snapshot was taken."""
        self._restorable().restore(
            {k.removeprefix("native/"): v for k, v in snapshot.items() if k.startswith("native/")}
        )
        self._returns, self._lengths = snapshot["returns"].copy(), snapshot["lengths"].copy()

    def _restorable(self) -> Restorable:
        native: Any = self.venv.unwrapped
        if not isinstance(native, Restorable):
            name = type(native).__name__
            raise UserError(f"{name} has no snapshot and no restore: it cannot be resumed")
        return native

    def close(self) -> None:
        self.venv.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """One picture per row; None for each, with a warning, where there are none."""
        if self.render_mode != "rgb_array":
            warnings.warn(
                f"render_mode is {self.render_mode!r}, pictures need 'rgb_array'", stacklevel=2
            )
            return [None] * self.num_envs
        frames: Any = self.venv.render()
        return list(frames)

    def has_attr(self, attr_name: str) -> bool:
        return self._rows.has(attr_name)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return self._rows.get(attr_name, self._get_indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        self._rows.set(attr_name, value, self._get_indices(indices))

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        return self._rows.call(method_name, self._get_indices(indices), args, kwargs)

    def env_is_wrapped(
        self, wrapper_class: type[Wrapper], indices: VecEnvIndices = None
    ) -> list[bool]:
        """True for `Monitor`, whose episode statistics this class provides itself.

        Raises:
            UserError: for another wrapper, where the rows are in other processes.
        """
        rows = self._get_indices(indices)
        if issubclass(wrapper_class, Monitor):
            return [True for _ in rows]
        return self._rows.is_wrapped(wrapper_class, rows)

    def _get_indices(self, indices: VecEnvIndices) -> list[int]:
        """The rows meant, of which none counts from the end."""
        return [range(self.num_envs)[row] for row in super()._get_indices(indices)]


def split_infos(vector_infos: Info, num_envs: int) -> list[Info]:
    """One info per row from Gymnasium's vector info; nothing of it is the same memory.

    Args:
        vector_infos: key to an array (num_envs, ...) or a nested dict of them, with a boolean
            mask (num_envs,) beside it under "_key"; a key without a mask holds for every row.
    """
    rows: list[Info] = [{} for _ in range(num_envs)]
    for key, value in vector_infos.items():
        if key.startswith("_") and key[1:] in vector_infos:
            continue
        mask = vector_infos.get(f"_{key}")
        present = range(num_envs) if mask is None else np.flatnonzero(mask).tolist()
        items = _row_items(value, num_envs)
        for row in present:
            rows[row][key] = items[row]
    return rows


def _row_items(value: Any, num_envs: int) -> Sequence[Any]:
    if isinstance(value, dict):
        return split_infos(value, num_envs)  # a nested info, or a batched Dict observation
    if isinstance(value, np.ndarray) and value.ndim == 1:
        items: list[Any] = deepcopy(value).tolist()  # numbers become Python's own
        return items
    return list(deepcopy(value))
