"""Pipeline and Batch: payloads through the stages, in the order that the configuration promises.

This is the only place that knows the order; what a stage does is in its own module. Invariant: each payload is answered
once, in its order, and its answer depends on nothing but the payload, what came with it and the configuration.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import pyarrow as pa

from fastxform.config import model as configuration
from fastxform.config.model import Column, Spec
from fastxform.core import native
from fastxform.core.payloads import Payloads
from fastxform.core.structs import replace
from fastxform.core.timing import Stage
from fastxform.decode.selective import selective_source
from fastxform.decode.source import Rows, Source, default_columns
from fastxform.encode.batch import Batch, InternalFault, failed, joined
from fastxform.encode.records import DocumentWriter, Joiner
from fastxform.encode.rows import RowEncoder, WrittenRows
from fastxform.encode.withheld import Room
from fastxform.errors import DROPPED, FAILED, OK, ConfigError, ContractError
from fastxform.parts import Part, run_in_parts
from fastxform.settings import kernel_is_wanted, secret_mistakes
from fastxform.transform.columns import type_columns
from fastxform.transform.evaluation import compute
from fastxform.transform.metadata import delete_rows, metadata_of
from fastxform.transform.own_code import OwnCodeFaults
from fastxform.transform.route import RoutePlan, Router, plan_routes, shared_columns
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet
from fastxform.transform.volume import refuse_large

if TYPE_CHECKING:
    from fastxform.encode.table import Columns
    from fastxform.native_pipeline import NativePipeline, NativeResponse
    from fastxform.transform.map_batch import MapBatch

__all__ = ["Batch", "Pipeline"]

StageObserver = Callable[[Stage], None]
"""Is called with the name of each stage when it is over."""


class Encoder(Protocol):
    """What the columns of each route's rows are handed to."""

    def write(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        columns: Sequence[OutputColumn],
        written: WrittenRows,
        outcomes: Outcomes,
    ) -> None:
        """Write the rows of a route; those that cannot be written fail."""

    def write_documents(
        self, plan: RoutePlan, row_set: RowSet, documents: Sequence[bytes | None], written: WrittenRows
    ) -> None:
        """Take documents that are written instead of columns."""


class Pipeline:
    """A transform, ready for batches: `Pipeline.load(path)` or `Pipeline.from_toml(text)`, then `run(payloads)`."""

    def __init__(self, spec: Spec, map_batch: "MapBatch | None" = None) -> None:
        if spec.columns is None and (columns := default_columns(spec.source)) is not None:
            spec = replace(spec, columns=columns)
        self.spec = spec
        if map_batch is None and spec.map_batch is not None:
            # Few files name a function, and others spare a cold start its import.
            from fastxform.transform import map_batch as mapping

            map_batch = mapping.load(spec)
        if map_batch is not None and not callable(map_batch):
            raise ContractError(f"map_batch is {type(map_batch).__name__}, which cannot be called")
        self.map_batch = map_batch
        self._faults = OwnCodeFaults()
        self._plans = plan_routes(spec)
        self._router = Router(spec, self._plans)
        self._check_secrets()
        self._encoder = RowEncoder(spec)
        self._joiner = Joiner(spec)
        self._documents = DocumentWriter(spec)
        self._is_document = spec.is_document
        keyed: dict[Any, Column] = {column.name: column for column in shared_columns(spec)}
        keyed |= {key: column for plan in self._plans for key, column in plan.inputs}
        self.meta_names = frozenset(column.meta for column in keyed.values() if column.meta is not None)
        self._source = Source(spec, keyed, any(plan.needs_event_name for plan in self._plans))
        where = self._router.where
        self._selective = selective_source(spec, self._source, keyed, None if where is None else where.names)
        self.native, self.kernel = self._native_stages()

    def _check_secrets(self) -> None:
        """Refuse to begin without the keys that expressions take out of the environment.

        Raises:
            ConfigError: one is not there.
        """
        mistakes = secret_mistakes(self.secrets())
        if mistakes:
            raise ConfigError(tuple(mistakes))

    def secrets(self) -> set[str]:
        """Return the variables of the environment whose values expressions take."""
        expressions = [self._router.where, *(expression for plan in self._plans for expression in plan.computing)]
        return {name for each in expressions if each is not None for name in each.secrets}

    def _native_stages(self) -> "tuple[NativePipeline | None, str]":
        """Return the stages by the native kernel, None where it is not used, and what it runs on, or why not."""
        if not kernel_is_wanted():
            return None, "off"
        simd = native.simd()
        if simd is None:
            return None, "not there"
        from fastxform.native_pipeline import NativePipeline, UnsupportedError

        def engine(
            payloads: Sequence[bytes | None],
            meta: Mapping[str, Sequence[Any]],
            now_ms: int,
            stop_ns: int | None,
            room_bytes: int | None,
        ) -> Batch:
            return self.run_engine(payloads, meta=meta, now_ms=now_ms, stop_ns=stop_ns, room_bytes=room_bytes)

        try:
            own = None
            if self.map_batch is not None:
                from fastxform.transform.native_map import OwnCode

                own = OwnCode(self.map_batch, self._faults)
            return NativePipeline(self.spec, self._router.where, self._plans, engine, own), simd
        except UnsupportedError as error:
            return None, f"not used: {error}"

    @classmethod
    def load(cls, path: str | os.PathLike[str], map_batch: "MapBatch | None" = None) -> Self:
        """Build the pipeline of a configuration file.

        Args:
            path: the TOML file.
            map_batch: called with the columns after `where`; returns a record batch of as many rows.

        Raises:
            ConfigError: the file cannot be read or holds mistakes, all of which it carries.
        """
        return cls(configuration.load(path, tests=False), map_batch)

    @classmethod
    def from_toml(cls, text: str, map_batch: "MapBatch | None" = None) -> Self:
        """Build the pipeline of a configuration's text; see `load`."""
        return cls(configuration.parse(text), map_batch)

    def run(
        self,
        payloads: Sequence[bytes | None],
        *,
        meta: Mapping[str, Sequence[Any]] | None = None,
        now_ms: int | None = None,
        observer: StageObserver | None = None,
        stop_ns: int | None = None,
        room_bytes: int | None = None,
    ) -> Batch:
        """Transform one batch; nothing a payload holds makes this raise.

        Args:
            payloads: the decoded data of each record; None where its base64 was bad.
            meta: for each `meta` name the value of each record.
            now_ms: what `now_ms()` gives in expressions, epoch milliseconds; the time of the call by default.
            observer: is called with each stage when it is over.
            stop_ns: by `time.monotonic_ns`; records that are not begun by then fail as `deadline`.
            room_bytes: how much of the rows, as base64, is wanted: of those past it, in order, the length alone is kept
                (`encode.withheld`), so that a batch of gigabytes is never in memory. By default all of them.

        Raises:
            TypeError: the payloads are text, or one payload instead of a list of them.
        """
        _check_payloads(payloads)
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        observe = observer or _observe_nothing
        if self.native is not None:
            answers = self._natively(self.native.run, payloads, meta or {}, now, observe, stop_ns, room_bytes)
            if answers is not None:
                result, reason, data, metadata = answers.lists()
                counts = answers.where_null, answers.faults, answers.values_nulled, answers.empty, answers.rows_dropped
                return Batch(result, reason, data, metadata, *counts, answers.values_rounded, len(answers.withheld))
        return self.run_engine(
            payloads, meta=meta, now_ms=now, observer=observer, stop_ns=stop_ns, room_bytes=room_bytes
        )

    def answer(
        self, event: bytes, limit_bytes: int, observer: StageObserver, stop_ns: int | None
    ) -> "NativeResponse | None":
        """Return the whole response to an event, where the native kernel can write it, and it is within a limit."""
        if self.native is None:
            return None
        now = time.time_ns() // 1_000_000
        response: NativeResponse | None = self._natively(self.native.answer, event, limit_bytes, now, observer, stop_ns)
        return response

    def answer_records(
        self,
        event: Mapping[str, Any],
        costs: tuple[int, ...],
        limit_bytes: int,
        observer: StageObserver,
        stop_ns: int | None,
    ) -> "NativeResponse | None":
        """Return the entries of the response to an event that is a dict, as `answer` does for bytes."""
        if self.native is None:
            return None
        now = time.time_ns() // 1_000_000
        response: NativeResponse | None = self._natively(
            self.native.answer_records, event, costs, limit_bytes, now, observer, stop_ns
        )
        return response

    def _natively(self, stage: Callable[..., Any], *arguments: Any) -> Any:
        """Call the native stages; what they did not expect is the engine's, which has a net under each record."""
        try:
            return stage(*arguments)
        except Exception as error:
            assert self.native is not None
            self.native.switch.pause()
            self.kernel = f"paused: {type(error).__name__}"
            return None

    def run_engine(
        self,
        payloads: Sequence[bytes | None],
        *,
        meta: Mapping[str, Sequence[Any]] | None = None,
        now_ms: int | None = None,
        observer: StageObserver | None = None,
        stop_ns: int | None = None,
        room_bytes: int | None = None,
    ) -> Batch:
        """Transform one batch as `run` does, without the native kernel."""
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        observe = observer or _observe_nothing
        room = Room(room_bytes)

        def work(part: Part) -> tuple[Batch, int]:
            rows, written, outcomes = self._run(part, now, self._encoder, observe)
            batch = _batch_of(self._joiner, rows, written, outcomes, rows.records)
            if self.spec.output.line_end == "none":
                # Rows of one record stay apart; what stands between records is the stream's.
                batch = replace(batch, data=[None if data is None else data[:-1] for data in batch.data])
            if withheld := room.keep(batch.data):
                batch = replace(batch, withheld=withheld)
            observe("encode")
            return batch, rows.records

        return joined(run_in_parts(work, failed, Part(payloads, meta or {}), stop_ns))

    def __repr__(self) -> str:
        spec = self.spec
        columns = "documents" if self._is_document else f"{len(shared_columns(spec))} columns"
        routes = f", {len(spec.routes)} routes" if spec.routes else ""
        return f"<Pipeline: {spec.source} to {spec.output.format}, {columns}{routes}>"

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
            schema: the columns; what `table.schema` says of this pipeline, by default.
        """
        from fastxform.encode import table  # a function has no use for it

        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        fields = table.schema(self.spec, self.map_batch) if schema is None else schema

        def work(part: Part) -> tuple["Columns", int]:
            encoder = table.TableEncoder(fields)
            rows, written, outcomes = self._run(part, now, encoder, _observe_nothing)
            batch = _batch_of(self._joiner, rows, written, outcomes, rows.records)
            return encoder.columns(rows, written, batch), rows.records

        def give_up(count: int, reason: str, faults: tuple[InternalFault, ...]) -> "Columns":
            return table.without_rows(fields, failed(count, reason, faults))

        return table.joined(run_in_parts(work, give_up, Part(payloads, meta or {}), None))

    def _run(
        self,
        part: Part,
        now: int,
        encoder: Encoder,
        observe: StageObserver,
    ) -> tuple[Rows, WrittenRows, Outcomes]:
        """Take a part through all stages; `encoder` gets the columns of each route's rows once they are all there."""
        selective = self._selective
        first = None if selective is None else selective.read(part.payloads, part.meta)
        rows = self._source.read(part.payloads, part.meta) if first is None else first
        written, outcomes = WrittenRows([None] * rows.count), Outcomes(dict(rows.failed))
        if rows.parents is not None:
            written.sizes = rows.sizes()
            written.routes = [None] * rows.count if len(self._plans) > 1 else None
        observe("decode")
        row_set = outcomes.surviving(RowSet(range(rows.count), rows.values))
        if rows.dropped:
            row_set = row_set.take([at for at, row in enumerate(row_set.rows) if row not in rows.dropped])
        row_set = self._router.filter_rows(row_set, outcomes, now)
        if selective is not None:
            selective.note(len(row_set), rows.count)
            if first is not None:
                observe("where")
                rows.values |= selective.read_rest(part.payloads, part.meta, row_set.rows)
                row_set = row_set.with_raw(rows.values)
                observe("decode")
        routed = self._router.route_rows(row_set, outcomes, now)
        observe("where")
        for plan, row_set in routed:
            if row_set.rows:
                if written.routes is not None:
                    written.add_route(row_set, plan.index)
                self._run_route(plan, row_set, rows, written, outcomes, now, encoder, observe)
        return rows, written, outcomes

    def _run_route(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        rows: Rows,
        written: WrittenRows,
        outcomes: Outcomes,
        now: int,
        encoder: Encoder,
        observe: StageObserver,
    ) -> None:
        """Take the rows of one route through the stages: types, `map_batch`, `expr`, metadata, bytes."""
        if self._is_document:
            if plan.has_metadata:
                written.add_metadata(row_set, metadata_of(plan, row_set, {}, rows, outcomes, now))
            self._write_documents(plan, outcomes.surviving(row_set), rows, written, outcomes, encoder)
            return
        for part, needed in self._by_what_is_needed(plan, row_set, rows, outcomes):
            if part.rows:
                self._run_rows(plan, part, needed, rows, written, outcomes, now, encoder, observe)

    def _by_what_is_needed(
        self, plan: RoutePlan, row_set: RowSet, rows: Rows, outcomes: Outcomes
    ) -> list[tuple[RowSet, frozenset[str] | None]]:
        """Return the rows with the columns that they need: all of them, but the keys alone for a delete."""
        if not plan.is_lenient_on_delete:
            return [(row_set, None)]
        row_set = outcomes.surviving(type_columns(row_set, plan.deciding, outcomes, with_json=True))
        deletes = delete_rows(plan, row_set, rows)
        if not deletes:
            return [(row_set, None)]
        return [(row_set.take(row_set.complement(deletes)), None), (row_set.take(deletes), plan.keys)]

    def _run_rows(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        needed: frozenset[str] | None,
        rows: Rows,
        written: WrittenRows,
        outcomes: Outcomes,
        now: int,
        encoder: Encoder,
        observe: StageObserver,
    ) -> None:
        """Take rows that need the same columns through the stages."""
        with_json = self.spec.output.format == "json"
        if self.map_batch is None:  # which may make less of it
            row_set = refuse_large(plan, row_set, rows, outcomes, with_json)
        row_set = outcomes.surviving(type_columns(row_set, plan.inputs, outcomes, with_json, needed))
        if not row_set.rows:
            return
        columns = plan.input_columns(row_set)
        added: list[str] = []
        if self.map_batch is not None:
            from fastxform.transform import map_batch as mapping

            given = columns.keys()
            row_set, columns = mapping.apply(self.map_batch, plan, row_set, columns, outcomes, self._faults)
            added = [name for name in columns if name not in given]
        if plan.expressions:
            row_set, columns = compute(plan.expressions, row_set, columns, outcomes, now, needed)
        observe("columns")
        visible = [columns[name] for name in (*(column.name for column in plan.visible), *added)]
        if plan.has_metadata:
            written.add_metadata(row_set, metadata_of(plan, row_set, columns, rows, outcomes, now))
        if plan.is_verbatim and self.map_batch is None:
            self._write_documents(plan, outcomes.surviving(row_set), rows, written, outcomes, encoder)
        else:
            encoder.write(plan, row_set, visible, written, outcomes)
        observe("encode")

    def _write_documents(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        rows: Rows,
        written: WrittenRows,
        outcomes: Outcomes,
        encoder: Encoder,
    ) -> None:
        """Write the documents themselves; those that are none, or too long, fail."""
        documents, malformed, large = self._documents.write(rows.texts, row_set.rows)
        outcomes.fail(row_set, malformed, "type:*")
        outcomes.fail(row_set, large, "never_fits")
        encoder.write_documents(plan, row_set, documents, written)


def _check_payloads(payloads: Sequence[bytes | None]) -> None:
    """Refuse what is no list of bytes; one look, since a batch is not mixed."""
    if isinstance(payloads, Payloads):  # of an event; a look at one of them would decode them all
        return
    if isinstance(payloads, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"payloads is a list of bytes, one for each record, and not {type(payloads).__name__}")
    first = next((payload for payload in payloads if payload is not None), b"")
    if isinstance(first, str):
        raise TypeError("payloads are bytes, and the first is str: encode it, as in text.encode()")
    if not isinstance(first, (bytes, bytearray, memoryview)):
        raise TypeError(f"payloads are bytes, and the first is {type(first).__name__}")


def _observe_nothing(stage: Stage) -> None:
    """Stand for the observer of a run that has none."""


def _batch_of(joiner: Joiner, rows: Rows, written: WrittenRows, outcomes: Outcomes, count: int) -> Batch:
    """Answer the records: failed with a reason, dropped where nothing was written, else Ok."""
    data, reasons, metadata = written.data, outcomes.reasons, written.metadata
    left_out: dict[str, int] = {}
    if written.sizes is not None:
        groups = None
        routes = written.routes or [None] * rows.count
        if metadata is not None or len(set(routes) - {None}) > 1:
            groups = list(zip(routes, metadata or [None] * rows.count, strict=True))
        joined = joiner.join(rows, data, reasons, groups, written.sizes, written.together)
        data, reasons, left_out = joined.data, joined.failed, joined.left_out
        if metadata is not None:
            metadata = [None if row is None else metadata[row] for row in joined.first]
    counts = outcomes.where_null, (), outcomes.values_nulled, len(rows.empty), left_out, outcomes.values_rounded
    if not reasons and None not in data:
        return Batch([OK] * count, [None] * count, data, metadata, *counts)
    reason: list[str | None] = [None] * count
    for record, code in reasons.items():
        reason[record], data[record] = code, None
    result = [
        OK if row is not None else DROPPED if code is None else FAILED for row, code in zip(data, reason, strict=True)
    ]
    if metadata is not None:
        metadata = [value if word == OK else None for value, word in zip(metadata, result, strict=True)]
    return Batch(result, reason, data, metadata, *counts)
