"""Rows on their way through the stages: what is known of them, and what has become of them.

Nothing here looks at a value. Invariant: a row keeps the place that it has in its batch, whatever rows are taken out
around it, and the first reason that it is given.
"""

from collections.abc import Mapping, Sequence
from itertools import compress, count, filterfalse
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct
from fastxform.core.values import Places, TypedColumn, Values
from fastxform.datatypes.logical import arrow_type

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression


_FEW: Final = 16
"""One row in so many is taken out of a list faster by itself than by copying the others."""


class Frame:
    """Some rows of a batch: where they stand in it, and their columns, which are taken out when they are asked for."""

    __slots__ = ("columns", "fragments", "gone", "judged", "rows", "source")

    def __init__(
        self,
        rows: Sequence[int],
        source: Mapping[Any, Values],
        columns: dict[Any, TypedColumn] | None = None,
        fragments: dict[Any, pa.Array] | None = None,
    ) -> None:
        self.rows, self.source = rows, source
        self.columns = {} if columns is None else columns
        self.fragments = {} if fragments is None else fragments
        self.judged = 0
        """How many rows of the batch had failed when those of this frame were last looked for."""
        self.gone: list[int] | None = None
        """The few rows of the batch that are not in this frame, where it has all others in their order."""

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, key: Any) -> Values:
        """Return the values of a column."""
        column = self.source[key]
        if len(column.values) == len(self.rows):
            return column
        return column.take(self.rows) if self.gone is None else column.without(self.gone)

    def without(self, gone: list[int]) -> "Frame":
        """Return a frame of the whole batch less a few rows, in ascending order."""
        rows = list(self.rows)
        for row in reversed(gone):
            del rows[row]
        taken = self.take(rows)
        taken.gone = gone
        return taken

    def take(self, places: Sequence[int]) -> "Frame":
        """Return some of the rows; all of them cost nothing."""
        if len(places) == len(self.rows):
            return self
        columns, fragments = self.columns, self.fragments
        if columns or fragments:
            wanted = Places(places)
            columns = {key: column.take(wanted) for key, column in columns.items()}
            fragments = {key: kernels.take(array, wanted.array) for key, array in fragments.items()}
        is_whole = isinstance(self.rows, range)  # from 0, so that a place is a row
        rows = places if is_whole else list(map(self.rows.__getitem__, places))
        taken = Frame(rows, self.source, dict(columns), dict(fragments))
        taken.judged = self.judged
        return taken


class Answers(Struct):
    """The answers of a batch, row by row, as they become known; the first reason of a row stays.

    `plans`: the plan that wrote a row, where the rows of one record may be written by several.
    `sizes`: how many rows each record has, where that may be another number than one. `together`: the rows of each
    record one after the other, where one plan wrote all rows of the batch and none has metadata; those of failed
    records do not count.
    """

    data: list[bytes | None]
    reasons: dict[int, str]
    plans: list[Any] | None = None
    metadata: list[dict[str, Any] | None] | None = None
    where_null: int = 0
    sizes: Sequence[int] | None = None
    together: list[bytes | None] | None = None

    def fail(self, frame: Frame, places: Sequence[int], reason: str) -> None:
        """Give rows of a frame a reason, unless they have one."""
        for place in places:
            self.reasons.setdefault(frame.rows[place], reason)

    def write(self, frame: Frame, written: Sequence[bytes | None]) -> None:
        """Take the written rows of a frame."""
        if len(frame) == len(self.data):
            self.data = list(written)
            return
        for row, data in zip(frame.rows, written, strict=True):
            self.data[row] = data

    def alive(self, frame: Frame) -> Frame:
        """Return the rows of a frame that have not failed."""
        if len(self.reasons) == frame.judged:
            return frame
        if isinstance(frame.rows, range) and len(self.reasons) <= len(frame) // _FEW:
            frame = frame.without(sorted(self.reasons))
        elif gone := list(compress(count(), map(self.reasons.__contains__, frame.rows))):
            frame = frame.take(others(frame, gone))
        frame.judged = len(self.reasons)
        return frame


def others(frame: Frame, places: Sequence[int]) -> list[int]:
    """Return the places of a frame that are not among those given."""
    return list(filterfalse(set(places).__contains__, range(len(frame))))


def evaluate(
    compiled: "Expression", frame: Frame, columns: Mapping[str, TypedColumn], now: int
) -> tuple[pa.Array, list[int]]:
    """Evaluate an expression on the columns that it names, or in halves until only rows that raise are left out."""
    given = {name: columns[name].array for name in compiled.names}

    def attempt(places: pa.Array) -> pa.Array:
        if len(places) == len(frame):
            return compiled.evaluate(given, len(frame), now)
        start, length = places[0].as_py(), len(places)
        return compiled.evaluate({name: array.slice(start, length) for name, array in given.items()}, length, now)

    try:
        return compiled.evaluate(given, len(frame), now), []
    except pa.ArrowException:
        places = pa.array(range(len(frame)), pa.int64())
        return kernels.halve(attempt, places, arrow_type(compiled.type))
