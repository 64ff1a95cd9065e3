"""Pipeline and Batch: payloads through the stages, in the order that the configuration promises.

This is the only place that knows the order; what a stage does is in its own module. Invariant: each payload is answered
once, in its place, and its answer depends on nothing but the payload, what came with it and the configuration.
"""

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from fastxform.config import model as configuration
from fastxform.config.model import Column, Route, Spec
from fastxform.core import kernels
from fastxform.core.structs import Struct, replace
from fastxform.core.timing import mark
from fastxform.core.values import BAD_PATH, TypedColumn
from fastxform.datatypes import scalar
from fastxform.datatypes import vector as columns
from fastxform.datatypes.logical import Type
from fastxform.decode.fallback import json_text
from fastxform.decode.source import Rows, Source, gather, log_columns, write_documents
from fastxform.encode import csv_rows, json_rows
from fastxform.errors import DROPPED, FAILED, OK
from fastxform.transform import map_batch as mapping
from fastxform.transform.map_batch import MapBatch
from fastxform.transform.metadata import otf_metadata, partition_keys
from fastxform.transform.rowset import Answers, Frame, evaluate, others

if TYPE_CHECKING:
    from fastxform.encode.table import Columns
    from fastxform.query.compiler import Expression

    Encode = Callable[
        ["_Plan", Frame, Sequence[Column], dict[str, TypedColumn], dict[str, Any], Sequence[str], Answers], None
    ]


class Batch(Struct):
    """What became of a batch, column-wise: one entry a payload in each list.

    `data` is the row with its newline (all rows of a payload that holds several), of `Ok` records only; `reason` is a
    code of `errors.REASONS`, with `:column` where it is about one, of `ProcessingFailed` records only; `metadata` is
    the content of the response's `metadata`. `where_null` counts the rows that were dropped because `where` was null.
    """

    result: list[str]
    reason: list[str | None]
    data: list[bytes | None]
    metadata: list[dict[str, Any] | None] | None
    where_null: int = 0

    def __len__(self) -> int:
        return len(self.result)


class _Plan:
    """The columns of one route, or of the transform without routes, and what follows from them."""

    def __init__(self, spec: Spec, route: Route | None, index: int | None) -> None:
        self.route = route
        order = configuration.column_order(spec, route)
        own = set() if route is None else {id(column) for column in route.columns}
        self.columns = [(_key(column, index if id(column) in own else None), column) for column in order]
        self.inputs = [(key, column) for key, column in self.columns if column.expr is None]
        types = {column.name: column.type for column in order}
        self.expressions = _in_order(
            {column.name: _compile(column.expr, types) for _, column in self.columns if column.expr is not None}
        )
        self.partition_keys = [(name, _compile(text, types)) for name, text in spec.partition_keys]
        iceberg = route.iceberg if route is not None else None
        self.is_iceberg = iceberg is not None
        self.where = None
        if route is not None and route.where is not None:
            shared = {column.name: column.type for column in spec.columns or () if column.expr is None}
            self.where = _compile(route.where, shared)


def _key(column: Column, route: int | None) -> Any:
    return column.name if route is None else (route, column.name)


def _compile(text: str, columns: Mapping[str, Type]) -> "Expression":
    # A configuration without expressions does not need the compiler.
    from fastxform.query.compiler import compile_expression

    return compile_expression(text, columns)


def _in_order(expressions: "dict[str, Expression]") -> "list[tuple[str, Expression]]":
    """Return expressions so that each comes after those it names; the configuration has no cycles."""
    order: dict[str, Expression] = {}

    def visit(name: str) -> None:
        if name in expressions and name not in order:
            for other in sorted(expressions[name].names - {name}):
                visit(other)
            order[name] = expressions[name]

    for name in expressions:
        visit(name)
    return list(order.items())


class Pipeline:
    """A transform, ready for batches: `Pipeline.load(path)` or `Pipeline.from_toml(text)`, then `run(payloads)`."""

    def __init__(self, spec: Spec, map_batch: MapBatch | None = None) -> None:
        if spec.source == "cloudwatch-logs" and spec.columns is None:
            spec = replace(spec, columns=log_columns())
        self.spec = spec
        self.map_batch = map_batch
        self._plans = [_Plan(spec, route, index) for index, route in enumerate(spec.routes)] or [
            _Plan(spec, None, None)
        ]
        shared = [column for column in spec.columns or () if column.expr is None]
        self._shared = [(column.name, column) for column in shared]
        self._where = None
        if spec.where is not None:
            self._where = _compile(spec.where, {column.name: column.type for column in shared})
        keyed = dict(self._shared) | {key: column for plan in self._plans for key, column in plan.inputs}
        needs_event_name = any(
            plan.route is not None
            and plan.route.iceberg is not None
            and isinstance(plan.route.iceberg.operation, Mapping)
            for plan in self._plans
        )
        self.meta_names = frozenset(column.meta for column in keyed.values() if column.meta is not None)
        self._source = Source(spec, keyed, needs_event_name)

    @classmethod
    def load(cls, path: str | os.PathLike[str], map_batch: MapBatch | None = None) -> Self:
        """Build the pipeline of a configuration file.

        Args:
            path: the TOML file.
            map_batch: called with the columns after `where`; returns a record batch of as many rows.

        Raises:
            ConfigError: the file cannot be read or holds mistakes, all of which it carries.
        """
        return cls(configuration.load(path, tests=False), map_batch)

    @classmethod
    def from_toml(cls, text: str, map_batch: MapBatch | None = None) -> Self:
        """Build the pipeline of a configuration's text; see `load`."""
        return cls(configuration.parse(text), map_batch)

    def run(
        self,
        payloads: Sequence[bytes | None],
        *,
        meta: Mapping[str, Sequence[Any]] | None = None,
        now_ms: int | None = None,
    ) -> Batch:
        """Transform one batch; nothing a payload holds makes this raise.

        Args:
            payloads: the decoded data of each record; None where its base64 was bad.
            meta: for each `meta` name the value of each record.
            now_ms: what `now_ms()` gives in expressions, epoch milliseconds; the time of the call by default.
        """
        rows, answers, _ = self._transform(payloads, meta, now_ms, self._encode)
        return _gather(rows, answers, len(payloads))

    def columns(
        self,
        payloads: Sequence[bytes | None],
        *,
        meta: Mapping[str, Sequence[Any]] | None = None,
        now_ms: int | None = None,
        schema: pa.Schema | None = None,
    ) -> "Columns":
        """Transform one batch as `run` does, into typed columns instead of bytes.

        Args:
            payloads: as for `run`.
            meta: as for `run`.
            now_ms: as for `run`.
            schema: the columns; what `typed.schema` says of this pipeline, by default.
        """
        from fastxform.encode import table as typed  # a function has no use for it

        schema = typed.schema(self.spec, self.map_batch) if schema is None else schema
        collector = typed.Collector(self.spec, schema)
        rows, answers, routed = self._transform(payloads, meta, now_ms, collector.take)
        if self.spec.is_document:
            collector.take_documents(routed, answers)
        batch = _gather(rows, answers, len(payloads))
        return collector.columns(rows, answers, batch.result, batch.reason, batch.metadata)

    def _transform(
        self,
        payloads: Sequence[bytes | None],
        meta: Mapping[str, Sequence[Any]] | None,
        now_ms: int | None,
        encode: "Encode",
    ) -> tuple[Rows, Answers, list[tuple[_Plan, Frame]]]:
        """Take a batch through all stages; `encode` gets the columns of each route's rows once they are all there."""
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        rows = self._source.read(payloads, meta or {})
        mark("JSON")
        answers = Answers([None] * rows.count, dict(rows.failed))
        if rows.parents is not None:
            answers.sizes = rows.sizes(len(payloads))
            answers.plans = [None] * rows.count if len(self._plans) > 1 else None
        frame = answers.alive(Frame(range(rows.count), rows.values))
        frame = self._filter(frame, answers, now)
        routed = self._route(frame, answers, now)
        mark("where")
        for plan, part in routed:
            if len(part):
                if answers.plans is not None:
                    for row in part.rows:
                        answers.plans[row] = plan
                self._write(plan, part, answers, rows, now, encode)
                mark("rows")
        return rows, answers, routed

    # -- the stages

    def _filter(self, frame: Frame, answers: Answers, now: int) -> Frame:
        if self._where is None:
            return frame
        mask, frame = self._mask(self._where, frame, answers, now)
        if mask.null_count:
            answers.where_null = mask.null_count
        if mask.true_count == len(frame):
            return frame
        return frame.take(kernels.true_rows(mask))

    def _mask(self, where: "Expression", frame: Frame, answers: Answers, now: int) -> tuple[pa.Array, Frame]:
        """Return where a condition holds, for the rows that did not fail on the way."""
        mark("where")
        frame = self._type_named(where.names, frame, answers)
        mask, raised = evaluate(where, frame, frame.columns, now)
        if raised:
            answers.fail(frame, raised, "expression:where")
            kept = others(frame, raised)
            return kernels.take(mask, pa.array(kept, pa.int64())), frame.take(kept)
        return mask, frame

    def _type_named(self, names: Collection[str], frame: Frame, answers: Answers) -> Frame:
        """Type the shared columns that a condition names; return the rows that did not fail."""
        for key, column in self._shared:
            if column.name in names:
                self._type(frame, key, column, answers)
        mark("columns")
        return answers.alive(frame)

    def _route(self, frame: Frame, answers: Answers, now: int) -> list[tuple[_Plan, Frame]]:
        """Return the rows that each route takes; the first whose condition holds takes a row."""
        named = {name for plan in self._plans if plan.where is not None for name in plan.where.names}
        frame = self._type_named(named, frame, answers)
        routed: list[tuple[_Plan, Frame]] = []
        for plan in self._plans:
            if plan.where is None:
                return [*routed, (plan, frame)]
            mask, frame = self._mask(plan.where, frame, answers, now)
            taken = kernels.true_rows(mask)
            routed.append((plan, frame.take(taken)))
            frame = frame.take(others(frame, taken))
        if self.spec.unmatched == "fail":
            answers.fail(frame, range(len(frame)), "unmatched")
        return routed

    def _type(self, frame: Frame, key: Any, column: Column, answers: Answers) -> None:
        """Convert one column of a frame and judge it: type, pattern, default, required."""
        if key in frame.columns:
            return
        values = frame.values(key)
        for place, outcome in values.alone.items():
            if outcome is BAD_PATH:
                answers.fail(frame, [place], f"path:{column.name}")
        converted = columns.convert(column.type, values)
        answers.fail(frame, converted.unfit, f"type:{column.name}")
        typed = converted.column
        if column.pattern is not None:
            text = columns.pattern_text(column.type, values, typed.array)
            fits = kernels.matches(text, rf"\A(?:{column.pattern})\z")
            answers.fail(frame, kernels.false_rows(fits), f"pattern:{column.name}")
        if column.default is not None:
            typed = _fill(typed, column) if typed.has_nulls else typed
        elif column.required:
            answers.fail(frame, typed.null_rows(), f"required:{column.name}")
        frame.columns[key] = typed
        is_all_text = typed.values is not None and not values.alone and column.default is None
        if column.type.kind == "auto" and self.spec.output.format == "json" and not is_all_text:
            found = columns.fragments(values, converted.column.array)
            frame.fragments[key] = _fill_fragments(found, column) if column.default is not None else found

    def _write(self, plan: _Plan, frame: Frame, answers: Answers, rows: Rows, now: int, encode: "Encode") -> None:
        """Answer the rows of one route."""
        if self.spec.is_document:
            self._metadata(plan, frame, {}, answers, rows, now)
            frame = answers.alive(frame)
            written, failed = write_documents(self.spec, rows.texts, frame.rows)
            answers.fail(frame, failed, "type:*")
            answers.write(frame, written)
            return
        for key, column in plan.inputs:
            self._type(frame, key, column, answers)
        frame = answers.alive(frame)
        if not len(frame):
            return
        found = {column.name: frame.columns[key] for key, column in plan.inputs}
        keys: dict[str, Any] = {column.name: key for key, column in plan.inputs}
        added: list[str] = []
        if self.map_batch is not None:
            named = {name for _, compiled in (*plan.expressions, *plan.partition_keys) for name in compiled.names}
            computed = {name for name, _ in plan.expressions}
            frame, found, added = mapping.run(self.map_batch, frame, found, keys, named, computed, answers)
        for name, compiled in plan.expressions:
            array, raised = evaluate(compiled, frame, found, now)
            found[name] = TypedColumn(array)
            answers.fail(frame, raised, f"expression:{name}")
        mark("columns")
        self._metadata(plan, frame, found, answers, rows, now)
        visible = [column for _, column in plan.columns if not column.hidden]
        encode(plan, frame, visible, found, keys, added, answers)

    def _metadata(
        self, plan: _Plan, frame: Frame, typed: dict[str, TypedColumn], answers: Answers, rows: Rows, now: int
    ) -> None:
        """Write the metadata of the rows: where they go in Iceberg, or their partition keys."""
        found: list[dict[str, Any] | None]
        if plan.route is not None and plan.route.iceberg is not None:
            found = otf_metadata(plan.route.iceberg, frame, answers, rows)
        elif plan.partition_keys:
            found = partition_keys(plan.partition_keys, frame, typed, answers, now)
        else:
            return
        if answers.metadata is None:
            answers.metadata = [None] * rows.count
        for row, metadata in zip(frame.rows, found, strict=True):
            answers.metadata[row] = metadata

    def _encode(
        self,
        plan: _Plan,
        frame: Frame,
        visible: Sequence[Column],
        found: dict[str, TypedColumn],
        keys: dict[str, Any],
        added: Sequence[str],
        answers: Answers,
    ) -> None:
        typed = [(column.name, column.type, found[column.name]) for column in visible]
        typed += [(name, columns.type_of(found[name].array), found[name]) for name in added]
        if self.spec.output.format == "json":
            members = [
                json_rows.Member(
                    name, kind, column, frame.fragments.get(keys.get(name)) if kind.kind == "auto" else None
                )
                for name, kind, column in typed
            ]
            is_all = len(frame) == len(answers.data) and answers.metadata is None
            if answers.sizes is not None and is_all:
                answers.together = json_rows.write_together(members, plan.is_iceberg, answers.sizes)
                return
            written: Sequence[bytes | None] = json_rows.write(members, plan.is_iceberg)
        else:
            fields = [csv_rows.Field(name, kind, column.array) for name, kind, column in typed]
            written, refused = csv_rows.write(fields, self.spec.output)
            for place, name in refused.items():
                answers.fail(frame, [place], f"quoting:{name}")
        answers.write(frame, written)


def _fill(typed: TypedColumn, column: Column) -> TypedColumn:
    """Return a column with its default in the place of nulls."""
    value = scalar.fit(column.type, json_text(column.default) if column.type.kind == "json" else column.default)
    if typed.values is not None and type(value) is str:
        return TypedColumn(values=[value if found is None else found for found in typed.values])
    array, storage = typed.array, columns.STORAGE.get(column.type.kind)
    if storage is None:
        return TypedColumn(kernels.call("coalesce", [array, pa.scalar(value, array.type)]))
    filled = kernels.call("coalesce", [array.view(storage), pa.scalar(value, storage)])
    return TypedColumn(filled.view(array.type))


def _fill_fragments(found: pa.Array, column: Column) -> pa.Array:
    return kernels.call("coalesce", [found, pa.scalar(columns.fragment(column.default), pa.string())])


def _gather(rows: Rows, answers: Answers, count: int) -> Batch:
    """Answer the records: failed with a reason, dropped where nothing was written, else Ok."""
    data, reasons, metadata = answers.data, answers.reasons, answers.metadata
    if answers.sizes is not None:
        groups = None
        plans = answers.plans or [None] * rows.count
        if metadata is not None or (answers.plans is not None and len(set(map(id, plans)) - {id(None)}) > 1):
            groups = list(zip(plans, metadata or [None] * rows.count, strict=True))
        data, reasons, first = gather(rows, data, reasons, groups, answers.sizes, answers.together)
        if metadata is not None:
            metadata = [None if row is None else metadata[row] for row in first]
    if not reasons and None not in data:
        return Batch([OK] * count, [None] * count, data, metadata, answers.where_null)
    reason: list[str | None] = [None] * count
    for record, code in reasons.items():
        reason[record], data[record] = code, None
    result = [
        OK if found is not None else DROPPED if code is None else FAILED
        for found, code in zip(data, reason, strict=True)
    ]
    if metadata is not None:
        metadata = [found if word == OK else None for found, word in zip(metadata, result, strict=True)]
    return Batch(result, reason, data, metadata, answers.where_null)
