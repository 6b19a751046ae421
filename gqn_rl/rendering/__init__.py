"""Turning scenes into pixels."""

from gqn_rl.rendering.base import (
    RENDERERS,
    Drawn,
    Renderer,
    RendererIdentity,
    make_renderer,
    render_portions,
)

__all__ = [
    "RENDERERS",
    "Drawn",
    "Renderer",
    "RendererIdentity",
    "make_renderer",
    "render_portions",
]
