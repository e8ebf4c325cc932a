"""Which engines of inference stacks can render a marked template: `{% generation %}` is a tag of transformers' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from jinja2 import TemplateError

from templatefix.errors import RenderError, SyntaxProblem, TemplateFixError
from templatefix.model import Engine, Template
from templatefix.probes import MATRIX, PLACEHOLDERS
from templatefix.render import Renderer
from templatefix.render.environment import Environment
from templatefix.stripping import strip
from templatefix.syntax import parse
from templatefix.syntax.nodes import Generation

REJECTS = "llama-cpp-python, text-generation-webui, tabbyAPI, older vLLM"
"""Stacks that have rendered with a plain jinja2 and failed on the tag; newer releases may not."""
ACCEPTS = "transformers, llama.cpp, minja, @huggingface/jinja"
"""Stacks that know the tag, or pass over it."""

Renders = Callable[[str, Mapping[str, Any]], str]


def engines(template: Template) -> tuple[Engine, ...]:
    """Render a short conversation with each engine that is here.

    Args:
        template ([`Template`]): The template, with or without markers.

    Raises:
        SyntaxProblem: The template does not parse in transformers either.
    """
    case = _Case(template)
    return tuple(_engine(name, case) for name in _ENGINES)


def notes(found: tuple[Engine, ...]) -> tuple[str, ...]:
    """Return what a user should know, a sentence each; nothing where no engine objects to the markers.

    Args:
        found (`tuple[Engine, ...]`): What `engines` returned.
    """
    objecting = [engine.name for engine in found if engine.by_marker]
    if not objecting:
        return ()
    return (
        f"The generation tag is rejected by plain {' and '.join(objecting)}, and so perhaps by inference stacks that "
        f"render with them: {REJECTS}.",
        f"These accept it: {ACCEPTS}.",
        "Where such a stack serves the model, keep its template as it is and put the marked one into a file of its "
        "own for training: `--training-file chat_template_training.jinja`. `templatefix strip` takes markers out.",
    )


class _Case:
    """The text transformers prints for one conversation, and what is needed to print it elsewhere."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.source = parse(template.source, where=template.label).text
        self.tokens = dict(template.variables) or PLACEHOLDERS

    @cached_property
    def rendered(self) -> tuple[Mapping[str, Any], str] | None:
        """The variables of the first conversation that transformers renders, and its text."""
        renderer = Renderer(self.source, self.tokens)
        for probe in MATRIX:
            try:
                text = renderer.render(probe.messages, **probe.arguments).text
            except RenderError:
                continue
            chat = {"messages": probe.messages, "add_generation_prompt": False, **probe.arguments}
            return {**self.tokens, **chat}, text
        return None

    @cached_property
    def plain(self) -> str:
        """The template without markers; as it is where they cannot be taken out."""
        try:
            return parse(strip(self.template, strict=False)).text
        except (SyntaxProblem, TemplateFixError):
            return self.source


_DIFFERS = "it prints another text than transformers does"


def _engine(name: str, case: _Case) -> Engine:
    renders, raised = _ENGINES[name]()
    if renders is None:
        return Engine(name, "not-installed")
    if case.rendered is None:
        return Engine(name, "undecided", "no probe conversation renders in transformers either")
    variables, expected = case.rendered

    def fault(source: str) -> str:
        try:
            text = renders(source, variables)
        except raised as error:
            return (str(error) or type(error).__name__).splitlines()[0]
        return "" if text == expected else _DIFFERS

    detail = fault(case.source)
    if not detail:
        return Engine(name, "accepts")
    by_marker = case.plain != case.source and not fault(case.plain)
    return Engine(name, "differs" if detail == _DIFFERS else "rejects", detail, by_marker)


def _jinja2() -> tuple[Renders | None, tuple[type[Exception], ...]]:
    """The sandbox with transformers' filters, without its tag: what stacks of their own make of jinja2."""
    environment = Environment()
    del environment.extensions[Generation.identifier]

    def renders(source: str, variables: Mapping[str, Any]) -> str:
        return environment.from_string(source).render(variables)

    # a template runs any operator on any value
    return renders, (
        TemplateError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        SyntaxError,
        ArithmeticError,
    )


def _minijinja() -> tuple[Renders | None, tuple[type[Exception], ...]]:
    try:
        import minijinja
    except ImportError:
        return None, ()
    environment = minijinja.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.fuel = 10_000_000
    known = Environment().globals
    for name in ("raise_exception", "strftime_now"):
        environment.add_global(name, known[name])

    def renders(source: str, variables: Mapping[str, Any]) -> str:
        return str(environment.render_str(source, **variables))

    # what it cannot take over from Python, half a surrogate pair or a number of too many digits, are ValueErrors
    return renders, (minijinja.TemplateError, TemplateError, ValueError, OverflowError)


_ENGINES: Mapping[str, Callable[[], tuple[Renders | None, tuple[type[Exception], ...]]]] = {
    "jinja2": _jinja2,
    "minijinja": _minijinja,
}


def lines(found: tuple[Engine, ...]) -> Iterator[str]:
    """Yield a line for each engine, for people."""
    for engine in found:
        why = "; without markers it accepts the template" if engine.by_marker else ""
        detail = f": {engine.detail}" if engine.detail else ""
        yield f"{engine.name:<10} {engine.outcome.replace('-', ' ')}{detail}{why}"
