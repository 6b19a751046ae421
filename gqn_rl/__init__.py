"""Learned representations of 3D scenes: objects, cameras, pixels and the GQN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gqn_rl.gqn.model import GenerativeQueryNetwork
    from gqn_rl.shepard_metzler import ShepardMetzlerObject
    from gqn_rl.viewpoint import Viewpoints

__all__ = ["GenerativeQueryNetwork", "ShepardMetzlerObject", "Viewpoints"]

_HOME = {
    "GenerativeQueryNetwork": "gqn_rl.gqn.model",
    "ShepardMetzlerObject": "gqn_rl.shepard_metzler",
    "Viewpoints": "gqn_rl.viewpoint",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use: PyTorch takes seconds, and not everything needs it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
