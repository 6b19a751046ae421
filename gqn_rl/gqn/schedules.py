"""Numbers that change during training, as functions of the step."""

from __future__ import annotations

import math


def warmup_cosine(step: int, total: int, peak: float, warmup: int, floor: float = 0.02) -> float:
    """Linear from 0 to `peak` over `warmup` steps, then half a cosine to `floor` * peak.

    References:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017,
        eq. 5 (one period of it).
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def geometric(step: int, total: int, start: float, end: float) -> float:
    """From `start` to `end` by a constant factor per step, then constant."""
    return start * (end / start) ** min(1.0, step / max(1, total))


def linear(step: int, total: int, start: float, end: float) -> float:
    """A straight line from `start` to `end` at step `total`, then constant.

    References:
        Eslami et al. (2018), supplement, algorithm S1: sigma from 2.0 to 0.7 over 2e5 steps and
        the learning rate from 5e-4 to 5e-5 over 1.6e6 steps.
    """
    return start + (end - start) * min(1.0, step / max(1, total))
