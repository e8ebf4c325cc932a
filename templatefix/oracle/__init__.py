"""What the model owes in each assistant turn, learned from renders alone: no marker is ever read here."""

from templatefix.oracle.expectation import Expectation, Oracle, expect
from templatefix.oracle.holes import Hole
from templatefix.oracle.turns import Owed, Undecided

__all__ = ["Expectation", "Hole", "Oracle", "Owed", "Undecided", "expect"]
