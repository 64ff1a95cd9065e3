"""Which rows of a decoded batch go on and which route takes them, their expressions and their metadata.

The same stages as `route`, `evaluation` and `metadata`, on the columns of the native kernel. Invariant: a record whose
rows are not all sure here has none in what is returned, and is named as odd.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from fastxform.config.model import Iceberg, Spec
from fastxform.core import kernels, native
from fastxform.core.json_text import quote
from fastxform.core.native import Field, RowFormat, Way
from fastxform.core.structs import Struct
from fastxform.core.timing import Stage
from fastxform.datatypes.text import texts
from fastxform.decode.native_builder import DOCUMENT
from fastxform.decode.native_plan import NativePlan
from fastxform.decode.source import EVENT_NAME
from fastxform.transform.native_columns import NativeColumns, SelectedRows, evaluate_rows, mask_without, without
from fastxform.transform.route import RoutePlan, shared_columns

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression
    from fastxform.transform.native_map import MappedRows, OwnCode

_ENCODER: Final = msgspec.json.Encoder()


class RouteRows(Struct):
    """The rows of one route before they are written: the values of its expressions for each, and their metadata."""

    plan: RoutePlan
    rows: SelectedRows
    computed: dict[str, pa.Array]
    metadata: Any
    """None, JSON for all of them, or an array of JSON, one for each record."""
    mapped: "MappedRows | None" = None
    """Their columns, where a function of the user's made them."""


class Routed(Struct):
    """What became of rows: those of each route, the records that no route takes, and the records that are odd."""

    routes: list[RouteRows | None]
    unmatched: list[int]
    where_null: int
    odd: set[int]


class NativeRouter:
    """Applies conditions, expressions and metadata of a transform."""

    def __init__(
        self,
        spec: Spec,
        where: "Expression | None",
        plans: Sequence[RoutePlan],
        native_plan: NativePlan,
        own: "OwnCode | None" = None,
    ) -> None:
        self.spec, self.where, self.plans, self.native = spec, where, plans, native_plan
        self.own = None if spec.is_document else own
        if self.own is not None:
            from fastxform.transform.native_map import map_rows  # few transforms have code of their own

            self._map_rows = map_rows
        self.shared = [(column.name, column) for column in shared_columns(spec)]
        self.is_document = spec.is_document
        self.is_of_rows = spec.is_multi_row

    def route(self, batch: NativeColumns, fallback: set[int], now_ms: int, observe: Callable[[Stage], None]) -> Routed:
        """Take the rows of a batch, without those of records that have fallen back, through all stages."""
        odd: set[int] = set()
        taken, unmatched, where_null = self._conditions(batch, fallback, now_ms, odd)
        observe("where")
        routes = [
            self._of_route(plan, batch, rows, now_ms, odd) if rows.count else None
            for plan, rows in zip(self.plans, taken, strict=False)
        ]
        if self.is_of_rows and len(self.plans) > 1:
            odd |= _on_several_routes(batch, routes)
        observe("columns")
        return Routed(routes, unmatched, where_null, odd)

    def _conditions(
        self, batch: NativeColumns, fallback: set[int], now_ms: int, odd: set[int]
    ) -> tuple[list[SelectedRows], list[int], int]:
        """Return the rows that each route takes, the records that none does, and how often `where` was null."""
        rows = SelectedRows(None, batch.count)
        if len(fallback) > len(batch.decoded.fallback):
            rows = rows.keep(mask_without(batch.decoded.row_records, fallback.difference(batch.decoded.fallback)))
        where_null = 0
        if self.where is not None:
            rows = self._without_odd(batch, rows, self._keys(self.where.names), odd)
            mask, rows = self._mask(self.where, batch, rows, now_ms, odd)
            where_null = mask.null_count
            rows = rows.keep(mask)
        named = {name for plan in self.plans if plan.where is not None for name in plan.where.names}
        if named:
            rows = self._without_odd(batch, rows, self._keys(named), odd)
        routed: list[SelectedRows] = []
        for plan in self.plans:
            taken, others = rows, SelectedRows(None, 0)
            if plan.where is not None:
                mask, rows = self._mask(plan.where, batch, rows, now_ms, odd)
                taken = rows.keep(mask)
                not_taken = kernels.call("invert", [kernels.call("coalesce", [mask, pa.scalar(False, pa.bool_())])])
                others = rows.keep(not_taken) if taken.count < rows.count else others
            routed.append(taken)
            rows = others
            if not rows.count:
                break
        unmatched: list[int] = []
        if rows.count and self.spec.unmatched == "fail":
            unmatched = rows.records(batch.decoded.row_records)
            if self.is_of_rows:  # other rows of the record may have been taken
                odd.update(unmatched)
        return routed, unmatched, where_null

    def _of_route(
        self, plan: RoutePlan, batch: NativeColumns, rows: SelectedRows, now_ms: int, odd: set[int]
    ) -> RouteRows | None:
        keys_read: list[Any] = [] if self.is_document else [key for key, _ in plan.inputs]
        if self.is_document or plan.is_verbatim:
            keys_read.append(DOCUMENT)
        rows = self._without_odd(batch, rows, keys_read, odd)
        if not rows.count:
            return None
        keys = {column.name: key for key, column in plan.inputs}
        mapped = None if self.own is None else self._map_rows(self.own, plan, batch, rows, odd)
        rows = rows if mapped is None else mapped.rows
        while rows.count:
            computed: dict[str, pa.Array] = {}
            if mapped is not None:
                mapped = mapped.of(rows)
                computed = {name: column.array for name, column in mapped.columns.items()}
            left = rows
            for column, expression in plan.expressions:
                given = {n: computed[n] if n in computed else rows.take(batch.array(keys[n])) for n in expression.names}
                computed[column.name], left = evaluate_rows(expression, given, rows, batch, now_ms, odd)
                if left is not rows:
                    break
            metadata = None
            if left is rows:
                metadata, left = self._metadata(plan, batch, rows, computed, keys, now_ms, odd)
            if left is rows and self.is_of_rows and metadata is not None and not isinstance(metadata, bytes):
                metadata, left = _of_records(metadata, rows, batch, odd)
            if left is rows:
                return RouteRows(plan, rows, computed, metadata, mapped)
            rows = left
        return None

    def _metadata(
        self,
        plan: RoutePlan,
        batch: NativeColumns,
        rows: SelectedRows,
        computed: dict[str, pa.Array],
        keys: Mapping[str, Any],
        now_ms: int,
        odd: set[int],
    ) -> tuple[Any, SelectedRows]:
        """Return the metadata of rows and the rows that have some."""
        iceberg = plan.iceberg
        if iceberg is not None:
            if iceberg.table_from is not None or iceberg.operation_from is not None:
                return self._chosen(iceberg, batch, rows, computed, keys, odd)
            if not isinstance(iceberg.operation, Mapping):
                return _otf_metadata(iceberg, iceberg.table, iceberg.operation), rows
            indices, left = _of_events(iceberg.operation, batch, rows, odd)
            if left is not rows:
                return None, left
            choices = [_otf_metadata(iceberg, iceberg.table, word) for word in iceberg.operation.values()]
            return kernels.take(pa.array(choices, pa.binary()), indices), rows
        if not plan.partition_keys:
            return None, rows
        fields = []
        for index, (name, expression) in enumerate(plan.partition_keys):
            given = {n: computed[n] if n in computed else rows.take(batch.array(keys[n])) for n in expression.names}
            array, left = evaluate_rows(expression, given, rows, batch, now_ms, odd)
            if left is not rows:
                return None, left
            text = texts(array)
            length = kernels.call("coalesce", [kernels.call("binary_length", [text]), pa.scalar(0, pa.int32())])
            left = without(rows, batch, kernels.call("greater", [length, pa.scalar(0, pa.int32())]), odd)
            if left is not rows:
                return None, left
            prefix = '{"partitionKeys":{' if index == 0 else ","
            fields.append(Field(Way.TEXT, text, f"{prefix}{quote(name)}:".encode()))
        each = pa.array(range(rows.count), pa.int32())
        written, _, _ = self.native.plan.rows(fields, None, each, RowFormat(is_json=True, suffix=b"}}"))
        return written, rows

    def _chosen(
        self,
        iceberg: Iceberg,
        batch: NativeColumns,
        rows: SelectedRows,
        computed: Mapping[str, pa.Array],
        keys: Mapping[str, Any],
        odd: set[int],
    ) -> tuple[Any, SelectedRows]:
        """Return the metadata of rows of which a column tells the table or the operation."""
        tables, operations = [iceberg.table], [iceberg.operation if isinstance(iceberg.operation, str) else None]
        pairs = None
        choices = (iceberg.table_from, iceberg.operation_from)
        for choice in choices:
            if choice is None:
                continue
            name = choice.column
            text = texts(computed[name] if name in computed else rows.take(batch.array(keys[name])))
            indices = kernels.call("index_in", [text], _among(choice.values))
            left = without(rows, batch, kernels.call("is_valid", [indices]), odd)
            if left is not rows:
                return None, left
            words: list[Any] = list(choice.values.values())
            if choice is iceberg.table_from:
                tables, pairs = words, indices
            else:
                operations, pairs = words, _beside(pairs, indices, len(words))
        if iceberg.operation_from is None and isinstance(iceberg.operation, Mapping):
            indices, left = _of_events(iceberg.operation, batch, rows, odd)
            if left is not rows:
                return None, left
            operations = list(iceberg.operation.values())
            pairs = _beside(pairs, indices, len(operations))
        assert pairs is not None
        each = [_otf_metadata(iceberg, table, operation) for table in tables for operation in operations]
        return kernels.take(pa.array(each, pa.binary()), pairs), rows

    def _keys(self, names: Collection[str]) -> list[Any]:
        return [key for key, column in self.shared if column.name in names]

    def _without_odd(
        self, batch: NativeColumns, rows: SelectedRows, keys: Sequence[Any], odd: set[int]
    ) -> SelectedRows:
        """Return the rows whose columns hold what the engine would say; the records of the others are odd."""
        for good in batch.good(keys):
            fits: Any = rows.take(good)
            rows = without(rows, batch, fits, odd)
        return rows

    def _mask(
        self, condition: "Expression", batch: NativeColumns, rows: SelectedRows, now_ms: int, odd: set[int]
    ) -> tuple[Any, SelectedRows]:
        """Return where a condition holds, and the rows that it is known of."""
        keys = {column.name: key for key, column in self.shared}
        while True:
            given = {name: rows.take(batch.array(keys[name])) for name in condition.names}
            mask, left = evaluate_rows(condition, given, rows, batch, now_ms, odd)
            if left is rows:
                return mask, rows
            rows = left


def _on_several_routes(batch: NativeColumns, routes: Sequence[RouteRows | None]) -> set[int]:
    """Return the records whose rows went different ways: what becomes of these the engine knows."""
    seen: set[int] = set()
    several: set[int] = set()
    for route in routes:
        if route is not None and route.rows.count:
            records = set(kernels.call("unique", [route.rows.take(batch.decoded.row_records)]).to_pylist())
            several |= seen & records
            seen |= records
    return several


def _of_records(
    metadata: pa.Array, rows: SelectedRows, batch: NativeColumns, odd: set[int]
) -> tuple[pa.Array, SelectedRows]:
    """Return the metadata of records out of that of their rows, which must agree; records where it does not are odd."""
    records, count = rows.take(batch.decoded.row_records), rows.count
    first = pa.array([True], pa.bool_())
    is_other = kernels.call("not_equal", [records.slice(1), records.slice(0, count - 1)])
    is_equal = kernels.call("equal", [metadata.slice(1), metadata.slice(0, count - 1)])
    left = without(rows, batch, pa.concat_arrays([first, kernels.call("or", [is_other, is_equal])]), odd)
    return kernels.keep(metadata, pa.concat_arrays([first, is_other])), left


def _among(words: Mapping[str, str]) -> Any:
    return kernels.options.SetLookupOptions(pa.array(list(words), pa.string()))


def _beside(pairs: pa.Array | None, indices: pa.Array, count: int) -> pa.Array:
    """Return which pair of choices each row is in the list of all of them."""
    if pairs is None:
        return indices
    first = kernels.call("multiply", [pairs, pa.scalar(count, pa.int32())])
    return kernels.call("add", [first, indices])


def _of_events(
    operations: Mapping[str, str], batch: NativeColumns, rows: SelectedRows, odd: set[int]
) -> tuple[Any, SelectedRows]:
    """Return which of the operations the change of each row is, and the rows whose change is one of them."""
    names = rows.take(batch.array(EVENT_NAME))
    column = batch.column(EVENT_NAME)
    assert column is not None
    is_text = pa.scalar(True, pa.bool_())
    if column.kinds is not None:
        is_text = kernels.call("equal", [rows.take(column.kinds), pa.scalar(native.STRING, pa.uint8())])
    indices = kernels.call("index_in", [names], _among(operations))
    return indices, without(rows, batch, kernels.call("and", [kernels.call("is_valid", [indices]), is_text]), odd)


def _otf_metadata(iceberg: Iceberg, table: str, operation: Any) -> bytes:
    target = {"destinationDatabaseName": iceberg.database, "destinationTableName": table}
    if operation is not None:
        target["operation"] = operation
    return _ENCODER.encode({"otfMetadata": target})
