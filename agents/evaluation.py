"""How good is an agent? Counted over fresh episodes, without favouring short ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from stable_baselines3.common.vec_env import VecEnv

CONFIDENCE = 0.95
Interval = tuple[float, float]


class Predictor(Protocol):
    """Anything with Stable-Baselines3's `predict`: models, policies, the baselines."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Actions (N, ...) and the next state for observations of N environments."""
        ...


@dataclass(frozen=True)
class EpisodeRecord:
    """What became of one episode.

    Attributes:
        success: whether it ended with the right answer.
        reward: sum over the episode.
        looks: images seen, the first one included.
        target, answer: -1 where the environment names none.
        row: environment that played it.
    """

    success: bool
    reward: float
    looks: int
    target: int
    answer: int
    row: int


@dataclass(frozen=True)
class Evaluation:
    """The episodes of one evaluation and what they say, each figure with a 95 % interval."""

    episodes: Sequence[EpisodeRecord]

    def __len__(self) -> int:
        return len(self.episodes)

    @cached_property
    def accuracy(self) -> float:
        """Share of episodes that ended with the right answer."""
        return sum(episode.success for episode in self.episodes) / len(self)

    @cached_property
    def reward(self) -> float:
        """Mean return."""
        return float(np.mean([episode.reward for episode in self.episodes]))

    @cached_property
    def looks(self) -> float:
        """Mean number of images seen."""
        return float(np.mean([episode.looks for episode in self.episodes]))

    def summary(self) -> dict[str, Any]:
        """The figures as plain numbers, for JSON."""
        successes = sum(episode.success for episode in self.episodes)
        return {
            "episodes": len(self),
            "accuracy": self.accuracy,
            "accuracy_95": list(wilson_interval(successes, len(self))),
            "looks": self.looks,
            "looks_95": list(mean_interval([episode.looks for episode in self.episodes])),
            "reward": self.reward,
            "reward_95": list(mean_interval([episode.reward for episode in self.episodes])),
        }

    def records(self) -> list[dict[str, Any]]:
        """One plain dictionary per episode."""
        return [asdict(episode) for episode in self.episodes]


def wilson_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927): right near 0 and 1 too."""
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} successes of {n}, expected 0 to n of at least 1")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of a mean; a point where there is one value."""
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if len(sample) < 2:
        return mean, mean
    half = stats.t.ppf(0.5 + confidence / 2, len(sample) - 1) * stats.sem(sample)
    return mean - float(half), mean + float(half)


def quotas(episodes: int, num_envs: int) -> NDArray[np.int64]:
    """How many episodes each row contributes, int64 (num_envs,).

    Taking the first `episodes` to finish would count short episodes too often, and an agent's
    episodes are short when it is sure. A quota fixed in advance cannot depend on the outcome.
    """
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}, expected at least 1")
    rows = np.arange(num_envs)
    return np.asarray(episodes // num_envs + (rows < episodes % num_envs), dtype=np.int64)


def evaluate(
    predictor: Predictor,
    env: VecEnv,
    episodes: int,
    *,
    seed: int | None = None,
    deterministic: bool = True,
    on_episode: Callable[[], None] | None = None,
) -> Evaluation:
    """Play `episodes` fresh episodes.

    Args:
        env: autoresets in the same step, as every Stable-Baselines3 environment does; its infos
            name `is_success` and may name `looks`, `target` and `answer`.
        seed: row i gets the seed `seed + i`; None goes on with the environment's generators.
        on_episode: called after each counted episode, for progress bars.
    """
    left = quotas(episodes, env.num_envs)
    if seed is not None:
        env.seed(seed)
    observation = env.reset()
    state: Any = None
    starts = np.ones(env.num_envs, dtype=bool)
    returns = np.zeros(env.num_envs)
    lengths = np.zeros(env.num_envs, dtype=np.int64)
    records: list[EpisodeRecord] = []
    while left.any():
        actions, state = predictor.predict(
            observation, state=state, episode_start=starts, deterministic=deterministic
        )
        observation, rewards, starts, infos = env.step(actions)
        returns += rewards
        lengths += 1
        for row in np.flatnonzero(starts):
            if left[row]:
                left[row] -= 1
                records.append(_record(infos[row], returns[row], lengths[row], int(row)))
                if on_episode is not None:
                    on_episode()
        returns[starts], lengths[starts] = 0.0, 0
    return Evaluation(records)


def _record(info: dict[str, Any], reward: float, length: int, row: int) -> EpisodeRecord:
    return EpisodeRecord(
        success=bool(info["is_success"]),
        reward=float(reward),
        looks=int(info.get("looks", length)),
        target=int(info.get("target", -1)),
        answer=int(info.get("answer", -1)),
        row=row,
    )
