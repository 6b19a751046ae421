"""Recipe of a training: its hyperparameters, and the two that have names."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.objective import LOSS_UNITS, Sampling
from gqn_rl.gqn.schedules import geometric, linear, warmup_cosine

LEARNING_RATE_SCHEDULES = ("cosine", "linear")
SIGMA_SCHEDULES = ("geometric", "linear", "optimal")


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of pre-training; the defaults are the modern recipe.

    >>> short = recipe("modern", iterations=1_000)
    >>> [round(short.learning_rate_at(step), 6) for step in (0, 100, 999)]
    [1.2e-05, 0.0012, 2.4e-05]
    >>> short.sigma_at(0), short.sigma_at(1_000)
    (1.0, 0.5)
    >>> Recipe(num_views=1)
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: num_views is 1, expected at least 2: a context view and a query

    References:
        Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional
        Generative Models, NIPS 2015, eq. 7 (the hybrid objective).
        Rybkin, Daniilidis and Levine, Simple and Effective VAE Training with Calibrated Decoders,
        ICML 2021 (optimal sigma).

    Attributes:
        iterations: optimiser steps of the whole run.
        batch_size: scenes per step, over all processes.
        num_views: views per scene; a random number of them, 1 to num_views - 1, drawn for every
            scene anew, is the context; the others are queries.
        num_rays: query rays per scene, for families that draw single pixels.
        num_queries: query views per scene, for families that draw whole images.
        prior_share: share of scenes whose latent is drawn from the prior instead of the posterior,
            the hybrid objective of Sohn et al. (2015): what is drawn in use is trained too.
        learning_rate: its peak.
        learning_rate_schedule: "cosine", half a period after `warmup` steps, or "linear".
        learning_rate_floor: what it falls to, as a share of the peak.
        learning_rate_steps: steps that the fall takes; 0: all iterations.
        warmup: steps of warm-up.
        adam_beta2, adam_epsilon, weight_decay: of AdamW.
        max_gradient_norm: gradients are scaled down to it; 0 leaves them alone.
        sigma_start, sigma_end: standard deviation of the pixels, annealed.
        sigma_schedule: "geometric", "linear", or "optimal": in every step the root of that step's
            mean squared error, which maximises the bound; start and end then have no effect.
        sigma_steps: steps that the annealing takes; 0: all iterations.
        loss_unit: "error" or "nats", see `gqn_rl.gqn.objective.combine`.
        grid_weight: of `GenerativeQueryNetwork.auxiliary_loss`, which is added to the loss; called
            so because grid poses are what the canonical family learns from. 0: views alone.
        ema_decay: of the moving average of the weights, which is what gets evaluated and shipped;
            0: the weights themselves.
        free_fraction: share of scenes in free orientation.
        seed: of weights, scenes, rays and latents.
    """

    iterations: int = 12_000
    batch_size: int = 16
    num_views: int = 5
    num_rays: int = 384
    num_queries: int = 2
    prior_share: float = 0.5
    learning_rate: float = 1.2e-3
    learning_rate_schedule: str = "cosine"
    learning_rate_floor: float = 0.02
    learning_rate_steps: int = 0
    warmup: int = 100
    adam_beta2: float = 0.98
    adam_epsilon: float = 1e-8
    weight_decay: float = 1e-4
    max_gradient_norm: float = 1.0
    sigma_start: float = 1.0
    sigma_end: float = 0.5
    sigma_schedule: str = "geometric"
    sigma_steps: int = 0
    loss_unit: str = "error"
    grid_weight: float = 0.003
    ema_decay: float = 0.999
    free_fraction: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "warmup"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in (
            "learning_rate_steps",
            "sigma_steps",
            "seed",
            "weight_decay",
            "grid_weight",
            "max_gradient_norm",
        ):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        self._require("num_views", self.num_views >= 2, "at least 2: a context view and a query")
        for name in ("free_fraction", "ema_decay", "adam_beta2", "learning_rate_floor"):
            self._require(name, 0.0 <= getattr(self, name) <= 1.0, "within [0, 1]")
        for name in ("learning_rate", "adam_epsilon", "sigma_start", "sigma_end"):
            self._require(name, getattr(self, name) > 0.0, "above 0")
        for name, known in (
            ("learning_rate_schedule", LEARNING_RATE_SCHEDULES),
            ("sigma_schedule", SIGMA_SCHEDULES),
            ("loss_unit", LOSS_UNITS),
        ):
            if getattr(self, name) not in known:
                raise unknown_name(name, getattr(self, name), known)
        _ = self.sampling  # checks its own numbers

    def _require(self, name: str, fine: bool, expected: str) -> None:
        if not fine:
            raise UserError(f"{name} is {getattr(self, name)}, expected {expected}")

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.num_rays, self.num_queries, self.prior_share)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of optimiser step `step`, counted from 0."""
        steps = self.learning_rate_steps or self.iterations
        if self.learning_rate_schedule == "linear":
            lowest = self.learning_rate * self.learning_rate_floor
            ramp = min(1.0, (step + 1) / self.warmup)
            return ramp * linear(step, steps, self.learning_rate, lowest)
        return warmup_cosine(step, steps, self.learning_rate, self.warmup, self.learning_rate_floor)

    def sigma_at(self, step: int) -> float:
        """Standard deviation of the pixels in step `step`; NaN where the error decides it."""
        if self.sigma_schedule == "optimal":
            return math.nan
        anneal = linear if self.sigma_schedule == "linear" else geometric
        return anneal(step, self.sigma_steps or self.iterations, self.sigma_start, self.sigma_end)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any], source: str) -> Recipe:
        """Inverse of `to_dict`; a key that does not belong is refused."""
        try:
            return Recipe(**values)
        except TypeError as error:
            raise UserError(f"{source} does not hold a training recipe: {error}") from error


RECIPES = {
    "modern": Recipe(),
    "published": Recipe(
        iterations=2_000_000,
        batch_size=36,
        num_queries=1,
        prior_share=0.0,
        learning_rate=5e-4,
        learning_rate_schedule="linear",
        learning_rate_floor=0.1,
        learning_rate_steps=1_600_000,
        warmup=1,
        adam_beta2=0.999,
        weight_decay=0.0,
        max_gradient_norm=0.0,
        sigma_start=2.0,
        sigma_end=0.7,
        sigma_schedule="linear",
        sigma_steps=200_000,
        loss_unit="nats",
        ema_decay=0.0,
        free_fraction=0.0,
    ),
}
"""modern is ours; published is algorithm S1 and table S1 of Eslami et al. (2018), supplement."""


def recipe(name: str, **changes: Any) -> Recipe:
    """A recipe by name, with some numbers changed; None leaves a number as it is."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return replace(RECIPES[name], **{k: v for k, v in changes.items() if v is not None})
