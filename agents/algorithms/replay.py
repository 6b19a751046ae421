"""A replay buffer for wide observations: half precision, each observation once, with answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from agents.algorithms.answer_memory import FLOAT16_MAX, stored_type
from agents.algorithms.feedback import GivenAnswers, feedback_named
from agents.algorithms.targets import UNLABELLED
from agents.algorithms.turning import RandomTurns
from gqn_rl.errors import UserError
from gqn_rl.random_state import generator_state, set_generator_state

Encode = Callable[[dict[str, Tensor]], Any]
Indices = NDArray[np.int64]
ARRAYS = ("actions", "rewards", "dones", "timeouts", "targets")
"""What is kept of each transition beside its observation, (buffer_size, n_envs, ...)."""


class TargetReplayBuffer(DictReplayBuffer):
    """Replay buffer of a fourth of the usual size that also keeps an answer of each state.

    Floating-point observations are kept in half precision. The observation after a transition is
    the one before the next transition of its row, so it is kept only once: what follows the end of
    an episode is never looked at. A truncated episode is taken to end where it was, which is what
    this project's environments do when a view is lost.

    Args:
        seed: of the draws.
        feedback: which answers it keeps, see `agents.algorithms.feedback.FEEDBACK`.
        handle_timeout_termination: whether what was truncated goes on to be worth something; if
            not it counts as an end like any other.

    Attributes:
        targets: int64 (buffer_size, n_envs), the answer that was right in each transition's
            episode, or with feedback by rewards the one that was given; `UNLABELLED` for none.
        encode: what sampled observations go through, if anything. It belongs to a model, which
            sets it before it learns: neither copies nor pickles of the buffer have it.
        turns: what `sample_labelled` applies to them, if anything.

    Raises:
        UserError: for a size or a saving of memory that it cannot have.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Space,
        device: torch.device | str = "auto",
        n_envs: int = 1,
        *,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        seed: int | None = None,
        feedback: str = "labels",
    ) -> None:
        if optimize_memory_usage:
            raise UserError("optimize_memory_usage is True: observations are kept once already")
        if buffer_size < 2 * n_envs:
            raise UserError(
                f"buffer_size is {buffer_size}, expected at least two transitions for each of "
                f"{n_envs} environments"
            )
        # What the base class allocates is never written to, so it costs no memory.
        super().__init__(
            buffer_size,
            observation_space,
            action_space,
            device,
            n_envs,
            handle_timeout_termination=handle_timeout_termination,
        )
        self.next_observations = {}
        self.observations = {
            key: np.zeros(value.shape, stored_type(value.dtype))
            for key, value in self.observations.items()
        }
        self.targets = np.full((self.buffer_size, self.n_envs), UNLABELLED, dtype=np.int64)
        self._feedback = feedback_named(feedback)
        self.encode: Encode | None = None
        self.turns: RandomTurns | None = None
        self.rng = np.random.default_rng(seed)

    def add(  # type: ignore[override]
        self,
        obs: dict[str, NDArray[Any]],
        next_obs: dict[str, NDArray[Any]],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """See `DictReplayBuffer.add`; infos may name a `target`, and what was the `answer`."""
        here, after = self.pos, (self.pos + 1) % self.buffer_size
        for key, store in self.observations.items():
            store[here], store[after] = _fitting(obs[key], store), _fitting(next_obs[key], store)
        self.targets[here] = self._feedback.answers_of(infos)
        self.actions[here] = np.reshape(action, (self.n_envs, self.action_dim))
        self.rewards[here], self.dones[here] = reward, done
        if self.handle_timeout_termination:
            self.timeouts[here] = [info.get("TimeLimit.truncated", False) for info in infos]
        self.pos, self.full = after, self.full or after == 0

    def sample(  # type: ignore[override]
        self, batch_size: int, env: VecNormalize | None = None
    ) -> DictReplayBufferSamples:
        """A batch drawn with replacement, normalised as `env` does now."""
        return self._get_samples(self._drawn(batch_size), env)

    def sample_labelled(
        self, batch_size: int, env: VecNormalize | None = None
    ) -> tuple[dict[str, Tensor], Tensor] | None:
        """Observations (B, ...) with their targets (B,); None while no target has been named.

        They are normalised as `env` does now.
        """
        drawn = self.sample_given(batch_size, env)
        return None if drawn is None else (drawn[0], drawn[1].answers)

    def sample_given(
        self, batch_size: int, env: VecNormalize | None = None
    ) -> tuple[dict[str, Tensor], GivenAnswers] | None:
        """The same with the rewards of the transitions, as they came."""
        drawn = self._drawn_labelled if self._feedback.is_told else self._drawn_given
        slots, rows = drawn(batch_size)
        if not len(slots):
            return None
        observed = self._observed(slots, rows)
        if self.turns is not None:
            observed = self.turns(observed, self.rng)
        kept = (self.to_torch(part[slots, rows]) for part in (self.targets, self.rewards))
        return self._normalised(observed, env), GivenAnswers(*kept)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"encode": None}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All it remembers and will draw, as named arrays that share its memory."""
        # While it fills, the slot at `pos` already holds what follows the newest transition.
        slots = self.buffer_size if self.full else self.pos + 1
        return {
            **{f"observations/{k}": store[:slots] for k, store in self.observations.items()},
            **{name: getattr(self, name)[:slots] for name in ARRAYS},
            "position": np.array([self.pos, self.full], dtype=np.int64),
            "generator": generator_state(self.rng),
        }

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Inverse of `snapshot`, for a buffer of the same size and spaces."""
        slots = len(snapshot["targets"])
        for key, store in self.observations.items():
            store[:slots] = snapshot[f"observations/{key}"]
        for name in ARRAYS:
            getattr(self, name)[:slots] = snapshot[name]
        self.pos, self.full = int(snapshot["position"][0]), bool(snapshot["position"][1])
        set_generator_state(self.rng, snapshot["generator"])

    def _drawn(self, batch_size: int) -> Indices:
        """Slots (B,) with a transition whose next observation is still there."""
        if self.full:  # the oldest transition's slot holds what follows the newest one
            steps = self.rng.integers(1, self.buffer_size, size=batch_size)
            return np.asarray((self.pos + steps) % self.buffer_size)
        return self.rng.integers(self.pos, size=batch_size)

    def _drawn_rows(self, batch_size: int) -> Indices:
        return self.rng.integers(self.n_envs, size=batch_size)

    def _drawn_labelled(self, batch_size: int) -> tuple[Indices, Indices]:
        """Slots and rows of up to B transitions with a target: nearly all have one, or none."""
        slots, rows = self._drawn(batch_size), self._drawn_rows(batch_size)
        known = self.targets[slots, rows] >= 0
        return slots[known], rows[known]

    def _drawn_given(self, batch_size: int) -> tuple[Indices, Indices]:
        """Slots and rows (B,) of transitions that answered, none before there has been one."""
        given = self.targets >= 0
        given[self.pos] = False  # its observation is what follows the newest transition
        slots, rows = np.nonzero(given)
        if not len(slots):
            return slots, rows
        chosen = self.rng.integers(len(slots), size=batch_size)
        return slots[chosen], rows[chosen]

    def _get_samples(  # type: ignore[override]
        self, batch_inds: Indices, env: VecNormalize | None = None
    ) -> DictReplayBufferSamples:
        rows = self._drawn_rows(len(batch_inds))
        cut_off = self.timeouts[batch_inds, rows] > 0
        after = np.where(cut_off, batch_inds, (batch_inds + 1) % self.buffer_size)
        ended = self.dones[batch_inds, rows] * ~cut_off
        encode = self.encode or _unchanged
        return DictReplayBufferSamples(
            observations=encode(self._normalised(self._observed(batch_inds, rows), env)),
            actions=self.to_torch(self.actions[batch_inds, rows]),
            next_observations=encode(self._normalised(self._observed(after, rows), env)),
            dones=self.to_torch(ended.astype(np.float32)[:, None]),
            rewards=self.to_torch(
                self._normalize_reward(self.rewards[batch_inds, rows, None], env)
            ),
        )

    def _observed(self, slots: Indices, rows: Indices) -> dict[str, Tensor]:
        """Observations (B, ...), floats as float32."""
        batch = {}
        for key, store in self.observations.items():
            values = self.to_torch(store[slots, rows])
            batch[key] = values.float() if store.dtype == np.float16 else values
        return batch

    def _normalised(
        self, observed: dict[str, Tensor], env: VecNormalize | None
    ) -> dict[str, Tensor]:
        """Observations (B, ...) as `env` would have shown them now."""
        if env is None:
            return observed
        arrays: Any = {key: values.cpu().numpy() for key, values in observed.items()}
        return {k: self.to_torch(v) for k, v in self._normalize_obs(arrays, env).items()}  # type: ignore[union-attr]


def _unchanged(observations: dict[str, Tensor]) -> Any:
    return observations


def _fitting(values: NDArray[Any], store: NDArray[Any]) -> NDArray[Any]:
    """Values as the store can hold them; those of a Discrete space come without an axis."""
    values = np.reshape(values, store.shape[1:])
    if store.dtype == np.float16:
        return np.clip(values, -FLOAT16_MAX, FLOAT16_MAX)
    return values
