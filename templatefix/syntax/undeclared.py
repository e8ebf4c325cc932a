"""Variables that a template reads from its context, found without an evaluation of anything in it."""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.environment import Environment
from jinja2.meta import TrackingCodeGenerator


def undeclared(tree: nodes.Template) -> frozenset[str]:
    """Return the variables that a template reads and does not set itself.

    `jinja2.meta.find_undeclared_variables` returns the same set, but it evaluates constant expressions, without any
    limit, and changes the tree.

    Example:
        `{% set a = b %}{{ a + 9 ** (9 ** 9) }}` → `{"b"}`

    Args:
        tree (`jinja2.nodes.Template`): The tree of [`parse`].

    Raises:
        TemplateAssertionError: The template does not compile, for example because of an unknown filter.
    """
    assert tree.environment is not None
    generator = _Generator(tree.environment)
    generator.visit(tree)
    return frozenset(generator.undeclared_identifiers)


class _Generator(TrackingCodeGenerator):
    """A code generator that takes no expression for a constant."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.optimizer = None

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> NoReturn:
        raise nodes.Impossible

    def visit_EvalContextModifier(self, node: nodes.EvalContextModifier, frame: Frame) -> None:  # noqa: N802
        for keyword in node.options:  # the option of `{% autoescape %}`
            self.visit(keyword.value, frame)
