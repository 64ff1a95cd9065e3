"""Typed columns as text, and as JSON literals.

How values become typed is `fastxform.datatypes.vector`'s. Invariant: a text does not depend on how its value was
decoded, and a JSON literal read back is the value.
"""

from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.json_text import quote, unquote
from fastxform.core.values import RawColumn, _Marker, text_of
from fastxform.datatypes import vector
from fastxform.datatypes.logical import Type


def pattern_text(target: Type, column: RawColumn, array: pa.Array) -> pa.Array:
    """Return the text of each value, which a `pattern` is matched on; `array` is the converted column."""
    if target.kind in ("auto", "string"):
        return array
    if target.kind == "json":  # its array holds strings with their quotes
        return pa.array(
            [unquote(text) if text is not None and text[0] == '"' else text for text in array.to_pylist()], pa.string()
        )
    return vector.convert(Type("string"), column).column.array


def json_literals(column: RawColumn, text: pa.Array) -> pa.Array:
    """Return the values of an `auto` column as JSON texts, nulls left null; `text` is the column's own text."""
    if column.kind == "num":
        literals = text
    elif column.kind == "str":
        literals = json_strings(text)
    else:
        literals = pa.array([json_literal(value) for value in column.values], pa.string())
    rows = [row for row, value in column.fallback.items() if not isinstance(value, _Marker)]
    return vector.replace(literals, rows, [json_literal(column.fallback[row]) for row in rows])


_PLAIN_SCALE: Final = 6
"""Decimals of more fraction digits may be given an exponent, as Python's are."""


def needs_texts(array: pa.Array) -> bool:
    """Tell whether Arrow alone would write a column otherwise than `texts` does."""
    return bool(pa.types.is_decimal(array.type) and array.type.scale > _PLAIN_SCALE)


def texts(array: pa.Array) -> pa.Array:
    """Return a typed column as text; decimals are written out, where Arrow gives small ones an exponent."""
    if pa.types.is_string(array.type):
        return array
    text = kernels.cast(array, pa.string())
    if needs_texts(array):
        rows = kernels.true_rows(kernels.matches(text, "E"))
        return vector.replace(text, rows, [format(array[row].as_py(), "f") for row in rows])
    return text


def json_strings(text: pa.Array) -> pa.Array:
    """Return a column of text as JSON strings with their quotes."""
    data = kernels.data_of(text)  # looked at whole: a pattern over each row costs five times as much
    controls = set(data.translate(None, _NOT_CONTROLS))
    escaped = text
    for character, escape in _ESCAPES.items():
        if ord(character) in controls or (character >= " " and character.encode() in data):
            options = kernels.options.ReplaceSubstringOptions(character, escape)
            escaped = kernels.call("replace_substring", [escaped], options)
    quoted = in_quotes(escaped)
    if controls <= _SHORT_CONTROLS:
        return quoted
    rows = kernels.true_rows(kernels.matches(text, r"[\x00-\x1f]"))
    return vector.replace(quoted, rows, [quote(text[row].as_py()) for row in rows])


def json_literal(value: Any) -> str | None:
    """Return one value of an `auto` column as JSON text."""
    if isinstance(value, _Marker):
        return None
    return quote(value) if type(value) is str else text_of(value)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""What text is full of, the backslash first; the other control characters are rare."""
_SHORT_CONTROLS: Final = frozenset(b"\n\r\t")
_NOT_CONTROLS: Final = bytes(range(0x20, 0x100))
QUOTE: Final = pa.scalar('"', pa.string())
NOTHING: Final = pa.scalar("", pa.string())
"""The empty text: what joins texts with nothing between them."""


def in_quotes(text: pa.Array) -> pa.Array:
    """Return texts with a quote at both ends."""
    return kernels.call("binary_join_element_wise", [QUOTE, text, QUOTE, NOTHING])
