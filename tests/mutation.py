"""Mutation operators on chat templates with markers: each moves, drops, widens, narrows or adds a marker.

No operator means to change what a template prints: a tag takes the whitespace control of what it stands next to, and
a comment with the same control stays where a tag was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from jinja2 import nodes

from templatefix.edits import apply
from templatefix.model import Edit, Span
from templatefix.rules.markers import Marker, markers
from templatefix.syntax import Body, Source, branches, is_generation, parse, span_of, walk

_T = TypeVar("_T")
OPEN, CLOSE = "generation", "endgeneration"
NEAR = 3
"""How many siblings and children a tag is moved over at most."""
KINDS = {"tool calls": ("tool_call",), "reasoning": ("reasoning", "thinking"), "content": ("content",)}
"""Kinds of assistant text, and words in the source that print them."""
LEAVES = 12
"""How many outputs are taken out of, or put into, markers at most, spread evenly over a template."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A template with one marker wrong.

    Args:
        operator (`str`): What was done.
        line (`int`): 1-based line of the original at which it was done.
        source (`str`): The mutated template.
    """

    operator: str
    line: int
    source: str


def mutants(text: str) -> list[Mutant]:
    """Return the mutants of a template with markers, each source once, in a fixed order."""
    source = parse(text)
    found: dict[str, Mutant] = {}
    for operator, at, edits in _all(source):
        mutated = apply(source.text, edits)
        if mutated not in (source.text, *found):
            found[mutated] = Mutant(operator, source.position(at)[0], mutated)
    return list(found.values())


_Made = Iterator[tuple[str, int, list[Edit]]]


def _all(source: Source) -> _Made:
    own = markers(source)
    for marker in own:
        at = marker.opening.start
        yield "drop", at, _dropped(source, marker)
        yield from ((name, at, edits) for name, edits in _moved(source, marker))
        yield from ((name, at, edits) for name, edits in _conditional(source, marker))
        yield from ((name, at, edits) for name, edits in _leafwise(source, marker))
    yield "drop all", 0, [edit for marker in own for edit in _dropped(source, marker)]
    yield from _wrapped(source, own)
    yield from _split(source)


def _tags(marker: Marker) -> tuple[Span, Span]:
    body = marker.node.body
    assert isinstance(body, Body)
    return marker.opening, Span(body.end, span_of(marker.node).end)


def _comment(source: Source, tag: Span) -> Edit:
    text = tag.of(source.text)
    return Edit(tag, f"{{#{_control(text[2])} {_control(text[-3])}#}}")


def _control(char: str) -> str:
    return char if char in "-+" else ""


def _dropped(source: Source, marker: Marker) -> list[Edit]:
    return [_comment(source, tag) for tag in _tags(marker)]


def _before(source: Source, node: nodes.Node, tag: str) -> Edit:
    """Insert a tag right before a statement or an output."""
    at = span_of(node).start
    follows = source.text[at : at + 3]
    left = _control(follows[2:]) if follows.startswith(("{%", "{{")) else "+"
    left = left or ("" if follows.startswith("{%") else "+")
    right = "" if follows.startswith(("{%", "{{")) else "+"
    return Edit(Span(at, at), f"{{%{left} {tag} {right}%}}")


def _behind(source: Source, node: nodes.Node, tag: str) -> Edit:
    """Insert a tag right behind a statement or an output."""
    at = span_of(node).end
    precedes = source.text[at - 3 : at]
    inside = precedes.endswith(("%}", "}}"))
    right = _control(precedes[:1]) if inside else "+"
    right = right or ("" if precedes.endswith("%}") else "+")
    return Edit(Span(at, at), f"{{%{'' if inside else '+'} {tag} {right}%}}")


def _around(source: Source, first: nodes.Node, last: nodes.Node) -> list[Edit]:
    return [_before(source, first, OPEN), _behind(source, last, CLOSE)]


def _within(source: Source, node: nodes.Node) -> list[Edit]:
    """Edits that drop each marker within a node."""
    return [
        edit
        for each in markers(source)
        if node in (*each.above, each.node)
        for edit in _dropped(source, each)
    ]


def _moved(source: Source, marker: Marker) -> Iterator[tuple[str, list[Edit]]]:
    opening, closing = (_comment(source, tag) for tag in _tags(marker))
    body, children = _body_of(marker), marker.node.body
    at = next(index for index, each in enumerate(body) if each is marker.node)
    for far, node in enumerate(reversed(body[:at][-NEAR:]), 1):
        yield f"open {far} siblings earlier", [opening, *_within(source, node), _before(source, node, OPEN)]
    for far, node in enumerate(body[at + 1 :][:NEAR], 1):
        yield f"close {far} siblings later", [closing, *_within(source, node), _behind(source, node, CLOSE)]
    for far, node in enumerate(children[:-1][:NEAR], 1):
        yield f"open {far} children later", [opening, _behind(source, node, OPEN)]
    for far, node in enumerate(reversed(children[1:][-NEAR:]), 1):
        yield f"close {far} children earlier", [closing, _before(source, node, CLOSE)]
    for parent in reversed(marker.above[1:]):
        if isinstance(parent, nodes.If | nodes.For) and not _is_elif(marker, parent):
            yield (
                f"widen to {type(parent).__name__.lower()}",
                [*_within(source, parent), *_around(source, parent, parent)],
            )
    if len(children) > 1:
        middle = len(children) // 2
        yield "first half", [closing, _behind(source, children[middle - 1], CLOSE)]
        yield "last half", [opening, _before(source, children[middle], OPEN)]


def _body_of(marker: Marker) -> list[nodes.Node]:
    parent = marker.above[-1]
    bodies = [parent.body] if isinstance(parent, nodes.Template) else branches(parent)
    return next(body for body in bodies if any(each is marker.node for each in body))


def _is_elif(marker: Marker, node: nodes.Node) -> bool:
    return any(isinstance(one, nodes.If) and node in one.elif_ for one in marker.above)


def _conditional(source: Source, marker: Marker) -> Iterator[tuple[str, list[Edit]]]:
    """Mark only some turns, or move the whole block into a scope that is buffered."""
    text, (first, last) = source.text, _tags(marker)
    whole, left, right = span_of(marker.node), _control(text[first.start + 2]), _control(text[last.end - 3])
    start = whole.start
    plain = "".join([_comment(source, first).text, text[first.end : last.start], _comment(source, last).text])
    names = [each.target.name for each in marker.above if _is_loop(each)]  # type: ignore[attr-defined]
    tests = [
        "loop.last",
        "loop.first",
        "not loop.last",
        "false",
        *(f"not {name}.tool_calls" for name in names[:1]),
    ]
    for test in tests:
        arms = f"{{%{left} if {test} %}}{whole.of(text)}{{% else %}}{plain}{{% endif {right}%}}"
        yield f"mark if {test}", [Edit(Span(start, whole.end), arms)]
    printed = f"{{% endset %}}{{{{ mutant }}}}{{#{right}#}}"
    yield "set block", [Edit(whole, f"{{%{left} set mutant %}}{whole.of(text)}{printed}")]
    yield "filter", [Edit(whole, f"{{%{left} filter string %}}{whole.of(text)}{{% endfilter {right}%}}")]
    macro = f"{{%{left} macro mutant() %}}{whole.of(text)}{{% endmacro %}}{{{{ mutant() }}}}{{#{right}#}}"
    yield "macro", [Edit(whole, macro)]


def _is_loop(node: nodes.Node) -> bool:
    return isinstance(node, nodes.For) and isinstance(node.target, nodes.Name)


def _outputs(node: nodes.Node) -> list[tuple[nodes.Output, tuple[nodes.Node, ...]]]:
    return [(each, above) for each, above in walk(node) if isinstance(each, nodes.Output)]


def _spread(items: list[_T]) -> list[_T]:
    step = max(1, -(-len(items) // LEAVES))
    return items[::step]


def _leafwise(source: Source, marker: Marker) -> Iterator[tuple[str, list[Edit]]]:
    """Mark output by output in place of the whole, and leave some out."""
    outputs = _outputs(marker.node)
    if len(outputs) < 2:
        return

    def kept(keep: list[bool]) -> list[Edit]:
        pairs = [_around(source, node, node) for (node, _), yes in zip(outputs, keep, strict=True) if yes]
        return [*_dropped(source, marker), *(edit for pair in pairs for edit in pair)]

    last = len(outputs) - 1
    yield "only the last output", kept([at == last for at in range(last + 1)])
    yield "only the first output", kept([at == 0 for at in range(last + 1)])
    for out in _spread(list(range(last + 1))):
        yield "all outputs but one", kept([at != out for at in range(last + 1)])
    for kind, words in KINDS.items():
        about = [any(word in _words(source, node, above) for word in words) for node, above in outputs]
        if any(about) and not all(about):
            yield f"all but {kind}", kept([not yes for yes in about])


def _words(source: Source, node: nodes.Node, above: tuple[nodes.Node, ...]) -> str:
    """The source of an output, and of the tests and loops around it up to the marker."""
    heads = [each.test if isinstance(each, nodes.If) else each.iter for each in above if _decides(each)]  # type: ignore[attr-defined]
    return " ".join(span_of(each).of(source.text) for each in (node, *heads))


def _decides(node: nodes.Node) -> bool:
    return isinstance(node, nodes.If | nodes.For)


def _wrapped(source: Source, own: tuple[Marker, ...]) -> _Made:
    """Mark what was not: outputs, arms of tests, loops, everything."""
    unmarked = [
        node
        for node, above in _outputs(source.tree)
        if not any(is_generation(each) for each in above) and _prints(node)
    ]
    for output in _spread(unmarked):
        yield "mark an output", span_of(output).start, _around(source, output, output)
    arms = [body for node, _ in walk(source.tree) if isinstance(node, nodes.If) for body in branches(node)]
    for body in arms:
        within = any(each.opening.start in range(body.start, body.end) for each in own)  # type: ignore[attr-defined]
        if body and not within and any(_prints(node) for each in body for node, _ in walk(each)):
            yield "mark an arm", span_of(body[0]).start, _around(source, body[0], body[-1])
    for node in source.tree.body:
        if isinstance(node, nodes.For):
            edits = [*_within(source, node), *_around(source, node, node)]
            yield "mark a loop", span_of(node).start, edits
    every = [edit for marker in own for edit in _dropped(source, marker)]
    yield "mark everything", 0, [*every, *_around(source, source.tree.body[0], source.tree.body[-1])]


def _prints(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and any(
        not isinstance(each, nodes.TemplateData) or bool(each.data.strip()) for each in node.nodes
    )


def _split(source: Source) -> _Made:
    """Move one tag into an output next to it: `{{ a + b }}` becomes `{{ a }}`, a tag, and `{{ b }}`."""
    for marker in markers(source):
        body, (first, last) = _body_of(marker), _tags(marker)
        at = next(index for index, each in enumerate(body) if each is marker.node)
        children = marker.node.body
        moves = [
            ("open within the output before", first, OPEN, body[at - 1 : at] if at else []),
            ("open within the first output", first, OPEN, children[:1]),
            ("close within the last output", last, CLOSE, children[-1:]),
            ("close within the output behind", last, CLOSE, body[at + 1 : at + 2]),
        ]
        for name, tag, word, around in moves:
            for node in around:
                if isinstance(node, nodes.Output):
                    for edit in _halves(source, node, word):
                        yield name, span_of(node).start, [_comment(source, tag), edit]


def _halves(source: Source, node: nodes.Output, word: str) -> Iterator[Edit]:
    expression, whole = node.nodes[0], span_of(node)
    tag = f"{{%+ {word} +%}}"
    if isinstance(expression, nodes.TemplateData):
        text = whole.of(source.text)
        for cut in {1, len(text) // 2, len(text) - 1} - {0, len(text)}:
            yield Edit(Span(whole.start + cut, whole.start + cut), tag)
        return
    inner = span_of(expression)
    head, tail = source.text[whole.start : inner.start], source.text[inner.end : whole.end]
    parts: list[tuple[str, str]] = []
    if isinstance(expression, nodes.Const) and isinstance(expression.value, str):
        value = expression.value
        cuts = {1, len(value) // 2, len(value) - 1} - {0, len(value), -1}
        parts = [(repr(value[:cut]), repr(value[cut:])) for cut in sorted(cuts)]
    for operator in _lefts(expression):
        cut = span_of(operator.right).start
        left = span_of(operator.left).end
        if source.text[left:cut].strip() == "+":
            parts.append((source.text[inner.start : left], source.text[cut : inner.end]))
    for one, two in parts:
        yield Edit(whole, f"{head}{one} }}}}{tag}{{{{ {two}{tail}")


def _lefts(node: nodes.Node) -> Iterator[nodes.Add]:
    while isinstance(node, nodes.Add):
        yield node
        node = node.left
