"""Chat template source as a located Jinja tree. The only package that touches Jinja's internals."""

from templatefix.syntax.conditions import conditions
from templatefix.syntax.located import Body, Source, parse, span_of
from templatefix.syntax.nodes import branches, is_generation, is_marked, walk
from templatefix.syntax.normal import same_trees, same_without_markers
from templatefix.syntax.undeclared import undeclared

__all__ = [
    "Body",
    "Source",
    "branches",
    "conditions",
    "is_generation",
    "is_marked",
    "parse",
    "same_trees",
    "same_without_markers",
    "span_of",
    "undeclared",
    "walk",
]
