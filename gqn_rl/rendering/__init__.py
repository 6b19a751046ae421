"""Renderers: from scenes to pixels."""

from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import (
    RENDERERS,
    WIDEST,
    Drawn,
    Renderer,
    RendererIdentity,
    RendererWithSegmentation,
    RendererWithWorkers,
    render_portions,
)
from gqn_rl.rendering.default import DEFAULT_RENDERER, default_renderer, renderer_at_hand
from gqn_rl.rendering.making import make_renderer

__all__ = [
    "DEFAULT_RENDERER",
    "RENDERERS",
    "WIDEST",
    "Appearance",
    "Drawn",
    "Renderer",
    "RendererIdentity",
    "RendererWithSegmentation",
    "RendererWithWorkers",
    "default_renderer",
    "make_renderer",
    "render_portions",
    "renderer_at_hand",
]
