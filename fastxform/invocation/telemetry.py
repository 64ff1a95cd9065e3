"""Logs and metrics of an invocation: one line of metrics, and one structured line with counts and the first reasons.

Nothing here decides anything, and what the environment asks for comes from `settings`. Invariant: each line is one JSON
object in ASCII, written at once, that holds codes of the closed list, names of the configuration, numbers and what the
event names itself by; never a payload or a value out of one.

Source: CloudWatch, "Specification: Embedded metric format"; Lambda, "Configuring JSON and plain text log formats":
what is a JSON object on standard output, with `timestamp` and `level`, is passed on as it is. X-Ray is left out: a
segment of our own needs a socket and the daemon's protocol, or a package that is slower to import than this one, and
would repeat `stages`.
"""

import contextlib
import json
import sys
import time
from collections import Counter
from itertools import compress, islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fastxform.core.structs import Struct, field
from fastxform.core.timing import StageClock
from fastxform.encode.batch import InternalFault
from fastxform.errors import DROPPED, FAILED, OK, REASONS
from fastxform.invocation.context import text_of
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.settings import LEVELS, ReportSettings

if TYPE_CHECKING:
    from fastxform.invocation.event import Event
    from fastxform.native_pipeline import NativeResponse
    from fastxform.pipeline import Batch

UNITS: Final[dict[str, str]] = {
    "RecordsIn": "Count",
    "RecordsOk": "Count",
    "RecordsDropped": "Count",
    "RecordsFailed": "Count",
    "RecordsReingested": "Count",
    "RecordsInternal": "Count",
    "PutsUnacknowledged": "Count",
    "BytesIn": "Bytes",
    "BytesOut": "Bytes",
    "ResponseShare": "Percent",
    "TransformMilliseconds": "Milliseconds",
    "ColdStart": "Count",
    "ValuesNulled": "Count",
    "ValuesRounded": "Count",
    "RecordsEmpty": "Count",
    "RowsDropped": "Count",
}
"""Every metric and its unit. RecordsIn is RecordsOk, RecordsDropped, RecordsFailed and RecordsReingested added up;
RecordsInternal are those of RecordsFailed that met an exception which fastxform did not expect."""

DIMENSIONS: Final = ("service", "DeliveryStream")
UNKNOWN: Final = "unknown"
"""The delivery stream of an event that does not name one as AWS does."""

REASONS_SHOWN: Final = 10

_ENCODER: Final = msgspec.json.Encoder()
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_NAME_LIMIT: Final = 64
_ID_LIMIT: Final = 128


class PutBack(Struct, omit_defaults=True):
    """What became of the records that did not fit; `why` says why none could be put back."""

    acknowledged: int
    not_acknowledged: int
    possible_duplicates: int
    calls: int
    retries: int
    errors: dict[str, int]
    why: str | None = None


class InvocationReport(Struct):
    """The counts and the times of one invocation; `is_cold`: the first of its container.

    `bytes_in` is None where the event came as a dict, whose bytes only the runtime saw. `bytes_out` is exact where the
    response is bytes; of a dict it is the most that the runtime makes of it, some bytes a record too many.
    """

    clock: StageClock
    is_cold: bool
    kernel: str = ""
    bytes_in: int | None = None
    bytes_out: int = 0
    records: int = 0
    ok: int = 0
    dropped: int = 0
    failed: int = 0
    where_null: int = 0
    empty: int = 0
    rows_dropped: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    first_reasons: list[tuple[int, str]] = field(default_factory=list)
    values_nulled: int = 0
    values_rounded: int = 0
    faults: tuple[InternalFault, ...] = ()
    put_back: PutBack | None = None
    delivery_stream_arn: str | None = None
    invocation_id: str | None = None
    request_id: str | None = None
    function_name: str | None = None

    def take(self, received: "Event", batch: "Batch", bytes_in: int | None, bytes_out: int) -> None:
        """Take the facts of an event and the counts of its answered batch, whose failures alone cost a closer look."""
        self.bytes_in, self.bytes_out = bytes_in, bytes_out
        self.delivery_stream_arn, self.invocation_id = received.delivery_stream_arn, _text(received.invocation_id)
        result, self.faults, self.values_nulled = batch.result, batch.faults, batch.values_nulled
        self.records, self.ok, self.where_null = len(result), result.count(OK), batch.where_null
        self.values_rounded = batch.values_rounded
        self.empty, self.rows_dropped = batch.empty, dict(sorted(batch.rows_dropped.items()))
        if self.ok < self.records:
            self.dropped = result.count(DROPPED)
            self.failed = result.count(FAILED)
        if self.failed:
            self.reasons = dict(sorted(Counter(filter(None, batch.reason)).items()))
            failed = compress(range(self.records), batch.reason)
            self.first_reasons = [(record, str(batch.reason[record])) for record in islice(failed, REASONS_SHOWN)]

    def take_native(self, response: "NativeResponse", bytes_in: int | None) -> None:
        """Take the facts and the counts of a response that the native kernel has written."""
        answers = response.answers
        self.bytes_in, self.bytes_out = bytes_in, response.bytes_out
        self.delivery_stream_arn, self.invocation_id = response.delivery_stream_arn, _text(response.invocation_id)
        self.records, self.ok, self.where_null = answers.record_count, answers.ok_count, answers.where_null
        self.empty, self.values_nulled = answers.empty, answers.values_nulled
        self.rows_dropped = dict(sorted(answers.rows_dropped.items()))
        self.values_rounded = answers.values_rounded
        self.failed, self.faults = len(answers.failed), answers.faults
        self.dropped = self.records - self.ok - self.failed
        if self.failed:
            self.reasons = dict(sorted(Counter(answers.failed.values()).items()))
            self.first_reasons = list(islice(answers.failed.items(), REASONS_SHOWN))

    @property
    def outcome(self) -> tuple[str, str]:
        """The level and the message of the log line: WARNING where somebody should look, ERROR at a fault of ours."""
        if self.faults:
            return "ERROR", "fastxform met an exception that it did not expect"
        if self.failed:
            return "WARNING", "records failed"
        if self.put_back is not None and self.put_back.possible_duplicates:
            return "WARNING", "records may arrive twice"
        return "INFO", "batch transformed"


class Reporter:
    """Writes the lines of a container's invocations."""

    def __init__(self, settings: ReportSettings) -> None:
        self.settings = settings
        self.is_cold = True
        self._directives: dict[tuple[str, ...], msgspec.Raw] = {}

    def begin(self, context: Any) -> InvocationReport:
        """Return the struct of an invocation that starts now; the first one is cold, though nothing come of it."""
        is_cold, self.is_cold = self.is_cold, False
        return InvocationReport(
            StageClock(),
            is_cold,
            request_id=_text(text_of(context, "aws_request_id")),
            function_name=_text(text_of(context, "function_name")),
        )

    def write(self, report: InvocationReport) -> None:
        """Write both lines of an invocation, as far as they are wanted and standard output takes them.

        Nothing here can fail an invocation: its records may have been put by now, and would be again.
        """
        try:
            text = self._lines(report)
            # At once, each line with its line feed: a metric line cut in two is none. What is not flushed here would
            # wait in a frozen container.
            if text:
                sys.stdout.write(text)
                sys.stdout.flush()
        except Exception as error:  # closed, full, or something in a line that nobody expected
            _complain(error)

    def _lines(self, report: InvocationReport) -> str:
        # The caches of the processor hold the batch by now, so that each step costs ten times what it costs alone: few
        # and large ones.
        service = self.settings.service or report.function_name or "service_undefined"
        about = {"service": service, "DeliveryStream": stream_name(report.delivery_stream_arn)}
        if report.invocation_id is not None:
            about["invocation_id"] = report.invocation_id
        if report.request_id is not None:
            about["function_request_id"] = report.request_id
        now_ms = time.time_ns() // 1_000_000
        text = _line(self._metrics(report, about, now_ms)) if self.settings.has_metrics else ""
        if LEVELS[report.outcome[0]] >= LEVELS[self.settings.level]:
            text += _line(_log(report, about, now_ms))
        return text

    def _metrics(self, report: InvocationReport, about: dict[str, str], now_ms: int) -> dict[str, Any]:
        """Return the line of metrics."""
        back = report.put_back
        reingested = 0 if back is None else back.acknowledged
        values: dict[str, float] = {
            "RecordsIn": report.records,
            "RecordsOk": report.ok,
            "RecordsDropped": report.dropped - reingested,
            "RecordsFailed": report.failed,
            "RecordsReingested": reingested,
            "RecordsInternal": report.reasons.get("internal", 0),
            "PutsUnacknowledged": 0 if back is None else back.not_acknowledged,
            "BytesOut": report.bytes_out,
            "ResponseShare": round(100 * report.bytes_out / RESPONSE_LIMIT_BYTES, 3),
            "TransformMilliseconds": round((report.clock.last_ns - report.clock.start_ns) / 1e6, 3),
        }
        if report.bytes_in is not None:
            values["BytesIn"] = report.bytes_in
        if report.is_cold:
            values["ColdStart"] = 1
        if report.values_nulled:
            values["ValuesNulled"] = report.values_nulled
        if report.values_rounded:
            values["ValuesRounded"] = report.values_rounded
        if report.empty:  # each metric costs by the month: those that are mostly 0 are there when they are not
            values["RecordsEmpty"] = report.empty
        if report.rows_dropped:
            values["RowsDropped"] = sum(report.rows_dropped.values())
        classes: dict[str, int] = {}
        for reason, count in report.reasons.items():
            code = reason.partition(":")[0]
            classes[code] = classes.get(code, 0) + count
        return {
            "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": self._directive(tuple(values))},
            **about,
            **values,
            "failed": classes,
            "where_null": report.where_null,
            "stages": report.clock.milliseconds(),
        }

    def _directive(self, names: tuple[str, ...]) -> msgspec.Raw:
        """Return what says that these members are metrics: the same text for nearly every line."""
        directive = self._directives.get(names)
        if directive is None:
            metrics = [{"Name": name, "Unit": UNITS[name]} for name in names]
            members = {"Namespace": self.settings.namespace, "Dimensions": [DIMENSIONS], "Metrics": metrics}
            directive = self._directives[names] = msgspec.Raw(_ENCODER.encode([members]))
        return directive


def _complain(error: Exception) -> None:
    """Name the class of an exception on standard error, if that takes it."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"fastxform: no metrics and no log of this invocation: {type(error).__name__}\n")


def stream_name(arn: str | None) -> str:
    """Return the name in a delivery stream's ARN, or `unknown`: another text would be another metric, and its cost."""
    name = (arn or "").partition(":deliverystream/")[2]
    return name if 0 < len(name) <= _NAME_LIMIT and _NAME.issuperset(name) else UNKNOWN


def _text(value: Any) -> str | None:
    """Return a text that is fit for a line; a context or an event may hold anything."""
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
        return None
    return value[:_ID_LIMIT]


def _log(report: InvocationReport, about: dict[str, str], now_ms: int) -> dict[str, Any]:
    """Return the log line."""
    back = report.put_back
    level, message = report.outcome
    line: dict[str, Any] = {
        "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now_ms // 1000))}.{now_ms % 1000:03}Z",
        "level": level,
        "message": message,
        "logger": "fastxform",
        **about,
        "records": report.records,
        "ok": report.ok,
        "dropped": report.dropped - (0 if back is None else back.acknowledged),
        "where_null": report.where_null,
        "failed": report.reasons,
    }
    if report.reasons:
        codes = sorted({reason.partition(":")[0] for reason in report.reasons})
        line["reasons"] = {code: REASONS[code] for code in codes}
        line["first_reasons"] = [{"record": record, "reason": reason} for record, reason in report.first_reasons]
    if report.values_nulled:
        line["values_nulled"] = report.values_nulled
    if report.values_rounded:
        line["values_rounded"] = report.values_rounded
    if report.empty:
        line["empty"] = report.empty
    if report.rows_dropped:
        line["rows_dropped"] = report.rows_dropped
    if report.faults:
        line["internal"] = report.faults[:REASONS_SHOWN]
    if back is not None:
        line["put_back"] = back
    if report.is_cold:
        line["kernel"] = report.kernel
    return line


def _line(members: dict[str, Any]) -> str:
    """Return one JSON object and a line feed, in ASCII."""
    text = _ENCODER.encode(members).decode()
    if not text.isascii():  # a name of the configuration, which a stream of another encoding would not take
        text = json.dumps(json.loads(text))
    return text + "\n"
