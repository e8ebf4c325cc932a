"""Conversations to prompt and completion: what is refused, what is kept, and what TRL makes of it."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from templatefix.errors import DataError, SourceError, WriteError
from templatefix.training import advice, convert_file, to_prompt_completion
from tests.conftest import ROOT, corpus
from tests.test_cli import Run, run

__all__ = ["run"]


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str | None, **more: object) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
RESULT = {"role": "tool", "content": "sunny"}
ONE = [user("What is 1 + 1?"), answer("Two.")]
TWO = [*ONE, user("What is 2 + 2?"), answer("Four.")]
CALLED = [user("Rome?"), answer(None, tool_calls=[CALL]), RESULT, answer("Sunny.")]


DEEP: list[Any] = []
for _ in range(900):
    DEEP = [DEEP]


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_last_answer_becomes_the_completion_and_all_else_stays() -> None:
    row = {"id": 7, "messages": TWO, "tools": [], "note": None}
    made = to_prompt_completion(row)
    assert made == {"id": 7, "prompt": TWO[:-1], "completion": TWO[-1:], "tools": [], "note": None}
    assert list(made) == ["id", "prompt", "completion", "tools", "note"]
    assert row["messages"] is TWO


@pytest.mark.parametrize(
    ("messages", "at"),
    [
        (TWO, [1, 3]),
        (CALLED, [1, 3]),
        (CALLED[:2], [1]),
        ([user("a"), answer("b"), answer("c")], [1, 2]),
        ([system("s"), user("a"), answer("", reasoning_content="r")], [2]),
        ([user("a"), {"role": "assistant", "content": [{"type": "text", "text": "b"}]}], [1]),
        ([{"role": "user", "content": [{"type": "image"}]}, *TWO], [2, 4]),
    ],
)
def test_every_turn_is_an_example_after_its_history(messages: list[Any], at: list[int]) -> None:
    made = to_prompt_completion({"messages": messages}, every_turn=True)
    assert made == [{"prompt": messages[:i], "completion": [messages[i]]} for i in at]
    assert to_prompt_completion({"messages": messages}) == made[-1]


def test_a_greeting_is_part_of_the_prompt_unless_it_is_to_be_learned() -> None:
    row = {"messages": [answer("Hello."), *ONE]}
    assert to_prompt_completion(row)["prompt"] == row["messages"][:-1]
    with pytest.raises(DataError, match="no message stands before this answer") as error:
        to_prompt_completion(row, every_turn=True)
    assert error.value.where == "message 0" and "greeting" in error.value.cure


def test_sharegpt_gets_the_keys_of_trl_and_roles_that_templates_know() -> None:
    talk = [
        {"from": "system", "value": "s"},
        {"from": "human", "value": "q"},
        {"from": "gpt", "value": "a", "weight": 1, "content": None},
    ]
    assert to_prompt_completion({"conversations": talk, "id": 1}) == {
        "prompt": [system("s"), user("q")],
        "completion": [answer("a", weight=1)],
        "id": 1,
    }
    from trl.data_utils import maybe_convert_to_chatml

    known = [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}]
    made = to_prompt_completion({"conversations": known})
    theirs = maybe_convert_to_chatml({"conversations": [dict(each) for each in known]})
    assert made["prompt"] + made["completion"] == theirs["messages"]


@pytest.mark.parametrize(
    ("row", "what", "where"),
    [
        ({}, "no column `messages`", ""),
        ({"messages": None}, "null, not a list", ""),
        ({"messages": "<|user|>"}, "is a text", ""),
        ({"messages": {"role": "user"}}, "a dict, not a list", ""),
        ({"messages": []}, "it has no messages", ""),
        ({"messages": [user("a"), None]}, "it is null, not an object", "message 1"),
        ({"messages": [user("a"), "b"]}, "it is a str, not an object", "message 1"),
        ({"messages": [user("a"), {"content": "b"}]}, "no role", "message 1"),
        ({"messages": [user("a"), {"role": 3, "content": "b"}]}, "its role is 3", "message 1"),
        ({"messages": [{"role": "human", "content": "a"}, answer("b")]}, "do not know", "message 0"),
        ({"messages": [user("a"), {"from": "function_call", "value": "b"}]}, "do not know", "message 1"),
        ({"messages": [user("a"), {"from": "gpt", "value": "b", "content": "c"}]}, "both", "message 1"),
        ({"messages": [{"role": "user", "content": 5}, answer("b")]}, "content is a int", "message 0"),
        ({"messages": [answer("a")]}, "no message stands before", "message 0"),
        ({"messages": [system("s"), answer("a")]}, "nothing but a system message", "message 1"),
        ({"messages": [user("a")]}, "the last message is of 'user'", "message 0"),
        ({"messages": [*ONE, user("c")]}, "the last message is of 'user'", "message 2"),
        ({"messages": [*CALLED[:3]]}, "the last message is of 'tool'", "message 2"),
        ({"messages": [user("a"), answer(" \n")]}, "the answer is empty", "message 1"),
        ({"messages": [user("a"), answer(None, tool_calls=None)]}, "the answer is empty", "message 1"),
        (
            {"messages": [user("a"), {"role": "assistant", "tool_calls": []}]},
            "the answer is empty",
            "message 1",
        ),
        (
            {"messages": [user("a"), {"role": "assistant", "content": [{"type": "text", "text": ""}]}]},
            "the answer is empty",
            "message 1",
        ),
        ({"prompt": [user("a")], "completion": [answer("b")]}, "`prompt` and `completion` already", ""),
        ({"messages": ONE, "prompt": "a"}, "a column `prompt` besides `messages`", ""),
        ({"messages": ONE, "completion": None}, "a column `completion` besides `messages`", ""),
        ({"messages": ONE, "input_ids": [1]}, "a column `input_ids`, which TRL reads", ""),
        ({"messages": ONE, "chosen": "a", "rejected": "b"}, "a column `chosen`", ""),
    ],
)
def test_a_row_is_refused_by_its_place_and_with_a_cure(row: dict[str, Any], what: str, where: str) -> None:
    for every_turn in (False, True):
        with pytest.raises(DataError) as error:
            to_prompt_completion(row, every_turn=every_turn, where="train.jsonl:3")
        assert what in error.value.what
        assert error.value.where == ": ".join(filter(None, ("train.jsonl:3", where)))
        assert error.value.cure


def test_every_turn_refuses_what_only_it_cannot_do() -> None:
    blank = [user("a"), answer(""), user("b"), answer("c")]
    with pytest.raises(DataError, match="the answer is empty") as error:
        to_prompt_completion({"messages": blank}, every_turn=True)
    assert error.value.where == "message 1"
    assert to_prompt_completion({"messages": blank})
    with pytest.raises(DataError, match="no question stands before"):
        to_prompt_completion({"messages": [answer("a"), answer("b")]})
    pictured = [*ONE, {"role": "user", "content": [{"type": "image"}]}, answer("A cat.")]
    with pytest.raises(DataError, match="images of later messages"):
        to_prompt_completion({"messages": pictured, "images": ["cat"]}, every_turn=True)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "assistant"]), TEXTS
    ),
    max_size=6,
)
TAKEN = {"messages", "prompt", "completion", "conversations", "chosen", "rejected", "input_ids", "labels"}
ROWS = st.builds(
    lambda before, messages, after: {**before, "messages": messages, **after},
    st.dictionaries(TEXTS.filter(lambda name: name not in TAKEN), VALUES, max_size=2),
    MESSAGES,
    st.dictionaries(TEXTS.filter(lambda name: name not in TAKEN), VALUES, max_size=2),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=5), st.booleans())
def test_nothing_is_lost_on_the_way(tmp_path: Path, rows: list[dict[str, Any]], every_turn: bool) -> None:
    source, out = lines(tmp_path / "in.jsonl", *rows), tmp_path / "out.jsonl"
    named: list[DataError] = []
    done = convert_file(
        source, out, every_turn=every_turn, skip_refused=True, force=True, refused=named.append
    )
    assert done.rows == len(rows) == done.converted + done.refused
    assert len(named) == done.refused
    lost = {int(error.where.split(":")[1]) - 1 for error in named}
    kept = [row for index, row in enumerate(rows) if index not in lost]
    if not kept:
        assert done.output == ""
        return
    made = read(out)
    assert len(made) == done.examples
    for row in kept:
        answers = [at for at, message in enumerate(row["messages"]) if message["role"] == "assistant"]
        for at in answers if every_turn else answers[-1:]:
            example = made.pop(0)
            assert example["prompt"] + example["completion"] == row["messages"][: at + 1]
            assert len(example["completion"]) == 1
            others = [(name, value) for name, value in row.items() if name != "messages"]
            assert [each for each in example.items() if each[0] not in ("prompt", "completion")] == others
    assert made == []


def _twice() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["messages", "messages"]), sink)
    return bytes(sink.getvalue())


TWICE = _twice()


def test_refused_rows_stop_the_command_before_it_writes(run: Run, tmp_path: Path) -> None:
    bad = {"messages": [user("a")]}
    source = lines(tmp_path / "in.jsonl", {"messages": ONE}, *[bad] * 12)
    out = tmp_path / "out.jsonl"
    code, printed, err = run("convert", source, "-o", out)
    assert code == 1 and not out.exists() and os.listdir(tmp_path) == ["in.jsonl"]
    assert "13 rows = 1 converted + 12 refused" in printed
    assert err.count("refused: ") == 10 and "2 more are not named" in err and "--skip-refused" in err
    assert f"{source}:2: message 0: the last message is of 'user'" in err
    code, printed, err = run("convert", source, "-o", out, "--skip-refused", "-q")
    assert code == 0 and len(read(out)) == 1
    assert err.count("refused: ") == 12 and "advice" not in err
    only = lines(tmp_path / "only.jsonl", bad)
    code, _, err = run("convert", only, "-o", tmp_path / "none.jsonl", "--skip-refused")
    assert code == 1 and not (tmp_path / "none.jsonl").exists() and "no row is left" in err


def test_the_summary_counts_as_json_too(run: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", {"messages": TWO}, {"messages": CALLED}, {"messages": None})
    args = ("--every-turn", "--skip-refused", "--format", "json", "-q")
    code, printed, _ = run("convert", source, "-o", tmp_path / "out.jsonl", *args)
    found = json.loads(printed)
    assert code == 0 and found["kind"] == "convert"
    counts = {key: found[key] for key in ("rows", "converted", "refused", "examples")}
    assert counts == {"rows": 3, "converted": 2, "refused": 1, "examples": 4}
    assert found["refusals"][0]["where"] == f"{source}:3"
    assert found["advice"]["turns"] == [[2, 2]] and found["advice"]["unread"] == 1


def test_the_readme_shows_what_is_printed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    lines(Path("train.jsonl"), {"messages": ONE}, {"messages": TWO}, {"messages": [*ONE, user("Bye.")]})
    _, out, err = run("convert", "train.jsonl", "-o", "out.jsonl", "--skip-refused")
    refused, written, *advised = err.splitlines(keepends=True)
    assert "".join([refused, written, out, *advised]) in (ROOT / "README.md").read_text()


def test_values_come_out_as_they_went_in(run: Run, tmp_path: Path) -> None:
    row = '{"big": 123456789012345678901234567890, "f": 0.1, "n": {"a": null, "b": [null]}, "t": "é\u2028☃", '
    talk = json.dumps(ONE, ensure_ascii=False)
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + f'{row}"messages": {talk}}}\r\n\r\n'.encode())
    assert run("convert", source, "-o", tmp_path / "out.jsonl", "-q")[0] == 0
    split = f'"prompt": {json.dumps(ONE[:1])}, "completion": {json.dumps(ONE[1:])}}}\n'
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == row + split
    half = tmp_path / "half.jsonl"
    half.write_text(json.dumps({"messages": [user("\ud800"), answer("b")]}) + "\n")
    assert run("convert", half, "-o", tmp_path / "half2.jsonl", "-q")[0] == 0
    assert read(tmp_path / "half2.jsonl")[0]["prompt"] == [user("\ud800")]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("in.jsonl", b"", "it holds no rows"),
        ("in.jsonl", b"\n \r\n", "it holds no rows"),
        ("in.json", b"[]", "it holds no rows"),
        ("in.jsonl", b'{"messages": []}\n{"messages": [\n', "in.jsonl:2: it is no JSON"),
        ("in.jsonl", b"\n[1]\n", "in.jsonl:2: it is a list, not an object"),
        ("in.json", b'[{"a": 1}, 2]', "in.json: row 1: it is a int, not an object"),
        ("in.json", b'\n[\n{"a"}]', "in.json:3: it is no JSON"),
        ("in.json", b'{\n"train": []}', "in.json:1: it is no JSON"),
        ("in.jsonl", b'{"a": "\xff"}\n', "in.jsonl:1: it is not UTF-8 text: byte 0xff"),
        ("in.jsonl", b"[" * 100_000, "nested too deeply"),
        ("in.jsonl", b'{"a": ' + b"1" * 5000 + b"}", "in.jsonl:1: it cannot be read"),
        ("in.jsonl.gz", b'{"a": 1}', "no whole gzip file"),
        ("in.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-9], "no whole gzip file"),
        ("in.parquet", b"", "cannot be read as Parquet"),
        ("in.parquet", TWICE, "two columns are called `messages`"),
        ("in.parquet", b"PAR1" + bytes(50) + b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_one_error(
    run: Run, tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for out in ("out.jsonl", "out.parquet"):
        code, _, err = run("convert", tmp_path / name, "-o", tmp_path / out, "--skip-refused")
        assert code == 3 and what in err and "cure: " in err
        assert os.listdir(tmp_path) == [name]


def test_names_that_make_no_sense(run: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", {"messages": ONE})
    before = source.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(source)
    (tmp_path / "hard.jsonl").hardlink_to(source)
    (tmp_path / "there.jsonl").write_text("")
    (tmp_path / "folder.jsonl").mkdir()
    for out, code, what in [
        ("in.jsonl", 2, "never overwritten"),
        ("link.jsonl", 2, "never overwritten"),
        ("hard.jsonl", 2, "never overwritten"),
        ("folder.jsonl", 2, "it is a directory"),
        ("out.csv", 2, "what form to write"),
        ("missing/out.jsonl", 3, "no such directory"),
        (f"{'a' * 300}.jsonl", 3, "name too long"),
    ]:
        ended, _, err = run("convert", source, "-o", tmp_path / out, "--force")
        assert ended == code and what in err.lower(), out
    assert source.read_bytes() == before
    assert run("convert", tmp_path / "link.jsonl", "-o", source, "--force")[0] == 2
    code, _, err = run("convert", source, "-o", tmp_path / "there.jsonl")
    assert code == 2 and "--force" in err
    assert run("convert", source, "-o", tmp_path / "there.jsonl", "--force")[0] == 0
    assert read(tmp_path / "there.jsonl")
    assert run("convert", tmp_path / "none.jsonl", "-o", tmp_path / "x.jsonl")[0] == 3
    assert run("convert", tmp_path / "in.csv", "-o", tmp_path / "x.jsonl")[0] == 2


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    source = lines(tmp_path / "in.jsonl", {"messages": ONE})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        convert_file(source, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.ndjson", "in.json", "in.JSONL"])
def test_other_forms_of_json(tmp_path: Path, name: str) -> None:
    data = "".join(json.dumps({"messages": ONE}) + "\n" for _ in range(2)).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert convert_file(tmp_path / name, tmp_path / "out.jsonl").converted == 2
    (tmp_path / "list.json").write_text(json.dumps([{"messages": ONE}] * 2, indent=1))
    convert_file(tmp_path / "list.json", tmp_path / "list.jsonl")
    assert (tmp_path / "list.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_json_to_parquet_and_back(tmp_path: Path) -> None:
    rows = [
        {"id": n, "messages": CALLED if n % 2 else TWO, "tools": [] if n % 3 else None} for n in range(1203)
    ]
    source = lines(tmp_path / "in.jsonl", *rows)
    done = convert_file(source, tmp_path / "out.parquet", every_turn=True)
    table = pq.read_table(tmp_path / "out.parquet")
    assert done.examples == table.num_rows == 2406
    assert table.column_names == ["id", "prompt", "completion", "tools"]
    assert table.column("prompt")[3].as_py()[1]["tool_calls"] == [CALL]
    assert os.listdir(tmp_path).count("out.parquet") == 1 and len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"messages": [user("a"), answer("b", tool_calls=[{"function": {"arguments": {key: 1}}}])]}
            for key in "xy"
        ],
        [{"messages": ONE, "n": 1}, {"messages": ONE, "n": 1.5}],
        [{"messages": ONE, "n": 1}, {"messages": ONE, "n": "one"}],
        [{"messages": ONE, "n": 2**70}],
        [{"messages": ONE, "n": {}}],
        [{"messages": ONE, "n": DEEP}],
        [
            {"messages": ONE},
            {"messages": [user("a"), {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]},
        ],
    ],
)
def test_parquet_is_refused_where_it_would_change_a_row(tmp_path: Path, rows: list[Any]) -> None:
    """A key that Arrow fills into the arguments of a call is printed by the template, and trained."""
    source = lines(tmp_path / "in.jsonl", *rows)
    with pytest.raises(WriteError) as error:
        convert_file(source, tmp_path / "out.parquet")
    assert ".jsonl" in error.value.cure
    assert os.listdir(tmp_path) == ["in.jsonl"]


def parquet(path: Path, messages: list[Any], **more: Any) -> Path:
    pq.write_table(pa.table({"messages": messages, **more}), path)
    return path


def test_keys_that_arrow_filled_in_are_absent(tmp_path: Path) -> None:
    other = [
        user("a"),
        answer(None, tool_calls=[{**CALL, "function": {"name": "f", "arguments": {"day": 1}}}]),
    ]
    source = parquet(tmp_path / "in.parquet", [TWO, CALLED, other], n=[{"a": 1, "b": None}] * 3)
    convert_file(source, tmp_path / "out.jsonl")
    made = read(tmp_path / "out.jsonl")
    assert made[0] == {"prompt": TWO[:-1], "completion": TWO[-1:], "n": {"a": 1, "b": None}}
    assert made[1]["prompt"] == CALLED[:-1]
    assert made[2]["completion"] == other[1:]
    empty = parquet(tmp_path / "empty.parquet", [CALLED, [user("a"), answer(None)]])
    named: list[DataError] = []
    convert_file(empty, tmp_path / "empty.jsonl", refused=named.append)
    assert [error.where for error in named] == [f"{empty}: row 1: message 1"]


@pytest.mark.parametrize("every_turn", [False, True])
def test_parquet_keeps_its_types(tmp_path: Path, every_turn: bool) -> None:
    source = parquet(
        tmp_path / "in.parquet",
        [TWO, None, CALLED] * 400,
        when=pa.array([1, 2, 3] * 400, pa.timestamp("ns")),
        image=[b"\xff", None, b""] * 400,
        kind=pa.array(["a", "b", None] * 400).dictionary_encode(),
    )
    out = tmp_path / "out.parquet"
    done = convert_file(source, out, every_turn=every_turn, skip_refused=True)
    assert (done.rows, done.converted, done.refused) == (1200, 800, 400)
    before, after = pq.read_table(source), pq.read_table(out)
    assert after.column_names == ["prompt", "completion", "when", "image", "kind"]
    assert after.schema.field("prompt").type == before.schema.field("messages").type
    assert after.schema.field("when").type == pa.timestamp("ns")
    times = 2 if every_turn else 1
    assert done.examples == after.num_rows == 800 * times
    assert Counter(after["when"].cast(pa.int64()).to_pylist()) == {1: 400 * times, 3: 400 * times}
    talk = [row for row in before["messages"].to_pylist() if row]
    for index, example in enumerate(after.select(["prompt", "completion"]).to_pylist()):
        messages = talk[index // times]
        joined = example["prompt"] + example["completion"]
        assert joined == messages[: 2 if every_turn and index % 2 == 0 else 4]


def test_sharegpt_in_parquet(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    pq.write_table(pa.table({"id": [1], "conversations": [talk]}), tmp_path / "in.parquet")
    for out in ("out.parquet", "out.jsonl"):
        convert_file(tmp_path / "in.parquet", tmp_path / out)
    expected = [{"id": 1, "prompt": [user("q")], "completion": [answer("a")]}]
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == read(tmp_path / "out.jsonl") == expected


def test_what_datasets_wrote_it_can_load_again(tmp_path: Path) -> None:
    """Its features stand in the file, with the columns' names, and JSON where rows differ too much for a struct."""
    import datasets

    rows = [{"id": n, "messages": CALLED if n % 2 else TWO} for n in range(4)]
    loaded = datasets.load_dataset(
        "json",
        data_files=str(lines(tmp_path / "in.jsonl", *rows)),
        split="train",
        cache_dir=str(tmp_path / "c"),
    )
    loaded.to_parquet(tmp_path / "in.parquet")
    convert_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    again = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "c"))
    assert again.column_names == ["id", "prompt", "completion"]
    assert again.features["prompt"] == loaded.features["messages"]
    assert again[1]["prompt"] == loaded[1]["messages"][:-1]
    convert_file(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[1]["prompt"] == CALLED[:-1]
    mapped = loaded.map(
        lambda row, index: to_prompt_completion(row, where=f"row {index}"), True, remove_columns="messages"
    )
    assert mapped[1]["prompt"] == loaded[1]["messages"][:-1]
    assert advice(loaded).turns == ((2, 4),)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lines(tmp_path / "in.jsonl", {"messages": ONE})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SourceError, match="pyarrow") as error:
        convert_file(source, tmp_path / "out.parquet")
    assert "templatefix[data]" in error.value.cure
    assert convert_file(source, tmp_path / "out.jsonl").converted == 1


def thought(text: str) -> dict[str, Any]:
    return answer(text, reasoning_content="hm")


@pytest.mark.parametrize(
    ("rows", "kind", "route", "every_turn"),
    [
        ([ONE, CALLED[:2]], "single-turn", "prompt-completion", False),
        ([[user("a")]], "single-turn", "prompt-completion", False),
        ([ONE, TWO], "multi-turn", "messages", False),
        ([CALLED], "multi-turn", "messages", False),
        ([[*ONE, user("a"), thought("b")]], "last-turn", "prompt-completion", False),
        ([[*ONE, user("a"), answer("<think>x</think>b")]], "last-turn", "prompt-completion", False),
        ([[*ONE, user("a"), thought("b")], TWO, TWO], "multi-turn", "messages", False),
        ([[user("a"), thought("b"), user("a"), thought("b")]], "multi-turn", "prompt-completion", True),
    ],
)
def test_advice(rows: list[Any], kind: str, route: str, every_turn: bool) -> None:
    found = advice({"messages": messages} for messages in rows)
    assert (found.rows, found.kind, found.route, found.every_turn) == (len(rows), kind, route, every_turn)
    option = "assistant_only_loss=True" if route == "messages" else "completion_only_loss=True"
    assert option in found.settings and found.reason.endswith(".")


def test_advice_counts_every_row() -> None:
    rows: list[dict[str, Any]] = [
        {"messages": ONE},
        {"messages": TWO},
        {"messages": None},
        {"messages": [user("a")]},
        {},
    ]
    rows.append({"prompt": [user("a")], "completion": [answer("b")]})
    found = advice(rows)
    assert (found.rows, found.turns, found.unread, found.answers) == (6, ((0, 1), (1, 2), (2, 1)), 2, 4)
    assert "TRL raises" in found.reason


def test_trl_trains_just_the_completion(tmp_path: Path, real_tokenizer: Callable[[str], Path]) -> None:
    import datasets
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM
    from trl import SFTConfig, SFTTrainer
    from trl.data_utils import apply_chat_template, is_conversational

    tokenizer = AutoTokenizer.from_pretrained(real_tokenizer("qwen-2.5"))
    tokenizer.chat_template = corpus()["trl/qwen2_5"]
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    source = lines(tmp_path / "in.jsonl", {"messages": TWO}, {"messages": CALLED})
    convert_file(source, tmp_path / "out.jsonl", every_turn=True)
    made = datasets.load_dataset(
        "json", data_files=str(tmp_path / "out.jsonl"), split="train", cache_dir=str(tmp_path / "c")
    )
    for example in made:
        assert is_conversational(example)
        assert apply_chat_template(example, tokenizer)["completion"]
    small = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    args = SFTConfig(
        output_dir=str(tmp_path / "o"), completion_only_loss=True, report_to=[], use_cpu=True, bf16=False
    )
    trainer = SFTTrainer(Qwen2ForCausalLM(small), args, train_dataset=made, processing_class=tokenizer)
    learned = [
        tokenizer.decode([each for each in row["labels"] if each != -100]) for row in trainer.train_dataset
    ]
    assert [text.removesuffix("<|im_end|>\n") for text in learned] == [
        "Two.",
        "Four.",
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>',
        "Sunny.",
    ]
