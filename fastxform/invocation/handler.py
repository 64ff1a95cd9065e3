"""One invocation: event to batch, batch to response, and what does not fit back to its stream.

The order matters and stands here: the whole plan is known before anything is put back, and the response is written
after. Invariant: each record of the event is answered once, in order, and the response as sent is at most Lambda's
limit.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from fastxform import runtime
from fastxform.core import payloads as payload
from fastxform.core.timing import mark
from fastxform.errors import DROPPED, OK, ConfigError
from fastxform.invocation import budget, event, telemetry
from fastxform.invocation.budget import Spelling
from fastxform.invocation.event import Event
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.pipeline import Batch, Pipeline
from fastxform.settings import report_settings

if TYPE_CHECKING:
    from fastxform.invocation.overflow import Overflowing
    from fastxform.puts.reingest import ClientFactory, Reingester

Handler = Callable[[Any, Any], Any]

_SPELLINGS: Final = {
    "compact": budget.COMPACT,
    "runtime_utf8": budget.RUNTIME_UTF8,
    "runtime_ascii": budget.RUNTIME_ASCII,
}
_KEPT_BYTES: Final = 32 * 1024 * 1024 - 65_536
"""The C library gives buffers back to the system, and faults their pages in again at the next invocation, until it has
freed one of this size: 1,600 pages and 3.5 of 6.2 ms for 60 records of 60 KB. Untouched, it costs a system call."""
_KEPT_STEP: Final = 256
"""One in so many small objects outlives its invocation: the interpreter gives back a megabyte of which nothing is left,
and the next invocation faults it in again, 270 pages for 25,000 small records."""
_SMALL_BYTES: Final = 512
"""Up to this size CPython's own allocator has an object."""

_KINESIS: Final = {"partition_key": "partitionKey", "sequence_number": "sequenceNumber", "shard_id": "shardId"}


def make_handler(pipeline: Pipeline, client: "ClientFactory | Reingester | None" = None) -> Handler:
    """Return the Lambda handler of a pipeline: `(event, context) -> response`.

    An event as dict is answered with a dict, one as bytes with the bytes of the compact JSON response. `context` may be
    None: then nothing ends the invocation.

    Args:
        pipeline: the transform.
        client: `client(service, region, config)` makes the AWS client that puts records back; boto3's by default,
            imported when the first batch overflows. Or a Reingester, which then puts records back.

    Raises:
        ConfigError: a variable of the environment asks for metrics or a log that cannot be written.
    """
    invocation = _Invocation(pipeline, client)

    def handler(event: Any, context: Any = None) -> Any:
        return invocation(event, context)

    return handler


class _Invocation:
    """What lives as long as the container: the pipeline and what is known of its streams."""

    def __init__(self, pipeline: Pipeline, client: "ClientFactory | Reingester | None") -> None:
        self.pipeline, self.client = pipeline, client
        bytes(_KEPT_BYTES)
        reporting, mistakes = report_settings()
        if mistakes:
            raise ConfigError(tuple(mistakes))
        self.reporter = telemetry.Reporter(reporting)
        self._kept: tuple[Any, ...] = ()

    @cached_property
    def overflowing(self) -> "Overflowing":
        """What answers records that do not fit; imported for the first batch that has some."""
        from fastxform.invocation.overflow import Overflowing

        return Overflowing(self.pipeline.spec.overflow, self.client)

    def __call__(self, raw: Any, context: Any) -> Any:
        """Answer one event, and say what was done; of an event that raises nothing is said but by the runtime.

        Raises:
            EventError: it is no Firehose event.
        """
        told = self.reporter.begin(context)
        collects = gc.isenabled()
        # Lists and dicts by the thousand, and none of them in a cycle: to look for some took 5 % of an invocation.
        gc.disable()
        try:
            with told.clock:
                response = self._answer(raw, context, told)
        finally:
            if collects:
                gc.enable()
        self.reporter.write(told)
        return response

    def _answer(self, raw: Any, context: Any, told: telemetry.Invocation) -> Any:
        asked = self.pipeline.meta_names
        found = event.read(raw, with_arrival="arrival_ms" in asked, with_kinesis=not asked.isdisjoint(_KINESIS))
        payloads = payload.Payloads(found.data())
        meta = self._meta(found)
        mark("event")
        batch = self.pipeline.run(payloads, meta=meta)
        mark("rows")
        as_bytes = not isinstance(raw, dict)
        response = event.write_bytes(found, batch.result, batch.data, batch.metadata) if as_bytes else None
        mark("response")
        spelling = _SPELLINGS["compact" if as_bytes else runtime.spelling()]
        size_bytes = _most_bytes(found, batch, spelling) if response is None else len(response)
        if size_bytes is None or size_bytes > RESPONSE_LIMIT_BYTES:
            plan = _plan(found, batch, spelling)
            size_bytes = plan.response_bytes_max
            mark("cutoff")
            if plan.back or plan.never:
                told.put_back = self.overflowing.answer(plan, found, batch, payloads, context)
                response = None
                mark("reingest")
        mark("cutoff")
        answer: Any = response
        if not as_bytes:
            answer = event.write_dict(found, batch.result, batch.data, batch.metadata)
        elif response is None:
            answer = event.write_bytes(found, batch.result, batch.data, batch.metadata)
        mark("response")
        rows = batch.data[::_KEPT_STEP]
        self._kept = (
            found.record_ids[::_KEPT_STEP],
            [row for row in rows if row is not None and len(row) <= _SMALL_BYTES],
        )
        told.count(batch)
        told.bytes_in = None if isinstance(raw, Mapping) else len(raw)
        told.bytes_out = len(answer) if as_bytes else size_bytes
        told.delivery_stream_arn = found.delivery_stream_arn
        told.invocation_id = telemetry.invocation_id(found.invocation_id)
        return answer

    def _meta(self, found: Event) -> dict[str, Sequence[Any]]:
        values: dict[str, Sequence[Any]] = {}
        for name in self.pipeline.meta_names:
            if name == "arrival_ms":
                values[name] = found.arrival_ms()
            elif name == "record_id":
                values[name] = found.ids_as_text()
            else:
                values[name] = found.kinesis(_KINESIS[name])
        return values


def _plan(found: Event, batch: Batch, spelling: Spelling) -> budget.Plan:
    """Count the response exactly as it will be sent and decide what of it goes."""
    if found.is_kafka:
        spelling = spelling.for_msk()
    sizes = spelling.entry_sizes(
        pa.array(_text_sizes(found.record_ids, spelling), pa.int64()),
        pa.array([None if data is None else (len(data) + 2) // 3 * 4 for data in batch.data], pa.int64()),
        None if batch.metadata is None else pa.array(_metadata_sizes(batch, spelling), pa.int64()),
        pa.array([word == DROPPED for word in batch.result], pa.bool_()),
    )
    is_ok = pa.array([word == OK for word in batch.result], pa.bool_())
    return budget.plan(is_ok, *sizes, spelling.envelope_bytes, spelling.separator_bytes, RESPONSE_LIMIT_BYTES)


def _most_bytes(found: Event, batch: Batch, spelling: Spelling) -> int | None:
    """Return what a response that is not written yet can be at most; None where only counting it exactly tells."""
    ids = "".join(found.record_ids)
    if batch.metadata is not None or not event.is_plain(ids):
        return None
    data_bytes = sum(map(len, filter(None, batch.data)))
    entry_bytes = max(spelling.for_msk().ok_cost_bytes, spelling.failed_cost_bytes) + spelling.separator_bytes + 4
    return spelling.envelope_bytes + len(batch) * entry_bytes + len(ids) + data_bytes * 4 // 3


def _text_sizes(texts: Sequence[str], spelling: Spelling) -> list[int]:
    if event.is_plain("".join(texts)):
        return list(map(len, texts))
    return [spelling.text_bytes(text) for text in texts]


def _metadata_sizes(batch: Batch, spelling: Spelling) -> list[int | None]:
    assert batch.metadata is not None
    return [None if found is None else spelling.json_bytes(found) for found in batch.metadata]
