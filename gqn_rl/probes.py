"""What can be read off a representation: small classifiers trained on frozen features.

A linear probe is a multinomial logistic regression; the other has one hidden layer. Every encoder
gets the same treatment: features standardised by the probe's own training scenes, weight decay
chosen from a grid and training stopped by the validation loss, then one test on fresh scenes.

References:
    Alain and Bengio, Understanding Intermediate Layers Using Linear Classifier Probes,
    arXiv:1610.01644, 2016.
    Wilson, JASA 22:209, 1927 (the interval).
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from gqn_rl.devices import autocast

MIN_RELATIVE_SPREAD = 1e-3
"""Features that vary less than this share of the one that varies most are not blown up."""


@dataclass(frozen=True)
class ProbeRecipe:
    """How a probe is trained.

    Attributes:
        hidden: width of the hidden layer; 0 for a linear probe.
        learning_rate: of AdamW, falling with half a cosine over `max_epochs`.
        weight_decays: the grid.
        batch_size: scenes per step.
        max_epochs: passes over the training scenes.
        patience: epochs without a lower validation loss before training stops.
        validation_share: of the labelled scenes, kept aside.
        precision: "auto", "bf16" or "fp32".
    """

    hidden: int = 0
    learning_rate: float = 2e-2
    weight_decays: tuple[float, ...] = (0.03, 0.3, 1.0)
    batch_size: int = 256
    max_epochs: int = 40
    patience: int = 5
    validation_share: float = 0.2
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not (self.weight_decays and self.max_epochs > 0 and 0 < self.validation_share < 1):
            raise ValueError(f"{self} trains nothing or validates on nothing")


LINEAR = ProbeRecipe()
MLP = ProbeRecipe(hidden=256, learning_rate=5e-3)


@dataclass(frozen=True)
class ProbeResult:
    """How well a probe does.

    Attributes:
        correct, total: of the test scenes.
        weight_decay: the one chosen.
        validation_accuracy: with it.
        epochs: passes until the best validation loss.
    """

    correct: int
    total: int
    weight_decay: float
    validation_accuracy: float
    epochs: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        bounds = stats.binomtest(self.correct, self.total).proportion_ci(0.95, method="wilson")
        return float(bounds.low), float(bounds.high)

    def to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "accuracy_95": list(self.interval),
            "test_scenes": self.total,
            "weight_decay": self.weight_decay,
            "validation_accuracy": self.validation_accuracy,
            "epochs": self.epochs,
        }


@dataclass(frozen=True)
class Labelled:
    """Features (n, F) and labels int64 (n,)."""

    features: Tensor
    labels: Tensor

    @staticmethod
    def from_numpy(
        features: NDArray[np.float32], labels: NDArray[np.int64], device: torch.device
    ) -> Labelled:
        return Labelled(torch.from_numpy(features).to(device), torch.from_numpy(labels).to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor) -> Labelled:
        return Labelled(self.features[index], self.labels[index])


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both (n, F), centred and scaled by the spread of `train`, divided by the root of F.

    Rows have a length of about 1, so that one learning rate and one grid of weight decays suit
    any number of features.
    """
    std, mean = torch.std_mean(train, dim=0)
    floor = std.max().clamp(min=1e-12) * MIN_RELATIVE_SPREAD
    scale = std.clamp(min=floor) * math.sqrt(train.shape[1])
    return (train - mean) / scale, (test - mean) / scale


def new_probe(size: int, classes: int, hidden: int, generator: torch.Generator) -> nn.Sequential:
    """Features (B, size) to logits (B, classes); zero logits at first."""
    if not hidden:
        out = nn.Linear(size, classes)
        layers: list[nn.Module] = [out]
    else:
        enter, out = nn.Linear(size, hidden), nn.Linear(hidden, classes)
        with torch.no_grad():  # rows of length 1 give hidden units of spread sqrt(2)
            noise = torch.randn(enter.weight.shape, generator=generator)
            enter.weight.copy_(math.sqrt(2.0) * noise)
            enter.bias.zero_()
        layers = [enter, nn.ReLU(), out]
    nn.init.zeros_(out.weight)
    nn.init.zeros_(out.bias)
    return nn.Sequential(*layers)


def probe(
    recipe: ProbeRecipe,
    train: Labelled,
    test: Labelled,
    *,
    classes: int,
    seed: int,
) -> ProbeResult:
    """Train with every weight decay of the grid, test the one with the lowest validation loss."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(train), generator=generator).to(train.labels.device)
    features, test_features = standardised(train.features, test.features)
    train, test = Labelled(features, train.labels), Labelled(test_features, test.labels)
    held_out = max(1, round(recipe.validation_share * len(train)))
    validation, fitting = train[order[:held_out]], train[order[held_out:]]
    fits = [
        _fit(recipe, decay, fitting, validation, classes, seed) for decay in recipe.weight_decays
    ]
    best = min(fits, key=lambda fit: fit.loss)
    correct = int((_logits(best.model, test, recipe).argmax(-1) == test.labels).sum())
    return ProbeResult(correct, len(test), best.weight_decay, best.accuracy, best.epoch)


@dataclass(frozen=True)
class _Fit:
    """A probe at its best epoch; loss and accuracy are those on the validation scenes."""

    model: nn.Sequential
    weight_decay: float
    loss: float
    accuracy: float
    epoch: int


def _fit(
    recipe: ProbeRecipe,
    weight_decay: float,
    fitting: Labelled,
    validation: Labelled,
    classes: int,
    seed: int,
) -> _Fit:
    generator = torch.Generator().manual_seed(seed)
    size = fitting.features.shape[1]
    model = new_probe(size, classes, recipe.hidden, generator).to(fitting.features.device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.max_epochs)
    best: _Fit | None = None
    for epoch in range(1, recipe.max_epochs + 1):
        order = torch.randperm(len(fitting), generator=generator).to(fitting.labels.device)
        for batch in torch.split(order, recipe.batch_size):
            part = fitting[batch]
            with autocast(part.labels.device, recipe.precision):
                logits = model(part.features)
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(logits.float(), part.labels).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        logits = _logits(model, validation, recipe)
        loss = float(F.cross_entropy(logits, validation.labels))
        if best is None or loss < best.loss:
            accuracy = float((logits.argmax(-1) == validation.labels).float().mean())
            best = _Fit(deepcopy(model), weight_decay, loss, accuracy, epoch)
        elif epoch >= best.epoch + recipe.patience:
            break
    assert best is not None
    return best


@torch.no_grad()
def _logits(model: nn.Sequential, data: Labelled, recipe: ProbeRecipe, chunk: int = 1024) -> Tensor:
    """float32 (n, classes)."""
    with autocast(data.labels.device, recipe.precision):
        return torch.cat([model(part) for part in torch.split(data.features, chunk)]).float()
