"""Losses of predictions, in the form of ap_gym's `LossFn`: one formula for NumPy and PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

if TYPE_CHECKING:
    from torch import Tensor


class PredictionLoss(ABC):
    """How far predictions are from their targets; differentiable in PyTorch.

    The methods are those that ap_gym calls. Two arguments of its interface have no use here:
    `batch_shape`, which the shapes of prediction and target imply, and `rng`, since both losses
    are deterministic. There is no JAX.

    Attributes:
        lower_bound: the loss of a perfect prediction.
        blind_guessing_expected_value: the loss of the best guess of one who has seen nothing; None
            where it is not known.
    """

    lower_bound: float = 0.0
    blind_guessing_expected_value: float | None = None

    @abstractmethod
    def numpy(
        self, prediction: Any, target: Any, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> NDArray[np.float64]:
        """The loss, of the shape of the batch."""

    @abstractmethod
    def torch(
        self, prediction: Tensor, target: Tensor, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> Tensor:
        """The same, with gradients."""

    def __call__(
        self, prediction: Any, target: Any, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> NDArray[np.float64]:
        return self.numpy(prediction, target, batch_shape, rng)

    def numpy_loss_and_metrics(
        self, prediction: Any, target: Any, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """The loss and what else it measures, which is nothing."""
        return self.numpy(prediction, target, batch_shape, rng), {}

    def torch_loss_and_metrics(
        self, prediction: Tensor, target: Tensor, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> tuple[Tensor, dict[str, Any]]:
        """The loss with gradients and what else it measures, which is nothing."""
        return self.torch(prediction, target, batch_shape, rng), {}


class AnswerLoss(PredictionLoss):
    """Cross-entropy over the K answers, divided by log K: 1 for equal logits, 0 for certainty.

    Prediction: logits float (..., K). Target: the right answer, integer (...).
    """

    blind_guessing_expected_value = 1.0

    def numpy(
        self, prediction: Any, target: Any, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> NDArray[np.float64]:
        """See `PredictionLoss.numpy`."""
        log_probabilities = log_softmax(np.asarray(prediction, np.float64), axis=-1)
        index = np.asarray(target)[..., None]
        chosen = np.take_along_axis(log_probabilities, index, axis=-1)[..., 0]
        return np.asarray(-chosen / np.log(log_probabilities.shape[-1]))

    def torch(
        self, prediction: Tensor, target: Tensor, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> Tensor:
        """See `PredictionLoss.torch`."""
        chosen = prediction.log_softmax(-1).gather(-1, target[..., None].long())[..., 0]
        return -chosen / float(np.log(prediction.shape[-1]))


class ImageLoss(PredictionLoss):
    """Mean squared error over pixels and channels.

    Prediction and target: float (..., H, W, 3) in [0, 1].
    """

    def numpy(
        self, prediction: Any, target: Any, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> NDArray[np.float64]:
        """See `PredictionLoss.numpy`."""
        difference = np.asarray(prediction, np.float64) - target
        return np.asarray(np.mean(difference**2, axis=(-3, -2, -1)))

    def torch(
        self, prediction: Tensor, target: Tensor, batch_shape: tuple[int, ...] = (), rng: Any = None
    ) -> Tensor:
        """See `PredictionLoss.torch`."""
        return ((prediction - target) ** 2).mean(dim=(-3, -2, -1))
