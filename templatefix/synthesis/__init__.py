"""Put generation markers into a template that nobody has seen."""

from templatefix.synthesis.candidates import candidates
from templatefix.synthesis.whole import whole

__all__ = ["candidates", "whole"]
