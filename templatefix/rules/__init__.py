"""Rules over a template's source: one a file, each with its documentation and its own cases."""

from templatefix.rules.catalogue import ALL, explain, find, table
from templatefix.rules.run import check

__all__ = ["ALL", "check", "explain", "find", "table"]
