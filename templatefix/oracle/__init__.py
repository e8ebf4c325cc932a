"""What the model owes in each assistant turn, learned from renders alone: no marker is ever read here."""

from templatefix.oracle.expectation import Expectation, Oracle, expect
from templatefix.oracle.turns import Owed, Undecided

__all__ = ["Expectation", "Oracle", "Owed", "Undecided", "expect"]
