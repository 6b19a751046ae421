"""Targets of probes: what training lowers, and how answers are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from gqn_rl.geometry.rotations import nearest_rotations, rotation_angles

TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Score:
    """How well a probe does on test trials.

    >>> score = Score("degrees", 12.0, interval=(11.0, 13.0), chance=120.0, trials=500)
    >>> score.merit > Score("degrees", 30.0, (28.0, 32.0), 120.0, 500).merit
    True

    Attributes:
        measure: "accuracy" (higher is better), "degrees" (lower) or "r2" (higher).
        value: the score.
        interval: of 95 % confidence, from the number of test trials alone.
        chance: what answers that know nothing of the scenes score.
        trials: that were tested.
    """

    measure: str
    value: float
    interval: tuple[float, float]
    chance: float
    trials: int

    @property
    def merit(self) -> float:
        """The higher, the better."""
        return -self.value if self.measure == "degrees" else self.value

    def to_dict(self) -> dict[str, Any]:
        return {
            self.measure: self.value,
            f"{self.measure}_95": list(self.interval),
            "chance": self.chance,
            "test_trials": self.trials,
        }


class Target(Protocol):
    """Labels of one kind."""

    measure: str
    """Of its scores."""

    @property
    def outputs(self) -> int:
        """Numbers that a probe gives per trial."""

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean over trials, from outputs float32 (B, outputs) and labels (B, ...)."""

    def score(self, outputs: NDArray[np.float32], labels: NDArray) -> Score:
        """From outputs (n, outputs) and labels (n, ...)."""


@dataclass(frozen=True)
class Classes:
    """One of `number` classes; labels int64 (n,). Scored by the accuracy.

    The interval is Wilson's (JASA 22:209, 1927).

    >>> answers = np.eye(4)[[0, 1, 2, 3, 3]]
    >>> score = Classes(4).score(answers, np.array([0, 1, 2, 3, 0]))
    >>> score.value, score.chance
    (0.8, 0.25)
    """

    number: int
    measure = "accuracy"

    @property
    def outputs(self) -> int:
        return self.number

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(outputs, labels)

    def score(self, outputs: NDArray[np.float32], labels: NDArray) -> Score:
        total = len(labels)
        correct = int((outputs.argmax(axis=-1) == labels).sum())
        bounds = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
        interval = (float(bounds.low), float(bounds.high))
        return Score(self.measure, correct / total, interval, 1.0 / self.number, total)


@dataclass(frozen=True)
class Rotations:
    """A rotation; labels float32 (n, 3, 3). Scored by the mean geodesic error in degrees.

    The probe gives the nine entries of the matrix by least squares; its answer is the rotation
    nearest to them (Levinson et al., An Analysis of SVD for Deep Rotation Estimation, 2020).
    Chance is the mean angle between the rotations of different trials.

    >>> from gqn_rl.geometry.rotations import yaw_matrices
    >>> labels = yaw_matrices(np.radians([0.0, 90.0, 180.0]))
    >>> answers = yaw_matrices(np.radians([10.0, 90.0, 200.0])).reshape(3, 9)
    >>> round(Rotations().score(answers, labels).value, 3)
    10.0
    """

    measure = "degrees"
    outputs = 9

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return F.mse_loss(outputs, labels.flatten(1))

    def score(self, outputs: NDArray[np.float32], labels: NDArray) -> Score:
        error = _degrees_between(nearest_rotations(outputs.reshape(-1, 3, 3)), labels)
        chance = float(_degrees_between(labels, np.roll(labels, 1, axis=0)).mean())
        return _scored(self.measure, float(error.mean()), error, chance)


@dataclass(frozen=True)
class Directions:
    """Points on a circle, such as hues; labels float32 (n, 2). Scored by R^2.

    R^2 is one minus the probe's squared error over that of the labels' own mean; 0 is chance, 1
    perfect, and a probe that learnt what is not there falls below 0.

    >>> labels = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> Directions().score(labels, labels).value, Directions().score(-labels, labels).value
    (1.0, -3.0)
    """

    measure = "r2"
    outputs = 2

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return F.mse_loss(outputs, labels)

    def score(self, outputs: NDArray[np.float32], labels: NDArray) -> Score:
        labels = labels.astype(np.float64)
        error = np.square(outputs - labels).sum(axis=1)
        spread = np.square(labels - labels.mean(axis=0)).sum(axis=1)
        ratio = float(error.mean() / spread.mean())
        # The delta method for a ratio of means: its error is the mean of these residuals.
        residuals = (error - ratio * spread) / spread.mean()
        return _scored(self.measure, 1.0 - ratio, residuals, 0.0)


def _degrees_between(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    return np.degrees(rotation_angles(np.swapaxes(a, 1, 2) @ b))


def _scored(measure: str, value: float, values: NDArray[np.float64], chance: float) -> Score:
    """A score with the interval of a mean of these values."""
    margin = TWO_SIDED_95 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return Score(measure, value, (value - margin, value + margin), chance, len(values))
