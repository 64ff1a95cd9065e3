"""Columns to CSV rows, byte for byte what Python 3.13's `csv.writer` writes for the same strings, with LF at the end.

Rows that need no quotes, nearly all of them, go through Arrow's writer at once; it refuses a value that needs them, and
then the rows at fault are written apart. Invariant: a row is the same bytes whichever way it was written.
"""

import functools
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pyarrow as pa
from pyarrow import csv

from fastxform.config.model import Output
from fastxform.core import kernels
from fastxform.core.payloads import encode
from fastxform.core.values import arrays_of
from fastxform.datatypes.text import needs_texts, texts
from fastxform.datatypes.vector import NUMBER
from fastxform.transform.rowset import OutputColumn

_PLAIN_DELIMITERS: Final = frozenset(",;|\t")
"""Delimiters that no number, date or word of a typed column can hold."""

_FORMULA: Final = r"\A[=+\-@\t\r]"


def write(columns: Sequence[OutputColumn], output: Output) -> tuple[list[bytes | None], dict[int, str]]:
    """Return each row with its newline, and for rows that cannot be written the name of the column at fault."""
    arrays = [_prepare(array, output) for array in arrays_of([column.column for column in columns])]
    if output.quoting == "all":
        return _write_quoted(arrays, output), {}
    batch = pa.RecordBatch.from_arrays(arrays, [str(index) for index in range(len(arrays))])
    if len(arrays) > 1:  # an empty field in a row of its own needs quotes, which Arrow does not know
        try:
            return _write_plain(batch, output.delimiter), {}
        except pa.ArrowInvalid:
            pass  # some value needs quotes
    return _write_apart(columns, batch, output)


def _prepare(array: pa.Array, output: Output) -> pa.Array:
    """Return a column as it is written: text as the output wants it; numbers stay typed where they can."""
    if pa.types.is_binary(array.type):
        array = pa.array([None if v is None else encode(v).decode() for v in array.to_pylist()], pa.string())
    elif pa.types.is_string(array.type):
        array = _escape(array, output)
    elif (
        output.quoting == "all"
        or output.null
        or output.delimiter not in _PLAIN_DELIMITERS
        or (pa.types.is_decimal(array.type) and needs_texts(array))
    ):
        array = texts(array)
    if output.null and array.null_count:
        array = kernels.call("coalesce", [array, pa.scalar(output.null, pa.string())])
    return array


def _escape(text: pa.Array, output: Output) -> pa.Array:
    if output.newlines == "space":
        text = _replace(text, "\r\n|\r|\n", " ")
    elif output.newlines == "escape":
        text = _replace(_replace(text, "\n", r"\\n"), "\r", r"\\r")
    if output.escape_formulas:
        formula = kernels.call("and_not", [kernels.matches(text, _FORMULA), kernels.matches(text, NUMBER)])
        text = _join([kernels.call("if_else", [formula, _APOSTROPHE, _NOTHING]), text], "")
    return text


def _replace(text: pa.Array, pattern: str, replacement: str) -> pa.Array:
    return kernels.call(
        "replace_substring_regex", [text], kernels.options.ReplaceSubstringOptions(pattern, replacement)
    )


def _join(arrays: Sequence[pa.Array | pa.Scalar], separator: str) -> pa.Array:
    return kernels.call("binary_join_element_wise", [*arrays, pa.scalar(separator, pa.string())])


_APOSTROPHE: Final = pa.scalar("'", pa.string())
_NOTHING: Final = pa.scalar("", pa.string())
_LETTERS: Final = {False: pa.scalar("x", pa.string()), True: pa.scalar("y", pa.string())}
_NO: Final = pa.scalar(False)


def _write_plain(batch: pa.RecordBatch, delimiter: str) -> list[bytes | None]:
    """Return the rows of a batch, none of which needs quotes; Arrow raises where one does."""
    sink = pa.BufferOutputStream()
    options = csv.WriteOptions(
        include_header=False, batch_size=max(len(batch), 1), delimiter=delimiter, quoting_style="none"
    )
    csv.write_csv(batch, sink, options)
    return list(io.BytesIO(sink.getvalue().to_pybytes()))  # lines, split by `memchr`: up to seven times `splitlines`


def _write_quoted(arrays: Sequence[pa.Array], output: Output) -> list[bytes | None]:
    doubled = [_replace(kernels.call("coalesce", [array, _NOTHING]), '"', '""') for array in arrays]
    joined = _join(doubled, f'"{output.delimiter}"')
    rows = _join([pa.scalar('"', pa.string()), joined, pa.scalar('"\n', pa.string())], "")
    return kernels.cast(rows, pa.binary()).to_pylist()  # type: ignore[no-any-return]


def _write_apart(
    columns: Sequence[OutputColumn], batch: pa.RecordBatch, output: Output
) -> tuple[list[bytes | None], dict[int, str]]:
    """Write the rows that need quotes one by one, the others at once."""
    masks = _special_values(batch, output.delimiter)
    apart = kernels.true_rows(functools.reduce(lambda one, other: kernels.call("or", [one, other]), masks.values()))
    written: list[bytes | None] = [None] * len(batch)
    if len(apart) < len(batch):
        written = _write_plain(_without(batch, masks, _LETTERS[output.delimiter == "x"]), output.delimiter)
    arrays = [texts(array) for array in kernels.take(batch, pa.array(apart, pa.int64())).columns]
    refused: dict[int, str] = {}
    for row, values in zip(apart, zip(*[array.to_pylist() for array in arrays], strict=True), strict=True):
        words = [value or "" for value in values]
        if output.quoting == "none":
            at_fault = next((index for index, text in enumerate(words) if _needs_quotes(text, output.delimiter)), 0)
            refused[row] = columns[at_fault].name
            written[row] = None
        else:
            written[row] = _row(words, masks, output.delimiter)
    return written, refused


def _without(batch: pa.RecordBatch, masks: Mapping[int, pa.BooleanArray], letter: pa.Scalar) -> pa.RecordBatch:
    """Return a batch with a letter instead of each value that needs quotes: its row stays, and is written anew."""
    arrays = [
        kernels.call("if_else", [masks[index], letter, texts(column)]) if index in masks else column
        for index, column in enumerate(batch.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def _special_values(batch: pa.RecordBatch, delimiter: str) -> dict[int, pa.BooleanArray]:
    """Return which values of a column need quotes, for the columns that have some; for the first where none has."""
    pattern = rf'["\r\n{re.escape(delimiter)}]'
    special = (b'"', b"\r", b"\n", delimiter.encode())
    masks = {
        index: kernels.call("coalesce", [kernels.matches(batch.column(index), pattern), _NO])
        for index in kernels.holding(batch.columns, special)
    }
    if batch.num_columns == 1:  # a row that is one empty field
        column = batch.column(0)
        empty = kernels.call("is_null", [column])
        if pa.types.is_string(column.type):
            zero = kernels.call("equal", [kernels.call("binary_length", [column]), pa.scalar(0, pa.int32())])
            empty = kernels.call("or", [empty, kernels.call("coalesce", [zero, _NO])])
        masks[0] = kernels.call("or", [masks[0], empty]) if masks else empty
    return masks or {0: pa.array([False] * len(batch), pa.bool_())}


def _needs_quotes(text: str, delimiter: str) -> bool:
    return not {'"', "\r", "\n", delimiter}.isdisjoint(text)


def _row(texts: list[str], special: Iterable[int], delimiter: str) -> bytes:
    """Write a row; `special`: the columns that have values which need quotes."""
    if texts == [""]:
        return b'""\n'
    for index in special:
        if _needs_quotes(texts[index], delimiter):
            texts[index] = '"' + texts[index].replace('"', '""') + '"'
    return (delimiter.join(texts) + "\n").encode()
