"""Conversion of an Arrow batch: messages are cut where they lie, and no other value is touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from templatefix.errors import SourceError
from templatefix.sources.parquet import arrow
from templatefix.training.messages import KEYS, ROLES

Cut = tuple[int, int]
"""A row of a batch, and the index of the message that becomes its completion."""


def cut_batch(batch: Any, column: str, cuts: Sequence[Cut]) -> Any:
    """Return a batch with a row for each cut, `column` replaced by `prompt` and `completion`.

    Every value keeps its Arrow type, timestamps and images as well.

    Args:
        batch (`pyarrow.RecordBatch`): The rows.
        column (`str`): The column of the messages: a list in every row that is cut.
        cuts (`Sequence[tuple[int, int]]`): What to make of them, in order.
    """
    pa = arrow()
    taken = batch.take(pa.array([row for row, _ in cuts], pa.int64()))
    messages = batch.column(column)
    starts = messages.offsets.to_pylist()
    values = _named(messages.values)
    prompts = [range(starts[row], starts[row] + at) for row, at in cuts]
    answers = [range(starts[row] + at, starts[row] + at + 1) for row, at in cuts]
    arrays, fields = [], []
    for field, array in zip(taken.schema, taken.columns, strict=True):
        if field.name != column:
            arrays.append(array)
            fields.append(field)
            continue
        for name, ranges in (("prompt", prompts), ("completion", answers)):
            arrays.append(_lists(values, ranges, large=pa.types.is_large_list(field.type)))
            fields.append(pa.field(name, arrays[-1].type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, _metadata(batch.schema, column)))


def require_cuttable(type_: Any, sharegpt: bool, where: str) -> None:
    """Check that messages of this type can be cut where they lie: lists, and if of ShareGPT, of structs of that form.

    Args:
        type_ (`pyarrow.DataType`): The column's.
        sharegpt (`bool`): Whether there are messages in the form of ShareGPT.
        where (`str`): The file, for the message.

    Raises:
        SourceError: They cannot.
    """
    pa = arrow()
    if (pa.types.is_list(type_) or pa.types.is_large_list(type_)) and (
        not sharegpt or _is_sharegpt(type_.value_type)
    ):
        return
    raise SourceError(
        f"messages of the Arrow type {type_} cannot be cut as they are",
        where=where,
        cure="write JSON lines instead (-o OUT.jsonl), for which rows are read as Python values.",
    )


def _lists(values: Any, ranges: Sequence[range], *, large: bool) -> Any:
    pa = arrow()
    offsets = [0]
    for each in ranges:
        offsets.append(offsets[-1] + len(each))
    kind, width = (pa.LargeListArray, pa.int64()) if large else (pa.ListArray, pa.int32())
    picked = values.take(pa.array([index for each in ranges for index in each], pa.int64()))
    return kind.from_arrays(pa.array(offsets, width), picked)


def _named(values: Any) -> Any:
    """The messages of ShareGPT with the keys and roles of chat templates; others as they are."""
    pa = arrow()
    if not _is_sharegpt(values.type):
        return values
    names = [field.name for field in values.type]
    arrays = dict(zip(names, values.flatten(), strict=True))
    roles = [ROLES.get(role, role) for role in arrays["from"].to_pylist()]
    arrays["from"] = pa.array(roles, arrays["from"].type)
    return pa.StructArray.from_arrays(list(arrays.values()), [KEYS.get(name, name) for name in arrays])


def _is_sharegpt(type_: Any) -> bool:
    names = {field.name for field in type_} if arrow().types.is_struct(type_) else set()
    return "from" in names and not names & {*KEYS.values()}


def _metadata(schema: Any, column: str) -> dict[bytes, bytes]:
    """What the file says of itself. `datasets` writes its features there, which must name the new columns."""
    kept = {key: value for key, value in (schema.metadata or {}).items() if key != b"pandas"}
    said = kept.pop(b"huggingface", b"")
    try:
        info = json.loads(said)
        features = info["info"]["features"]
        messages = json.loads(json.dumps(features[column]), object_hook=_renamed)
    except (
        ValueError,
        LookupError,
        TypeError,
    ):  # no features, or not of these columns: `datasets` infers them
        return kept
    made: dict[str, Any] = {}
    for name, feature in features.items():
        made |= {"prompt": messages, "completion": messages} if name == column else {name: feature}
    return {**kept, b"huggingface": json.dumps({**info, "info": {**info["info"], "features": made}}).encode()}


def _renamed(feature: dict[str, Any]) -> dict[str, Any]:
    if "from" in feature and "value" in feature and "role" not in feature:
        return {KEYS.get(name, name): each for name, each in feature.items()}
    return feature
