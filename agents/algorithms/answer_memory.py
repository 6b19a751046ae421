"""Recent observations with the true answers: cheap practice for the supervised part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import get_obs_shape

from agents.algorithms.feedback import BEST, GivenAnswers
from agents.algorithms.turning import RandomTurns
from gqn_rl.random_state import generator_state, set_generator_state

FLOAT16_MAX = float(np.finfo(np.float16).max)


class AnswerMemory:
    """Ring of the last `capacity` observations with an answer, and what it brought or would bring.

    What an answer is worth in a state does not depend on who gives it, so old states are as good
    as new ones: unlike experience replay this introduces no bias. Floating-point observations are
    kept in half precision, which halves the memory (100,000 representations of 4,096 numbers take
    0.8 GB).

    Args:
        capacity: number of observations kept.
        observation_space: of one environment.
        seed: of the draws.
        turns: applied to what is drawn.
    """

    def __init__(
        self,
        capacity: int,
        observation_space: spaces.Dict,
        seed: int | None,
        turns: RandomTurns | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, expected at least 1")
        self.capacity = capacity
        self.size = 0
        self._next = 0
        self._rng = np.random.default_rng(seed)
        self._turns = turns
        self._targets = np.zeros(capacity, dtype=np.int64)
        self._rewards = np.full(capacity, BEST, dtype=np.float32)
        # As rollout buffers have them: an element of a Discrete space is one number.
        shapes: Any = get_obs_shape(observation_space)
        self._observations = {
            key: np.zeros((capacity, *shape), dtype=stored_type(observation_space[key].dtype))
            for key, shape in shapes.items()
        }

    def __len__(self) -> int:
        return self.size

    def add(
        self,
        observations: dict[str, NDArray],
        targets: NDArray[np.int64],
        rewards: NDArray[np.float32] | None = None,
    ) -> None:
        """Remember n observations (n, ...) with their answers (n,); a negative answer is none.

        Args:
            rewards: of the answers, (n,); None where they are the right ones.
        """
        labelled = np.flatnonzero(targets >= 0)[-self.capacity :]
        where = (self._next + np.arange(len(labelled))) % self.capacity
        for key, store in self._observations.items():
            values = observations[key][labelled]
            if store.dtype == np.float16:
                values = np.clip(values, -FLOAT16_MAX, FLOAT16_MAX)
            store[where] = values
        self._targets[where] = targets[labelled]
        self._rewards[where] = BEST if rewards is None else rewards[labelled]
        self._next = int((self._next + len(labelled)) % self.capacity)
        self.size = min(self.capacity, self.size + len(labelled))

    def sample(
        self, batch_size: int, device: torch.device
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """A batch drawn with replacement: observations (B, ...), floats as float32; answers (B,)"""
        batch, given = self.sample_given(batch_size, device)
        return batch, given.answers

    def sample_given(
        self, batch_size: int, device: torch.device
    ) -> tuple[dict[str, torch.Tensor], GivenAnswers]:
        """The same with the rewards."""
        rows = self._rng.integers(self.size, size=batch_size)
        batch = {}
        for key, store in self._observations.items():
            values = torch.as_tensor(store[rows]).to(device)
            batch[key] = values.float() if store.dtype == np.float16 else values
        if self._turns is not None:
            batch = self._turns(batch, self._rng)
        answers, rewards = (torch.as_tensor(a[rows]) for a in (self._targets, self._rewards))
        return batch, GivenAnswers(answers.to(device), rewards.to(device))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All it remembers and will draw, as named arrays that share its memory."""
        kept = {key: store[: self.size] for key, store in self._observations.items()}
        return {
            **{f"observations/{key}": store for key, store in kept.items()},
            "targets": self._targets[: self.size],
            "rewards": self._rewards[: self.size],
            "next": np.array(self._next),
            "generator": generator_state(self._rng),
        }

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Inverse of `snapshot`, for a memory of the same capacity and space."""
        self.size = len(snapshot["targets"])
        for key, store in self._observations.items():
            store[: self.size] = snapshot[f"observations/{key}"]
        self._targets[: self.size] = snapshot["targets"]
        self._rewards[: self.size] = snapshot.get("rewards", BEST)  # older ones hold right answers
        self._next = int(snapshot["next"])
        set_generator_state(self._rng, snapshot["generator"])


def stored_type(dtype: np.dtype | type | None) -> np.dtype:
    """float16 for floating point, the type itself for anything else."""
    given = np.dtype(dtype)
    return np.dtype(np.float16) if np.issubdtype(given, np.floating) else given
