"""Renderers: from scenes to pixels."""

from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import (
    RENDERERS,
    Drawn,
    Renderer,
    RendererIdentity,
    RendererWithWorkers,
    render_portions,
)
from gqn_rl.rendering.making import make_renderer

__all__ = [
    "RENDERERS",
    "Appearance",
    "Drawn",
    "Renderer",
    "RendererIdentity",
    "RendererWithWorkers",
    "make_renderer",
    "render_portions",
]
