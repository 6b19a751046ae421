"""How a GQN is trained, as numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gqn_rl.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of pre-training.

    References:
        Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional
        Generative Models, NIPS 2015, eq. 7 (the hybrid objective).

    Attributes:
        iterations: optimiser steps of the whole run; the schedules span them.
        batch_size: scenes per step.
        num_views: views per scene; a random number of them, 1 to num_views - 1, is the context,
            the others are queries.
        num_rays: query rays per scene.
        learning_rate: peak of the warm-up and cosine schedule.
        warmup: steps of warm-up.
        weight_decay: of AdamW.
        max_gradient_norm: gradients are scaled down to it.
        sigma_start, sigma_end: standard deviation of the pixels, annealed geometrically.
        prior_share: share of scenes whose latent is drawn from the prior instead of the posterior,
            the hybrid objective of Sohn et al. (2015): what is drawn in use is trained too.
        ema_decay: of the moving average of the weights, which is what gets evaluated and shipped.
        free_fraction: share of scenes in free orientation.
        seed: of weights, scenes, rays and latents.
    """

    iterations: int = 12_000
    batch_size: int = 16
    num_views: int = 5
    num_rays: int = 384
    learning_rate: float = 1.2e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    max_gradient_norm: float = 1.0
    sigma_start: float = 1.0
    sigma_end: float = 0.5
    prior_share: float = 0.5
    ema_decay: float = 0.999
    free_fraction: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "num_rays", "warmup"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.num_views < 2:
            raise UserError(
                f"num_views is {self.num_views}, expected at least 2: a context view and a query"
            )
        for name in ("free_fraction", "prior_share", "ema_decay"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UserError(f"{name} is {getattr(self, name)}, expected within [0, 1]")
        for name in ("learning_rate", "sigma_start", "sigma_end", "max_gradient_norm"):
            if not getattr(self, name) > 0.0:
                raise UserError(f"{name} is {getattr(self, name)}, expected above 0")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any], source: str) -> Recipe:
        """Inverse of `to_dict`; a key that does not belong is refused."""
        try:
            return Recipe(**values)
        except TypeError as error:
            raise UserError(f"{source} does not hold a training recipe: {error}") from error
