"""`fastxform run`: one batch through a transform, for people to look at.

The output of `Ok` records goes to standard output, every failed one is a line on standard error. Invariant: input
that is no event is run as the event that it would arrive in.
"""

import argparse
import contextlib
import io
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Console, counted, explain, number_of
from fastxform.cli.inputs import open_reader, read_source
from fastxform.cli.progress import Progress
from fastxform.errors import DROPPED, FAILED, OK, EventError, InputError

if TYPE_CHECKING:
    from fastxform.invocation.event import Event
    from fastxform.pipeline import Batch, Pipeline

HELP: Final = "run one batch and print its output"

EPILOG: Final = (
    "INPUT is a Firehose event, a DynamoDB Streams batch, one record, or newline-delimited records; gzip is looked "
    "through. Exit code 2 says that the configuration or the input cannot be used."
)

EXAMPLES: Final = (
    ("fastxform run cities.toml event.json", "the rows of one batch"),
    ("fastxform generate --table ses | fastxform run ses.toml - --json", "the outcome of every record"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="the transform")
    parser.add_argument("input", metavar="INPUT", help="the records; - is standard input")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--response", action="store_true", help="print the response that Firehose would get")
    shape.add_argument("--json", action="store_true", help="print one JSON object with the outcome of every record")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if a record failed")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Run the batch and print what became of it."""
    from fastxform.pipeline import Pipeline

    pipeline = Pipeline.load(options.config)
    event = _event(options.input, console)
    try:
        batch = _respond(pipeline, event, console) if options.response else _run(pipeline, event)
    except EventError as err:
        raise InputError(f"{options.input}: {err}") from err
    if options.json:
        console.json(_as_json(batch))
    elif not options.response:
        for data in batch.data:
            console.data(data or b"")
    if not options.json:
        for number, reason in enumerate(batch.reason, 1):
            if reason is not None:
                console.note(f"record {number}: {explain(reason)}")
    console.note(_summary(batch))
    return 1 if options.strict and FAILED in batch.result else 0


def _event(name: str, console: Console) -> bytes:
    """Return the input as one event."""
    from fastxform.tools.sample_data import burst

    with open_reader(name) as reader:
        source = read_source(reader)
        if source.event is not None:
            return source.event
        with Progress(console, share=reader.done_share) as progress:
            return burst.event(item.data for item in progress.over(source.items))


def _run(pipeline: "Pipeline", raw: bytes) -> "Batch":
    """Run the records of an event without the limit of a response."""
    from fastxform.core import payloads
    from fastxform.invocation import event

    event_of_payload = event.read(raw)
    return pipeline.run(payloads.decode_all(event_of_payload.data()), meta=_meta(event_of_payload))


def _meta(event: "Event") -> dict[str, Any]:
    return {
        "arrival_ms": event.arrival_ms(),
        "record_id": event.record_ids,
        "partition_key": event.kinesis("partitionKey"),
        "sequence_number": event.kinesis("sequenceNumber"),
        "shard_id": event.kinesis("shardId"),
    }


def _respond(pipeline: "Pipeline", raw: bytes, console: Console) -> "Batch":
    """Answer an event as the function would; what it puts back goes nowhere and is counted."""
    from fastxform.tools.simulator.recorder import Recorder

    put_back: list[bytes] = []

    def put(index: int, data: bytes, partition_key: str | None) -> str:
        put_back.append(data)
        return str(len(put_back))

    recorder = Recorder(pipeline, put, kinesis=b'"kinesisRecordMetadata"' in raw)
    with contextlib.redirect_stdout(io.StringIO()):
        response = recorder.handler(raw, None)
    console.data(response + b"\n")
    if put_back:
        console.note(f"{number_of(len(put_back), 'record')} did not fit and would be put back on the stream")
    return recorder.batch


def _as_json(batch: "Batch") -> dict[str, Any]:
    metadata = batch.metadata or [None] * len(batch)
    outcomes = []
    for number, (result, reason, data, routed) in enumerate(
        zip(batch.result, batch.reason, batch.data, metadata, strict=True), 1
    ):
        outcome: dict[str, Any] = {"record": number, "result": result}
        if reason is not None:
            outcome |= {"reason": reason, "meaning": explain(reason).partition(": ")[2]}
        if data is not None:
            outcome["data"] = data.decode()
        if routed is not None:
            outcome["metadata"] = routed
        outcomes.append(outcome)
    return {**_counts(batch), "outcomes": outcomes}


def _counts(batch: "Batch") -> dict[str, Any]:
    return {
        "records": len(batch),
        "ok": batch.result.count(OK),
        "dropped": batch.result.count(DROPPED),
        "where_null": batch.where_null,
        "values_nulled": batch.values_nulled,
        "failed": dict(Counter(filter(None, batch.reason))),
    }


def _summary(batch: "Batch") -> str:
    counts = _counts(batch)
    if not len(batch):
        return "the input is empty: 0 records"
    where_null = f" ({counts['where_null']} because where was null)" if batch.where_null else ""
    failed = f" ({counted(counts['failed'])})" if counts["failed"] else ""
    nulled = f", {batch.values_nulled} values nulled" if batch.values_nulled else ""
    return (
        f"{number_of(len(batch), 'record')}: {counts['ok']} Ok, {counts['dropped']} Dropped{where_null}, "
        f"{batch.result.count(FAILED)} ProcessingFailed{failed}{nulled}"
    )
