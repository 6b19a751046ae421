"""Colours of cubes that no view shows: those that `scenes.sample_colours` draws."""

from __future__ import annotations

import torch
from torch import Tensor

from gqn_rl.scenes.scene import MIN_SATURATION

PRIMARY = (0.0, 2.0 / 3.0, 1.0 / 3.0)
"""By which the hue of red, green and blue is away from theirs, as `colorsys` turns it."""


def colours_of_cubes(hue: Tensor, saturation: Tensor) -> Tensor:
    """Colours of value 1, float (N, 3, K), given chances uniform in [0, 1), (N, K)."""
    saturation = MIN_SATURATION + (1.0 - MIN_SATURATION) * saturation
    shift = hue.new_tensor(PRIMARY)[:, None]
    away = ((hue[:, None] + shift) % 1.0 - 0.5).abs() * 6.0  # 3 at the primary, 0 opposite
    return 1.0 - saturation[:, None] * (2.0 - away).clamp(0.0, 1.0)
