"""The main job on embedded input: a small template, a tokenizer built in memory, and one conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from templatefix.model import Message, Origin, Outcome, Report, Template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SOURCE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

CONVERSATION: list[Message] = [
    {"role": "system", "content": "Answer in one word."},
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Japan?"},
    {"role": "assistant", "content": "Tokyo."},
]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the conversation.

    Args:
        text (`str`): Its characters.
        trained (`bool`): What the assistant mask of transformers says.
    """

    text: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration found.

    Args:
        report (`Report`): The audit of the template.
        outcome (`Outcome`): Its fix.
        before (`tuple[Token, ...]`): The conversation's tokens with the template as it was.
        after (`tuple[Token, ...]`): The same with the patched template.
    """

    report: Report
    outcome: Outcome
    before: tuple[Token, ...]
    after: tuple[Token, ...]


def run() -> Demo:
    """Audit, patch and verify the embedded template, and mask the embedded conversation with a real tokenizer."""
    from templatefix import api

    template = Template(SOURCE, origin=Origin("demo.jinja"), variables={"eos_token": "<|im_end|>"})
    outcome = api.fix(template)
    tokenizer = _tokenizer()
    return Demo(
        api.audit(template),
        outcome,
        _masked(tokenizer, outcome.before),
        _masked(tokenizer, outcome.after),
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = re.findall(
        r"\w+|\s|[^\w\s]", " ".join(str(each) for said in CONVERSATION for each in said.values())
    )
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(["<unk>", "\n", *words]))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|\s|[^\w\s]"), "isolated")
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<|im_end|>")


def _masked(tokenizer: PreTrainedTokenizerFast, source: str) -> tuple[Token, ...]:
    import logging

    logging.getLogger("transformers.utils.chat_template_utils").setLevel(logging.ERROR)
    encoded = tokenizer.apply_chat_template(
        CONVERSATION,
        chat_template=source,
        return_dict=True,
        return_assistant_tokens_mask=True,
        tokenizer_kwargs={"return_offsets_mapping": True},
    )
    text = tokenizer.apply_chat_template(CONVERSATION, chat_template=source, tokenize=False)
    return tuple(
        Token(str(text)[start:end], bool(mask))
        for (start, end), mask in zip(encoded["offset_mapping"], encoded["assistant_masks"], strict=True)
    )
