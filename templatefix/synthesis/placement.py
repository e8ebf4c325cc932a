"""Decide where markers go: wrap, split, or guard, recursively over the bodies of the tree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from jinja2 import nodes

from templatefix.model import Edit, Span
from templatefix.render import leaves
from templatefix.render.rewriting import buffers
from templatefix.syntax import Source, branches, span_of, walk
from templatefix.syntax.scope import hazard
from templatefix.synthesis.bounds import end_of, start_of
from templatefix.synthesis.guard import ALL, Trained, guarded, last_test, previous_test, role_test
from templatefix.synthesis.items import CannotPlace, Item, any_in, neighbours
from templatefix.synthesis.outputs import Cut, Leaf, Run
from templatefix.synthesis.parting import Parting
from templatefix.synthesis.split import split
from templatefix.synthesis.unseen import headers_in, owned, reads_message, span_within
from templatefix.synthesis.writing import before, behind

OPEN, CLOSE = "generation", "endgeneration"

Whose = Literal["", "assistant", "stop", "last"]
"""Which executions count: all, those of the assistant's messages, those behind one, or those behind the last one."""


@dataclass(frozen=True, slots=True)
class Tests:
    """How to ask whether a message is the assistant's.

    Args:
        own (`str`, *optional*): Within a loop, whether the loop's own message is.
        previous (`str`, *optional*): Within a loop, whether the one before it is.
        last (`str`, *optional*): Outside of loops, whether the last one is.
    """

    own: str | None = None
    previous: str | None = None
    last: str | None = None

    def of(self, kind: Whose) -> str | None:
        """The test that tells which executions count."""
        return {"assistant": self.own, "stop": self.previous, "last": self.last}.get(kind)


@dataclass
class Planner:
    """Collects edits for one template.

    Args:
        source (`Source`): The template.
        seen (`dict[int, Leaf]`): What the probes saw of each output, by its index among `leaves(source)`.
        trained (`Trained`): Whose messages are to be trained.
        flat (`bool`): Guard whole statements rather than the outputs deep inside them.
        join (`bool`): Guard what is inside beside an output that needs it too, so that one block holds both.
        part (`bool`): Take values apart where the expected text begins or ends within one.
    """

    source: Source
    seen: dict[int, Leaf]
    trained: Trained = ALL
    flat: bool = False
    join: bool = False
    part: bool = False
    methods: set[str] = field(default_factory=set)
    blocks: int = 0
    loose: bool = False

    def __post_init__(self) -> None:
        self.index = {id(node): at for at, node in enumerate(leaves(self.source))}
        self.above = {id(node): above for node, above in walk(self.source.tree)}

    def plan(self) -> list[Edit]:
        """Return the edits for the whole template.

        Raises:
            CannotPlace: Some output cannot be marked rightly.
        """
        edits = self._body(self.source.tree.body, Tests(last=last_test(self.source, self.trained)), "")
        if not self.blocks:
            raise CannotPlace(
                "no probe conversation makes the template print an assistant turn in its message loop"
            )
        return edits

    def _body(self, body: list[nodes.Node], tests: Tests, whose: Whose) -> list[Edit]:
        items = [self._item(node, tests, whose) for node in body]
        shared = [at for at, item in enumerate(items) if item.kind == "shared"]
        stops = {at: item.kind for at, item in enumerate(items) if item.kind in ("stop", "last")}
        if not shared and not stops:
            return self._runs(items, tests, whose)
        groups: list[tuple[int, int]] = []
        if self.flat and shared:
            groups = [(shared[0], shared[-1])]
        elif shared:
            inside = [at for at, item in enumerate(items) if item.kind == "in"] if self.join else []
            groups = [each for each in neighbours(items, sorted([*shared, *inside])) if any_in(shared, each)]
        groups += [(at, at) for at in stops if not any(first <= at <= last for first, last in groups)]
        groups.sort()
        edits, cursor = [], 0
        for first, last in groups:
            edits += self._runs(items[cursor:first], tests, whose)
            kind: Whose = stops.get(first, "assistant")
            edits.append(self._guard([item.node for item in items[first : last + 1]], tests, kind))
            cursor = last + 1
        return edits + self._runs(items[cursor:], tests, whose)

    def _item(self, node: nodes.Node, tests: Tests, whose: Whose) -> Item:
        if isinstance(node, nodes.Output):
            return self._output(node, whose)
        if buffers(node) or not branches(node):
            return Item(node, "neutral")
        inner = [self._item(each, tests, whose) for body in branches(node) for each in body]
        kinds = {item.kind for item in inner} - {"neutral"}
        if not kinds:
            return Item(node, "neutral")
        if kinds == {"out"}:
            return Item(node, "out")
        whole = all(item.start is None and item.end is None for item in inner)
        if kinds == {"in"} and whole and not self._hazard(node):
            return Item(node, "in")
        if "shared" in kinds and self.flat and tests.own is not None and role_test(self.source, node) is None:
            return Item(node, "shared")
        return Item(node, "enter")

    def _output(self, node: nodes.Output, whose: Whose) -> Item:
        leaf = self.seen.get(self.index[id(node)])
        runs = [run for run in leaf.runs if _counts(run, whose)] if leaf else []
        inside = [run for run in runs if run.inside]
        if leaf is None and owned(node, self.above[id(node)]):
            return self._unseen(node)
        if leaf is None or not inside:
            return Item(node, "out" if any(run.outside for run in runs) else "neutral")
        if foreign := [run for run in runs if run.foreign]:
            if all(run.closes for run in inside) and not any(run.closes or run.role for run in foreign):
                return Item(node, "last")
            by_role = {run.role for run in inside} == {"assistant"}
            if not by_role and all(run.answers for run in inside):
                return Item(node, "stop")
            if not by_role or any(run.role == "assistant" for run in foreign):
                raise self._problem(node, "prints expected text in some turns and other text in others")
            return Item(node, "shared")
        start = start_of(self.source, node, runs, self.part)
        end, exact = end_of(self.source, node, leaf, inside, self.part)
        self.loose = self.loose or not exact
        if start is None or end is None:
            verb = "begins" if start is None else "ends"
            raise self._problem(node, f"{verb} the expected text at a place that varies")
        first, last = Cut(0, 0), Cut(leaf.atoms, 0)
        return Item(node, "in", None if start == first else start, None if end == last else end)

    def _unseen(self, node: nodes.Output) -> Item:
        """What no probe reached is inside from behind the header that it writes."""
        found = span_within(self.source, node, headers_in(self.seen.values()))
        if found is not None:
            return Item(node, "in", found[0], found[1])
        return Item(node, "in" if reads_message(node, self.above[id(node)]) else "neutral")

    def _problem(self, node: nodes.Node, what: str) -> CannotPlace:
        line = self.source.position(span_of(node).start)[0]
        return CannotPlace(f"line {line} {what}", line)

    def _hazard(self, node: nodes.Node) -> bool:
        return bool(hazard(self.source.tree, [node]))

    def _runs(self, items: list[Item], tests: Tests, whose: Whose) -> list[Edit]:
        """Mark maximal runs of inside statements; enter mixed ones."""
        edits: list[Edit] = []
        run: list[Item] = []

        def close() -> None:
            while run and run[-1].kind == "neutral":
                run.pop()
            if run:
                edits.extend(self._mark(run))
            run.clear()

        for item in items:
            if item.kind == "in":
                if item.start is not None:
                    close()
                run.append(item)
                if item.end is not None:
                    close()
            elif item.kind == "neutral" and run and not self._hazard(item.node):
                run.append(item)
            else:
                close()
                if item.kind == "enter":
                    inner = self._tests(item.node, tests)
                    for at, body in enumerate(branches(item.node)):
                        # The `else` of a loop does not know its target.
                        edits += self._body(body, inner if at == 0 else tests, whose)
        close()
        return edits

    def _tests(self, node: nodes.Node, outer: Tests) -> Tests:
        own = role_test(self.source, node, self.trained)
        if own is not None:
            return Tests(own, previous_test(self.source, node, self.trained))
        guess = outer.own or role_test(self.source, node, self.trained, guess=True)
        return Tests(guess) if isinstance(node, nodes.For) else replace(outer, own=guess)

    def _mark(self, run: list[Item]) -> list[Edit]:
        if reason := hazard(self.source.tree, [item.node for item in run]):
            raise self._problem(run[0].node, f"cannot be enclosed by a marker: {reason}")
        self.blocks += 1
        first, last = run[0], run[-1]
        cuts: dict[int, tuple[nodes.Output, list[tuple[Cut | Parting, str]]]] = {}
        edits: list[Edit] = []
        for item, at, tag in ((first, first.start, OPEN), (last, last.end, CLOSE)):
            if at is not None and isinstance(item.node, nodes.Output):
                self.methods.add("partition" if isinstance(at, Parting) else "split")
                cuts.setdefault(id(item.node), (item.node, []))[1].append((at, tag))
        for output, places in cuts.values():
            edits += split(self.source, output, places)
        if first.start is None:
            at_start = first.span.start
            edits.append(Edit(Span(at_start, at_start), before(self.source, at_start, OPEN)))
        if last.end is None:
            at_end = last.span.end
            text = behind(self.source, at_end, CLOSE, first.span.start)
            edits.append(Edit(Span(at_end, at_end), text))
        return edits

    def _guard(self, body: list[nodes.Node], tests: Tests, kind: Whose) -> Edit:
        test = tests.of(kind)
        if test is None:
            raise self._problem(body[0], "serves several roles and nothing there reads the role")
        self.methods.add("guard")
        if kind == "assistant" and self.trained.turns != "all" and owned(body[0], self.above[id(body[0])]):
            test = test.partition(" and ")[2]  # the branch is the assistant's already
        inner = self._body(body, Tests(), kind)
        stretch = Span(span_of(body[0]).start, span_of(body[-1]).end)
        return guarded(self.source, stretch, inner, test, same="partition" not in self.methods)


def _counts(run: Run, whose: Whose) -> bool:
    # Behind an answer of which nothing is printed, no stop is expected; the judge knows whether one may be there.
    counted = {"assistant": run.role == "assistant", "stop": run.answers and run.inside, "last": run.closes}
    return counted.get(whose, True)
