"""Probes of which some turns are to be trained and others not; see [`Policy`]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from templatefix.model import Turns
from templatefix.probes.messages import Probe


def chosen(probe: Probe, turns: Turns) -> Iterator[Probe]:
    """Yield a probe so that each of its turns is trained in one and left out in another.

    Args:
        probe (`Probe`): The conversation.
        turns (`str`): Which turns are to be trained.
    """
    if turns == "last":
        for at in probe.assistant:
            if at + 1 < len(probe.messages):
                name = f"{probe.name}, as far as message {at}"
                yield replace(
                    probe, name=name, messages=probe.messages[: at + 1], turns=probe.turns[: at + 1]
                )
    if turns == "weighted":
        yield from _weighed(probe, 0, weight=0)
        yield from _weighed(probe, 1, train=False)
        yield from _weighed(probe, 0, weight=None, train=None)


def _weighed(probe: Probe, first: int, **keys: Any) -> Iterator[Probe]:
    """Give keys to every second message of the assistant."""
    chosen = probe.assistant[first::2]
    if chosen:
        messages = [{**each, **keys} if at in chosen else each for at, each in enumerate(probe.messages)]
        words = ", ".join(f"{key}: {'null' if value is None else value}" for key, value in keys.items())
        yield replace(probe, name=f"{probe.name}, {words}", messages=messages)
