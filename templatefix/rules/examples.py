"""Templates for the cases of rules that render: one chat format, to be spoilt in one place."""

from __future__ import annotations

from templatefix.rules.rule import Case

SAID = "(m.content or '')"
HEADER = "    {{- '<|assistant|>' }}\n"
MARKED = f"    {{%- generation %}}\n    {{{{- {SAID} + '<|end|>' }}}}\n    {{%- endgeneration %}}\n"
PROMPT = "{{- '<|assistant|>' }}"


def chat(turn: str, *, prompt: str = PROMPT, before: str = "") -> str:
    """A template that prints turns between role tokens and `<|end|>`.

    Args:
        turn (`str`): What prints the assistant's message `m`.
        prompt (`str`): What prints the generation prompt.
        before (`str`): What comes first.
    """
    return (
        f"{before}{{%- for m in messages %}}\n{{%- if m.role == 'assistant' %}}\n{turn}{{%- else %}}\n"
        f"    {{{{- '<|' + m.role + '|>' + {SAID} + '<|end|>' }}}}\n{{%- endif %}}\n{{%- endfor %}}\n"
        f"{{%- if add_generation_prompt %}}{prompt}{{%- endif %}}\n"
    )


RIGHT = chat(HEADER + MARKED)
"""Marked as it should be."""
PLAIN = chat(f"    {{{{- '<|assistant|>' + {SAID} + '<|end|>' }}}}\n")
"""The same without markers."""
RIGHT_OR_PLAIN = (Case(RIGHT), Case(PLAIN))
"""What is good in the eyes of most rules."""
