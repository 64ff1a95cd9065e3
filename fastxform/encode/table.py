"""The typed columns of a batch, instead of its bytes: one table for all routes, and where each row of it is from.

The stages are `pipeline`'s, which hands the columns of each route to a `TableEncoder` where it would have them written.
Invariant: a record has the rows that would have been written of it, and one row of nulls where nothing would be; a
value that the table cannot hold fails its record, as one that cannot be written does.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from fastxform.config.model import Route, Spec, column_order
from fastxform.core import kernels
from fastxform.core.structs import Struct
from fastxform.datatypes import vector
from fastxform.datatypes.logical import arrow_type
from fastxform.decode.source import Rows
from fastxform.encode.batch import Batch
from fastxform.encode.rows import WrittenRows
from fastxform.errors import OK, ConfigError, ContractError, Mistake
from fastxform.transform import code_modules
from fastxform.transform.map_batch import MapBatch
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

DOCUMENT: Final = "document"
"""The name of the one column of a transform that names none: the JSON text of the document."""

_WRITTEN: Final = b"\n"


class Columns(Struct):
    """What became of a batch as a table: an `Ok` record's rows, and a row of nulls for every other record, in order.

    Attributes:
        table: the rows.
        record: the index of the payload of each row.
        ordinal: the index of each row among those of its record.
        route: the index of the route of each row in the configuration; null where no route took it.
        result: of each record, as in `Batch`.
        reason: of each record, as in `Batch`.
        metadata: of each record, as in `Batch`.
    """

    table: pa.RecordBatch
    record: Sequence[int]
    ordinal: Sequence[int]
    route: pa.Array
    result: list[str]
    reason: list[str | None]
    metadata: list[dict[str, Any] | None] | None


def without_rows(fields: pa.Schema, batch: Batch) -> Columns:
    """Return the table of a batch none of whose records has rows."""
    count = len(batch)
    table = pa.RecordBatch.from_arrays([kernels.nulls(count, kind) for kind in fields.types], schema=fields)
    return Columns(
        table, range(count), [0] * count, kernels.nulls(count, pa.int32()), batch.result, batch.reason, batch.metadata
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the tables of the parts of a batch as one."""
    if len(parts) == 1:
        return parts[0]
    tables = [part.table for part in parts]
    fields = tables[0].schema
    arrays = [pa.concat_arrays([table.column(index) for table in tables]) for index in range(len(fields))]
    record: list[int] = []
    metadata: list[dict[str, Any] | None] = []
    count = 0
    for part in parts:
        record += [count + number for number in part.record]
        metadata += part.metadata or [None] * len(part.result)
        count += len(part.result)
    return Columns(
        pa.RecordBatch.from_arrays(arrays, schema=fields),
        record,
        [number for part in parts for number in part.ordinal],
        pa.concat_arrays([part.route for part in parts]),
        [word for part in parts for word in part.result],
        [code for part in parts for code in part.reason],
        metadata if any(part.metadata is not None for part in parts) else None,
    )


def schema(spec: Spec, map_batch: MapBatch | None = None, added: pa.Schema | None = None) -> pa.Schema:
    """Return the columns of a transform: those that are not hidden, of all routes, in the order of the file.

    Args:
        spec: the transform of a `Pipeline`.
        map_batch: its function; without `added` it is called once for each route, with an empty batch.
        added: the columns that `map_batch` adds, or changes the type of.

    Raises:
        ConfigError: two routes give one column two types.
        ContractError: `map_batch` does not take an empty batch, or gives what cannot be written.
    """
    if spec.is_document:
        return pa.schema([(DOCUMENT, pa.string())])
    types: dict[str, pa.DataType] = {}
    mistakes = []
    for index, route in enumerate(spec.routes or (None,)):
        for name, kind in _fields(spec, route, map_batch, added):
            if types.setdefault(name, kind) != kind:
                mistakes.append(
                    Mistake(
                        (route.location if route is not None else "") or f"routes[{index}]",
                        f"the column {name} is {kind} here and {types[name]} in a route above, and a table has one type"
                        " for a column; give it the same type, or another name",
                    )
                )
    if mistakes:
        raise ConfigError(tuple(dict.fromkeys(mistakes)))
    return pa.schema(list(types.items()))


def _fields(
    spec: Spec, route: Route | None, map_batch: MapBatch | None, added: pa.Schema | None
) -> Iterator[tuple[str, pa.DataType]]:
    """Yield the visible columns of a route, and what its `map_batch` adds."""
    order = column_order(spec, route)
    if map_batch is None and spec.is_verbatim(route):
        yield DOCUMENT, pa.string()
    mapped: dict[str, pa.DataType] = {}
    if map_batch is not None:
        given = pa.schema([(column.name, arrow_type(column.type)) for column in order if column.expr is None])
        answer = _probe(map_batch, given) if added is None else added
        mapped = dict(zip(answer.names, answer.types, strict=True))
    for column in order:
        kind = mapped.pop(column.name, arrow_type(column.type)) if column.expr is None else arrow_type(column.type)
        if not column.hidden:
            yield column.name, kind
    names = {column.name for column in order}
    yield from ((name, kind) for name, kind in mapped.items() if name not in names)


def _probe(map_batch: MapBatch, given: pa.Schema) -> pa.Schema:
    empty = pa.RecordBatch.from_arrays([kernels.nulls(0, kind) for kind in given.types], schema=given)
    try:
        code_modules.activate(map_batch)
        mapped = map_batch(empty)
    except Exception as err:  # the user's code may raise anything
        raise ContractError(
            f"map_batch raised {type(err).__name__} on an empty batch, so its columns are not "
            "known; have it take one, or in Python name them: added="
        ) from err
    if not isinstance(mapped, pa.RecordBatch):
        raise ContractError(f"map_batch returned a {type(mapped).__name__} for an empty batch, not a RecordBatch")
    for field in mapped.schema:
        if not vector.is_writable(field.type):
            raise ContractError(
                f"map_batch gave the column {field.name} the type {field.type}, which cannot be written"
            )
    return mapped.schema


class _RouteTable(Struct):
    """The columns of some rows of a batch, in the order of the schema, and the index of their route."""

    rows: Sequence[int]
    arrays: list[pa.Array]
    route: int | None


class TableEncoder:
    """Takes the columns of each route's rows, where `Pipeline.run` would have them written, and makes one table."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._parts: list[_RouteTable] = []

    def write(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        columns: Sequence[OutputColumn],
        written: WrittenRows,
        outcomes: Outcomes,
    ) -> None:
        """Take the columns of the rows of one route; rows that the table cannot hold fail."""
        arrays = {column.name: column.column.array for column in columns}
        if not arrays.keys() <= set(self._schema.names):  # `map_batch` gave a column that nobody expects: it is lost
            outcomes.fail(row_set, range(len(row_set)), "map_batch")
        fitted = [_fitted(arrays.get(field.name), field, row_set, outcomes) for field in self._schema]
        self._parts.append(_RouteTable(row_set.rows, fitted, plan.index))
        # What is written is not looked at, only that it is there; no row is empty.
        written.add(row_set, [_WRITTEN] * len(row_set))

    def write_documents(
        self, plan: RoutePlan, row_set: RowSet, documents: Sequence[bytes | None], written: WrittenRows
    ) -> None:
        """Take documents as they were written; columns of other routes are null."""
        texts = pa.array([None if text is None else text.rstrip(b"\r\n") for text in documents], pa.binary())
        whole = kernels.cast(texts, pa.string())
        arrays = [whole if field.name == DOCUMENT else pa.nulls(len(texts), field.type) for field in self._schema]
        self._parts.append(_RouteTable(row_set.rows, arrays, plan.index))
        written.add(row_set, documents)

    def columns(
        self,
        rows: Rows,
        written: WrittenRows,
        batch: Batch,
    ) -> Columns:
        """Return the table of a batch whose records are answered."""
        record, ordinal, chosen = _layout(rows, written, batch.result)
        arrays = [part.arrays for part in self._parts]
        routes: list[pa.Array] = [pa.array([part.route] * len(part.rows), pa.int32()) for part in self._parts]
        whole = len(self._parts) == 1 and len(self._parts[0].rows) == len(chosen) == rows.count and None not in chosen
        if whole:
            chosen_arrays, route = arrays[0], routes[0]
        else:
            indices = self._indices(rows.count)
            selection = pa.array([None if row is None else indices[row] for row in chosen], pa.int64())
            chosen_arrays = [
                _taken([part[index] for part in arrays], selection, kind)
                for index, kind in enumerate(self._schema.types)
            ]
            route = _taken(routes, selection, pa.int32())
        table = pa.RecordBatch.from_arrays(chosen_arrays, schema=self._schema)
        return Columns(table, record, ordinal, route, batch.result, batch.reason, batch.metadata)

    def _indices(self, count: int) -> list[int | None]:
        """Return where each row of the batch is, were the parts one."""
        indices: list[int | None] = [None] * count
        start = 0
        for part in self._parts:
            for index, row in enumerate(part.rows, start):
                indices[row] = index
            start += len(part.rows)
        return indices


def _fitted(array: pa.Array | None, field: pa.Field, row_set: RowSet, outcomes: Outcomes) -> pa.Array:
    if array is None:
        return kernels.nulls(len(row_set), field.type)
    if array.type == field.type:
        return array
    fitted, refused = kernels.bisect(lambda part: kernels.cast(part, field.type), array, field.type)
    outcomes.fail(row_set, refused, f"type:{field.name}")
    return fitted


def _layout(
    rows: Rows, written: WrittenRows, result: Sequence[str]
) -> tuple[Sequence[int], Sequence[int], Sequence[int | None]]:
    """Return the record of each row of the table, its index in the record, and the row of the batch that it shows."""
    count = len(result)
    if rows.parents is None:
        chosen = [row if word == OK else None for row, word in enumerate(result)]
        return range(count), [0] * count, chosen
    shown: list[list[int | None]] = [[] if word == OK else [None] for word in result]
    for row, (parent, data) in enumerate(zip(rows.parents, written.data, strict=True)):
        if data is not None and result[parent] == OK:
            shown[parent].append(row)
    record = [parent for parent, rows_shown in enumerate(shown) for _ in rows_shown]
    ordinal = [index for rows_shown in shown for index in range(len(rows_shown))]
    return record, ordinal, [row for rows_shown in shown for row in rows_shown]


def _taken(arrays: Sequence[pa.Array], selection: pa.Array, kind: pa.DataType) -> pa.Array:
    if not arrays:
        return kernels.nulls(len(selection), kind)
    return kernels.take(arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays), selection)
