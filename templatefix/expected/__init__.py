"""What the model must write in each assistant turn, inferred from origins; no marker is read here."""

from templatefix.expected.expectation import Expectation, Expectations, expected_spans
from templatefix.expected.sites import region
from templatefix.expected.spans import ExpectedSpan, Interruption, Undecided

__all__ = [
    "Expectation",
    "Expectations",
    "ExpectedSpan",
    "Interruption",
    "Undecided",
    "expected_spans",
    "region",
]
