"""Render chat templates as transformers does, and learn where each piece of text comes from."""

from templatefix.render.renderer import Renderer, normal, render
from templatefix.render.rewriting import buffers, leaves
from templatefix.render.traced import Piece, TracedRender, TracedTemplate

__all__ = ["Piece", "Renderer", "TracedRender", "TracedTemplate", "buffers", "leaves", "normal", "render"]
