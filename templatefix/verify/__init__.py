"""Claims about a template, each judged on every probe."""

from templatefix.verify.judge import POLICY, judge

__all__ = ["POLICY", "judge"]
