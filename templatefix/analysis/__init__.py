"""One template, parsed once and rendered once for each conversation: what every floor above asks its questions to."""

from templatefix.analysis.template import ANSWER, ASK, TemplateAnalysis
from templatefix.analysis.trace import Interval, Key, Trace
from templatefix.analysis.view import View

__all__ = ["ANSWER", "ASK", "Interval", "Key", "TemplateAnalysis", "Trace", "View"]
