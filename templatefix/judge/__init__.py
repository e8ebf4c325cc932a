"""Claims about a template, each judged on every probe."""

from templatefix.judge.declared import judge_declared
from templatefix.judge.verdict import judge

__all__ = ["judge", "judge_declared"]
