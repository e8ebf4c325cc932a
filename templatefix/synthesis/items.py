"""Statements, and what is to be done with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jinja2 import nodes

from templatefix.model import Span
from templatefix.syntax import span_of
from templatefix.synthesis.outputs import Cut
from templatefix.synthesis.parting import Parting
from templatefix.synthesis.writing import Obstacle

Kind = Literal["in", "out", "neutral", "enter", "shared", "stop", "last"]


class CannotPlace(Obstacle):
    """No placement of markers gives the expected spans."""


@dataclass(frozen=True, slots=True)
class Item:
    """A statement and what is to be done with it.

    Args:
        node (`jinja2.nodes.Node`): The statement.
        kind (`str`): `in`: all its text is inside, from `start` to `end`; `out`: none is; `neutral`: prints nothing
            that matters; `enter`: some is, further inside; `shared`: depends on the role; `stop`: some is where the
            message before is the assistant's; `last`: some is where the last message is.
        start (`Cut`, *optional*): Where expected text starts within an output, if not at its start.
        end (`Cut`, *optional*): Where it ends, if not at its end.
    """

    node: nodes.Node
    kind: Kind
    start: Cut | Parting | None = None
    end: Cut | Parting | None = None

    @property
    def span(self) -> Span:
        """The statement's place in the source."""
        return span_of(self.node)


def any_in(places: list[int], group: tuple[int, int]) -> bool:
    """Whether one of some places lies in a group of statements."""
    return any(group[0] <= at <= group[1] for at in places)


def neighbours(items: list[Item], shared: list[int]) -> list[tuple[int, int]]:
    """Group statements between which nothing is printed.

    Args:
        items (`list[Item]`): The statements of a body.
        shared (`list[int]`): The places of those to group.
    """
    groups = [(shared[0], shared[0])]
    for at in shared[1:]:
        between = items[groups[-1][1] + 1 : at]
        if all(item.kind == "neutral" for item in between):
            groups[-1] = (groups[-1][0], at)
        else:
            groups.append((at, at))
    return groups
