"""A typed column as Arrow's array, as Python's values, or as both, each made when it is asked for.

Text mostly comes as Python's and is written as it came: JSON rows never need its array. How values become a type is
decided elsewhere. Invariant: array and values, where both are there, hold the same.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from fastxform import kernels
from fastxform.values import taken


class Places:
    """Which rows are taken, and in which order."""

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = rows

    @cached_property
    def array(self) -> pa.Array:
        """The rows as Arrow's kernels want them."""
        return pa.array(self.rows, pa.int64())


class TypedColumn:
    """One column of some rows.

    Attributes:
        values: `str`, `int` or `bool`, None for null; None as a whole where only the array is known.
    """

    __slots__ = ("_array", "_make", "values")

    def __init__(
        self, array: pa.Array | None = None, values: list[Any] | None = None, make: Callable[[], pa.Array] | None = None
    ) -> None:
        """Take the array or, where `make` makes it, nothing; values alone are text."""
        self._array, self._make, self.values = array, make, values

    @property
    def array(self) -> pa.Array:
        """The column as an array of its type."""
        if self._array is None:
            self._array = pa.array(self.values, pa.string()) if self._make is None else self._make()
        return self._array

    def take(self, places: Places) -> "TypedColumn":
        """Return some rows, in the order given."""
        values = None if self.values is None else taken(self.values, places.rows)
        make = None
        if self._array is not None or self._make is not None:
            make = lambda: kernels.take(self.array, places.array)  # noqa: E731
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
