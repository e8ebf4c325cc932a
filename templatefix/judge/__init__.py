"""Claims about a template, each judged on every probe."""

from templatefix.judge.verdict import POLICY, judge

__all__ = ["POLICY", "judge"]
