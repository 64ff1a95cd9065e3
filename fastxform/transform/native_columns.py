"""The columns of a batch that the native kernel decoded, and selections of their rows.

A row is good where its columns hold what the engine would say; the records of the others are odd, and the engine's.
What a condition or an expression means is `query`'s. Invariant: a selection is in the order of the batch.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastxform.config.model import Column
from fastxform.core import kernels, native
from fastxform.core.native import Decoded, DecodedColumn
from fastxform.core.values import RawColumn, TypedColumn
from fastxform.datatypes import logical, vector
from fastxform.datatypes.logical import Type, arrow_type
from fastxform.datatypes.text import pattern_text
from fastxform.decode.native_plan import NativePlan
from fastxform.transform.columns import fill, time_format

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression


class SelectedRows:
    """Some rows of a batch; `selection` is None for all of them."""

    __slots__ = ("count", "selection")

    def __init__(self, selection: pa.Array | None, count: int) -> None:
        self.selection, self.count = selection, count

    def take(self, array: pa.Array) -> pa.Array:
        """Return the rows of a column of the batch."""
        return array if self.selection is None else kernels.take(array, self.selection)

    def records(self, row_records: pa.Int32Array) -> list[int]:
        """Return the record of each of the rows."""
        return self.take(row_records).to_pylist()  # type: ignore[return-value]

    def keep(self, mask: pa.BooleanArray) -> "SelectedRows":
        """Return those of the rows where a mask, one value for each of them, is true."""
        kept = kernels.cast(kernels.call("indices_nonzero", [mask]), pa.int32())
        if len(kept) == self.count:
            return self
        return SelectedRows(kept if self.selection is None else kernels.take(self.selection, kept), len(kept))


class NativeColumns:
    """The columns of one batch, each made when it is first asked for."""

    def __init__(
        self, plan: NativePlan, decoded: Decoded, arrivals: pa.Array | None, meta: Mapping[str, Sequence[Any]]
    ) -> None:
        self.plan, self.decoded, self.meta = plan, decoded, meta
        self.arrivals = arrivals
        self.count = len(decoded.row_records)
        # Of records with several rows as many may be missing as there are more of others.
        self.has_row_each = self.count == decoded.record_count and not plan.is_multi_row
        self._arrays: dict[Hashable, pa.Array] = {}
        self._good: dict[Hashable, pa.BooleanArray | None] = {}

    def column(self, key: Hashable) -> DecodedColumn | None:
        """Return a column as the kernel decoded it, None of one that is `meta`."""
        index = self.plan.index.get(key)
        return None if index is None else self.decoded.columns[index]

    def array(self, key: Hashable) -> pa.Array:
        """Return a column of its type."""
        if key not in self._arrays:
            self._make(key)
        return self._arrays[key]

    def columns(self, keys: Sequence[Hashable]) -> list[tuple[pa.Array, DecodedColumn | None]]:
        """Return columns of their types, and as the kernel decoded them."""
        return [(self.array(key), self.column(key)) for key in keys]

    def good(self, keys: Sequence[Hashable]) -> list[pa.BooleanArray]:
        """Return where columns hold what the engine would say; of a column of which that is everywhere, nothing."""
        for key in keys:
            if key not in self._good:
                self._make(key)
        masks = (self._good[key] for key in keys)
        return [mask for mask in masks if mask is not None]

    def _make(self, key: Hashable) -> None:
        if key in self.plan.metas:
            self._arrays[key], self._good[key] = self._meta(key)
            return
        column = self.decoded.columns[self.plan.index[key]]
        good = None
        if column.seen >> native.UNVERIFIED & 1:
            good = kernels.call("not_equal", [column.kinds, pa.scalar(native.UNVERIFIED, pa.uint8())])
        if key in self.plan.patterns:
            index, pattern = self.plan.patterns[key]
            fits = kernels.matches(self.decoded.columns[index].array, rf"\A(?:{pattern})\z")
            if fits.false_count:
                fits = kernels.call("coalesce", [fits, pa.scalar(True, pa.bool_())])
                good = fits if good is None else kernels.call("and", [good, fits])
        if key in self.plan.formats:
            array, are_times = _of_format(self.plan.formats[key], column)
            if are_times is not None:
                good = are_times if good is None else kernels.call("and", [good, are_times])
            self._arrays[key], self._good[key] = array, good
            return
        is_float = key in self.plan.floats
        if is_float and (long := vector.long_numbers(column.array)) is not None:
            short = kernels.call("invert", [kernels.call("coalesce", [long, pa.scalar(False, pa.bool_())])])
            good = short if good is None else kernels.call("and", [good, short])  # the engine counts what is rounded
        self._arrays[key] = kernels.cast(column.array, pa.float64()) if is_float else column.array
        self._good[key] = good

    def _meta(self, key: Hashable) -> tuple[pa.Array, pa.BooleanArray | None]:
        meta = self.plan.metas[key]
        column, target = meta.column, meta.column.type
        arrivals = self.arrivals if meta.name == "arrival_ms" else None
        array = None if arrivals is None else _of_arrivals(arrivals, target)
        good = None
        if array is None or column.pattern is not None or column.default is not None or column.required:
            values: Sequence[Any] = self.meta.get(meta.name) or [None] * self.decoded.record_count
            if arrivals is not None:
                values = arrivals.to_pylist()
            raw = RawColumn("int" if meta.name == "arrival_ms" else "str", list(values))
            converted = vector.convert(target, raw)
            array = converted.column.array
            unsure = set(converted.invalid)
            if column.pattern is not None:
                text = pattern_text(target, raw, array)
                unsure |= set(kernels.false_rows(kernels.matches(text, rf"\A(?:{column.pattern})\z")))
            if column.default is not None or column.required:  # the engine fills what is null, or fails it
                unsure |= set(kernels.true_rows(kernels.call("is_null", [array])))
            if unsure:
                good = pa.array([record not in unsure for record in range(len(array))], pa.bool_())
        if not self.has_row_each:
            array = kernels.take(array, self.decoded.row_records)
            good = None if good is None else kernels.take(good, self.decoded.row_records)
        return array, good


def mask_without(row_records: pa.Int32Array, gone: Iterable[int]) -> pa.BooleanArray:
    """Return which rows are not of some records, which are few: to look each row up in a table of them costs more."""
    buffer, count = row_records.buffers()[1], len(row_records)
    bits = bytearray(b"\xff") * (count // 8 + 1)
    if buffer is not None:
        records = memoryview(buffer).cast("i")[row_records.offset : row_records.offset + count]
        for record in gone:
            row = bisect_left(records, record)
            while row < count and records[row] == record:
                bits[row >> 3] &= ~(1 << (row & 7))
                row += 1
    mask: Any = pa.Array.from_buffers(pa.bool_(), count, [None, pa.py_buffer(bits)])
    return mask


def _of_format(column: Column, decoded: DecodedColumn) -> tuple[pa.Array, pa.BooleanArray | None]:
    """Return texts as times of a column's format, and which of them are; None where all are, or null."""
    assert column.format is not None
    encoded = decoded.array.dictionary_encode()
    texts = RawColumn("str", encoded.dictionary.to_pylist())
    converted = vector.convert(column.type, texts, time_format(column.format))
    good = None
    if converted.invalid:
        options = kernels.options.SetLookupOptions(pa.array(converted.invalid, pa.int32()))
        good = kernels.call("invert", [kernels.call("is_in", [encoded.indices], options)])
    if decoded.seen & ~(1 << native.STRING | 1 << native.NUMBER | 1 << native.NULL | 1 << native.UNVERIFIED):
        kinds = decoded.kinds  # true and objects are no times, whatever their text is
        options = kernels.options.SetLookupOptions(pa.array([native.STRING, native.NUMBER, native.NULL], pa.uint8()))
        is_text = pa.array([False] * len(encoded)) if kinds is None else kernels.call("is_in", [kinds], options)
        good = is_text if good is None else kernels.call("and", [good, is_text])
    array = kernels.take(converted.column.array, encoded.indices)
    if column.default is not None and array.null_count:
        array = fill(TypedColumn(array), column).array
    return array, good


def _of_arrivals(arrivals: pa.Array, target: Type) -> pa.Array | None:
    """Return arrivals as a column; None where the engine's conversion is asked, value by value."""
    if target.kind == "int64":
        return arrivals
    if target.kind != "timestamp" or not len(arrivals) or arrivals.null_count:
        return None
    low, high = kernels.min_max(arrivals)
    if low < logical.SECONDS_BELOW or high >= logical.MILLISECONDS_BELOW:
        return None
    per_second = logical.PER_SECOND[target.unit]
    if per_second >= 1_000:
        ticks = kernels.call("multiply_checked", [arrivals, pa.scalar(per_second // 1_000, pa.int64())])
    else:
        ticks = kernels.call("divide", [arrivals, pa.scalar(1_000 // per_second, pa.int64())])
    return ticks.view(arrow_type(target))


def evaluate_rows(
    expression: "Expression",
    given: Mapping[str, pa.Array],
    rows: SelectedRows,
    batch: NativeColumns,
    now_ms: int,
    odd: set[int],
) -> tuple[Any, SelectedRows]:
    """Return the value of an expression for rows, and those of them where it does not raise."""
    try:
        return expression.evaluate(given, rows.count, now_ms), rows
    except pa.ArrowException:
        array, raised = expression.evaluate_rows(given, rows.count, now_ms)
    gone = set(raised)
    fits = pa.array([index not in gone for index in range(rows.count)], pa.bool_())
    return array, without(rows, batch, fits, odd)


def without(rows: SelectedRows, batch: NativeColumns, fits: pa.BooleanArray, odd: set[int]) -> SelectedRows:
    """Return the rows where a mask is true, the same where it is everywhere; the records of the others are odd."""
    if fits.true_count == rows.count:
        return rows
    others = rows.keep(kernels.call("invert", [fits]))
    odd.update(others.records(batch.decoded.row_records))
    return rows.keep(fits)
