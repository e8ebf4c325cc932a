"""Render chat templates as transformers does, and learn where each piece of text comes from."""

from templatefix.render.environment import Renderer, render
from templatefix.render.provenance import Piece, Trace, Tracer, leaves

__all__ = ["Piece", "Renderer", "Trace", "Tracer", "leaves", "render"]
