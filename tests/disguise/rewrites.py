"""The kinds of disguise: each takes a template and returns another one, and what it renamed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from jinja2 import nodes

from templatefix.edits import apply
from templatefix.model import Edit, Span
from templatefix.syntax import Source, parse, span_of
from tests.disguise.identifiers import renamed_keys, renamed_names
from tests.disguise.literals import literals, prints_roles
from tests.disguise.words import Words

_TOKEN = re.compile(
    r"<<[^<>\s{}\\]{1,40}>>|<[^<>\s{}\\=]{1,40}>|\[/?[A-Za-z_]*[A-Z][A-Za-z_]*\]"
    r"|[\[\]](?=[a-z!]*~)[~!a-z]{1,4}[\[\]]|[〈【][^〈【〉】\s]{1,40}[〉】]"
)
"""Special tokens by the shape of their brackets: `<|im_start|>`, `</s>`, `<<SYS>>`, `[INST]`, `]~b]`, `〈|EOS|〉`."""

_ROLE = re.compile(
    r"(?:^|(?<=[\n>\]|｜】〉])|(?<=# ))"
    r"(user|assistant|system|tool|model|human|bot|ai|gpt|chatbot|developer|observation|ipython)"
    r"(?= *$|\n|[:<\[|｜>])",
    re.IGNORECASE,
)
"""Role words where they name a role, not within sentences or tokens."""


@dataclass(frozen=True, slots=True)
class Disguise:
    """A rewritten template.

    Args:
        source (`str`): Its text.
        tokens (`Mapping[str, str]`): New special token to the old one.
        roles (`Mapping[str, str]`): New printed role word to the old one.
        keys (`Mapping[str, str]`): New key of messages to the old one.
    """

    source: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


def tokens(source: Source, chance: random.Random) -> Disguise:
    """Rename special tokens in all raw texts and strings.

    `'<|im_start|>user'` → `'§ka§user'`; `'<think>' in content` → `'XQ7' in content`.
    """
    words = Words(source.text, chance)
    found = [(literal, token) for literal in literals(source) for token in _TOKEN.finditer(literal.text)]
    new = {word: words.token() for word in dict.fromkeys(token[0] for _, token in found)}
    edits = [literal.replace(token, new[token[0]]) for literal, token in found]
    return Disguise(apply(source.text, edits), tokens={word: token for token, word in new.items()})


def roles(source: Source, chance: random.Random) -> Disguise:
    """Rename role words that are printed; those that are compared with a message's role stay.

    All stay if the template also prints `message.role` itself, for then the two must agree.
    `'<|im_start|>assistant\\n'` → `'<|im_start|>zorvak\\n'`; `'ASSISTANT: '` → `'ZORVAK: '`.
    """
    words = Words(source.text, chance)
    if prints_roles(source):
        return Disguise(source.text)
    found = [
        (literal, role)
        for literal in literals(source)
        for role in (_ROLE.finditer(literal.text) if literal.printed else ())
        if not any(token.start() < role.start() < token.end() for token in _TOKEN.finditer(literal.text))
    ]
    new = {word: words.like(word) for word in dict.fromkeys(role[1] for _, role in found)}
    edits = [literal.replace(role, new[role[1]], 1) for literal, role in found]
    return Disguise(apply(source.text, edits), roles={word: role for role, word in new.items()})


def keys(source: Source, chance: random.Random) -> Disguise:
    """Rename keys that this template reads and other templates do not.

    `message.recipient` → `message.zorvak`; `message['content']` stays.
    """
    edits, new = renamed_keys(source, Words(source.text, chance))
    return Disguise(apply(source.text, edits), keys={word: key for key, word in new.items()})


def names(source: Source, chance: random.Random) -> Disguise:
    """Rename variables, macros and namespace attributes that the template sets.

    `{% set ns = namespace(found=false) %}` → `{% set zor = namespace(mibel=false) %}`.
    """
    return Disguise(apply(source.text, renamed_names(source, Words(source.text, chance))))


def layout(source: Source, chance: random.Random) -> Disguise:
    """Add blank lines and indentation between tags where whitespace control removes them.

    `{%- if a -%}{{ b }}` → `{%- if a -%}\\n    {{ b }}`.
    """
    places = [at for at, trimmed in _seams(source) if trimmed]
    edits = [
        Edit(Span(at, at), "\n" * chance.randint(1, 2) + " " * chance.randrange(0, 9, 2))
        for at in places
        if chance.random() < 0.7
    ]
    return Disguise(apply(source.text, edits))


def blank_line(source: Source, _: random.Random) -> Disguise:
    """Print a blank line before the generation prompt. This changes the text.

    `{% if add_generation_prompt %}{{ 'A:' }}` → `{% if add_generation_prompt %}{{- '\\n' }}{{ 'A:' }}`.
    """
    edits = []
    for branch in source.tree.find_all(nodes.If):
        read = {branch.test, *branch.test.find_all(nodes.Name)}
        if any(isinstance(name, nodes.Name) and name.name == "add_generation_prompt" for name in read):
            output = next((node for node in branch.body if isinstance(node, nodes.Output)), None)
            if output is not None and not isinstance(branch.test, nodes.Not):
                start = span_of(output).start
                data = isinstance(output.nodes[0], nodes.TemplateData)
                edits.append(Edit(Span(start, start), "\n" if data else "{{- '\\n' }}"))
    return Disguise(apply(source.text, edits))


def indented(source: Source, _: random.Random) -> Disguise:
    """Indent outputs at the start of a line. This changes the text.

    `\\n{{ message.content }}` → `\\n  {{ message.content }}`.
    """
    starts = [
        lexeme.span.start
        for lexeme in source.lexemes
        if lexeme.kind == "variable_begin" and not lexeme.text.endswith("-")
    ]
    at_line = [start for start in starts if source.text[:start].endswith("\n")]
    return Disguise(apply(source.text, [Edit(Span(start, start), "  ") for start in at_line]))


def _seams(source: Source) -> Iterator[tuple[int, bool]]:
    """Yield the places between two tags, and whether whitespace there is removed."""
    visible = [lexeme for lexeme in source.lexemes if lexeme.kind != "whitespace"]
    ends = ("block_end", "variable_end", "comment_end")
    begins = ("block_begin", "variable_begin", "comment_begin")
    for at, left in enumerate(visible[:-1]):
        right = visible[at + 1]
        if left.kind in ends and right.kind in begins:
            between = source.text[left.delimiter.end : right.span.start]
            trimmed = left.text.startswith("-") or right.text.endswith("-")
            yield right.span.start, trimmed and not between.strip()


Kind = Callable[[Source, random.Random], Disguise]
KINDS: Mapping[str, Kind] = {
    "roles": roles,
    "tokens": tokens,
    "keys": keys,
    "names": names,
    "layout": layout,
}
"""Kinds of disguise that keep the text, in the order in which they are applied."""
BLANK_LINES: Mapping[str, Kind] = {"blank line": blank_line, "indented": indented}
"""Kinds that change the text."""


def add(disguise: Disguise, kind: str, seed: str) -> Disguise:
    """Disguise a template in one more way, at random but always the same for a seed."""
    rewrite = {**KINDS, **BLANK_LINES}[kind]
    more = rewrite(parse(disguise.source), random.Random(f"{seed} {kind}"))
    return Disguise(
        more.source,
        {**disguise.tokens, **more.tokens},
        {**disguise.roles, **more.roles},
        {**disguise.keys, **more.keys},
    )
