"""Put generation markers into a template that nobody has seen."""

from templatefix.synthesis.candidates import candidates

__all__ = ["candidates"]
