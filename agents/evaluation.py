"""Scores of an agent over fresh episodes, counted without favouring short ones."""

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
MOST_ANGLES, APART = 37, 20.0
"""Angles that are told one by one; more are put together, around multiples of so many degrees."""
Interval = tuple[float, float]


class Predictor(Protocol):
    """Anything with Stable-Baselines3's `predict`: models, policies, the baselines.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> class AnswerAtOnce:
    ...     def predict(self, observation, state=None, episode_start=None, deterministic=False):
    ...         return np.full(len(observation["viewpoint"]), 4), state  # 0 to 3 are moves
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> evaluate(AnswerAtOnce(), env, episodes=10, seed=0).looks
    1.0
    """

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

    >>> won = EpisodeRecord(success=True, reward=0.94, looks=4, target=2, answer=2, row=0)
    >>> lost = EpisodeRecord(success=False, reward=-1.02, looks=2, target=2, answer=7, row=1)
    >>> Evaluation([won, lost]).looks
    3.0

    Attributes:
        success: whether it ended with the right answer.
        reward: sum over the episode.
        looks: images seen, the first one included.
        target, answer: -1 where the environment names none.
        row: environment that played it.
        error: of the prediction that ended a graded episode; None where the task is to be right,
            and where there was no prediction.
        first_error: what the error would have been without a further look; None likewise.
        angle: degrees between two objects that were compared; None where there were none.
    """

    success: bool
    reward: float
    looks: int
    target: int
    answer: int
    row: int
    error: float | None = None
    first_error: float | None = None
    angle: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """The episodes of one evaluation and what they say, each figure with a 95 % interval.

    >>> won = EpisodeRecord(success=True, reward=0.94, looks=4, target=2, answer=2, row=0)
    >>> lost = EpisodeRecord(success=False, reward=-1.02, looks=2, target=2, answer=7, row=1)
    >>> evaluation = Evaluation(80 * [won] + 20 * [lost])
    >>> evaluation.accuracy, [round(bound, 3) for bound in evaluation.summary()["accuracy_95"]]
    (0.8, [0.711, 0.867])
    """

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

    @cached_property
    def is_graded(self) -> bool:
        """Whether the task is to predict well, not to be right."""
        return any(episode.first_error is not None for episode in self.episodes)

    @property
    def measures(self) -> tuple[str, str, str]:
        """What a table or a figure shows: the score of the task first."""
        return ("error" if self.is_graded else "accuracy", "looks", "reward")

    def summary(self) -> dict[str, Any]:
        """The figures as plain numbers, for JSON: `measures` and what belongs to them.

        The error is the mean over the episodes that ended with a prediction; `unanswered` is the
        share of those that did not. It is None where no episode ended with one.
        """
        score = self._graded_summary() if self.is_graded else self._accuracy_summary()
        looks = [episode.looks for episode in self.episodes]
        rewards = [episode.reward for episode in self.episodes]
        return {
            "episodes": len(self),
            **score,
            "looks": self.looks,
            "looks_95": list(mean_interval(looks)),
            "reward": self.reward,
            "reward_95": list(mean_interval(rewards)),
        }

    def _accuracy_summary(self) -> dict[str, Any]:
        successes = sum(episode.success for episode in self.episodes)
        interval = wilson_interval(successes, len(self))
        return {"accuracy": self.accuracy, "accuracy_95": list(interval)}

    def _graded_summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        for name in ("error", "first_error"):
            values = [getattr(episode, name) for episode in self.episodes]
            known = [value for value in values if value is not None]
            summary[name] = float(np.mean(known)) if known else None
            summary[f"{name}_95"] = list(mean_interval(known)) if known else None
        unanswered = sum(episode.error is None for episode in self.episodes)
        return summary | {"unanswered": unanswered / len(self)}

    def by_angle(self) -> list[dict[str, Any]]:
        """`angle` and `summary` of the episodes of each angle between objects, in rising order.

        Where there are more than 37 angles, as of random ones, each stands for those around it:
        0 for those below 10 degrees, 20 for those from 10 to 30, and so on.
        """
        groups: dict[float, list[EpisodeRecord]] = {}
        known = [e for e in self.episodes if e.angle is not None]
        is_fine = len({e.angle for e in known}) > MOST_ANGLES
        for episode in known:
            angle = float(episode.angle or 0.0)
            group = APART * math.floor(angle / APART + 0.5) if is_fine else angle
            groups.setdefault(group, []).append(episode)
        return [{"angle": a, **Evaluation(groups[a]).summary()} for a in sorted(groups)]

    def by_row(self) -> dict[int, list[EpisodeRecord]]:
        """The episodes of each row, in the order in which it played them."""
        rows: dict[int, list[EpisodeRecord]] = {}
        for episode in self.episodes:
            rows.setdefault(episode.row, []).append(episode)
        return rows

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


def paired_difference(one: Evaluation, other: Evaluation, measure: str) -> dict[str, Any]:
    """How much larger a measure is for `one` than for `other` on the same episodes.

    Both must have been played with the same seed and rows: a row's episodes then are the same
    whatever was done in them, and the difference is free of how hard they were.

    Returns:
        The mean difference, its 95 % interval, and the number of episodes for which both have
        the measure.
    """
    mine, theirs = one.by_row(), other.by_row()
    differences = []
    for row in mine.keys() & theirs.keys():
        for a, b in zip(mine[row], theirs[row], strict=True):
            values = getattr(a, measure), getattr(b, measure)
            if None not in values:
                differences.append(float(values[0]) - float(values[1]))
    if not differences:
        return {"difference": None, "difference_95": None, "episodes": 0}
    return {
        "difference": float(np.mean(differences)),
        "difference_95": list(mean_interval(differences)),
        "episodes": len(differences),
    }


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
            name `is_success` and may name `looks`, `target`, `answer`, `error` and `first_error`.
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
        error=_known(info.get("error")),
        first_error=_known(info.get("first_error")),
        angle=_known(info.get("angle")),
    )


def _known(value: float | None) -> float | None:
    """Environments say -1 of an error where nothing has been predicted."""
    return None if value is None or value < 0 else float(value)
