"""Turning scenes into pixels."""

from gqn_rl.rendering.base import RENDERERS, Renderer, RendererIdentity, make_renderer

__all__ = ["RENDERERS", "Renderer", "RendererIdentity", "make_renderer"]
