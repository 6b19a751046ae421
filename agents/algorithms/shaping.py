"""Potential-based shaping of rewards, in training: the same best behaviour, sooner known."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn, VecEnvWrapper

from gqn_rl.errors import UserError


@runtime_checkable
class KnowsPotential(Protocol):
    """An environment that says what answering would pay."""

    def potential(self) -> NDArray[np.float64]:
        """phi of every row's state, (n,)."""
        ...


class PotentialShaping(VecEnvWrapper):
    """Adds gamma phi(s') - phi(s) to every reward; phi is what answering in a state would pay.

    In view prediction phi is the share of the first error that the looks so far have taken away, so
    each look is paid, or fined, for what it changed. At the end of an episode phi is 0. Which
    policy is best does not change by this (Ng, Harada and Russell, Policy invariance under reward
    transformations, ICML 1999, theorem 1). Returns noted by environments inside stay what they
    were.

    Args:
        venv: around a native environment with `potential`, which resets ended episodes in
            the same step.
        gamma: the algorithm's discount factor.

    Raises:
        UserError: for an environment that cannot say what answering would pay.
    """

    def __init__(self, venv: VecEnv, gamma: float) -> None:
        super().__init__(venv)
        self._native: Any = venv.venv.unwrapped  # type: ignore[attr-defined]
        if not isinstance(self._native, KnowsPotential):
            name = type(self._native).__name__
            raise UserError(f"potential_shaping=true needs potential, which {name} lacks")
        self._gamma = gamma
        # Never saved: whoever goes on from a saved state computes it anew.
        self._potential: NDArray[np.float64] | None = None

    def reset(self) -> VecEnvObs:
        observation = self.venv.reset()
        self._potential = None
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        if self._potential is None:
            self._potential = self._native.potential()
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        observation, rewards, dones, infos = self.venv.step_wait()
        before, after = self._potential, self._native.potential()
        assert before is not None
        self._potential = after
        shaped = rewards + np.where(dones, 0.0, self._gamma * after) - before
        return observation, shaped.astype(rewards.dtype), dones, infos


PaidByLook = PotentialShaping
"""The name before."""
