"""`map_batch` over columns that the native kernel decoded: the function gets the columns that the engine would give.

What it may return is `map_batch`'s. Invariant: rows that it refuses are odd, and the engine's, which asks it once more.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from fastxform.core import kernels, native
from fastxform.core.structs import Struct
from fastxform.core.values import TypedColumn
from fastxform.datatypes.logical import Type
from fastxform.transform import map_batch as mapping
from fastxform.transform.map_batch import MapBatch
from fastxform.transform.native_columns import NativeColumns, SelectedRows, without
from fastxform.transform.own_code import OwnCodeFaults
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

_STRING: Final = pa.scalar(native.STRING, pa.uint8())
_OTHER: Final = pa.scalar(native.CONTAINER, pa.uint8())
_NO: Final = pa.scalar(False, pa.bool_())


class OwnCode(Struct):
    """The user's function, and what says where it raised."""

    function: MapBatch
    faults: OwnCodeFaults


class MappedColumn(Struct):
    """One column of some rows: `kinds` are those of an `auto` column that may hold other than text."""

    name: str
    type: Type
    array: pa.Array
    kinds: pa.Array | None = None

    def take(self, rows: pa.Array) -> "MappedColumn":
        """Return some rows."""
        kinds = None if self.kinds is None else kernels.take(self.kinds, rows)
        return MappedColumn(self.name, self.type, kernels.take(self.array, rows), kinds)


class MappedRows(Struct):
    """Rows with the columns that the function returned; those that it added stand last."""

    rows: SelectedRows
    columns: Mapping[str, MappedColumn]

    def of(self, rows: SelectedRows) -> "MappedRows":
        """Return the columns of some of the rows."""
        if rows is self.rows:
            return self
        indices = rows.selection
        assert indices is not None
        if self.rows.selection is not None:
            options = kernels.options.SetLookupOptions(self.rows.selection)
            indices = kernels.call("index_in", [indices], options)
        return MappedRows(rows, {name: column.take(indices) for name, column in self.columns.items()})


def map_rows(own: OwnCode, plan: RoutePlan, batch: NativeColumns, rows: SelectedRows, odd: set[int]) -> MappedRows:
    """Return the rows of a route that the function took, and their columns; the records of the others are odd."""
    given: dict[str, OutputColumn] = {}
    kinds: dict[str, pa.Array] = {}
    for key, column in plan.inputs:
        given[column.name] = OutputColumn(column.name, column.type, TypedColumn(rows.take(batch.array(key))))
        decoded = batch.column(key)
        if column.type.kind == "auto" and decoded is not None and decoded.holds_other_than_text:
            of_rows = decoded.kinds
            kinds[column.name] = kernels.repeat(_OTHER, rows.count) if of_rows is None else rows.take(of_rows)
    outcomes = Outcomes({})
    row_set = RowSet(range(rows.count), {})
    row_set, results = mapping.apply(own.function, plan, row_set, given, outcomes, own.faults)
    left, indices = rows, None
    if outcomes.reasons:
        fits = pa.array([row not in outcomes.reasons for row in range(rows.count)], pa.bool_())
        left = without(rows, batch, fits, odd)
        indices = kernels.cast(kernels.call("indices_nonzero", [fits]), pa.int32())
    columns = {}
    for name, result in results.items():
        array, before = result.column.array, given.get(name)
        of_kind = kinds.get(name)
        if before is None or of_kind is None or array.type != before.column.array.type:
            columns[name] = MappedColumn(name, result.type, array)
            continue
        old = before.column.array
        if indices is not None:
            old, of_kind = kernels.take(old, indices), kernels.take(of_kind, indices)
        same = kernels.call("coalesce", [kernels.call("equal", [array, old]), _NO])
        columns[name] = MappedColumn(name, result.type, array, kernels.call("if_else", [same, of_kind, _STRING]))
    return MappedRows(left, columns)
