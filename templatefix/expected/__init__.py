"""What the model must write in each assistant turn, inferred from origins; no marker is read here."""

from templatefix.expected.expectation import Expectation, Expectations
from templatefix.expected.spans import ExpectedSpan, Interruption, Undecided, expected_spans

__all__ = ["Expectation", "Expectations", "ExpectedSpan", "Interruption", "Undecided", "expected_spans"]
