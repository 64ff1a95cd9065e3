"""The one importer of Arrow's compute kernels.

`pyarrow.compute` spends 60 ms of a cold start on docstrings for its wrappers; the compiled module under it,
`pyarrow._compute`, costs 13. That name is private, so it is imported here alone, and `tests/test_imports.py` notices
when it moves. This may go when `import pyarrow.compute` costs less than 20 ms.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, overload

import pyarrow as pa
from pyarrow import _compute

options: Final = _compute
"""The option classes (`CastOptions`, `StrptimeOptions`, ...), by their names in `pyarrow.compute`."""


call: Final[Callable[..., Any]] = _compute.call_function
"""`call(name, arguments, options)` calls one Arrow function by its name on whole columns.

Raises `pa.ArrowInvalid` where a value of the column is one that the kernel refuses; the message may quote it and must
not be logged.
"""


def nulls(count: int, target: pa.DataType) -> pa.Array:
    """Return a column of nulls; the overloads of `pyarrow-stubs` know each type of Arrow alone, not any of them."""
    return pa.nulls(count, target)  # type: ignore[call-overload]


def repeat(value: pa.Scalar, count: int) -> pa.Array:
    """Return a column of one value; see `nulls` about its types."""
    return pa.repeat(value, count)  # type: ignore[call-overload]


@overload
def cast(column: pa.Array, target: pa.DataType) -> pa.Array: ...
@overload
def cast(column: pa.Scalar, target: pa.DataType) -> pa.Scalar: ...
@overload
def cast(column: pa.Array | pa.Scalar, target: pa.DataType) -> pa.Array | pa.Scalar: ...
def cast(column: pa.Array | pa.Scalar, target: pa.DataType) -> pa.Array | pa.Scalar:
    """Cast a whole column safely; `pa.Array.cast` would import `pyarrow.compute` inside the call."""
    return _compute.call_function("cast", [column], _compute.CastOptions(target_type=target, allow_int_overflow=False))


def matches(text: pa.Array, pattern: str) -> pa.BooleanArray:
    """Return where an RE2 pattern is found in a text; null stays null."""
    return _compute.call_function("match_substring_regex", [text], _compute.MatchSubstringOptions(pattern))


def take(column: Any, rows: pa.Array) -> Any:
    """Return some rows of an array or a record batch."""
    return _compute.call_function("take", [column, rows], _compute.TakeOptions(boundscheck=False))


def keep(column: Any, mask: pa.BooleanArray) -> Any:
    """Return the rows of an array or a record batch where a mask is true."""
    return _compute.call_function("filter", [column, mask], _compute.FilterOptions("drop"))


def data_of(text: pa.Array) -> bytes:
    """Return the bytes of all values of a text column, one after the other; of a slice perhaps more than its own."""
    data = text.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def holding(columns: Sequence[pa.Array], characters: Sequence[bytes]) -> list[int]:
    """Return which columns are text that holds one of some characters; of slices perhaps outside of their values."""
    types = []
    for index, column in enumerate(columns):
        if pa.types.is_string(column.type):
            data = data_of(column)
            if any(character in data for character in characters):
                types.append(index)
    return types


def true_rows(mask: pa.BooleanArray) -> list[int]:
    """Return the rows where a mask is true."""
    return _compute.call_function("indices_nonzero", [mask]).to_pylist()


def false_rows(mask: pa.BooleanArray) -> list[int]:
    """Return the rows where a mask is false; null is neither."""
    if not mask.false_count:
        return []
    return true_rows(_compute.call_function("invert", [mask]))


def min_max(numbers: pa.Array) -> tuple[Any, Any]:
    """Return the least and the greatest of a column, None and None where it has none."""
    bounds = _compute.call_function("min_max", [numbers])
    return bounds["min"].as_py(), bounds["max"].as_py()


def bisect(
    convert: Callable[[pa.Array], pa.Array], column: pa.Array, target: pa.DataType
) -> tuple[pa.Array, list[int]]:
    """Convert a column whole, or in halves until only the values that make the kernel raise are left out, as nulls.

    Returns:
        The converted column and the rows that were left out.
    """
    parts: list[pa.Array] = []
    refused: list[int] = []

    def attempt(start: int, part: pa.Array) -> None:
        try:
            parts.append(convert(part))
        except pa.ArrowException:
            if len(part) == 1:
                refused.append(start)
                parts.append(nulls(1, target))
                return
            middle = len(part) // 2
            attempt(start, part.slice(0, middle))
            attempt(start + middle, part.slice(middle))

    attempt(0, column)
    return (parts[0] if len(parts) == 1 else pa.concat_arrays(parts)), refused
