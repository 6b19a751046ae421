"""The space of camera poses as observations."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import ENCODING_SIZE, SPHERE_RADIUS, Viewpoints


def viewpoint_space() -> spaces.Box:
    """Poses on the viewing sphere as `Viewpoints.encode` gives them, float32 (7,)."""
    high = np.array([SPHERE_RADIUS] * 3 + [1.0] * (ENCODING_SIZE - 3), np.float32)
    return spaces.Box(-high, high, dtype=np.float32)


def encoded(viewpoints: Viewpoints) -> NDArray[np.float32]:
    """Poses as observations, float32 (N, 7): rounding never steps out of `viewpoint_space`."""
    space = viewpoint_space()
    return np.clip(viewpoints.encode(), space.low, space.high)
