"""What no probe reached, and whether markers may be wrong there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.coverage.arms import Text
from templatefix.coverage.observe import Observer
from templatefix.coverage.outputs import Outputs, constant
from templatefix.coverage.paths import tests_around
from templatefix.coverage.reach import known_tests, possible
from templatefix.expected import Expectations, ExpectedSpan
from templatefix.model import DEFAULT_POLICY, Coverage, Policy
from templatefix.syntax import conjuncts, is_generation, signed_operands, span_of


def gaps(observer: Observer, expectations: Expectations, policy: Policy = DEFAULT_POLICY) -> Coverage:
    """Say which outputs in loops over messages no probe reached, and which tests went one way.

    Args:
        observer (`Observer`): What the probes have reached.
        expectations (`Expectations`): What is expected on the probes. An output that prints nothing but what
            opens assistant turns need not be marked.
        policy (`Policy`): Which turns are to be trained: what only the others print need not be marked.
    """
    outputs, source = Outputs(observer), observer.source
    borders = _borders(expectations)
    lines: dict[str, set[int]] = {"marked": set(), "unmarked": set(), "others": set(), "foreign": set()}
    kinds = outputs.kinds()
    for index, kind in kinds:
        output = observer.leaves[index]
        line = source.position(span_of(output).start)[0]
        if kind == "unmarked" and policy.turns != "all" and _left_out(observer, output, policy):
            continue
        outside = kind == "unmarked" and _is_outside(observer, index, borders.headers)
        if not outside and not outputs.reached(index, kind):
            lines[kind].add(line)
        left = outputs.left_out(index)
        if kind == "unmarked" and any(text.test and text.value not in borders.headers for text in left):
            lines[kind].add(line)
        place = span_of(output).start
        if kind in ("marked", "foreign") and any(borders.crossed(text, place) for text in left):
            lines["foreign"].add(line)
    count = sum(kind in ("marked", "unmarked") for _, kind in kinds)
    marked, unmarked, others, foreign = (tuple(sorted(lines[kind])) for kind in lines)
    return Coverage(count, marked, unmarked, others, foreign, _blocks(observer), tuple(_one_way(observer)))


def _left_out(observer: Observer, output: nodes.Node, policy: Policy) -> bool:
    """Whether a test keeps the assistant's messages that are to be trained from an output."""
    above = observer.places[id(output)]
    known = known_tests(output, above)
    return any(
        all(known(each) is True or _asks(each, policy) for each in conjuncts(test))
        for test, wanted in tests_around(output, above)
        if not wanted
    )


def _asks(test: nodes.Node, policy: Policy) -> bool:
    """Whether a test asks whether a message is to be trained, as [`Policy`] says it."""
    if policy.turns == "last":
        last = (
            isinstance(test, nodes.Getattr)
            and test.attr == "last"
            and test.node == nodes.Name("loop", "load")
        )
        return last or (isinstance(test, nodes.Test) and test.name == "sameas")
    if not isinstance(test, nodes.Compare) or [each.op for each in test.ops] != ["ne"]:
        return False
    read, value = test.expr, test.ops[0].expr
    key = read.attr if isinstance(read, nodes.Getattr) else getattr(getattr(read, "arg", None), "value", None)
    return key in ("weight", "train") and isinstance(value, nodes.Const) and value.value in (0, False)


def _blocks(observer: Observer) -> tuple[int, ...]:
    """Return the lines of generation blocks that a condition would open too which no probe met."""
    blocks = filter(is_generation, observer.source.tree.find_all(nodes.CallBlock))
    return tuple(
        sorted(
            observer.source.position(span_of(block).start)[0]
            for block in blocks
            if _opened_otherwise(observer, block)
        )
    )


def _opened_otherwise(observer: Observer, block: nodes.Node) -> bool:
    """Whether a condition that was never met would run a block too: `{% if role == 'assistant' or marked %}`."""
    above = observer.places[id(block)]
    known = known_tests(block, above)
    if not any(possible(block, above, role) for role in ("system", "user", "tool")):
        return False
    for test, wanted in tests_around(block, above):
        if not isinstance(test, nodes.Or if wanted else nodes.And):
            continue
        operands = [*signed_operands(test)]
        if any(known(operand) is not None for _, operand in operands) and any(
            known(operand) is None and observer.answers.get(span_of(operand), set()) == {wanted is negated}
            for negated, operand in operands
        ):
            return True
    return False


def _one_way(observer: Observer) -> list[tuple[int, str]]:
    """Return the tests in loops over messages that gave one answer on every probe: line, and what was not met."""
    found = []
    for span, answers in sorted(observer.answers.items()):
        if len(answers) == 1 and span in observer.looped:
            text = " ".join(span.of(observer.source.text).split())
            never = "is never false" if True in answers else "is never true"
            found.append((observer.source.position(span.start)[0], f"`{text}` {never}"))
    return found


def _is_outside(observer: Observer, index: int, headers: Collection[str]) -> bool:
    """Whether an output opens a turn or the text, or prints what another message says than the loop is at."""
    only = observer.leaves[index].nodes[0]
    begins = isinstance(only, nodes.Name) and only.name == "bos_token"
    return begins or index in observer.elsewhere or constant(observer.leaves[index]) in headers


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
