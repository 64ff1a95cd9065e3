"""Columns to JSON rows: one object and a newline each, nulls written, every value in its own type.

Rows are structs of a generated type, all of which `msgspec` writes in one call: Python's values as they are, and what
Arrow writes as text, several columns in a row joined by one kernel. Invariant: numbers keep their digits, and text is
escaped as `json.dumps(ensure_ascii=False)` escapes it.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import msgspec
import pyarrow as pa

from fastxform.config.model import Output
from fastxform.core import kernels
from fastxform.core.json_text import quote, raw_members
from fastxform.core.payloads import encode
from fastxform.core.structs import Struct
from fastxform.datatypes.text import NOTHING, in_quotes, json_strings, texts
from fastxform.encode import times
from fastxform.transform.rowset import OutputColumn

_NULL: Final = pa.scalar("null", pa.string())
_ICEBERG: Final = "epoch_us"
_ENCODER: Final = msgspec.json.Encoder()


def write(columns: Sequence[OutputColumn], iceberg: bool, output: Output) -> list[bytes]:
    """Return each row as one JSON object and its line end; `iceberg` writes timestamps as epoch microseconds."""
    rows = list(_rows(columns, _Style.of(iceberg, output)))
    written = list(io.BytesIO(_ENCODER.encode_lines(rows)))
    if len(written) != len(rows):
        # A function of the user's gave JSON of several lines.
        written = [_ENCODER.encode(row) + b"\n" for row in rows]
    return written if output.line_end != "crlf" else [row[:-1] + b"\r\n" for row in written]


def write_together(
    columns: Sequence[OutputColumn], iceberg: bool, sizes: Sequence[int], output: Output
) -> list[bytes | None]:
    """Return the rows of each record, of which it has so many, one after the other; None where it has none."""
    if output.line_end == "crlf":
        rows = iter(write(columns, iceberg, output))
        return [b"".join(islice(rows, size)) if size else None for size in sizes]
    encoded = _rows(columns, _Style.of(iceberg, output))
    return [_ENCODER.encode_lines(list(islice(encoded, size))) if size else None for size in sizes]


class _Style(Struct, frozen=True):
    """How values are written: the form of timestamps, and whether objects and lists are text."""

    timestamps: str
    nested_as_text: bool

    @classmethod
    def of(cls, iceberg: bool, output: Output) -> "_Style":
        return cls(_ICEBERG if iceberg else output.timestamps or "iso", output.json == "text" and not iceberg)


def _values(column: OutputColumn) -> list[Any] | None:
    """Return what is written of a column, where it needs no text of Arrow's."""
    return column.column.values if column.json_literals is None else None


def _rows(columns: Sequence[OutputColumn], style: _Style) -> Iterator[Any]:
    """Return what the encoder makes rows of."""
    if any(column.spread for column in columns):
        return _spread_rows(columns, style)
    runs = _runs(columns)
    values = [_raws(run, style) if (known := _values(run[0])) is None else known for run in runs]
    return map(_row_type(tuple(run[0].name for run in runs)), *values)


def _spread_rows(columns: Sequence[OutputColumn], style: _Style) -> Iterator[dict[str, Any]]:
    """Yield rows with members of objects: where a column has the name of one the column, of two objects the last."""
    named = {column.name for column in columns if not column.spread}
    values: list[Iterable[Any]] = []
    for column in columns:
        if column.spread:
            values.append(column.column.array.to_pylist())
        else:
            values.append(_raws([column], style) if (known := _values(column)) is None else known)
    for row in zip(*values, strict=True):
        members: dict[str, Any] = {}
        for column, value in zip(columns, row, strict=True):
            if not column.spread:
                members[column.name] = value
            elif value is not None:
                for name, member in raw_members(value.encode()).items():
                    if name not in named:
                        members[name] = _member(member, style)
        yield members


def _member(raw: Any, style: _Style) -> Any:
    text = bytes(raw)
    return text.decode() if style.nested_as_text and text[:1] in (b"{", b"[") else raw


@lru_cache(64)
def _row_type(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return what makes a row of its values."""
    slots = [f"m{index}" for index in range(len(names))]
    try:
        return msgspec.defstruct(
            "Row", [(slot, Any) for slot in slots], rename=dict(zip(slots, names, strict=True)), gc=False, eq=False
        )
    except ValueError:  # a name with a quote, a backslash or a control character
        return lambda *values: dict(zip(names, values, strict=True))


def _runs(columns: Sequence[OutputColumn]) -> list[list[OutputColumn]]:
    """Return columns one by one; one that Arrow writes takes along those behind it that have an array as well."""
    runs: list[list[OutputColumn]] = []
    for column in columns:
        is_text = _values(column) is None or column.type.kind in ("int64", "bool")
        if runs and is_text and _values(runs[-1][0]) is None:
            runs[-1].append(column)
        else:
            runs.append([column])
    return runs


def _raws(run: Sequence[OutputColumn], style: _Style) -> Iterable[msgspec.Raw]:
    """Return the JSON text of a column, and behind it the names and texts of those that follow."""
    text = _texts(run[0], style)
    if len(run) > 1:
        parts: list[pa.Array | pa.Scalar] = [text]
        for column in run[1:]:
            parts += [pa.scalar(f",{quote(column.name)}:", pa.string()), _texts(column, style)]
        text = kernels.call("binary_join_element_wise", [*parts, NOTHING])
    return map(msgspec.Raw, kernels.cast(text, pa.binary()).to_pylist())


def _texts(column: OutputColumn, style: _Style) -> pa.Array:
    text = _json_texts(column, style)
    return kernels.call("coalesce", [text, _NULL]) if text.null_count else text


def _json_texts(column: OutputColumn, style: _Style) -> pa.Array:
    if column.json_literals is not None:
        return _nested_as_text(column.json_literals) if style.nested_as_text else column.json_literals
    array = column.column.array
    if column.type.kind == "json":
        return _nested_as_text(array) if style.nested_as_text else array
    if pa.types.is_string(array.type):
        return json_strings(array)
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else f'"{encode(v).decode()}"' for v in array.to_pylist()], pa.string())
    if pa.types.is_timestamp(array.type):
        return _timestamps(array, style.timestamps)
    text = texts(array)
    if pa.types.is_floating(array.type):  # JSON has no word for what only `map_batch` can bring here
        return kernels.call("if_else", [kernels.call("is_finite", [array]), text, pa.scalar(None, pa.string())])
    return in_quotes(text) if pa.types.is_date(array.type) else text


def _timestamps(array: pa.Array, form: str) -> pa.Array:
    if form == _ICEBERG:
        return kernels.cast(times.epoch(array, "us"), pa.string())
    written = times.written(array, form)
    return kernels.cast(written, pa.string()) if form == "epoch_ms" else in_quotes(written)


def _nested_as_text(literals: pa.Array) -> pa.Array:
    """Return JSON values with objects and lists as JSON strings that hold their text."""
    nested = kernels.matches(literals, r"\A[\[{]")
    return kernels.call("if_else", [nested, json_strings(literals), literals])
