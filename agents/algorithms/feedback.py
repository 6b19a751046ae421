"""Feedback on answers, of two kinds: the label of every state, or the reward of an answer given.

With labels the answer posterior learns a classification: the environment names the right answer of
every state. With rewards it learns from bandit feedback: an answer ends the episode, so what it is
worth is a regression on the states in which the agent itself answered. Nothing is learned about
the answers that it did not give there, save that one of the K is right.

References:
    Dudik, Langford and Li, Doubly Robust Policy Evaluation and Learning, ICML 2011 (classification
    from bandit feedback; here the direct method).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from agents.algorithms.targets import answers_of, targets_of
from gqn_rl.errors import unknown_name

WORST, BEST = -1.0, 1.0
"""Rewards of an answer that is wrong and of one that is right; what lies between is a chance."""


class GivenAnswers(NamedTuple):
    """Answers that were given.

    >>> given = GivenAnswers(torch.tensor([3, 0]), torch.tensor([1.0, -1.0]))  # right, then wrong
    >>> given.answers[given.rewards > 0].tolist()
    [3]

    Attributes:
        answers: int64 (B,).
        rewards: float32 (B,), what each of them brought.
    """

    answers: Tensor
    rewards: Tensor


class Feedback(ABC):
    """What is said about answers while training, and what a posterior learns from it.

    >>> sorted(FEEDBACK), feedback_named("rewards").is_told
    (['labels', 'rewards'], False)

    Attributes:
        is_told: whether states have an answer before the agent gives one.
    """

    is_told: bool

    @abstractmethod
    def answers_of(self, infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
        """The answers to be remembered of one step, int64 (n_envs,); negative for none."""

    @abstractmethod
    def lesson(self, given: GivenAnswers) -> Any:
        """What `loss` takes of remembered answers."""

    @abstractmethod
    def loss(self, posterior: Tensor, lesson: Any) -> tuple[Tensor, Tensor]:
        """Mean loss, and share of what was foretold, of log-probabilities (B, K)."""


class Labels(Feedback):
    """The right answer of every state, which the environment's infos call `target`.

    >>> loss, accuracy = Labels().loss(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([0]))
    >>> round(loss.item(), 3), accuracy.item()
    (0.223, 1.0)
    """

    is_told = True

    def answers_of(self, infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
        """See `Feedback`."""
        return targets_of(infos)

    def lesson(self, given: GivenAnswers) -> Tensor:
        """The right answers, int64 (B,)."""
        return given.answers

    def loss(self, posterior: Tensor, lesson: Tensor) -> tuple[Tensor, Tensor]:
        """See `Feedback`; the cross-entropy of the right answers."""
        accuracy = (posterior.argmax(1) == lesson).float().mean()
        return functional.nll_loss(posterior, lesson), accuracy


class Rewards(Feedback):
    """The reward of the answer that was given, and nothing about the others.

    >>> given = GivenAnswers(torch.tensor([0]), torch.tensor([-1.0]))  # it was wrong
    >>> loss, foretold = Rewards().loss(torch.tensor([[0.8, 0.2]]).log(), given)
    >>> round(loss.item(), 3), foretold.item()
    (1.609, 0.0)
    """

    is_told = False

    def answers_of(self, infos: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
        """See `Feedback`."""
        return answers_of(infos)

    def lesson(self, given: GivenAnswers) -> GivenAnswers:
        """All of it."""
        return given

    def loss(self, posterior: Tensor, lesson: GivenAnswers) -> tuple[Tensor, Tensor]:
        """See `Feedback`; the cross-entropy of the given answers' chances of being right."""
        chance = ((lesson.rewards - WORST) / (BEST - WORST)).clamp(0.0, 1.0)
        given = lesson.answers[:, None]
        right = posterior.gather(1, given)[:, 0]
        # Of the others together: 1 - p would be nothing but rounding where p is near 1.
        wrong = posterior.scatter(1, given, -torch.inf).logsumexp(1)
        foretold = ((right > wrong) == (chance > 0.5)).float().mean()
        return -(chance * right + (1.0 - chance) * wrong).mean(), foretold


LABELS = Labels()
FEEDBACK: dict[str, Feedback] = {"labels": LABELS, "rewards": Rewards()}
"""By the name that the hyperparameter `aux_feedback` has for it."""


def feedback_named(name: str) -> Feedback:
    """One of `FEEDBACK`; `UserError` for another name."""
    if name not in FEEDBACK:
        raise unknown_name("aux_feedback", name, FEEDBACK)
    return FEEDBACK[name]
