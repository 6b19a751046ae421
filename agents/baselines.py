"""Simple strategies that an agent has to beat, with Stable-Baselines3's `predict` signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn
from torch.nn import functional

from agents.policies.features import SceneFeatures, channels_first
from gqn_rl.errors import UserError

Observation = dict[str, NDArray[Any]]
Actions = NDArray[Any]
Answering = Callable[[NDArray[np.int64]], Actions]
"""Answers, int64 (n,), to the actions (n, ...) that give them."""


class RandomAgent:
    """Uniform over all actions of a bounded space.

    >>> agent = RandomAgent(spaces.Discrete(14), seed=0)
    >>> actions, _ = agent.predict({"viewpoint": np.zeros((3, 7), np.float32)})
    >>> actions.shape, bool((actions < 14).all())
    ((3,), True)
    """

    def __init__(self, action_space: spaces.Space[Any], seed: int | None = None) -> None:
        self._space = action_space
        self._rng = np.random.default_rng(seed)

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Actions, Any]:
        n, space = batch_size(observation), self._space
        if isinstance(space, spaces.Discrete):
            return self._rng.integers(int(space.n), size=n), state
        if isinstance(space, spaces.Box):
            drawn = self._rng.uniform(space.low, space.high, (n, *space.shape))
            return drawn.astype(space.dtype), state
        rows = batch_space(space, n)
        rows.seed(int(self._rng.integers(2**31)))
        return rows.sample(), state


class OracleAgent:
    """Answers at once, and right: what is possible without looking twice.

    >>> agent = OracleAgent(lambda answers: 4 + answers, lambda: np.array([7, 2]))  # after 4 moves
    >>> agent.predict({"viewpoint": np.zeros((2, 7), np.float32)})[0]
    array([11,  6])

    Args:
        answering: how answers are written as actions.
        targets: returns the true answers of all rows, int (N,).
    """

    def __init__(self, answering: Answering, targets: Callable[[], NDArray[np.int64]]) -> None:
        self._answering, self._targets = answering, targets

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Actions, Any]:
        return self._answering(np.asarray(self._targets(), dtype=np.int64)), state


class LookAroundAgent:
    """Always makes the same moves, then answers with a classifier.

    Its state is the number of moves made in each row's episode, int64 (N,).

    >>> seen = {"viewpoint": np.zeros((2, 7), np.float32)}
    >>> classifier = AnswerClassifier(spaces.Dict({"viewpoint": spaces.Box(-9, 9, (7,))}), 10)
    >>> agent = LookAroundAgent([np.int64(1), np.int64(2)], lambda answers: 4 + answers, classifier)
    >>> first, state = agent.predict(seen, None, np.array([True, True]))
    >>> second, _ = agent.predict(seen, state, np.array([False, True]))  # row 1 has begun anew
    >>> first, second
    (array([1, 1]), array([2, 1]))

    Args:
        moves: the L actions before the answer.
        answering: how answers are written as actions.
        classifier: log-probabilities of the answers for a batch of observations.
    """

    def __init__(
        self, moves: Sequence[Any], answering: Answering, classifier: AnswerClassifier
    ) -> None:
        # An answer stands at the end as well, so that there is something to copy without moves.
        self._actions = np.stack([*moves, answering(np.zeros(1, dtype=np.int64))[0]])
        self._answering, self._classifier = answering, classifier

    def predict(
        self,
        observation: Observation,
        state: NDArray[np.int64] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Actions, NDArray[np.int64]]:
        n, last = batch_size(observation), len(self._actions) - 1
        made = np.zeros(n, dtype=np.int64) if state is None else state
        if episode_start is not None:
            made = np.where(episode_start, 0, made)
        actions = self._actions[np.minimum(made, last)]
        answering = np.flatnonzero(made >= last)
        if len(answering):
            shown = {key: value[answering] for key, value in observation.items()}
            actions[answering] = self._answering(self._classifier.answers(shown))
        return actions, made + 1


@dataclass(frozen=True)
class LabelledEpisodes:
    """What n episodes looked like after a fixed look-around.

    >>> episodes = LabelledEpisodes({"state": np.zeros((5, 42), np.float32)}, np.arange(5))
    >>> len(episodes)
    5

    Attributes:
        observations: key to (n, ...).
        targets: int64 (n,).
    """

    observations: Observation
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)


def collect_labelled(
    env: VecEnv, moves: Sequence[Any], answering: Answering, episodes: int, seed: int
) -> LabelledEpisodes:
    """Play `episodes` episodes with fixed moves; what was seen before the answer, and the truth.

    All rows make the same moves and so answer, and start anew, together.

    Raises:
        UserError: if an episode ends before the answer (more moves than the look budget).
    """
    env.seed(seed)
    observation = env.reset()
    parts: list[Observation] = []
    targets: list[int] = []
    while len(targets) < episodes:
        for move in moves:
            observation, _, dones, _ = env.step(np.stack([move] * env.num_envs))
            if dones.any():
                raise UserError(f"a look-around of {len(moves)} moves exceeds the look budget")
        assert isinstance(observation, dict)
        parts.append(observation)
        # Any answer ends the episodes; the info of the step says what was right.
        observation, _, dones, infos = env.step(answering(np.zeros(env.num_envs, dtype=np.int64)))
        assert dones.all()
        targets += [int(info["target"]) for info in infos]
    stacked = {key: np.concatenate([part[key] for part in parts])[:episodes] for key in parts[0]}
    return LabelledEpisodes(stacked, np.array(targets[:episodes], dtype=np.int64))


class AnswerClassifier(nn.Module):
    """The agent's own kind of network, trained by supervision alone.

    >>> rng = np.random.default_rng(0)
    >>> space = spaces.Dict({"state": spaces.Box(-1, 1, (40,))})
    >>> classifier = AnswerClassifier(space, 2, hidden=(16,))
    >>> right = rng.integers(0, 2, 400)
    >>> seen = (right[:, None] + rng.uniform(-0.5, 0.5, (400, 40))).astype(np.float32)
    >>> classifier.fit(LabelledEpisodes({"state": seen}, right)) > 0.9
    True

    Args:
        observation_space: of one environment; images may come channels last.
        num_answers: K.
        seed: of the initial weights and of training.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        num_answers: int,
        seed: int = 0,
        hidden: Sequence[int] = (512, 256),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self._given, self._space = observation_space, channels_first(observation_space)
        self._seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = SceneFeatures(self._space, hidden, dropout)
            self.head = nn.Linear(self.features.features_dim, num_answers)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Log-probabilities (B, K) of a batch of raw observations."""
        prepared = preprocess_obs(observations, self._space)
        return torch.log_softmax(self.head(self.features(prepared)), dim=1)

    def answers(self, observations: Observation) -> NDArray[np.int64]:
        """The likeliest answer of each observation, int64 (B,)."""
        self.eval()
        with torch.no_grad():
            best = self(self._tensors(observations)).argmax(1).numpy()
        return np.asarray(best, dtype=np.int64)

    def fit(
        self,
        data: LabelledEpisodes,
        epochs: int = 40,
        patience: int = 6,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
    ) -> float:
        """Train on nine tenths, stop when the last tenth gets no better, keep the best weights.

        Returns:
            The accuracy on the last tenth.
        """
        split = max(1, len(data) // 10)
        held_out = {key: value[:split] for key, value in data.observations.items()}
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=learning_rate, weight_decay=weight_decay
        )
        rng = np.random.default_rng(self._seed)
        best, best_weights, since = -1.0, self.state_dict(), 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            for _ in range(epochs):
                self.train()
                rows = split + rng.permutation(len(data) - split)
                for start in range(0, len(rows), batch_size):
                    self._step(optimizer, data, rows[start : start + batch_size])
                accuracy = float((self.answers(held_out) == data.targets[:split]).mean())
                since += 1
                if accuracy > best:
                    best, since = accuracy, 0
                    best_weights = {k: v.clone() for k, v in self.state_dict().items()}
                if since >= patience:
                    break
        self.load_state_dict(best_weights)
        return best

    def _step(
        self, optimizer: torch.optim.Optimizer, data: LabelledEpisodes, rows: NDArray[np.int64]
    ) -> None:
        batch = self._tensors({key: value[rows] for key, value in data.observations.items()})
        loss = functional.nll_loss(self(batch), torch.as_tensor(data.targets[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _tensors(self, observations: Observation) -> dict[str, Tensor]:
        tensors = {}
        for key, value in observations.items():
            if self._space[key].shape != self._given[key].shape:
                value = np.moveaxis(value, -1, -3)
            tensors[key] = torch.as_tensor(np.ascontiguousarray(value))
        return tensors


def batch_size(observation: Observation) -> int:
    return len(next(iter(observation.values())))
