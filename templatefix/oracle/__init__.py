"""What the model owes in each assistant turn, learned from renders alone: no marker is ever read here."""

from templatefix.oracle.owed import Expectation, Oracle, Owed, Undecided, expect

__all__ = ["Expectation", "Oracle", "Owed", "Undecided", "expect"]
