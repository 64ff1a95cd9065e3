"""Columns to CSV rows: RFC 4180 by default, and the dialects of other readers, by kernels over whole columns.

Rows that need no quotes, nearly all of them, go through Arrow's writer at once; where it refuses a value, or one needs
care that Arrow does not know, the rows at fault are joined out of their columns. By default the rows are byte for byte
what Python 3.13's `csv.writer` writes for the same strings, with LF at the end. Invariant: a row is the same bytes
whichever way it was written.
"""

import functools
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv

from fastxform.config.model import Output
from fastxform.core import kernels
from fastxform.core.payloads import encode
from fastxform.core.values import arrays_of
from fastxform.datatypes.text import NOTHING, QUOTE, needs_texts, texts
from fastxform.datatypes.vector import NUMBER
from fastxform.encode import times
from fastxform.transform.rowset import OutputColumn

_PLAIN_DELIMITERS: Final = frozenset(",;|\t")
"""Delimiters that no number, date or word of a typed column can hold."""

_FORMULAS: Final = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
"""What may start a formula in a spreadsheet: also line breaks and NUL, which some skip, and full-width signs."""

_FORMULA: Final = rf"\A[{re.escape(_FORMULAS)}]"

_LINE_BREAKS: Final = "\r\n"


def write(columns: Sequence[OutputColumn], output: Output) -> tuple[list[bytes | None], dict[int, str]]:
    """Return each row with its line end, and for rows that cannot be written the name of the column at fault."""
    given = arrays_of([column.column for column in columns])
    is_text = [_is_text(array) for array in given]
    arrays = [_prepare(array, output) for array in given]
    refused = _refused([column.name for column in columns], arrays, is_text, output)
    written = _write(arrays, is_text, output)
    for row in refused:
        written[row] = None
    return written, refused


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_binary(array.type))


# -- values


def _prepare(array: pa.Array, output: Output) -> pa.Array:
    """Return a column as it is written, without quotes; numbers stay typed where they can."""
    if pa.types.is_binary(array.type):
        return pa.array([None if v is None else encode(v).decode() for v in array.to_pylist()], pa.string())
    if pa.types.is_string(array.type):
        return _escape(array, output)
    if pa.types.is_timestamp(array.type) and output.timestamps not in (None, "space"):
        array = times.written(array, output.timestamps)
    if (
        output.quoting in ("all", "strings")
        or (output.null and array.null_count)
        or output.delimiter not in _PLAIN_DELIMITERS
        or (pa.types.is_decimal(array.type) and needs_texts(array))
    ):
        return texts(array)
    return array


def _escape(text: pa.Array, output: Output) -> pa.Array:
    if output.quoting == "none" and output.escape:
        text = _replaced(text, {output.escape: output.escape * 2, output.delimiter: output.escape + output.delimiter})
    if output.newlines == "space":
        text = _replaced(text, {"\r\n": " ", "\r": " ", "\n": " "})
    elif output.newlines == "escape":
        text = _replaced(text, {"\n": r"\n", "\r": r"\r"})
    return _without_formulas(text) if output.escape_formulas and _holds(text, _FORMULAS) else text


def _without_formulas(text: pa.Array) -> pa.Array:
    formula = kernels.call("and_not", [kernels.matches(text, _FORMULA), kernels.matches(text, NUMBER)])
    return _join([kernels.call("if_else", [formula, _APOSTROPHE, NOTHING]), text], "")


def _holds(text: pa.Array, characters: str) -> bool:
    """Tell whether one of some characters is anywhere in a column, by `memchr`: far less than a pattern a row."""
    data = kernels.data_of(text)
    return any(character.encode() in data for character in characters)


def _replaced(text: pa.Array, replacements: Mapping[str, str]) -> pa.Array:
    """Return a column with substrings replaced, one after the other; a buffer without one of them is not copied."""
    data = kernels.data_of(text)
    for old, new in replacements.items():
        if old.encode() in data:
            options = kernels.options.ReplaceSubstringOptions(old, new)
            text = kernels.call("replace_substring", [text], options)
    return text


def _join(arrays: Sequence[pa.Array | pa.Scalar], separator: str) -> pa.Array:
    return kernels.call("binary_join_element_wise", [*arrays, pa.scalar(separator, pa.string())])


_APOSTROPHE: Final = pa.scalar("'", pa.string())
_LETTERS: Final = {False: pa.scalar("x", pa.string()), True: pa.scalar("y", pa.string())}
_NO: Final = pa.scalar(False, pa.bool_())


# -- what cannot be written


def _refused(
    names: Sequence[str], arrays: Sequence[pa.Array], is_text: Sequence[bool], output: Output
) -> dict[int, str]:
    """Return the rows that cannot be written, each with the first column that is at fault."""
    refused: dict[int, str] = {}
    for name, array, free in zip(names, arrays, is_text, strict=True):
        for mask in _faults(array, free, len(arrays) == 1, output):
            for row in kernels.true_rows(mask):
                refused.setdefault(row, name)
    return refused


def _faults(array: pa.Array, is_text: bool, is_alone: bool, output: Output) -> Iterator[pa.BooleanArray]:
    if not pa.types.is_string(array.type):
        if is_alone and output.quoting == "none" and not output.null and output.reader is None:
            yield kernels.call("is_null", [array])
        return
    refuses = ""
    if output.quoting == "none":
        refuses = _LINE_BREAKS if output.escape else output.delimiter + _LINE_BREAKS
    if is_text:
        refuses += output.refuses + (_LINE_BREAKS if output.newlines == "fail" else "")
    if _holds(array, refuses):
        # RE2 takes no NUL in a pattern.
        characters = "".join(rf"\x{{{ord(character):x}}}" for character in refuses)
        yield kernels.matches(array, f"[{characters}]")
    if is_text and output.strict:
        yield from _any(_equal(array, output.null))
    if is_alone and output.quoting == "none" and output.reader is None:
        # An empty line, which most readers pass over.
        yield from _any(_equal(_with_null(array, output.null), ""))


def _equal(array: pa.Array, word: str) -> pa.BooleanArray:
    return kernels.call("equal", [array, pa.scalar(word, pa.string())])


def _any(mask: pa.BooleanArray) -> Iterator[pa.BooleanArray]:
    """Yield a mask that is true somewhere."""
    if mask.true_count:
        yield mask


def _with_null(array: pa.Array, null: str) -> pa.Array:
    """Return a column with the word for null in the place of each; one without nulls as it is."""
    if not array.null_count:
        return array
    return kernels.call("coalesce", [texts(array), pa.scalar(null, pa.string())])


# -- rows


def _write(arrays: Sequence[pa.Array], is_text: Sequence[bool], output: Output) -> list[bytes | None]:
    if output.quoting == "all" and not output.quote_empty:
        return _joined([_quoted(_with_null(array, output.null), output) for array in arrays], output)
    filled = [_with_null(array, output.null) if output.null else array for array in arrays]
    if output.quoting in ("all", "strings"):
        every = output.quoting == "all"
        quoted = [
            _with_null(_quoted(array, output), output.null) if free or every else _with_null(array, output.null)
            for array, free in zip(arrays, is_text, strict=True)
        ]
        return _joined([_not_empty(quoted[0])] if len(quoted) == 1 else quoted, output)
    batch = pa.RecordBatch.from_arrays(filled, [str(index) for index in range(len(filled))])
    masks = _careful_values(arrays, is_text, output)
    # A row of one empty field needs quotes, which Arrow does not know.
    if not masks and len(arrays) > 1:
        try:
            return _write_plain(batch, output)
        except pa.ArrowInvalid:
            pass  # some value needs quotes
    return _write_apart(batch, masks, output)


def _careful_values(arrays: Sequence[pa.Array], is_text: Sequence[bool], output: Output) -> dict[int, pa.BooleanArray]:
    """Return which values need quotes though Arrow sees nothing in them, for the columns that have some."""
    masks: dict[int, pa.BooleanArray] = {}
    for index, (array, free) in enumerate(zip(arrays, is_text, strict=True)):
        if not free:
            continue
        words = dict.fromkeys(("", output.null)) if output.quote_empty else ()
        each = [mask for word in words for mask in _any(_equal(array, word))]
        if output.escape and output.quoting != "none" and output.escape.encode() in kernels.data_of(array):
            each.append(kernels.matches(array, re.escape(output.escape)))
        if each:
            masks[index] = kernels.call("coalesce", [functools.reduce(_or, each), _NO])
    return masks


def _or(one: pa.BooleanArray, other: pa.BooleanArray) -> pa.BooleanArray:
    return kernels.call("or", [one, other])


def _write_plain(batch: pa.RecordBatch, output: Output) -> list[bytes | None]:
    """Return the rows of a batch, none of which needs quotes; Arrow raises where one does."""
    sink = pa.BufferOutputStream()
    options = csv.WriteOptions(
        include_header=False, batch_size=max(len(batch), 1), delimiter=output.delimiter, quoting_style="none"
    )
    csv.write_csv(batch, sink, options)
    written = sink.getvalue().to_pybytes()
    if output.line_end == "crlf":
        written = written.replace(b"\n", b"\r\n")
    return list(io.BytesIO(written))  # lines, split by `memchr`: up to seven times `splitlines`


def _write_apart(batch: pa.RecordBatch, careful: Mapping[int, pa.BooleanArray], output: Output) -> list[bytes | None]:
    """Join the rows that need care out of their columns, and write the others at once."""
    masks = _special_values(batch, output)
    for index, mask in careful.items():
        masks[index] = _or(masks[index], mask) if index in masks else mask
    apart = kernels.true_rows(functools.reduce(_or, masks.values())) if masks else []
    written: list[bytes | None] = [None] * len(batch)
    if len(apart) < len(batch):
        written = _write_plain(_without(batch, masks, _LETTERS[output.delimiter == "x"]), output)
    if not apart:
        return written
    rows = pa.array(apart, pa.int64())
    joined = []
    for index, column in enumerate(kernels.take(batch, rows).columns):
        text = _with_null(texts(column), "")
        if index in masks and output.quoting != "none":
            text = kernels.call("if_else", [kernels.take(masks[index], rows), _quoted(text, output), text])
        joined.append(text)
    for row, data in zip(apart, _joined(joined, output), strict=True):
        written[row] = data
    return written


def _without(batch: pa.RecordBatch, masks: Mapping[int, pa.BooleanArray], letter: pa.Scalar) -> pa.RecordBatch:
    """Return a batch with a letter instead of each value that needs care: its row stays, and is written anew."""
    arrays = [
        kernels.call("if_else", [masks[index], letter, texts(column)]) if index in masks else column
        for index, column in enumerate(batch.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def _special_values(batch: pa.RecordBatch, output: Output) -> dict[int, pa.BooleanArray]:
    """Return which values Arrow's writer refuses, for the columns that have some."""
    pattern = rf'["\r\n{re.escape(output.delimiter)}]'
    special = (b'"', b"\r", b"\n", output.delimiter.encode())
    masks = {
        index: kernels.call("coalesce", [kernels.matches(batch.column(index), pattern), _NO])
        for index in kernels.holding(batch.columns, special)
    }
    if batch.num_columns == 1:  # a row that is one empty field
        column = batch.column(0)
        empty = kernels.call("is_null", [column])
        if pa.types.is_string(column.type):
            empty = _or(empty, kernels.call("coalesce", [_equal(column, ""), _NO]))
        masks[0] = _or(masks[0], empty) if masks else empty
    return masks


def _quoted(text: pa.Array, output: Output) -> pa.Array:
    """Return a column in quotes; null stays null."""
    escape = output.escape
    replacements = {escape: escape * 2, '"': escape + '"'} if escape else {'"': '""'}
    return _join([QUOTE, _replaced(text, replacements), QUOTE], "")


def _not_empty(text: pa.Array) -> pa.Array:
    """Return a column, the only one of its rows, with quotes instead of nothing: an empty line is no row."""
    return kernels.call("if_else", [_equal(text, ""), pa.scalar('""', pa.string()), text])


def _joined(fields: Sequence[pa.Array], output: Output) -> list[bytes | None]:
    """Return rows, whose fields are as they stand in them."""
    end = pa.scalar("\r\n" if output.line_end == "crlf" else "\n", pa.string())
    row = fields[0] if len(fields) == 1 else _join(fields, output.delimiter)
    rows: list[Any] = kernels.cast(_join([row, end], ""), pa.binary()).to_pylist()
    return rows
