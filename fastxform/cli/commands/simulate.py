"""`fastxform simulate`: Firehose on this machine, from a stream of records to objects in a directory.

The stream itself is `fastxform.tools.simulator`; here it is fed, its progress shown and its totals printed. Invariant:
a run ends with totals that balance, every record of the input delivered, dropped by the filter or failed, or with an
error.
"""

import argparse
import contextlib
import io
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform import limits
from fastxform.cli.console import CappedNotes, Colour, Console, amount, counted, explain, number_of
from fastxform.cli.inputs import INPUT_HELP, InputReader, InputSource, open_reader, read_source
from fastxform.cli.parser import number, whole
from fastxform.cli.progress import Progress
from fastxform.cli.tables import summary as drawn_summary
from fastxform.errors import ContractError
from fastxform.tools.simulator.faults import KINDS, Faults, broken_function, form, parse

if TYPE_CHECKING:
    from fastxform.pipeline import Pipeline
    from fastxform.tools.simulator.firehose import StreamSettings
    from fastxform.tools.simulator.layout import Sink

HELP: Final = "Firehose on this machine: buffers, invokes the transform, checks its answers, writes the objects"

EPILOG: Final = (
    f"{INPUT_HELP} "
    "Record time starts at 2026-01-01 00:00 UTC and advances by --rate, so the same input gives the same objects; "
    "records of an event keep their own arrival. The objects: DATE/STREAM-1-..., KEY=VALUE/DATE/..., "
    "iceberg/DATABASE/TABLE/DATE/... (the operation of each row is in the file beside it that ends in .operations), "
    "processing-failed/DATE/... DIR must be empty, or made by an earlier run, whose objects are then removed. Records "
    "that do not fit a response are put back on the stream as overflow.policy says, and every fault meets those puts."
    "\n\nfaults, with a SHARE from 0 to 1:\n" + "\n".join(f"  {form(name):<19} {text}" for name, text in KINDS.items())
)

_LATEST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: an arrival outside is none."""

_STREAM_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

EXAMPLES: Final = (
    ("fastxform simulate cities.toml changes.jsonl --out out", "the objects that Firehose would write"),
    ("fastxform simulate cities.toml changes.jsonl --out out --fault throttle:0.2", "with throttled puts"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("config", metavar="CONFIG", help="the transform")
    add("input", metavar="INPUT", help="the records; - is standard input")
    _configure_stream(parser)
    add = parser.add_argument_group("faults").add_argument
    add(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="a fault of the puts or of the function, as throttle:0.2, slow:50 or refuse; see below; may be repeated",
    )
    add("--seed", type=whole(0), default=0, metavar="S", help="another one gives other object names and faults")
    add = parser.add_argument_group("output").add_argument
    add("--out", required=True, metavar="DIR", help="where the objects go")
    add("--force", action="store_true", help="write into a directory that holds something else")
    add("--log", action="store_true", help="pass the log lines of the function on, to standard error")
    add("--strict", action="store_true", help="exit code 1 if a record failed or was refused")
    add("--json", action="store_true", help="print the summary as one JSON object")


def _configure_stream(parser: argparse.ArgumentParser) -> None:
    """Declare what the stream is."""
    add = parser.add_argument_group("the stream").add_argument
    add("--stream", type=read_stream_name, default="local", metavar="NAME", help="name of the delivery stream")
    add("--kinesis", action="store_true", help="the stream reads a Kinesis stream; default is Direct PUT")
    low_kib, high_kib = limits.KINESIS_RECORD_LIMIT_BYTES // 1024, limits.KINESIS_RECORD_LARGEST_BYTES // 1024
    add(
        "--kinesis-record-kib",
        type=whole(low_kib, high_kib),
        default=low_kib,
        metavar="KIB",
        help=f"with --kinesis: MaxRecordSizeInKiB of the Kinesis stream, {low_kib} (default) to {high_kib}",
    )
    low, high = limits.BUFFER_SIZE_MIN_MB, limits.BUFFER_SIZE_MAX_MB
    add(
        "--buffer-mb",
        type=number(low, high),
        default=limits.BUFFER_SIZE_DEFAULT_MB,
        metavar="MB",
        help=f"buffer size hint, MiB of raw data, {low:g} to {high:g} (default {limits.BUFFER_SIZE_DEFAULT_MB:g})",
    )
    longest = limits.BUFFER_INTERVAL_MAX_SECONDS
    add(
        "--buffer-seconds",
        type=number(0, longest),
        default=float(limits.BUFFER_INTERVAL_DEFAULT_SECONDS),
        metavar="S",
        help=f"buffer interval hint, record time, 0 to {longest} (default {limits.BUFFER_INTERVAL_DEFAULT_SECONDS})",
    )
    add("--max-records", type=whole(1), metavar="N", help="no more records an invocation than this")
    add(
        "--rate",
        type=number(0.001, 1e9),
        default=1_000.0,
        metavar="R",
        help="records a second of record time (default 1000)",
    )


def execute(options: argparse.Namespace, console: Console) -> int:
    """Run the stream to its end and print its totals."""
    from fastxform.pipeline import Pipeline
    from fastxform.tools.simulator.layout import DirectorySink

    faults = parse(options.fault, options.seed)
    pipeline = Pipeline.load(options.config)
    with open_reader(options.input) as reader:
        source = read_source(reader, console, pipeline.spec)
        if source.event is not None:
            # Every record of an event is looked at before the objects of the last run are removed.
            source.items = iter(list(source.items))
        sink = DirectorySink(Path(options.out))
        sink.prepare(options.force)
        run = _SimulationRun(pipeline, sink, options, console, faults)
        with contextlib.redirect_stdout(_Log(console if options.log else None)):
            run.feed(source, reader)
    summary = run.summary()
    if options.json:
        console.json(summary)
    else:
        for line in drawn_summary(_rows(summary, options.out), f"stream {options.stream}", _colours(summary)):
            console.line(line)
    if not summary["balanced"]:
        raise ContractError(
            "the totals do not balance: a record was lost or counted twice, which is a fault of fastxform"
        )
    broken = any(finding.level == "error" for finding in run.firehose.totals.findings.values())
    failed = summary["failed"] or summary["refused"]
    return 1 if broken or (options.strict and failed) else 0


def read_stream_name(text: str) -> str:
    """Return the name of a delivery stream as it is.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not _STREAM_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a stream name: 1 to 64 letters, digits, _ . -")
    return text


def _settings(options: argparse.Namespace) -> "StreamSettings":
    from fastxform.tools.simulator.firehose import StreamSettings
    from fastxform.tools.simulator.wire import ResourceNames

    return StreamSettings(
        names=ResourceNames(stream=options.stream),
        kinesis=options.kinesis,
        kinesis_record_bytes=options.kinesis_record_kib * 1024,
        buffer_bytes=int(options.buffer_mb * 2**20),
        buffer_interval_ms=int(options.buffer_seconds * 1000),
        max_records=options.max_records,
        seed=options.seed,
    )


class _Log(io.TextIOBase):
    """Standard output of the function while it runs: log lines, passed on or not, and never part of the data."""

    def __init__(self, console: Console | None) -> None:
        self._console = console

    def write(self, text: str) -> int:
        if self._console is not None and text.strip():
            self._console.note(text.rstrip("\n"))
        return len(text)


class _SimulationRun:
    """One run: the stream, its function, and what is shown while it goes on."""

    def __init__(
        self, pipeline: "Pipeline", sink: "Sink", options: argparse.Namespace, console: Console, faults: Faults
    ) -> None:
        from fastxform.tools.simulator.firehose import Firehose
        from fastxform.tools.simulator.function import lambda_function
        from fastxform.tools.simulator.ledger import Ledger
        from fastxform.tools.simulator.recorder import Recorder

        self._recorder = Recorder(
            pipeline,
            self._put_back,
            kinesis=options.kinesis,
            faults=faults,
            kinesis_record_bytes=options.kinesis_record_kib * 1024,
        )
        self._ledger = Ledger(self._recorder.is_put_back)
        function = broken_function(lambda_function(self._recorder.handler), faults)
        self.firehose = Firehose(function, sink, _settings(options), self._recorder.reason, self._ledger)
        self._console = console
        self._rate = options.rate
        self._refused = 0
        self._refusals = CappedNotes(console, "refused record")
        self._bytes_in = 0
        self._seconds = 0.0

    def feed(self, source: InputSource, reader: InputReader) -> None:
        """Put every record of the input and close the stream."""
        started = time.perf_counter()
        start_ms = self.firehose.settings.start_ms
        progress = Progress(self._console, share=reader.done_share)
        for index, item in enumerate(progress.over(source.items, self._invoked)):
            arrival_ms = item.arrival_ms
            if arrival_ms is None or not 0 <= arrival_ms <= _LATEST_MS:
                arrival_ms = start_ms + int(index * 1000 / self._rate)
            self._put(index, item.data, item.partition_key, arrival_ms)
        self.firehose.close()
        self._refusals.end()
        self._seconds = time.perf_counter() - started
        progress.end()

    def summary(self) -> dict[str, Any]:
        """Return the totals as they are printed."""
        totals, delivery, ledger, puts = self.firehose.totals, self.firehose.delivery, self._ledger, self._recorder.puts
        records_in = totals.records_in - totals.put_back
        findings = [str(finding) for finding in totals.findings.values()]
        return {
            "records_in": records_in,
            "bytes_in": self._bytes_in,
            "refused": self._refused,
            "delivered": ledger.delivered,
            "dropped": ledger.dropped,
            "where_null": self._recorder.where_null,
            "empty": self._recorder.empty,
            "rows_dropped": dict(self._recorder.rows_dropped),
            "values_nulled": self._recorder.values_nulled,
            "values_rounded": self._recorder.values_rounded,
            "failed": ledger.failed,
            "failed_by_code": dict(totals.failed),
            "failed_by_reason": dict(totals.reasons),
            "lost": ledger.lost,
            "duplicates": ledger.duplicates,
            "delivered_and_failed": ledger.delivered_and_failed,
            "balanced": totals.balanced and ledger.balanced and ledger.records == records_in,
            "passes": ledger.passes,
            "put_back": ledger.acknowledged,
            "puts_taken": ledger.accepted,
            "possible_duplicates": puts.possible_duplicates,
            "put_calls": puts.calls,
            "put_calls_again": puts.retries,
            "put_calls_at_once": self._recorder.workers.most,
            "put_calls_over_limit": self._recorder.client.over_limit,
            "invocations": totals.invocations,
            "retries": totals.retries,
            "errors": dict(totals.errors),
            "findings": findings,
            "objects": delivery.objects,
            "bytes_out": delivery.bytes_written,
            "seconds": round(self._seconds, 3),
            "function_seconds": round(totals.function_seconds, 3),
            "records_per_second": round(records_in / self._seconds) if self._seconds else 0,
        }

    def _invoked(self) -> str:
        return f"in {number_of(self.firehose.totals.invocations, 'invocation')}"

    def _put_back(self, index: int, data: bytes, partition_key: str | None) -> str:
        identity = self.firehose.put(data, partition_key)
        self._ledger.took(index, identity)
        return identity

    def _put(self, index: int, data: bytes, partition_key: str | None, arrival_ms: int) -> None:
        from fastxform.tools.simulator.firehose import RecordTooLargeError

        try:
            self.firehose.put(data, partition_key, arrival_ms)
            self._bytes_in += len(data)
        except RecordTooLargeError as err:
            self._refused += 1
            self._refusals.add(f"record {index + 1} is refused: {err}")


def _rows(summary: dict[str, Any], out: str) -> list[tuple[str, str]]:
    """Return the summary for people: names, and what is to say of each."""
    failed = f"  ({counted(summary['failed_by_code'])})" if summary["failed"] else ""
    why = [f"{summary['empty']} empty"] if summary["empty"] else []
    why += [f"{summary['where_null']} because where was null"] if summary["where_null"] else []
    dropped = f"  ({', '.join(why)})" if why else ""
    left_out = summary["rows_dropped"]
    rows_dropped = f"{number_of(sum(left_out.values()), 'row')} of records ({counted(left_out)})"
    rounded = number_of(summary["values_rounded"], "value of more digits than float64 keeps", "values of more digits")
    nulled = number_of(summary["values_nulled"], "value that did not fit", "values that did not fit")
    rows = [
        ("records in", f"{summary['records_in']} ({amount(summary['bytes_in'])})"),
        ("delivered", str(summary["delivered"])),
        ("dropped", f"{summary['dropped']}{dropped}"),
        *([("left out", rows_dropped)] if left_out else []),
        ("failed", f"{summary['failed']}{failed}"),
        *((f"  {count}", explain(reason)) for reason, count in sorted(summary["failed_by_reason"].items())),
        *_put_back_rows(summary),
        *([("nulled", nulled)] if summary["values_nulled"] else []),
        *([("rounded", rounded)] if summary["values_rounded"] else []),
        ("invocations", f"{summary['invocations']} ({summary['retries']} of them retries)"),
        *((f"  {count}", error) for error, count in summary["errors"].items()),
        ("objects", f"{summary['objects']} in {out} ({amount(summary['bytes_out'])})"),
        (
            "time",
            f"{summary['seconds']} s, {number_of(summary['records_per_second'], 'record')} a second "
            f"(the function: {summary['function_seconds']} s)",
        ),
        *(("response", finding) for finding in summary["findings"]),
    ]
    if summary["refused"]:
        rows.insert(1, ("refused", f"{summary['refused']} (larger than the stream takes, so never in it)"))
    balance = "in = delivered + dropped + failed" if summary["balanced"] else "DO NOT BALANCE"
    return [*rows, ("totals", balance)]


def _put_back_rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is to say of records that did not fit; nothing where every response had room."""
    if not (summary["put_back"] or summary["put_calls"]):
        return []
    surplus, calls = summary["puts_taken"] - summary["put_back"], summary["put_calls"]
    also_failed = (
        f", {number_of(summary['delivered_and_failed'], 'record')} also failed"
        if summary["delivered_and_failed"]
        else ""
    )
    return [
        (
            "put back",
            f"{number_of(summary['put_back'], 'time')} a record that did not fit went back and came again, "
            f"in {number_of(summary['passes'], 'pass', 'passes')} at most",
        ),
        (
            f"  {calls}",
            f"{'call' if calls == 1 else 'calls'} ({summary['put_calls_again']} of them again), "
            f"{summary['put_calls_at_once']} at once at most",
        ),
        (
            f"  {surplus}",
            f"{'put' if surplus == 1 else 'puts'} taken and not acknowledged "
            f"({summary['possible_duplicates']} in doubt for the function)",
        ),
        (
            "duplicates",
            f"{number_of(summary['duplicates'], 'delivery', 'deliveries')} of a record delivered before{also_failed}",
        ),
        ("lost", str(summary["lost"])),
    ]


def _colours(summary: dict[str, Any]) -> dict[str, Colour]:
    """Return the colours of what went well and what did not."""
    bad = ("failed", "refused", "lost", "duplicates")
    colours: dict[str, Colour] = {name: "red" for name in bad if summary[name]}
    return colours | {"delivered": "green", "response": "yellow", "totals": "green" if summary["balanced"] else "red"}
