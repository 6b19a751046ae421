"""Renderers to test; what needs PyBullet is skipped where that is not installed."""

from __future__ import annotations

import pytest

from gqn_rl.rendering import DEFAULT_RENDERER, RENDERERS

needs_pybullet = pytest.mark.skipif(
    DEFAULT_RENDERER != "pybullet", reason="PyBullet is not installed"
)
EVERY_RENDERER = [
    pytest.param(name, marks=needs_pybullet if name == "pybullet" else ())
    for name in sorted(RENDERERS)
]
"""For `parametrize` and `params`."""
