"""One template, parsed once and rendered once for each conversation: what every floor above asks its questions to."""

from templatefix.analysis.template import ANSWER, ASK, TemplateAnalysis, View
from templatefix.analysis.trace import Interval, Key, Trace

__all__ = ["ANSWER", "ASK", "Interval", "Key", "TemplateAnalysis", "Trace", "View"]
