"""What a preflight can find: codes, names, and what they mean. A code is never used twice."""

from __future__ import annotations

from templatefix.model import Severity
from templatefix.training.findings import Fault

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

PROMPT_TRAINED = Fault(
    "TRN001",
    "prompt-trained",
    _ERROR,
    "Text of a user, system or tool is in the labels.",
    "The loss is taken over text that the model only ever reads, so that it learns to write users' questions. It comes "
    "about by default settings on `messages`, by `completion_only_loss` where there is no completion, by rows that "
    "came tokenized (TRL then skips the assistant mask), by `skip_prepare_dataset`, by a `formatting_func` or text "
    "rendered beforehand (nothing in a text says who spoke), by markers round too much, or by a collator that makes "
    "labels of its own.\n\nTrain on `messages` with `assistant_only_loss=True` and a template whose markers hold, or "
    "on `prompt`/`completion` rows.",
)
HEADER_TRAINED = Fault(
    "TRN002",
    "header-trained",
    _WARNING,
    "The role header before an answer is in the labels.",
    "Inference prepends the header itself (`add_generation_prompt=True`); the model never has to write it. It costs "
    "loss and teaches, after a stop, to go on with another turn. Some train it on purpose.",
)
STOP_UNTRAINED = Fault(
    "TRN003",
    "end-of-turn-untrained",
    _ERROR,
    "The end-of-turn token is not in the labels: the model never learns to stop.",
    "The loss looks healthy, and the model talks on for ever. The marker ends before the end of turn, or the collator "
    "masks it as padding, for pad and end of turn are one token.",
)
TURN_UNTRAINED = Fault(
    "TRN004",
    "turn-untrained",
    _ERROR,
    "An answer, or a part of it, is not in the labels.",
    "With `assistant_only_loss=True` every assistant turn of `messages` is meant to be trained; here markers leave "
    "some out. Often only the last turn is marked. To train on the last one alone, make it the completion: "
    "`templatefix convert`.",
)
NO_TARGET = Fault(
    "TRN005",
    "row-without-target",
    _ERROR,
    "Rows have no trained token at all.",
    "Their loss is nothing, 0 or NaN: packing cut rows before the first answer, the template has no markers where a "
    "collator makes labels per batch, or truncation left the prompt alone.",
)
TURN_CUT = Fault(
    "TRN006",
    "turn-cut",
    _WARNING,
    "`max_length` cuts an answer: its end of turn is never seen.",
    "The cut answers teach to stop nowhere. Some rows of many do no harm; if it is many, raise `max_length` (its "
    "default is 1024 tokens), or leave the long rows out.",
)
ROWS_DROPPED = Fault(
    "TRN007",
    "rows-dropped",
    _WARNING,
    "TRL dropped rows, without a word, that had no trained token within `max_length`.",
    "With `truncation_mode='keep_start'` a prompt longer than `max_length` leaves no answer, and the row is filtered "
    "away. Raise `max_length`, or know what you train without.",
)
NO_QUESTION = Fault(
    "TRN008",
    "turn-without-question",
    _ERROR,
    "Packing cut a conversation: an answer, or its end of turn alone, is trained without what came before.",
    "`wrapped` and `bfd_split` cut conversations wherever a pack is full. The rest begins a row, and is trained with "
    "nothing before it. `packing_strategy='bfd'` keeps conversations whole.",
)
AFTER_TRAINED = Fault(
    "TRN009",
    "text-after-turn-trained",
    _INFO,
    "What the template prints behind the end of turn, mostly a newline, is in the labels.",
    "Generation stops before it, so that it costs a little loss and nothing else. Rows of `prompt`/`completion` "
    "always have it; `assistant_only_loss=True` beside `completion_only_loss=True` leaves it out, for TRL then trains "
    "only what both masks hold.",
)
HISTORY_TRAINED = Fault(
    "TRN010",
    "prompt-answers-trained",
    _ERROR,
    "Earlier answers, which stand in the prompt, are trained besides the completion.",
    "`completion_only_loss=False` on `prompt`/`completion` rows drops the one mask that says where the completion "
    "begins; `assistant_only_loss=True` then marks the answers of the prompt too.",
)
NO_EFFECT = Fault(
    "TRN011",
    "setting-without-effect",
    _WARNING,
    "A setting that is thought to mask, or to format, does nothing here.",
    "`completion_only_loss` needs a `completion`; `dataset_text_field='messages'` names a column and masks nothing; a "
    "`formatting_func` on rows with `messages` is called and its text never used.",
)
OVERWRITTEN = Fault(
    "TRN012",
    "labels-overwritten",
    _ERROR,
    "The collator replaces the labels that the rows hold.",
    "`DataCollatorForLanguageModeling` of transformers makes labels of the ids and masks padding only; it knows no "
    "roles. Leave `data_collator` out: TRL's own keeps the labels. In a plain `Trainer` use `DataCollatorForSeq2Seq`.",
)
TWO_STOPS = Fault(
    "TRN013",
    "two-ends-of-turn",
    _WARNING,
    "Rows end in a second end-of-sequence token.",
    "TRL appends one to a text that does not end in it, and a template that prints a newline behind its end of turn "
    "does not. The model learns to write it after it has stopped.",
)
TWO_BOS = Fault(
    "TRN014",
    "two-beginnings",
    _WARNING,
    "Rows begin with two beginning-of-sequence tokens.",
    "The template prints one, and the tokenizer adds another where text rendered before is tokenized. Inference has "
    "one. Tokenize with `add_special_tokens=False`, or train on `messages`.",
)
NOT_STOPPED = Fault(
    "TRN015",
    "stop-unknown-to-generation",
    _WARNING,
    "Generation does not stop at the token that closes the trained answers.",
    "The model learns to write the end of turn, and `generate` goes on past it, for `generation_config.eos_token_id` "
    "does not hold it.",
)
OTHER_SAVED = Fault(
    "TRN016",
    "other-template-saved",
    _WARNING,
    "Labels are made with another text than the saved template renders.",
    "Inference will use the saved one, and read its own history otherwise than it was trained.",
)
OTHER_TEXT = Fault(
    "TRN017",
    "rows-of-another-template",
    _WARNING,
    "Rows hold other tokens than their messages render to.",
    "They were tokenized beforehand, with another template or other options. Labels of such rows are not compared "
    "with what they owe.",
)
NOT_COMPARED = Fault(
    "TRN018",
    "labels-not-compared",
    _WARNING,
    "What the rows owe is not known, so their labels are undecided.",
    "No markers of the template are proven, or rows do not render. `templatefix fix --why` says more.",
)
REMOVED_COLLATOR = Fault(
    "TRN019",
    "removed-collator",
    _WARNING,
    "`DataCollatorForCompletionOnlyLM`, which TRL removed, is in use.",
    "It looked for a response template in the tokens, and trained nothing, or everything, where tokens merged at its "
    "edge. TRL removed it. In its place: `messages` with `assistant_only_loss=True`, or `prompt`/`completion` rows, "
    "which `templatefix convert` makes.",
)
OTHER_LABEL = Fault(
    "TRN020",
    "labels-of-other-tokens",
    _ERROR,
    "Labels are other tokens than those that they stand at.",
    "Models of transformers shift labels themselves: the label of a token is its own id, and the loss compares it with "
    "what is predicted one place before. Labels that were shifted by hand teach to leave a token out each time.",
)

ALL = tuple(value for value in globals().values() if isinstance(value, Fault))


def find(code_or_name: str) -> Fault | None:
    """Return the fault of that code or name, in any case of letters."""
    wanted = code_or_name.strip().lower()
    return next((each for each in ALL if wanted in (each.code.lower(), each.name)), None)


def table() -> str:
    """Return all faults as a Markdown table."""
    rows = [f"| {each.code} | {each.name} | {each.severity} | {each.summary} |" for each in ALL]
    return "\n".join(["| code | name | severity | summary |", "|---|---|---|---|", *rows]) + "\n"


def explain(fault: Fault) -> str:
    """Return a fault's documentation as Markdown."""
    return f"# {fault.code} {fault.name} ({fault.severity})\n\n{fault.summary}\n\n{fault.documentation}\n"
