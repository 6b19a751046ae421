"""The renderer that draws where none is named: PyBullet, or its twin where that is not installed.

PyBullet has wheels for Python 3.10 and 3.11 on Linux (x86_64) alone. The ray caster draws the same
pictures, to within 2 of 255.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from importlib.util import find_spec

PREFERRED, TWIN = "pybullet", "raycast"


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    if module in sys.modules:
        return sys.modules[module] is not None
    return find_spec(module) is not None


DEFAULT_RENDERER = PREFERRED if is_installed(PREFERRED) else TWIN
"""Name of the renderer where none is named."""


def default_renderer() -> str:
    """`DEFAULT_RENDERER`; that it is the twin is said, once."""
    if DEFAULT_RENDERER != PREFERRED:
        say_that_the_twin_draws()
    return DEFAULT_RENDERER


def renderer_at_hand(name: str) -> str:
    """The renderer of a run that is on record, or its twin where PyBullet drew and is missing here.

    >>> renderer_at_hand("raycast")
    'raycast'
    """
    return default_renderer() if name == PREFERRED else name


@cache
def say_that_the_twin_draws() -> None:
    """Warn, the first time, that PyBullet is not there."""
    warnings.warn(
        "PyBullet is not installed, so the ray caster draws ('raycast'), the same pictures to "
        'within 2 of 255; pip install "gqn-rl[pybullet]" where there is a wheel or a compiler',
        stacklevel=3,
    )
