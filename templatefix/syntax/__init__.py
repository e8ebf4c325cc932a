"""Chat template source as a located Jinja tree. The only package that touches Jinja's internals."""

from templatefix.syntax.conditions import conditions, conjuncts, signed_operands
from templatefix.syntax.located import Body, Source, lex, parse, parse_unshared, span_of
from templatefix.syntax.nodes import branches, is_generation, is_marked, walk
from templatefix.syntax.normal import same_trees, same_without_markers
from templatefix.syntax.parser import INVISIBLE
from templatefix.syntax.undeclared import undeclared

__all__ = [
    "INVISIBLE",
    "Body",
    "Source",
    "branches",
    "conditions",
    "conjuncts",
    "is_generation",
    "is_marked",
    "lex",
    "parse",
    "parse_unshared",
    "same_trees",
    "same_without_markers",
    "signed_operands",
    "span_of",
    "undeclared",
    "walk",
]
