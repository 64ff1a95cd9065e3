"""Columns to JSON rows: one object and a newline each, nulls written, every value in its own type.

The texts of a row's members are joined by one Arrow kernel. Invariant: numbers keep their digits, and text is escaped
as `json.dumps(ensure_ascii=False)` escapes it.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from fastxform import kernels
from fastxform.columns import json_strings, texts
from fastxform.dynamodb import quote
from fastxform.payload import encode
from fastxform.spec import Type
from fastxform.structs import Struct

_NULL: Final = pa.scalar("null", pa.string())
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}


class Member(Struct, frozen=True):
    """One column of the output; `fragments` are the JSON texts of an `auto` column, whose own array is text."""

    name: str
    type: Type
    array: pa.Array
    fragments: pa.Array | None = None


def write(members: Sequence[Member], iceberg: bool) -> list[bytes]:
    """Return each row as one JSON object and a newline; `iceberg` writes timestamps as epoch microseconds."""
    parts: list[pa.Array | pa.Scalar] = []
    opening = "{"
    for member in members:
        parts.append(pa.scalar(f"{opening}{quote(member.name)}:", pa.string()))
        parts.append(_texts(member, iceberg))
        opening = ","
    parts.append(pa.scalar("}\n", pa.string()))
    rows = kernels.call("binary_join_element_wise", [*parts, pa.scalar("", pa.string())])
    return kernels.cast(rows, pa.binary()).to_pylist()  # type: ignore[no-any-return]


def _texts(member: Member, iceberg: bool) -> pa.Array:
    text = _json_texts(member, iceberg)
    return kernels.call("coalesce", [text, _NULL]) if text.null_count else text


def _json_texts(member: Member, iceberg: bool) -> pa.Array:
    array = member.array
    if member.fragments is not None:
        return member.fragments
    if member.type.kind == "json":
        return array
    if pa.types.is_string(array.type):
        return json_strings(array)
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else f'"{encode(v).decode()}"' for v in array.to_pylist()], pa.string())
    if pa.types.is_timestamp(array.type):
        return _microseconds(array) if iceberg else _iso_8601(array)
    text = texts(array)
    if pa.types.is_floating(array.type):  # JSON has no word for what only `map_batch` can bring here
        return kernels.call("if_else", [kernels.call("is_finite", [array]), text, pa.scalar(None, pa.string())])
    return _quoted(text) if pa.types.is_date(array.type) else text


def _microseconds(array: pa.Array) -> pa.Array:
    factor = pa.scalar(_MICROSECONDS[array.type.unit], pa.int64())
    return kernels.cast(kernels.call("multiply_checked", [array.view(pa.int64()), factor]), pa.string())


def _iso_8601(array: pa.Array) -> pa.Array:
    text = kernels.cast(array, pa.string())
    options = kernels.options.ReplaceSubstringOptions(" ", "T", max_replacements=1)
    text = kernels.call("replace_substring", [text], options)
    return kernels.call("binary_join_element_wise", [pa.scalar('"'), text, pa.scalar('Z"'), pa.scalar("")])


def _quoted(text: pa.Array) -> pa.Array:
    return kernels.call("binary_join_element_wise", [pa.scalar('"'), text, pa.scalar('"'), pa.scalar("")])
