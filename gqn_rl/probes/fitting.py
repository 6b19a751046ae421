"""Training of a probe: decays from a grid, stopped by the validation score, tested once."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gqn_rl.devices import autocast
from gqn_rl.probes.networks import ROWS_PER_CHUNK, HiddenProbe, LinearProbe, ProbeInputs
from gqn_rl.probes.targets import Score, Target


@dataclass(frozen=True)
class ProbeRecipe:
    """How a probe is trained.

    Whether a number is positive can be read off linearly, whether it is far from zero cannot:

    >>> from gqn_rl.probes.targets import Classes
    >>> features = np.random.default_rng(0).standard_normal((800, 4)).astype(np.float32)
    >>> for labels in (features[:, 0] > 0, np.abs(features[:, 0]) > 0.7):
    ...     data = Labelled.from_numpy(features, labels.astype(np.int64), torch.device("cpu"))
    ...     trials = data[torch.arange(600)], data[torch.arange(600, 800)]
    ...     for recipe in (LINEAR, MLP):
    ...         print(recipe.hidden, probe(recipe, Classes(2), *trials, seed=0).score.value > 0.8)
    0 True
    256 True
    0 False
    256 True

    Attributes:
        hidden: width of the hidden layer; 0 for a linear probe.
        learning_rate: of AdamW, falling with half a cosine over `max_epochs`.
        weight_decays: the grid.
        batch_size: trials per step.
        max_epochs: passes over the training trials.
        patience: epochs in which neither score nor loss on the validation trials get better before
            training stops.
        validation_share: of the labelled trials, or of their groups, kept aside.
        precision: "auto", "bf16" or "fp32".
    """

    hidden: int = 0
    learning_rate: float = 0.1
    weight_decays: tuple[float, ...] = (0.03, 0.3, 1.0)
    batch_size: int = 128
    max_epochs: int = 20
    patience: int = 5
    validation_share: float = 0.2
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not (self.weight_decays and self.max_epochs > 0 and 0 < self.validation_share < 1):
            raise ValueError(f"{self} trains nothing or validates on nothing")


LINEAR = ProbeRecipe()
MLP = ProbeRecipe(hidden=256, learning_rate=0.02, weight_decays=(1.0, 3.0))
KINDS = {"linear": LINEAR, "mlp": MLP}
COMPARING_KINDS = {"linear": LINEAR, "mlp": replace(MLP, weight_decays=(0.1, 1.0), patience=20)}
"""For trials of two scenes. What makes two objects mirror images is learnt late, after many epochs
in which the validation score is that of guessing."""


@dataclass(frozen=True)
class ProbeResult:
    """How well a probe does.

    >>> from gqn_rl.probes.targets import Classes
    >>> features = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    >>> labels = (features[:, 0] > 0).astype(np.int64)
    >>> data = Labelled.from_numpy(features, labels, torch.device("cpu"))
    >>> train, test = data.split(0.5, torch.Generator().manual_seed(0))
    >>> result = probe(LINEAR, Classes(2), train, test, seed=0)
    >>> result.outputs.shape, result.score.chance, result.score.value > 0.9
    ((200, 2), 0.5, True)

    Attributes:
        score: on the test trials.
        outputs: float32 (n, outputs), its answers to them.
        weight_decay: the one chosen.
        validation: score with it on the labelled trials kept aside.
        epochs: passes until the best validation score; 0 where none beat the probe that was not
            trained at all.
    """

    score: Score
    outputs: NDArray[np.float32]
    weight_decay: float
    validation: Score
    epochs: int

    def to_dict(self) -> dict[str, Any]:
        return self.score.to_dict() | {
            "validation": self.validation.value,
            "weight_decay": self.weight_decay,
            "epochs": self.epochs,
        }


@dataclass(frozen=True)
class Labelled:
    """n trials of S scenes each, among N scenes.

    >>> features = np.zeros((100, 8), np.float32)
    >>> data = Labelled.from_numpy(features, np.arange(100) % 2, torch.device("cpu"))
    >>> kept_aside, fitted = data.split(0.2, torch.Generator().manual_seed(0))
    >>> len(kept_aside), len(fitted)
    (20, 80)

    Attributes:
        features: (N, F), in any float format.
        rows: int64 (n, S), the scenes of each trial.
        labels: (n, ...), what the target expects.
        groups: int64 (n,); trials of a group are all fitted or all for validation.
    """

    features: Tensor
    rows: Tensor
    labels: Tensor
    groups: Tensor

    @staticmethod
    def from_numpy(
        features: NDArray[np.floating],
        labels: NDArray,
        device: torch.device,
        *,
        rows: NDArray[np.int64] | None = None,
        groups: NDArray[np.int64] | None = None,
    ) -> Labelled:
        """By default a trial is one scene, and a group one trial."""
        numbers = np.arange(len(labels))
        parts = (
            features,
            numbers[:, None] if rows is None else rows,
            labels,
            numbers if groups is None else groups,
        )
        return Labelled(*(torch.from_numpy(part).to(device) for part in parts))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor) -> Labelled:
        """Some of the trials; the features stay where they are."""
        return Labelled(self.features, self.rows[index], self.labels[index], self.groups[index])

    def split(self, share: float, generator: torch.Generator) -> tuple[Labelled, Labelled]:
        """A random share of the groups, at least one, and the other groups."""
        names, member = torch.unique(self.groups, return_inverse=True)
        order = torch.randperm(len(names), generator=generator).to(member.device)
        first = torch.isin(member, order[: max(1, round(share * len(names)))])
        return self[first.nonzero()[:, 0]], self[(~first).nonzero()[:, 0]]


def probe(
    recipe: ProbeRecipe, target: Target, train: Labelled, test: Labelled, *, seed: int
) -> ProbeResult:
    """Train with every weight decay of the grid, test the one with the best validation score."""
    fitting = _Fitting(recipe, target, train, seed)
    best = max((fitting.run(decay) for decay in recipe.weight_decays), key=lambda fit: fit.merit)
    outputs = fitting.outputs(best.model, test).cpu().numpy()
    return ProbeResult(
        score=target.score(outputs, test.labels.cpu().numpy()),
        outputs=outputs,
        weight_decay=best.weight_decay,
        validation=best.score,
        epochs=best.epoch,
    )


@dataclass(frozen=True)
class _Fit:
    """A probe at its best epoch; score and loss are those on the validation trials."""

    model: nn.Module
    weight_decay: float
    score: Score
    loss: float
    epoch: int

    @property
    def merit(self) -> tuple[float, float]:
        """The higher, the better; the loss decides between equal scores."""
        return self.score.merit, -self.loss


class _Fitting:
    """Trains probes that differ in nothing but their weight decay."""

    def __init__(self, recipe: ProbeRecipe, target: Target, train: Labelled, seed: int) -> None:
        self.recipe, self.target, self.seed = recipe, target, seed
        generator = torch.Generator().manual_seed(seed)
        self.watched, self.fitted = train.split(recipe.validation_share, generator)
        self.inputs = ProbeInputs(train.features)

    def run(self, weight_decay: float) -> _Fit:
        recipe = self.recipe
        generator = torch.Generator().manual_seed(self.seed)
        model = self._new_model(generator).to(self.fitted.labels.device)
        optimiser = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.max_epochs)
        best = self._watch(deepcopy(model), weight_decay, 0)
        lowest, progressed = best.loss, 0
        for epoch in range(1, recipe.max_epochs + 1):
            self._pass(model, optimiser, generator)
            schedule.step()
            now = self._watch(model, weight_decay, epoch)
            if now.merit > best.merit or now.loss < lowest:
                progressed = epoch
            if now.merit > best.merit:
                best = replace(now, model=deepcopy(model))
            lowest = min(lowest, now.loss)
            if epoch >= progressed + recipe.patience:
                break
        return best

    def _new_model(self, generator: torch.Generator) -> nn.Module:
        size, scenes = self.fitted.features.shape[1], self.fitted.rows.shape[1]
        if not self.recipe.hidden:
            return LinearProbe(size, scenes, self.target.outputs)
        return HiddenProbe(size, scenes, self.target.outputs, self.recipe.hidden, generator)

    def _watch(self, model: nn.Module, weight_decay: float, epoch: int) -> _Fit:
        outputs = self.outputs(model, self.watched)
        loss = float(self.target.loss(outputs, self.watched.labels))
        score = self.target.score(outputs.cpu().numpy(), self.watched.labels.cpu().numpy())
        return _Fit(model, weight_decay, score, loss, epoch)

    def _pass(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, generator: torch.Generator
    ) -> None:
        """Once through the training trials in random order."""
        order = torch.randperm(len(self.fitted), generator=generator)
        for index in torch.split(order, self.recipe.batch_size):
            part = self.fitted[index.to(self.fitted.labels.device)]
            outputs = self._forward(model, part)
            optimiser.zero_grad(set_to_none=True)
            self.target.loss(outputs, part.labels).backward()
            optimiser.step()

    def _forward(self, model: nn.Module, part: Labelled) -> Tensor:
        """float32 (B, outputs)."""
        with autocast(part.labels.device, self.recipe.precision):
            outputs: Tensor = model(self.inputs(part.features[part.rows])).float()
        return outputs

    @torch.no_grad()
    def outputs(self, model: nn.Module, data: Labelled) -> Tensor:
        """float32 (n, outputs), a chunk at a time."""
        chunks = torch.split(torch.arange(len(data)), ROWS_PER_CHUNK)
        return torch.cat([self._forward(model, data[chunk]) for chunk in chunks])
