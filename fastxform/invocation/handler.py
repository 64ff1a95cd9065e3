"""One invocation: event to batch, batch to response, and what does not fit back to its stream.

The order matters and stands here: the whole plan is known before anything is put back, and the response is written
after. Invariant: each record of the event is answered once, in order, and the response as sent is at most Lambda's
limit.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from fastxform import runtime
from fastxform.core.payloads import Payloads
from fastxform.errors import ConfigError
from fastxform.invocation import budget, context, event, memory, telemetry
from fastxform.invocation.event import Event
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.pipeline import Batch, Pipeline
from fastxform.settings import report_settings

if TYPE_CHECKING:
    from fastxform.invocation.overflow import Overflowing
    from fastxform.puts.client import ClientFactory
    from fastxform.puts.reingest import Reingester

Handler = Callable[[Any, Any], Any]

_SPELLINGS: Final = {
    "compact": budget.COMPACT,
    "runtime_utf8": budget.RUNTIME_UTF8,
    "runtime_ascii": budget.RUNTIME_ASCII,
}

_KINESIS: Final = {"partition_key": "partitionKey", "sequence_number": "sequenceNumber", "shard_id": "shardId"}


class InvocationObserver(Protocol):
    """Follows the records of invocations; `tools.simulator` has one."""

    def transformed(self, batch: Batch) -> None:
        """Take a batch as the pipeline made it."""

    def overflowing(self, records: Sequence[int]) -> None:
        """Take the indices of the records that are about to be put back."""

    def answered(self, batch: Batch) -> None:
        """Take a batch as the response says it."""


def make_handler(
    pipeline: Pipeline | str | os.PathLike[str],
    client: "ClientFactory | Reingester | None" = None,
    *,
    observer: InvocationObserver | None = None,
    reports: bool | None = None,
) -> Handler:
    """Return the Lambda handler of a pipeline: `(event, context) -> response`.

    An event as dict is answered with a dict, one as bytes with the bytes of the compact JSON response. `context` may be
    None: then nothing ends the invocation.

    Args:
        pipeline: the transform, or the path of its configuration.
        client: `client(service, region, config)` makes the AWS client that puts records back; boto3's by default,
            imported when the first batch overflows. Or a Reingester, which then puts records back.
        observer: follows the records of each invocation.
        reports: whether metrics and log lines go to standard output, as in Lambda; by default in Lambda alone, and
            where variables of Powertools for AWS Lambda ask for them.

    Raises:
        ConfigError: a variable of the environment asks for metrics or a log that cannot be written, or the
            configuration cannot be used.
    """
    if isinstance(pipeline, (str, os.PathLike)):
        pipeline = Pipeline.load(pipeline)
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            f"make_handler takes a Pipeline or the path of its configuration, not {type(pipeline).__name__}"
        )
    invoker = _Invoker(pipeline, client, observer, reports)

    def handler(event: Any, context: Any = None) -> Any:
        return invoker(event, context)

    return handler


class _Invoker:
    """What lives as long as the container: the pipeline and what is known of its streams."""

    def __init__(
        self,
        pipeline: Pipeline,
        client: "ClientFactory | Reingester | None",
        observer: InvocationObserver | None,
        reports: bool | None,
    ) -> None:
        self.pipeline, self.client, self.observer = pipeline, client, observer
        reporting, mistakes = report_settings(reports=reports)
        if mistakes:
            raise ConfigError(tuple(mistakes))
        self.reporter = telemetry.Reporter(reporting)
        self.memory = memory.KeptMemory()

    @cached_property
    def overflowing(self) -> "Overflowing":
        """What answers records that do not fit; imported for the first batch that has some."""
        from fastxform.invocation.overflow import Overflowing

        return Overflowing(self.pipeline.spec.overflow, self.client, self.pipeline.spec.changed_tables)

    def __call__(self, raw: Any, lambda_context: Any) -> Any:
        """Answer one event, and report it; an event that raises is reported by the runtime alone.

        Raises:
            EventError: it is no Firehose event.
        """
        report = self.reporter.begin(lambda_context)
        was_collecting = memory.pause_collection()
        try:
            response = self._answer(raw, lambda_context, report)
        finally:
            memory.resume_collection(was_collecting)
        self.reporter.write(report)
        return response

    def _answer(self, raw: Any, lambda_context: Any, report: telemetry.InvocationReport) -> Any:
        record_stage = report.clock.record_stage
        report.kernel = self.pipeline.kernel
        if type(raw) is bytes and self.observer is None:
            native = self.pipeline.answer(raw, RESPONSE_LIMIT_BYTES, record_stage, context.stop_ns(lambda_context))
            if native is not None:
                report.take_native(native, len(raw))
                return native.written
        elif type(raw) is dict and self.observer is None:
            costs = _SPELLINGS[runtime.spelling()].costs
            stop_ns = context.stop_ns(lambda_context)
            native = self.pipeline.answer_records(raw, costs, RESPONSE_LIMIT_BYTES, record_stage, stop_ns)
            if native is not None:
                report.take_native(native, None)
                return {"records": native.written}
        asked = self.pipeline.meta_names
        received = event.read(raw, with_arrival="arrival_ms" in asked, with_kinesis=not asked.isdisjoint(_KINESIS))
        payloads = Payloads(received.data())
        meta = self._meta(received)
        record_stage("event")
        batch = self.pipeline.run(
            payloads,
            meta=meta,
            observer=record_stage,
            stop_ns=context.stop_ns(lambda_context),
            room_bytes=RESPONSE_LIMIT_BYTES if self.observer is None else None,
        )
        if self.observer is not None:
            self.observer.transformed(batch)
        as_bytes = isinstance(raw, (bytes, bytearray, memoryview))
        response: Any = None
        if as_bytes and not batch.withheld:
            response = event.write_bytes(received, batch.result, batch.data, batch.metadata)
            record_stage("response")
        spelling = _SPELLINGS["compact" if as_bytes else runtime.spelling()]
        bytes_out = None if response is None else len(response)
        if not as_bytes and not batch.withheld:
            bytes_out = budget.most_bytes(received, batch, spelling)
        if bytes_out is None or bytes_out > RESPONSE_LIMIT_BYTES:
            plan = budget.plan_response(received, batch, spelling, RESPONSE_LIMIT_BYTES)
            bytes_out = plan.response_bytes_max
            if plan.back or plan.never:
                record_stage("budget")
                back = self.overflowing.going_back(plan, batch)
                if self.observer is not None:
                    self.observer.overflowing(back)
                batch, report.put_back = self.overflowing.answer(plan, back, received, batch, payloads, lambda_context)
                response = None
                record_stage("reingest")
        record_stage("budget")
        if not as_bytes:
            response = event.write_dict(received, batch.result, batch.data, batch.metadata)
        elif response is None:
            response = event.write_bytes(received, batch.result, batch.data, batch.metadata)
            bytes_out = len(response)
        record_stage("response")
        self.memory.keep(received.record_ids, batch.data)
        if self.observer is not None:
            self.observer.answered(batch)
        report.take(received, batch, None if isinstance(raw, Mapping) else len(raw), bytes_out)
        return response

    def _meta(self, received: Event) -> dict[str, Sequence[Any]]:
        values: dict[str, Sequence[Any]] = {}
        for name in self.pipeline.meta_names:
            if name == "arrival_ms":
                values[name] = received.arrival_ms()
            elif name == "record_id":
                values[name] = received.ids_as_text()
            else:
                values[name] = received.kinesis(_KINESIS[name])
        return values
