"""`fastxform run`: records through a transform, for people to look at.

The output of `Ok` records goes to standard output, the first failed ones are a line each on standard error. Invariant:
input that is no event is run as the event that it would arrive in, a part at a time: memory does not grow with it.
"""

import argparse
import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import CappedNotes, Console, Paint, counted, explain, number_of
from fastxform.cli.inputs import DOCUMENT_LIMIT_BYTES, INPUT_HELP, InputRecord, open_reader, read_source
from fastxform.cli.progress import Progress
from fastxform.errors import DROPPED, FAILED, OK, EventError, InputError

if TYPE_CHECKING:
    from fastxform.invocation.event import Event
    from fastxform.pipeline import Batch, Pipeline

HELP: Final = "run records and print their output"

EPILOG: Final = f"{INPUT_HELP} Exit code 2 says that the configuration or the input cannot be used."

_PART_RECORDS: Final = 10_000
_PART_BYTES: Final = 6_000_000
"""What is run at once: about what Firehose would send."""

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
    """Run the records and print what became of them."""
    from fastxform.pipeline import Pipeline

    pipeline = Pipeline.load(options.config)
    printed = _Printed(options, console)
    with open_reader(options.input) as reader:
        source = read_source(reader, console, pipeline.spec)
        try:
            if options.response or source.event is not None:
                event = source.event or _event(source.items)
                printed.add(_respond(pipeline, event, console) if options.response else _run_event(pipeline, event))
            else:
                shares_terminal = not options.json
                with Progress(console, share=reader.done_share, shares_terminal=shares_terminal) as progress:
                    for batch in _batches(pipeline, progress.over(source.items)):
                        printed.add(batch)
        except EventError as err:
            raise InputError(f"{options.input}: {err}") from err
    printed.end()
    return 1 if options.strict and printed.failed else 0


def _event(items: Iterable[InputRecord]) -> bytes:
    """Return records as one event.

    Raises:
        InputError: there are more than are held at once.
    """
    from fastxform.tools.sample_data import burst

    def counted_items() -> Iterator[bytes]:
        size = 0
        for item in items:
            size += len(item.data)
            if size > DOCUMENT_LIMIT_BYTES:
                raise InputError(
                    f"the records have more than {DOCUMENT_LIMIT_BYTES} bytes, and --response answers one event, which "
                    "has 6 MB in Lambda; leave it out, or let `fastxform simulate` make events of them"
                )
            yield item.data

    return burst.event(counted_items())


def _batches(pipeline: "Pipeline", items: Iterable[InputRecord]) -> "Iterator[Batch]":
    """Run records, a part at a time, all at the same time of processing."""
    now_ms = time.time_ns() // 1_000_000
    number = 0
    for part in _parts(items):
        yield pipeline.run([item.data for item in part], meta=_meta_of(part, number), now_ms=now_ms)
        number += len(part)


def _parts(items: Iterable[InputRecord]) -> Iterator[list[InputRecord]]:
    part: list[InputRecord] = []
    part_bytes = 0
    for item in items:
        part.append(item)
        part_bytes += len(item.data)
        if len(part) >= _PART_RECORDS or part_bytes >= _PART_BYTES:
            yield part
            part, part_bytes = [], 0
    if part:
        yield part


def _meta_of(part: list[InputRecord], first: int) -> dict[str, Any]:
    """Return what an event would say of records that follow `first` others."""
    from fastxform.tools.sample_data import burst
    from fastxform.tools.simulator import wire

    numbers = range(first, first + len(part))
    return {
        "arrival_ms": [
            burst.arrival_ms(number) if item.arrival_ms is None else item.arrival_ms
            for number, item in zip(numbers, part, strict=True)
        ],
        "record_id": list(map(wire.record_id, numbers)),
        "partition_key": [item.partition_key for item in part],
        "sequence_number": [item.sequence_number for item in part],
    }


def _run_event(pipeline: "Pipeline", raw: bytes) -> "Batch":
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


class _Printed:
    """What is printed of batches as they come, and added up for the end."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options, self._console = options, console
        self._notes = CappedNotes(console, "failed record")
        self._paint = Paint(console.has_colours)
        self._reasons: Counter[str] = Counter()
        self._results: Counter[str] = Counter()
        self._rows_dropped: Counter[str] = Counter()
        self._records = self._where_null = self._values_nulled = self._values_rounded = self._empty = 0
        if options.json:
            console.data(b'{"outcomes": [')

    @property
    def failed(self) -> int:
        """Return how many records failed."""
        return self._results[FAILED]

    def add(self, batch: "Batch") -> None:
        """Print one batch."""
        if self._options.json:
            for number, outcome in enumerate(_outcomes(batch, self._records)):
                comma = ", " if self._records or number else ""
                self._console.data(
                    f"{comma}{json.dumps(outcome, ensure_ascii=False)}".encode(errors="backslashreplace")
                )
        elif not self._options.response:
            for data in batch.data:
                self._console.data(data or b"")
        for number, reason in enumerate(batch.reason, self._records + 1):
            if reason is not None:
                self._reasons[reason] += 1
                if not self._options.json:
                    self._notes.add(f"{self._paint(f'record {number}:', 'red')} {explain(reason)}")
        self._records += len(batch)
        self._results.update(batch.result)
        self._rows_dropped.update(batch.rows_dropped)
        self._where_null += batch.where_null
        self._values_nulled += batch.values_nulled
        self._values_rounded += batch.values_rounded
        self._empty += batch.empty

    def end(self) -> None:
        """Print the totals."""
        if self._options.json:
            self._console.line(f"], {json.dumps(self._counts())[1:]}")
        self._notes.end()
        self._console.note(self._summary())

    def _counts(self) -> dict[str, Any]:
        return {
            "records": self._records,
            "ok": self._results[OK],
            "dropped": self._results[DROPPED],
            "empty": self._empty,
            "where_null": self._where_null,
            "rows_dropped": dict(self._rows_dropped),
            "values_nulled": self._values_nulled,
            "values_rounded": self._values_rounded,
            "failed": dict(self._reasons),
        }

    def _summary(self) -> str:
        if not self._records:
            return "the input is empty: 0 records"
        why = [f"{self._empty} empty"] if self._empty else []
        why += [f"{self._where_null} because where was null"] if self._where_null else []
        dropped = f" ({', '.join(why)})" if why else ""
        failed = f" ({counted(self._reasons)})" if self._reasons else ""
        rows = f", {number_of(self._rows_dropped.total(), 'row')} left out ({counted(self._rows_dropped)})"
        nulled = f", {number_of(self._values_nulled, 'value')} nulled" if self._values_nulled else ""
        nulled += f", {number_of(self._values_rounded, 'value')} rounded" if self._values_rounded else ""
        return (
            f"{number_of(self._records, 'record')}: {self._results[OK]} Ok, {self._results[DROPPED]} Dropped{dropped}, "
            f"{self.failed} ProcessingFailed{failed}{rows if self._rows_dropped else ''}{nulled}"
        )


def _outcomes(batch: "Batch", first: int) -> Iterator[dict[str, Any]]:
    metadata = batch.metadata or [None] * len(batch)
    for number, (result, reason, data, routed) in enumerate(
        zip(batch.result, batch.reason, batch.data, metadata, strict=True), first + 1
    ):
        outcome: dict[str, Any] = {"record": number, "result": result}
        if reason is not None:
            outcome |= {"reason": reason, "meaning": explain(reason).partition(": ")[2]}
        if data is not None:
            outcome["data"] = data.decode()
        if routed is not None:
            outcome["metadata"] = routed
        yield outcome
