"""Which rows go on, and which route takes them; and what follows from a route: its columns, expressions and keys.

Nothing is written here. Invariant: a row is taken by the first route whose condition holds, and conditions see the
shared columns only.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastxform.config.model import Column, Iceberg, Route, Spec, column_order, key_names
from fastxform.core import kernels
from fastxform.transform.columns import type_columns
from fastxform.transform.evaluation import compile_expression, evaluate, in_order
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression


class RoutePlan:
    """What becomes of the rows of one route, or of all rows of a transform without routes.

    Attributes:
        index: the index of the route in the configuration; None without routes.
        inputs: the columns that are read and not computed, and what a row set knows them by.
        expressions: the columns that are computed, each after those that it names.
        partition_keys: the name and the expression of each.
        visible: the columns that are written, in order.
        is_verbatim: whether the documents themselves are written, every column being hidden.
        iceberg: the table of the route, if it has one.
        where: the condition of the route, if it has one.
        keys: the columns that tell the rows of the table apart.
        is_lenient_on_delete: whether rows may be deletes, and which of their columns matter is known.
        deciding: those of `inputs` that decide on the table or the operation.
        has_metadata: whether its rows have a table or partition keys.
        named: the columns that expressions and partition keys name.
        computing: all expressions of the route, its condition among them.
    """

    def __init__(self, spec: Spec, index: int | None) -> None:
        self.index = index
        route: Route | None = None if index is None else spec.routes[index]
        own = () if route is None else route.columns
        order = column_order(spec, route)
        types = {column.name: column.type for column in order}
        self.inputs = [
            ((index, column.name) if any(column is other for other in own) else column.name, column)
            for column in order
            if column.expr is None
        ]
        computed = {column.name: column for column in order if column.expr is not None}
        lookups = spec.lookup_tables
        expressions = {name: compile_expression(column.expr or "", types, lookups) for name, column in computed.items()}
        self.expressions = [(computed[name], expression) for name, expression in in_order(expressions)]
        self.partition_keys = [(name, compile_expression(text, types, lookups)) for name, text in spec.partition_keys]
        self.visible = [column for column in order if not column.hidden]
        self.is_verbatim = spec.is_verbatim(route)
        self.iceberg: Iceberg | None = None if route is None else route.iceberg
        self.keys = frozenset[str]() if route is None else key_names(spec, route)
        deletes = self.iceberg is not None and "delete" in self.iceberg.operations
        self.is_lenient_on_delete = bool(self.keys) and deletes
        choices = () if self.iceberg is None else (self.iceberg.table_from, self.iceberg.operation_from)
        deciding = {choice.column for choice in choices if choice is not None}
        self.deciding = [(key, column) for key, column in self.inputs if column.name in deciding]
        self.has_metadata = self.iceberg is not None or bool(self.partition_keys)
        self.where = None
        if route is not None and route.where is not None:
            shared = {column.name: column.type for column in shared_columns(spec)}
            self.where = compile_expression(route.where, shared, lookups)
        keyed = [expression for _, expression in (*self.expressions, *self.partition_keys)]
        self.named = {name for expression in keyed for name in expression.names}
        self.computing = keyed if self.where is None else [self.where, *keyed]

    @property
    def needs_event_name(self) -> bool:
        """Whether the change of a row decides on the operation in its table."""
        return self.iceberg is not None and isinstance(self.iceberg.operation, Mapping)

    def input_columns(self, row_set: RowSet) -> dict[str, OutputColumn]:
        """Return the typed columns of the route by their names."""
        columns, json_literals = row_set.columns, row_set.json_literals
        return {
            column.name: OutputColumn(column.name, column.type, columns[key], json_literals.get(key), column.spread)
            for key, column in self.inputs
        }


def shared_columns(spec: Spec) -> list[Column]:
    """Return the columns that conditions may name: those that all routes have and that are not computed."""
    return [column for column in spec.columns or () if column.expr is None]


def plan_routes(spec: Spec) -> list[RoutePlan]:
    """Return the plan of each route, or the one of a transform without routes."""
    return [RoutePlan(spec, index) for index in range(len(spec.routes))] or [RoutePlan(spec, None)]


class Router:
    """Applies the conditions of a transform."""

    def __init__(self, spec: Spec, plans: Sequence[RoutePlan]) -> None:
        self._plans = plans
        self._shared = [(column.name, column) for column in shared_columns(spec)]
        self.where = None
        if spec.where is not None:
            types = {column.name: column.type for _, column in self._shared}
            self.where = compile_expression(spec.where, types, spec.lookup_tables)
        self._names = {name for plan in plans if plan.where is not None for name in plan.where.names}
        self._fails_unmatched = spec.unmatched == "fail"
        self._with_json = spec.output.format == "json"

    def filter_rows(self, row_set: RowSet, outcomes: Outcomes, now: int) -> RowSet:
        """Return the rows for which the condition of the transform holds."""
        if self.where is None:
            return row_set
        row_set = self._typed(row_set, self.where.names, outcomes)
        mask, row_set = self._mask(self.where, row_set, outcomes, now)
        outcomes.where_null += mask.null_count
        return row_set if mask.true_count == len(row_set) else row_set.take(kernels.true_rows(mask))

    def route_rows(self, row_set: RowSet, outcomes: Outcomes, now: int) -> list[tuple[RoutePlan, RowSet]]:
        """Return the rows that each route takes; the first whose condition holds takes a row."""
        if self._names:
            row_set = self._typed(row_set, self._names, outcomes)
        routed: list[tuple[RoutePlan, RowSet]] = []
        for plan in self._plans:
            if plan.where is None:
                return [*routed, (plan, row_set)]
            mask, row_set = self._mask(plan.where, row_set, outcomes, now)
            taken = kernels.true_rows(mask)
            routed.append((plan, row_set.take(taken)))
            row_set = row_set.take(row_set.complement(taken))
        if self._fails_unmatched:
            outcomes.fail(row_set, range(len(row_set)), "unmatched")
        return routed

    def _typed(self, row_set: RowSet, names: Collection[str], outcomes: Outcomes) -> RowSet:
        """Type the shared columns that conditions name; return the rows that did not fail."""
        named = [(key, column) for key, column in self._shared if column.name in names]
        return outcomes.surviving(type_columns(row_set, named, outcomes, self._with_json))

    def _mask(self, where: "Expression", row_set: RowSet, outcomes: Outcomes, now: int) -> tuple[Any, RowSet]:
        """Return where a condition holds, and the rows that did not fail on the way."""
        columns: Mapping[Any, Any] = row_set.columns
        mask, raised = evaluate(where, columns, len(row_set.rows), now)
        if not raised:
            return mask, row_set
        outcomes.fail(row_set, raised, "expression:where")
        kept = row_set.complement(raised)
        return kernels.take(mask, pa.array(kept, pa.int64())), row_set.take(kept)
