"""The spans that a model owes, learned from renders alone. Nothing here reads a generation marker."""

from templatefix.oracle.owed import Expectation, Owed, Undecided, expect

__all__ = ["Expectation", "Owed", "Undecided", "expect"]
