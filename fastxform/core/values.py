"""What one value of a payload is, before it has a type.

A value is None, a `str`, a `Number` (its digits as written), a bool, or a `Json` (the compact text of an object or
list). The fallback gives these; the columns of the fast path use them too where a column is
mixed. Invariant: the text of a value never depends on how it was decoded.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import compress, count
from operator import itemgetter
from typing import Any, Final, TypeAlias

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct, field


class Number(str):
    """The text of a JSON number, digits as written."""

    __slots__ = ()


class Json(str):
    """The compact JSON text of an object or a list."""

    __slots__ = ()


Value: TypeAlias = str | Number | Json | bool | int | None
"""A value; an `int` stands for a `Number` whose digits are the canonical ones."""


class _Marker:
    """A named constant that is no value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


BAD_TYPE: Final = _Marker("type")
"""In the place of a value: what stands there is no value (a malformed DynamoDB attribute)."""

BAD_PATH: Final = _Marker("path")
"""In the place of a value: the JMESPath expression raised for the record."""

Outcome: TypeAlias = Value | _Marker


def taken(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    """Return the values of some rows, in the order given."""
    # `itemgetter` takes rows at half the cost of a comprehension, but not none, and one not as a tuple.
    return list(itemgetter(*rows)(values)) if len(rows) > 1 else [values[row] for row in rows]


def text_of(value: Value) -> str | None:
    """Return the text of a value as a CSV field or a string column takes it."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class RawColumn(Struct):
    """The values of one column, a row each, as `kind` says.

    `str`, `num`, `int`, `bool`: Python's, `num` the digits of numbers. `mixed`: any `Outcome`. Rows in
    `fallback` hold None in `values`; their `Outcome` stands in `fallback`. `dictionary`: the column and the rows in it
    that these values are, where most are taken many times, so that it is converted instead of these.
    """

    kind: str
    values: list[Any]
    fallback: dict[int, Outcome] = field(default_factory=dict)
    dictionary: "tuple[RawColumn, list[int]] | None" = None

    def take(self, rows: Sequence[int]) -> "RawColumn":
        """Return some rows, in the order given."""
        fallback: dict[int, Outcome] = {}
        if self.fallback:
            fallback = {at: self.fallback[rows[at]] for at in compress(count(), map(self.fallback.__contains__, rows))}
        return RawColumn(self.kind, taken(self.values, rows), fallback)

    def without(self, gone: Sequence[int]) -> "RawColumn":
        """Return the rows less a few, given in ascending order."""
        left = self.values.copy()
        for row in reversed(gone):
            del left[row]
        left_out = set(gone)
        fallback = {
            row - bisect_right(gone, row): outcome for row, outcome in self.fallback.items() if row not in left_out
        }
        return RawColumn(self.kind, left, fallback)


class Selection:
    """Which rows are taken, and in which order."""

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = rows

    @cached_property
    def array(self) -> pa.Array:
        """The rows as Arrow's kernels want them."""
        return pa.array(self.rows, pa.int64())


class TypedColumn(Struct):
    """One column of some rows.

    Attributes:
        known: the column as an array of its type; None where `values`, which are text then, or `make` tell it.
        values: `str`, `int` or `bool`, None for null; None as a whole where only the array is known.
        make: makes the array when it is asked for.
    """

    known: pa.Array | None = None
    values: list[Any] | None = None
    make: Callable[[], pa.Array] | None = None

    @property
    def array(self) -> pa.Array:
        """The column as an array of its type."""
        if self.known is None:
            self.known = pa.array(self.values or (), pa.string()) if self.make is None else self.make()
        return self.known

    def take(self, selection: Selection) -> "TypedColumn":
        """Return some rows, in the order given."""
        values = None if self.values is None else taken(self.values, selection.rows)
        make = None
        if self.known is not None or self.make is not None:
            make = lambda: kernels.take(self.array, selection.array)  # noqa: E731
        return TypedColumn(None, values, make)

    @property
    def has_nulls(self) -> bool:
        """Whether some row is null."""
        return bool(self.array.null_count) if self.values is None else None in self.values

    def null_rows(self) -> list[int]:
        """Return the rows that are null."""
        if not self.has_nulls:
            return []
        if self.values is None:
            return kernels.true_rows(kernels.call("is_null", [self.array]))
        return [row for row, value in enumerate(self.values) if value is None]


def arrays_of(columns: Iterable[TypedColumn]) -> list[pa.Array]:
    """Return columns as arrays of their types."""
    return [column.array for column in columns]


def take_columns(columns: Mapping[Any, TypedColumn], selection: Selection) -> dict[Any, TypedColumn]:
    """Return some rows of columns, in the order given."""
    return {key: column.take(selection) for key, column in columns.items()}
