"""Put generation markers into a template that nobody has seen."""

from templatefix.synthesis.candidates import Refusal, candidates

__all__ = ["Refusal", "candidates"]
