"""Claims about a template, each judged on every probe."""

from templatefix.judge.verdict import judge

__all__ = ["judge"]
