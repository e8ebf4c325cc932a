"""Which outputs of a template the probes made an assistant's turn print: what was never printed was never judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from jinja2 import nodes

from templatefix.analysis import TemplateAnalysis, Trace
from templatefix.coverage.arms import Text, texts_of
from templatefix.coverage.paths import loop_targets, tests_around
from templatefix.coverage.reach import known_tests, possible
from templatefix.errors import LimitError
from templatefix.expected import Expectations, ExpectedSpan
from templatefix.model import Coverage, Message, Span
from templatefix.probes import Probe
from templatefix.render import leaves
from templatefix.syntax import Source, is_generation, signed_operands, span_of, walk
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
    texts: set[tuple[int | str, int]] = field(default_factory=set)
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

    def _reached_so_far(self) -> tuple[int, ...]:
        return len(self.ran), len(self.printed), len(self.texts), sum(map(len, self.answers.values()))

    def _note(self, probe: Probe, trace: Trace) -> None:
        unsupported = {at for at in trace.rendered.lists if _in_parts(probe.messages[at])}
        for piece in trace.rendered.pieces:
            role = "" if piece.message is None else str(probe.messages[piece.message].get("role"))
            self.ran.add((piece.leaf, role))
            if role == "assistant" and len(piece.span):
                # A list printed as Python's `repr` shows nothing of what the output prints of a text.
                derived = piece.message in unsupported and trace.origin(piece.span.start).kind == "derived"
                if not derived:
                    self.printed.add((piece.leaf, piece.atom))
            if piece.message is not None and _of_another(probe, piece.message, trace, piece.span):
                self.elsewhere.add(piece.leaf)
        for origin in set(trace.origins):
            printed = origin.kind in ("literal", "variable") and origin.via
            if printed and origin.at in probe.assistant:
                self.texts.add((origin.place, origin.via[-1]))
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
        borders = _borders(expectations)
        lines: dict[str, set[int]] = {"marked": set(), "unmarked": set(), "others": set(), "foreign": set()}
        kinds = self._kinds()
        for index, kind in kinds:
            output = self.leaves[index]
            line = self.source.position(span_of(output).start)[0]
            outside = kind == "unmarked" and self._is_outside(index, borders.headers)
            if not outside and not self.reached(index, kind):
                lines[kind].add(line)
            left = self._left_out(index)
            if kind == "unmarked" and any(text.test and text.value not in borders.headers for text in left):
                lines[kind].add(line)
            place = span_of(output).start
            if kind in ("marked", "foreign") and any(borders.crossed(text, place) for text in left):
                lines["foreign"].add(line)
        outputs = sum(kind in ("marked", "unmarked") for _, kind in kinds)
        marked, unmarked, others, foreign = (tuple(sorted(lines[kind])) for kind in lines)
        return Coverage(outputs, marked, unmarked, others, foreign, self._blocks(), tuple(self.one_way()))

    def _left_out(self, index: int) -> list[Text]:
        """Return the texts of an output that no assistant's turn printed."""
        output = self.leaves[index]
        place = span_of(output).start
        known = known_tests(output, self.places[id(output)])
        found = texts_of(output, self.analysis.variables, known)
        return [each for each in found if (each.at, place) not in self.texts]

    def unprinted(self) -> list[nodes.Expr]:
        """Return the tests of inline ifs that keep a text from every assistant's turn."""
        kinds = [index for index, kind in self._kinds() if kind != "others"]
        return [text.test for index in kinds for text in self._left_out(index) if text.test]

    def _blocks(self) -> tuple[int, ...]:
        """Return the lines of generation blocks that a condition would open too which no probe met."""
        blocks = filter(is_generation, self.source.tree.find_all(nodes.CallBlock))
        return tuple(
            sorted(
                self.source.position(span_of(block).start)[0]
                for block in blocks
                if self._opened_otherwise(block)
            )
        )

    def _opened_otherwise(self, block: nodes.Node) -> bool:
        """Whether a condition that was never met would run a block too: `{% if role == 'assistant' or marked %}`."""
        above = self.places[id(block)]
        known = known_tests(block, above)
        if not any(possible(block, above, role) for role in ("system", "user", "tool")):
            return False
        for test, wanted in tests_around(block, above):
            if not isinstance(test, nodes.Or if wanted else nodes.And):
                continue
            operands = [*signed_operands(test)]
            if any(known(operand) is not None for _, operand in operands) and any(
                known(operand) is None and self.answers.get(span_of(operand), set()) == {wanted is negated}
                for negated, operand in operands
            ):
                return True
        return False

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
        """Each output in a loop over messages that prints more than whitespace, and whose it is.

        What only another name of the assistant reaches is left out: those messages must be printed and marked like the
        assistant's own.
        """
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
            if not owned and any(possible(output, above, name) for name in self.analysis.aliases):
                continue
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


def _in_parts(message: Message) -> bool:
    return isinstance(message.get("content"), list | dict)


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


@dataclass(frozen=True)
class _Borders:
    """Texts with which the spans of assistant turns begin and end.

    Args:
        headers (`set[str]`): What is printed before them.
        stops (`set[str]`): With what the model stops.
        closers (`set[tuple[int, int]]`): The literals that print the stops: their offsets, and those of the outputs.
    """

    headers: set[str]
    stops: set[str]
    closers: set[tuple[int, int]]

    def crossed(self, text: Text, output: int) -> bool:
        """Whether a marked text that no probe printed may be outside: a header, or behind the end of turn."""
        bare = text.value.strip()
        headers = [header.strip() for header in self.headers if header.strip()]
        if bare not in self.stops and any(
            header in bare or (len(bare) > 1 and header.startswith(bare)) for header in headers
        ):
            return True
        behind = isinstance(text.at, int) and any(
            stop < text.at and whose == output for stop, whose in self.closers
        )
        return text.test is not None and (behind or any(stop in bare for stop in self.stops))


def _borders(expectations: Expectations) -> _Borders:
    found = _Borders(set(), set(), set())
    for each in map(expectations.of, expectations.probes):
        for turn in each.turns:
            if not isinstance(turn, ExpectedSpan) or not turn.starts or each.trace is None:
                continue
            found.headers.update(each.trace.text[turn.header : start] for start in turn.starts)
            if turn.stop and (stop := each.trace.text[slice(*turn.stop)].strip()):
                origin = each.trace.origin(turn.stop[1] - 1)
                found.stops.add(stop)
                if origin.kind == "literal" and origin.via:
                    found.closers.add((origin.place, origin.via[-1]))
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
