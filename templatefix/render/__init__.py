"""Render chat templates as transformers does, and learn where each piece of text comes from."""

from templatefix.render.provenance import Piece, Trace, Tracer, leaves
from templatefix.render.renderer import Renderer, normal, render

__all__ = ["Piece", "Renderer", "Trace", "Tracer", "leaves", "normal", "render"]
