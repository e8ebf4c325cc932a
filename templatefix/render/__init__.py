"""Render chat templates as transformers does, and learn where each piece of text comes from."""

from templatefix.render.renderer import Renderer, normal, render
from templatefix.render.traced import Piece, TracedRender, TracedTemplate, leaves

__all__ = ["Piece", "Renderer", "TracedRender", "TracedTemplate", "leaves", "normal", "render"]
