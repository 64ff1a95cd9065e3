"""The stages of a pipeline by the native kernel, for the records that it is sure of.

Decoding, typing and writing rows are the kernel's, conditions and expressions Arrow's, as in the engine; the records
that either is not sure of go through the engine as a batch of their own, in their places. Invariant: what a record is
answered does not depend on who answered it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from fastxform.config.model import Column, Spec
from fastxform.core import kernels, native
from fastxform.core.native import Switch
from fastxform.core.payloads import DecompressionError, Payloads, decompress
from fastxform.core.structs import Struct, field
from fastxform.core.timing import Stage
from fastxform.decode.native_plan import compile_plan, out_of_images
from fastxform.decode.native_values import UnsupportedError
from fastxform.decode.source import EVENT_NAME
from fastxform.encode.batch import InternalFault
from fastxform.encode.native_encoder import NativeRowEncoder
from fastxform.encode.withheld import WithheldRow
from fastxform.errors import DROPPED, FAILED, OK
from fastxform.limits import RECORD_ROWS_LIMIT
from fastxform.transform.native_columns import NativeColumns
from fastxform.transform.native_route import NativeRouter, RouteRows
from fastxform.transform.route import RoutePlan, shared_columns

if TYPE_CHECKING:
    from typing import Protocol

    from fastxform.query.compiler import Expression
    from fastxform.transform.native_map import OwnCode

    class EngineBatch(Protocol):
        """What the engine answers: a `Batch`, whose module stands above this one."""

        @property
        def result(self) -> list[str]:
            """`Ok`, `Dropped` or `ProcessingFailed` of each record."""

        @property
        def reason(self) -> list[str | None]:
            """Why a record failed."""

        @property
        def data(self) -> list[bytes | None]:
            """The row of each record."""

        @property
        def metadata(self) -> list[dict[str, Any] | None] | None:
            """The metadata of each record."""

        @property
        def where_null(self) -> int:
            """How many rows were dropped because `where` was null."""

        @property
        def faults(self) -> tuple[InternalFault, ...]:
            """What was not expected."""

        @property
        def empty(self) -> int:
            """How many records hold nothing."""

        @property
        def values_nulled(self) -> int:
            """How many values were null instead of failing their rows."""

        @property
        def rows_dropped(self) -> Mapping[str, int]:
            """How many rows were left out of their records, by reason."""

        @property
        def values_rounded(self) -> int:
            """How many values had more digits than float64 keeps."""

        @property
        def withheld(self) -> int:
            """How many rows are not kept, but their length."""


__all__ = ["Answers", "NativePipeline", "NativeResponse", "UnsupportedError"]

_ENCODER: Final = msgspec.json.Encoder()
_DECODE: Final = msgspec.json.Decoder().decode

Observe = Callable[[Stage], None]


Engine = Callable[[Sequence[Any], Mapping[str, Sequence[Any]], int, int | None, int | None], "EngineBatch"]
"""Payloads, `meta`, the time and the end of it, and the room there is for rows, through the engine."""


class WrittenPart(Struct):
    """Records with their rows, and their metadata: None, JSON for all of them, or an array of JSON."""

    records: pa.Int32Array
    rows: pa.BinaryArray
    metadata: Any


class Answers(Struct):
    """What became of the records of a batch; those of no part, and not failed, are dropped.

    Attributes:
        parts: the records that have rows.
        failed: why records failed.
        fallback_count: how many records were the engine's.
        where_null: how many rows were dropped because `where` was null.
        faults: more of the records that failed as `internal`.
        empty: how many records hold nothing.
        values_nulled: how many values were null instead of failing their rows.
        rows_dropped: how many rows were left out of their records, by reason.
        values_rounded: how many values had more digits than float64 keeps.
        withheld: the rows of records of which only the length is kept.
    """

    record_count: int
    parts: list[WrittenPart]
    failed: dict[int, str]
    fallback_count: int
    where_null: int
    faults: tuple[InternalFault, ...] = ()
    empty: int = 0
    values_nulled: int = 0
    rows_dropped: Mapping[str, int] = field(default_factory=dict)
    values_rounded: int = 0
    withheld: Mapping[int, Any] = field(default_factory=dict)

    @property
    def ok_count(self) -> int:
        """How many records have rows."""
        return sum(len(part.records) for part in self.parts)

    def lists(
        self,
    ) -> tuple[list[str], list[str | None], list[bytes | None], list[dict[str, Any] | None] | None]:
        """Return result, reason, data and metadata as lists of one entry a record."""
        count = self.record_count
        result: list[Any] = [DROPPED] * count
        reason: list[Any] = [None] * count
        data: list[Any] = [None] * count
        metadata: list[Any] | None = None
        for part in self.parts:
            records: list[Any] = part.records.to_pylist()
            for record, row in zip(records, part.rows.to_pylist(), strict=True):
                result[record], data[record] = OK, row
            if part.metadata is None:
                continue
            metadata = [None] * count if metadata is None else metadata
            is_one = isinstance(part.metadata, bytes)
            each = [_DECODE(part.metadata)] * len(records) if is_one else map(_DECODE, part.metadata.to_pylist())
            for record, record_metadata in zip(records, each, strict=True):
                metadata[record] = record_metadata
        for record, length in self.withheld.items():
            result[record], data[record] = OK, length
        for record, why in self.failed.items():
            result[record], reason[record] = FAILED, why
        return result, reason, data, metadata


class NativeResponse(Struct):
    """A response, its bytes or its entries as dicts, and what it says."""

    written: Any
    bytes_out: int
    answers: Answers
    delivery_stream_arn: str | None
    invocation_id: str | None


class NativePipeline:
    """The stages of one transform by the kernel."""

    def __init__(
        self,
        spec: Spec,
        where: "Expression | None",
        plans: Sequence[RoutePlan],
        engine: Engine,
        own: "OwnCode | None" = None,
        width: int = native.WIDTHS[-1],
    ) -> None:
        """Compile the plan; `engine` answers what the kernel does not, and `own` is the user's `map_batch`.

        Raises:
            UnsupportedError: the kernel does not know all of the transform.
        """
        self.engine = engine
        if own is not None and not all(plan.visible for plan in plans):
            raise UnsupportedError("map_batch without a visible column")
        keyed: dict[Any, Column] = {column.name: column for column in shared_columns(spec)}
        keyed |= {key: column for plan in plans for key, column in plan.inputs}
        asks_event_name = any(plan.needs_event_name for plan in plans)
        self.plan = compile_plan(spec, keyed, EVENT_NAME if asks_event_name else None, width)
        self.images = [self.plan.index[key] for key in out_of_images(spec, keyed)]
        self.switch = Switch()
        self.router = NativeRouter(spec, where, plans, self.plan, own)
        self.encoders = [NativeRowEncoder(spec, plan, self.plan) for plan in plans]
        self.reads_events = all(meta.name == "arrival_ms" for meta in self.plan.metas.values())

    def run(
        self,
        payloads: Sequence[Any],
        meta: Mapping[str, Sequence[Any]],
        now_ms: int,
        observe: Observe,
        stop_ns: int | None,
        room_bytes: int | None = None,
    ) -> Answers | None:
        """Return what becomes of payloads, as `Pipeline.run` takes them; None where the batch is the engine's."""
        if not self.switch.is_on():
            return None
        texts, is_base64 = (payloads.texts, True) if isinstance(payloads, Payloads) else (payloads, False)
        decoded = self.plan.plan.decode_texts(
            texts if isinstance(texts, list) else list(texts), is_base64, _unpack, _UNPACKED_MOST_BYTES
        )
        if len(decoded.fallback) == len(payloads):
            self.switch.note(len(payloads), len(payloads))
            return None
        observe("decode")
        columns = NativeColumns(self.plan, decoded, None, meta)

        def by_engine(records: list[int]) -> "EngineBatch":
            part = [payloads[record] for record in records]
            taken = {name: [values[record] for record in records] for name, values in meta.items() if values}
            return self.engine(part, taken, now_ms, stop_ns, room_bytes)

        return self._answers(columns, now_ms, by_engine, observe)

    def answer(
        self, event: bytes, limit_bytes: int, now_ms: int, observe: Observe, stop_ns: int | None
    ) -> NativeResponse | None:
        """Return the response to an event; None where the event, or a response above the limit, is the engine's."""
        if not self.reads_events or self.switch.is_paused:
            return None
        decoded = self.plan.plan.decode_event(event, _unpack, _UNPACKED_MOST_BYTES)
        if decoded is None:
            return None
        if decoded.fallback and len(decoded.fallback) == decoded.record_count:
            # Above the limit all of it would be done twice.
            self.switch.note(decoded.record_count, decoded.record_count)
            return None
        observe("decode")
        parsed = decoded.event
        assert parsed is not None

        def by_engine(records: list[int]) -> "EngineBatch":
            taken = pa.array(records, pa.int32())
            starts, ends = (kernels.take(part, taken).to_pylist() for part in (parsed.data_starts, parsed.data_ends))
            texts = [_base64_of(event[start:end]) for start, end in zip(starts, ends, strict=True)]
            meta = {}
            if parsed.arrivals is not None:
                meta["arrival_ms"] = kernels.take(parsed.arrivals, taken).to_pylist()
            return self.engine(Payloads(texts), meta, now_ms, stop_ns, limit_bytes)

        answers = self._answers(NativeColumns(self.plan, decoded, parsed.arrivals, {}), now_ms, by_engine, observe)
        if answers.withheld:  # more than the limit for certain
            return None
        written = self.plan.plan.respond(parsed.ids, parsed.is_kafka, answers.parts, list(answers.failed), limit_bytes)
        observe("response")
        if isinstance(written, int):
            return None
        arn, invocation_id = parsed.delivery_stream_arn, parsed.invocation_id
        return NativeResponse(written, len(written), answers, arn, invocation_id)

    def answer_records(
        self,
        event: Mapping[str, Any],
        costs: tuple[int, ...],
        limit_bytes: int,
        now_ms: int,
        observe: Observe,
        stop_ns: int | None,
    ) -> NativeResponse | None:
        """Return the response to an event that the runtime has decoded; None where it is unusual, or above the limit.

        Args:
            event: as the runtime made it.
            costs: as `KernelPlan.respond_records` takes them.
            limit_bytes: the largest response that is written.
            now_ms: the time, epoch milliseconds.
            observe: is told when a stage has ended.
            stop_ns: when the invocation has to end.
        """
        records = event.get("records")
        if self.plan.metas or self.switch.is_paused or type(records) is not list:
            return None
        read = None if event.get("sourceMSKArn") is not None else native.read_records(records)
        if read is None:
            return None
        ids, texts = read
        observe("event")
        decoded = self.plan.plan.decode_texts(texts, True, _unpack, _UNPACKED_MOST_BYTES)
        observe("decode")

        def by_engine(records: list[int]) -> "EngineBatch":
            return self.engine(Payloads([texts[record] for record in records]), {}, now_ms, stop_ns, limit_bytes)

        answers = self._answers(NativeColumns(self.plan, decoded, None, {}), now_ms, by_engine, observe)
        if answers.withheld:
            return None
        written = self.plan.plan.respond_records(ids, answers.parts, list(answers.failed), costs, limit_bytes)
        observe("response")
        if written is None:
            return None
        facts = event.get("deliveryStreamArn"), event.get("invocationId")
        arn, invocation_id = (fact if isinstance(fact, str) else None for fact in facts)
        return NativeResponse(*written, answers, arn, invocation_id)

    def _answers(
        self, columns: NativeColumns, now_ms: int, by_engine: "Callable[[list[int]], EngineBatch]", observe: Observe
    ) -> Answers:
        """Take the rows through the stages, and what falls back through the engine."""
        decoded = columns.decoded
        fallback = set(decoded.fallback) | _without_images(decoded, self.images)
        while True:
            routed = self.router.route(columns, fallback, now_ms, observe)
            fallback |= routed.odd
            # Of several rows of an odd record some may have been taken: without all of them once more.
            if not routed.odd or not self.router.is_of_rows:
                break
        failed = dict.fromkeys(routed.unmatched, "unmatched")
        where_null = routed.where_null
        parts = []
        for encoder, route in zip(self.encoders, routed.routes, strict=False):
            if route is not None and route.rows.count:
                rows, records, refused = encoder.write(columns, route)
                metadata = route.metadata if not refused else _without(route, columns, refused)
                parts.append(WrittenPart(records, rows, metadata))
                fallback.update(refused)
        self.switch.note(len(fallback), decoded.record_count)
        observe("encode")
        faults: tuple[InternalFault, ...] = ()
        empty = values_nulled = values_rounded = 0
        rows_dropped: Mapping[str, int] = {}
        withheld: Mapping[int, Any] = {}
        if fallback:
            ordered = sorted(fallback)
            batch = by_engine(ordered)
            where_null += batch.where_null
            empty, values_nulled, rows_dropped = batch.empty, batch.values_nulled, batch.rows_dropped
            values_rounded = batch.values_rounded
            if batch.withheld:
                withheld = {r: d for r, d in zip(ordered, batch.data, strict=True) if isinstance(d, WithheldRow)}
            parts += _parts_of(batch, ordered)
            failed |= {r: str(reason) for r, reason in zip(ordered, batch.reason, strict=True) if reason is not None}
            failed = dict(sorted(failed.items()))
            faults = tuple(InternalFault(ordered[f.record], f.exception, f.location) for f in batch.faults)
        counts = empty, values_nulled, rows_dropped, values_rounded, withheld
        return Answers(decoded.record_count, parts, failed, len(fallback), where_null, faults, *counts)


def _without_images(decoded: native.Decoded, images: list[int]) -> set[int]:
    """Return the records none of whose values out of an image is there: the engine looks whether there is an image."""
    nulls = None
    for index in images:
        array = decoded.columns[index].array
        if not array.null_count:
            return set()
        is_null = kernels.call("is_null", [array])
        nulls = is_null if nulls is None else kernels.call("and", [nulls, is_null])
    if nulls is None or not nulls.true_count:
        return set()
    return set(kernels.keep(decoded.row_records, nulls).to_pylist())


def _without(route: RouteRows, columns: NativeColumns, refused: list[int]) -> Any:
    """Return the metadata of the records of a route that could be written."""
    if route.metadata is None or isinstance(route.metadata, bytes):
        return route.metadata
    records = route.rows.take(columns.decoded.row_records)
    unique = kernels.call("unique", [records])
    options = kernels.options.SetLookupOptions(pa.array(refused, pa.int32()))
    return kernels.keep(route.metadata, kernels.call("invert", [kernels.call("is_in", [unique], options)]))


def _parts_of(batch: "EngineBatch", records: list[int]) -> list[WrittenPart]:
    """Return what the engine answered as parts."""
    is_ok = [
        word == OK and not isinstance(data, WithheldRow) for word, data in zip(batch.result, batch.data, strict=True)
    ]
    rows = list(compress(batch.data, is_ok))
    if not rows:
        return []
    metadata = None
    if batch.metadata is not None:
        # `null` cannot take from none in an array: the records of each are apart
        with_metadata = [ok and each is not None for ok, each in zip(is_ok, batch.metadata, strict=True)]
        if not all(is_it for is_it, ok in zip(with_metadata, is_ok, strict=True) if ok):
            bare = [ok and not it for ok, it in zip(is_ok, with_metadata, strict=True)]
            return [
                *([_part(batch, records, with_metadata, True)] if any(with_metadata) else []),
                *([_part(batch, records, bare, False)] if any(bare) else []),
            ]
        return [_part(batch, records, is_ok, True)]
    return [WrittenPart(pa.array(list(compress(records, is_ok)), pa.int32()), pa.array(rows, pa.binary()), metadata)]


def _part(batch: "EngineBatch", records: list[int], mask: list[bool], with_metadata: bool) -> WrittenPart:
    each = None
    if with_metadata and batch.metadata is not None:
        each = pa.array([_ENCODER.encode(value) for value in compress(batch.metadata, mask)], pa.binary())
    return WrittenPart(
        pa.array(list(compress(records, mask)), pa.int32()),
        pa.array(list(compress(batch.data, mask)), pa.binary()),
        each,
    )


_UNPACKED_MOST_BYTES: Final = 3 * RECORD_ROWS_LIMIT
"""Fewer bytes hold no more rows than a record may, whatever they hold: two braces and a comma is least."""


def _unpack(payload: bytes) -> bytes | None:
    """Return what a payload unpacks to; None where that is the engine's, which refuses what holds too much."""
    try:
        return decompress(payload, _UNPACKED_MOST_BYTES)
    except DecompressionError:
        return None


def _base64_of(text: bytes) -> str | None:
    """Return what a JSON string out of an event holds; None where it is none that can be decoded."""
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.MsgspecError, ValueError):
        return None
