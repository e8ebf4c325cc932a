"""What a judge says of a mask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from templatefix.model.templates import Conversation


class Claim(StrEnum):
    """What a verdict says about a template."""

    SAME_TEXT = "SAME_TEXT"
    """The patched template renders what the original renders, failures included."""
    EXACT_SPAN = "EXACT_SPAN"
    """Each generation span is the expected span of its assistant turn."""
    NO_LEAK = "NO_LEAK"
    """No text of another role lies inside a generation span."""
    STOP_TRAINED = "STOP_TRAINED"
    """The text with which the model stops lies inside a span, at its end."""
    CALLS_TRAINED = "CALLS_TRAINED"
    """Tool calls that the template renders lie inside a span."""
    REASONING_TRAINED = "REASONING_TRAINED"
    """Reasoning that the template renders lies inside a span."""
    TRACKER_TRUE = "TRACKER_TRUE"
    """The offsets that transformers tracks are those at which the text really stands."""
    PREFIX_STABLE = "PREFIX_STABLE"
    """What was rendered before a message stays as it was when the message is added."""
    PROMPT_IS_PREFIX = "PROMPT_IS_PREFIX"
    """A turn begins with what inference prepends to it."""
    TOKEN_ALIGNED = "TOKEN_ALIGNED"
    """Each span begins and ends where tokens do."""
    TOKENS_TRUE = "TOKENS_TRUE"
    """The mask that transformers returns is set on the tokens of the spans, and on no others."""

    @property
    def of_mask(self) -> bool:
        """Whether the claim is about the mask. The others are about the template, and decide no verdict."""
        return self not in (Claim.PREFIX_STABLE, Claim.PROMPT_IS_PREFIX)


Tri = Literal["holds", "fails", "undecided"]

Turns = Literal["all", "last", "weighted"]
"""Which turns are to be trained; see [`Policy`]."""

_ONLY = {
    "last": "only the last message, where it is the assistant's; ",
    "weighted": "no turn whose message has `weight: 0` or `train: false`; ",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Which turns are to be trained, and where spans begin and end where both is defensible.

    Args:
        header (`str`): `excluded`: the role header is outside; `included`: it is inside.
        prefill (`str`): Where a thinking prefill stands that only some modes of inference prepend: `inside`,
            `outside` or `either`.
        whitespace (`str`): `excluded`: whitespace after the end of turn is outside; `allowed`: it may be inside.
        turns (`str`): `all`: every turn of the assistant; `last`: the conversation's last message, where it is the
            assistant's, and no other; `weighted`: every turn but those whose message has `weight: 0` or
            `train: false`.
    """

    header: Literal["excluded", "included"] = "excluded"
    prefill: Literal["inside", "outside", "either"] = "either"
    whitespace: Literal["excluded", "allowed"] = "allowed"
    turns: Turns = "all"

    def trains(self, messages: Conversation, index: int) -> bool:
        """Whether a message of the assistant is to be trained.

        Args:
            messages (`list[dict]`): The conversation.
            index (`int`): The message.
        """
        if self.turns == "last":
            return index == len(messages) - 1
        weight, train = messages[index].get("weight"), messages[index].get("train")
        return self.turns == "all" or not (
            weight == 0 or train == 0
        )  # as `false` in Jinja, and not where it is null

    def __str__(self) -> str:
        prefill = self.prefill.replace("either", "on either side")
        return (
            f"{_ONLY.get(self.turns, '')}header {self.header}; thinking prefill {prefill}; "
            f"end of turn inside; whitespace after it {self.whitespace}"
        )


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Check:
    """One claim, judged on one probe.

    Args:
        claim (`Claim`): What is claimed.
        probe (`str`): Name of the probe conversation.
        outcome (`str`): `holds`, `fails` or `undecided`.
        expected (`str`): The expected text where the claim does not hold.
        actual (`str`): The text found where the claim does not hold.
        detail (`str`): A sentence for people.
        line (`int`): 1-based line of the marker to blame; 0 if there is none.
        fault (`str`): A short name of what is wrong, such as `header-trained`, or of why it is undecided, such as
            `limit-exceeded`, where it has one.
    """

    claim: Claim
    probe: str
    outcome: Tri
    expected: str = ""
    actual: str = ""
    detail: str = ""
    line: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Outputs in loops over messages that the probes did, or did not, make an assistant's turn print.

    Args:
        outputs (`int`): How many outputs an assistant's turn may reach, as far as the tests around them tell.
        marked (`tuple[int, ...]`): Lines of those not reached inside a generation block: right, but not tested.
        unmarked (`tuple[int, ...]`): Lines of those not reached outside one: a hole.
        others (`tuple[int, ...]`): Lines of outputs that no assistant's turn can reach, and no probe did at all.
        foreign (`tuple[int, ...]`): Lines of outputs inside a generation block that print what is no assistant's, and
            no probe reached: a hole too.
        blocks (`tuple[int, ...]`): Lines of generation blocks that a condition would open too which no probe met:
            a hole.
        one_way (`tuple[tuple[int, str], ...]`): Tests in loops over messages that gave the same answer on every
            probe: the line, and what was never met.
        sites (`int`): Places in the template of which it is decided whether they are inside or outside.
        open (`tuple[int, ...]`): Lines of those that only turns print whose span is not known.
    """

    outputs: int = 0
    marked: tuple[int, ...] = ()
    unmarked: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    foreign: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    one_way: tuple[tuple[int, str], ...] = ()
    sites: int = 0
    open: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader of a verdict should know besides.

    Args:
        name (`str`): A short name that stays, such as `no-end-of-turn`.
        text (`str`): One sentence.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one template. A verdict without checks is `undecided`, never `holds`.

    Args:
        checks (`tuple[Check, ...]`): Every claim on every probe.
        policy (`Policy`): Where spans are expected to begin and end.
        notes (`tuple[Note, ...]`): What a reader should know besides, such as outputs that no probe reached.
        proven (`bool`): Whether SAME_TEXT is proven for every conversation, not only tested on the probes.
        coverage (`Coverage`): Which outputs the probes reached.
    """

    checks: tuple[Check, ...] = ()
    policy: Policy = DEFAULT_POLICY
    notes: tuple[Note, ...] = ()
    proven: bool = False
    coverage: Coverage = Coverage()

    @property
    def outcome(self) -> Tri:
        """`fails` if any check of the mask fails, else `holds` if there are some and none is undecided."""
        return _outcome(check for check in self.checks if check.claim.of_mask)

    def of(self, claim: Claim) -> Tri:
        """The outcome of one claim alone."""
        return _outcome(check for check in self.checks if check.claim is claim)

    @property
    def bad(self) -> tuple[Check, ...]:
        """The checks of the mask that do not hold, the failed ones first."""
        found = [check for check in self.checks if check.claim.of_mask and check.outcome != "holds"]
        return tuple(sorted(found, key=lambda check: check.outcome != "fails"))

    @property
    def blame(self) -> Check | None:
        """The check to show first: a failed one, else an undecided one."""
        return next(iter(self.bad), None)


def _outcome(checks: Iterable[Check]) -> Tri:
    outcomes = {check.outcome for check in checks}
    if "fails" in outcomes:
        return "fails"
    return "holds" if outcomes == {"holds"} else "undecided"
