"""Episodes played side by side, each from a seed of its own, and all that was seen and done."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from agents.evaluation import Predictor
from experiments.shared import seeds

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode of T steps.

    Attributes:
        seed: an environment that is reset with it and given the actions plays the episode again.
        observations: by key (T + 1, ...), from the reset to the final one.
        actions: (T, ...).
        rewards: float64 (T,).
        terminations, truncations: bool (T,).
        infos: by key (T + 1,), from that of the reset on.
    """

    seed: int
    observations: Arrays
    actions: NDArray[Any]
    rewards: NDArray[np.float64]
    terminations: NDArray[np.bool_]
    truncations: NDArray[np.bool_]
    infos: Arrays

    def __len__(self) -> int:
        return len(self.rewards)


class Exploration:
    """Random actions now and then, in an episode the same whichever row plays it.

    >>> never, always = (Exploration(spaces.Discrete(14), epsilon, (0, 7)) for epsilon in (0, 1))
    >>> never.instead_of(np.int64(3)), [int(always.instead_of(np.int64(3))) for _ in range(3)]
    (np.int64(3), [5, 2, 6])

    Args:
        space: of the actions; random ones are uniform over it.
        epsilon: probability that an action is replaced.
        seed: of the generator.
    """

    def __init__(self, space: spaces.Space[Any], epsilon: float, seed: tuple[int, ...]) -> None:
        self._rng, self._epsilon = np.random.default_rng(seed), epsilon
        self._space = deepcopy(space)
        self._space.seed(int(self._rng.integers(2**31)))

    def instead_of(self, action: Any) -> Any:
        """The action, or a random one."""
        return self._space.sample() if self._rng.random() < self._epsilon else action


class _Tape:
    """An episode that is being played in one row."""

    def __init__(self, number: int, seed: int, row: int, exploration: Exploration) -> None:
        self.number, self.row, self.exploration = number, row, exploration
        self._seed = seed
        self._seen: list[Arrays] = []
        self._told: list[Arrays] = []
        self._done: list[tuple[Any, float, bool, bool]] = []

    def see(self, observations: Arrays, infos: dict[str, Any]) -> None:
        """Keep this row's part of what a reset or a step of all rows has returned."""
        self._seen.append({key: value[self.row].copy() for key, value in observations.items()})
        told = {key: value for key, value in infos.items() if not key.startswith("_")}
        self._told.append({key: value[self.row] for key, value in told.items()})

    def do(self, action: Any, reward: float, terminated: bool, truncated: bool) -> None:
        """Keep what was done, and what it led to."""
        self._done.append((action, reward, terminated, truncated))

    def episode(self) -> RecordedEpisode:
        actions, rewards, terminations, truncations = zip(*self._done, strict=True)
        return RecordedEpisode(
            self._seed,
            _stacked(self._seen),
            np.array(actions),
            np.array(rewards, np.float64),
            np.array(terminations, np.bool_),
            np.array(truncations, np.bool_),
            _stacked(self._told),
        )


def recorded_episodes(
    predictor: Predictor, env: VectorEnv, episodes: int, *, seed: int, epsilon: float = 0.0
) -> Iterator[RecordedEpisode]:
    """Episodes in the order of their seeds; each is played to its end, so short ones are no more
    frequent than they are.

    Args:
        env: one of this package in the mode DISABLED with observations that are a Dict.
        seed: of the first; that of the k-th is k more.
        epsilon: probability that an action is random and not the strategy's.
    """
    finished: dict[int, RecordedEpisode] = {}
    following = 0
    for number, episode in _Recorder(predictor, env, episodes, seed, epsilon).play():
        finished[number] = episode
        while following in finished:
            yield finished.pop(following)
            following += 1


class _Recorder:
    """Plays episodes; rows for which none is left go on with what nobody records."""

    def __init__(
        self, predictor: Predictor, env: VectorEnv, episodes: int, seed: int, epsilon: float
    ) -> None:
        self._predictor, self._env = predictor, env
        self._episodes, self._seed, self._epsilon = episodes, seed, epsilon
        self._begun = 0
        self._tapes: dict[int, _Tape] = {}
        self._observations: Any = None

    def play(self) -> Iterator[tuple[int, RecordedEpisode]]:
        """Numbers and episodes as they end."""
        starts, state = np.ones(self._env.num_envs, dtype=bool), None
        while self._tapes or self._begun < self._episodes:
            if starts.any():
                self._begin(starts)
            actions, state = self._predictor.predict(
                self._observations, state, starts, deterministic=True
            )
            starts = self._step(np.array(actions))
            for row in [row for row in self._tapes if starts[row]]:
                tape = self._tapes.pop(row)
                yield tape.number, tape.episode()

    def _begin(self, starts: NDArray[np.bool_]) -> None:
        """Episodes in the rows of a mask, with seeds of their own while there are any to record."""
        rows = np.flatnonzero(starts)[: self._episodes - self._begun].tolist()
        row_seeds: list[int | None] = [None] * len(starts)
        for row in rows:
            self._tapes[row] = self._tape(row)
            row_seeds[row] = self._seed + self._begun
            self._begun += 1
        options = {"reset_mask": starts}
        self._observations, infos = self._env.reset(seed=row_seeds, options=options)  # type: ignore[arg-type]
        for row in rows:
            self._tapes[row].see(self._observations, infos)

    def _tape(self, row: int) -> _Tape:
        number, space = self._begun, self._env.single_action_space
        exploring = (self._seed, seeds.EXPLORATION_STREAM, number)
        exploration = Exploration(space, self._epsilon, exploring)
        return _Tape(number, self._seed + number, row, exploration)

    def _step(self, actions: NDArray[Any]) -> NDArray[np.bool_]:
        """One action in every row; which episodes have ended."""
        for row, tape in self._tapes.items():
            actions[row] = tape.exploration.instead_of(actions[row])
        self._observations, rewards, terminated, truncated, infos = self._env.step(actions)
        for row, tape in self._tapes.items():
            tape.do(actions[row].copy(), rewards[row], terminated[row], truncated[row])
            tape.see(self._observations, infos)
        return np.asarray(terminated | truncated)


def _stacked(arrays: list[Arrays]) -> Arrays:
    return {key: np.array([each[key] for each in arrays]) for key in arrays[0]}
