"""Which outputs of a template the probes made an assistant's turn print: what was never printed was never judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from jinja2 import nodes

from templatefix.analysis import TemplateAnalysis, Trace
from templatefix.coverage.paths import loop_targets
from templatefix.coverage.reach import possible
from templatefix.errors import LimitError
from templatefix.expected import Expectations, ExpectedSpan
from templatefix.model import Coverage, Span
from templatefix.probes import Probe
from templatefix.render import leaves
from templatefix.syntax import Source, is_generation, span_of, walk
from templatefix.syntax.chain import atoms, is_literal

_NOT_TEXT = {"role", "name"}  # what a header may say of a message

_PROMPTED = ("one turn", "ends with the user", "tool call, then the tool")


@dataclass
class Observer:
    """Counts what the probes reach.

    Args:
        analysis (`TemplateAnalysis`): The template.
    """

    analysis: TemplateAnalysis
    ran: set[tuple[int, str]] = field(default_factory=set)
    printed: set[tuple[int, int]] = field(default_factory=set)
    elsewhere: set[int] = field(default_factory=set)
    answers: dict[Span, set[bool]] = field(default_factory=dict)
    looped: set[Span] = field(default_factory=set)
    loops: set[int] = field(default_factory=set)
    asked_by: dict[Span, Probe] = field(default_factory=dict)
    _possible: dict[int, bool] = field(default_factory=dict, repr=False)

    @property
    def source(self) -> Source:
        """The template."""
        return self.analysis.source

    @cached_property
    def leaves(self) -> list[nodes.Output]:
        """The outputs that print straight to the rendered text."""
        return leaves(self.source)

    @cached_property
    def places(self) -> dict[int, tuple[nodes.Node, ...]]:
        """The ancestors of each node, by its identity."""
        return {id(node): above for node, above in walk(self.source.tree)}

    def see(self, probes: Iterable[Probe]) -> bool:
        """Run probes, with and without a generation prompt; return whether one reached something new."""
        before = self._reached_so_far()
        for probe in probes:
            # What only a generation prompt prints is the same after any conversation.
            for prompt in (False, True) if probe.name in _PROMPTED else (False,):
                try:
                    trace = self.analysis.observed(probe.messages, probe.tools, prompt, probe.options)
                except LimitError:
                    continue  # the judge says so
                if trace is not None:
                    self._note(probe, trace)
        return self._reached_so_far() != before

    def _reached_so_far(self) -> tuple[int, int, int]:
        return len(self.ran), len(self.printed), sum(map(len, self.answers.values()))

    def _note(self, probe: Probe, trace: Trace) -> None:
        for piece in trace.rendered.pieces:
            role = "" if piece.message is None else str(probe.messages[piece.message].get("role"))
            self.ran.add((piece.leaf, role))
            if role == "assistant" and len(piece.span):
                self.printed.add((piece.leaf, piece.atom))
            if piece.message is not None and _of_another(probe, piece.message, trace, piece.span):
                self.elsewhere.add(piece.leaf)
        self.loops |= trace.rendered.loops
        for start, end, truth, message in trace.rendered.tests:
            span = Span(start, end)
            self.answers.setdefault(span, set()).add(truth)
            if message is not None and probe.messages[message].get("role") == "assistant":
                self.asked_by.setdefault(span, probe)
            if message is not None:
                self.looped.add(span)

    def coverage(self, expectations: Expectations) -> Coverage:
        """Say which outputs in loops over messages no probe reached, and which tests went one way.

        Args:
            expectations (`Expectations`): What is expected on the probes. An output that prints nothing but what
                opens assistant turns need not be marked.
        """
        headers = _headers(expectations)
        lines: dict[str, set[int]] = {"marked": set(), "unmarked": set(), "others": set(), "foreign": set()}
        kinds = self._kinds()
        for index, kind in kinds:
            outside = kind == "unmarked" and self._is_outside(index, headers)
            if not outside and not self.reached(index, kind):
                lines[kind].add(self.source.position(span_of(self.leaves[index]).start)[0])
        outputs = sum(kind in ("marked", "unmarked") for _, kind in kinds)
        marked, unmarked, others, foreign = (tuple(sorted(lines[kind])) for kind in lines)
        return Coverage(outputs, marked, unmarked, others, foreign, tuple(self.one_way()))

    def one_way(self) -> list[tuple[int, str]]:
        """Return the tests in loops over messages that gave one answer on every probe: line, and what was not met."""
        found = []
        for span, answers in sorted(self.answers.items()):
            if len(answers) == 1 and span in self.looped:
                text = " ".join(span.of(self.source.text).split())
                never = "is never false" if True in answers else "is never true"
                found.append((self.source.position(span.start)[0], f"`{text}` {never}"))
        return found

    def _is_outside(self, index: int, headers: Collection[str]) -> bool:
        """Whether an output opens a turn or the text, or prints what another message says than the loop is at."""
        only = self.leaves[index].nodes[0]
        begins = isinstance(only, nodes.Name) and only.name == "bos_token"
        return begins or index in self.elsewhere or _constant(self.leaves[index]) in headers

    def missing(self) -> list[nodes.Output]:
        """The outputs that an assistant's turn may reach, and none did."""
        return [
            self.leaves[index]
            for index, kind in self._kinds()
            if kind in ("marked", "unmarked") and not self.reached(index, kind)
        ]

    @cached_property
    def _message_loops(self) -> set[int]:
        return {id(each) for each in self.source.tree.find_all(nodes.For) if _over_messages(each)}

    @cached_property
    def _going(self) -> set[str]:
        return _going_through(self.source.tree)

    def _owned(self, index: int) -> bool:
        """Whether an assistant's turn may reach an output, as far as its tests tell."""
        if index not in self._possible:
            output = self.leaves[index]
            self._possible[index] = possible(output, self.places[id(output)])
        return self._possible[index]

    def _kinds(self) -> list[tuple[int, str]]:
        """Each output in a loop over messages that prints more than whitespace, and whose it is."""
        every = self.source.tree.find_all(nodes.For)
        loops = {id(each) for each in every if span_of(each).start in self.loops} | self._message_loops
        ran = {leaf for leaf, _ in self.ran}
        kinds = []
        for index, output in enumerate(self.leaves):
            above = self.places[id(output)]
            apart = index not in ran and _calls(output) & self._going
            if not (apart or any(id(each) in loops for each in above)) or _silent(output):
                continue
            marked, owned = any(is_generation(each) for each in above), self._owned(index)
            if marked and (not owned or self._offered(output, above)):
                kinds.append((index, "foreign"))
            else:
                kinds.append((index, "others" if not owned else "marked" if marked else "unmarked"))
        return kinds

    def _offered(self, output: nodes.Output, above: Sequence[nodes.Node]) -> bool:
        """Whether an output prints tools or documents on offer: no part of any message."""
        loops = [each.iter for each in above if isinstance(each, nodes.For)]
        return any(
            isinstance(name, nodes.Name) and name.name in self._given
            for root in (output, *loops)
            for name in (root, *root.find_all(nodes.Name))
        )

    @cached_property
    def _given(self) -> set[str]:
        """Names that hold tools or documents on offer, as far as assignments tell."""
        names = {"tools", "documents"}
        assigned = [
            each for each in self.source.tree.find_all(nodes.Assign) if isinstance(each.target, nodes.Name)
        ]
        for _ in assigned:
            names |= {
                each.target.name
                for each in assigned
                for name in (each.node, *each.node.find_all(nodes.Name))
                if isinstance(each.target, nodes.Name) and isinstance(name, nodes.Name) and name.name in names
            }
        return names

    def reached(self, index: int, kind: str) -> bool:
        """Whether an assistant's turn ran the output, and each operand that reads the message printed something."""
        if kind in ("others", "foreign"):
            return any(leaf == index for leaf, _ in self.ran)
        if (index, "assistant") not in self.ran:
            return False
        output = self.leaves[index]
        if len(output.nodes) != 1:
            return True
        above = self.places[id(output)]
        texts = loop_targets(above) | _set_in_loops(above)
        found = atoms(output.nodes[0], self.source.text, self.source.markup)
        return all(
            (index, at) in self.printed
            for at, atom in enumerate(found)
            if not is_literal(atom) and _reads_text(atom, texts)
        )


def _set_in_loops(above: Sequence[nodes.Node]) -> set[str]:
    loops = [each for each in above if isinstance(each, nodes.For)]
    return {
        name.name
        for loop in loops[:1]
        for assignment in loop.find_all(nodes.Assign)
        for name in [assignment.target, *assignment.target.find_all(nodes.Name)]
        if isinstance(name, nodes.Name)
    }


def _reads_text(atom: nodes.Expr, names: set[str]) -> bool:
    """Whether an operand reads what a message says, and not only who says it."""
    reads = [*atom.find_all(nodes.Name)] if not isinstance(atom, nodes.Name) else [atom]
    about = {
        id(each.node)
        for each in [atom, *atom.find_all((nodes.Getattr, nodes.Getitem))]
        if isinstance(each, nodes.Getattr | nodes.Getitem)
        and (each.attr if isinstance(each, nodes.Getattr) else getattr(each.arg, "value", None)) in _NOT_TEXT
    }
    return any(name.name in names and id(name) not in about for name in reads)


def _of_another(probe: Probe, message: int, trace: Trace, span: Span) -> bool:
    """Whether a text holds what another role says in another message than the one the loop is at."""
    others = {at for at, turn in enumerate(probe.turns) if at != message and turn.role != "assistant"}
    return any(trace.messages[index] & others for index, _, _ in trace.segments_in(span.start, span.end))


def _headers(expectations: Expectations) -> set[str]:
    """What is printed before the spans of assistant turns."""
    found = set()
    for each in map(expectations.of, expectations.probes):
        for turn in each.turns:
            if isinstance(turn, ExpectedSpan) and turn.starts and each.text:
                found |= {each.text[turn.header : start] for start in turn.starts}
    return found


def _constant(output: nodes.Output) -> str | None:
    """What an output prints that prints the same every time."""
    only = output.nodes[0]
    if isinstance(only, nodes.TemplateData):
        return only.data
    return only.value if isinstance(only, nodes.Const) and is_literal(only) else None


def _silent(output: nodes.Output) -> bool:
    """Whether an output prints whitespace at most, or raises."""
    only, constant = output.nodes[0], _constant(output)
    raises = (
        isinstance(only, nodes.Call)
        and isinstance(only.node, nodes.Name)
        and only.node.name == "raise_exception"
    )
    return raises or (constant is not None and not constant.strip())


def _over_messages(loop: nodes.For) -> bool:
    """Whether a loop reads what its items say: it goes through messages, whether it ran or not."""
    if not isinstance(loop.target, nodes.Name):
        return False
    reads: list[nodes.Getattr | nodes.Getitem] = [
        *loop.find_all(nodes.Getattr),
        *loop.find_all(nodes.Getitem),
    ]
    own = [each for each in reads if isinstance(each.node, nodes.Name) and each.node.name == loop.target.name]
    keys = {
        each.attr if isinstance(each, nodes.Getattr) else getattr(each.arg, "value", None) for each in own
    }
    return "content" in keys and any(True for _ in loop.find_all(nodes.Output))


def _going_through(tree: nodes.Template) -> set[str]:
    """The macros that go through messages."""
    macros = tree.find_all(nodes.Macro)
    return {macro.name for macro in macros if any(_over_messages(each) for each in macro.find_all(nodes.For))}


def _calls(output: nodes.Output) -> set[str]:
    return {call.node.name for call in output.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}
