"""Numbers that change during training, as functions of the step."""

from __future__ import annotations

import math


def warmup_cosine(step: int, total: int, peak: float, warmup: int, floor: float = 0.02) -> float:
    """Linear from 0 to `peak` over `warmup` steps, then half a cosine to `floor` * peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def geometric(step: int, total: int, start: float, end: float) -> float:
    """From `start` to `end` by a constant factor per step, then constant."""
    return start * (end / start) ** min(1.0, step / max(1, total))


def linear_between(step: int, begin: int, end: int, start: float, stop: float) -> float:
    """`start` until step `begin`, `stop` from step `end` on, a straight line between."""
    progress = (step - begin) / max(1, end - begin)
    return start + (stop - start) * min(1.0, max(0.0, progress))
