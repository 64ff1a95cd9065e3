"""The dashboard: one page for the stream, with the charts of the Terraform module in its order and words.

What came, what became of it, how long it took, how near the limits are, what has gone off. Invariant: a pure function
of the inputs and of the names of what was made.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastxform_cdk.alarms import Owner, owners
from fastxform_cdk.inputs import Inputs

Line = tuple[Owner, str, str]
"""Whose metric, its name, and how it is summed up."""


@dataclass(frozen=True)
class Chart:
    """One chart: its lines, and horizontal lines of a label and a value."""

    title: str
    statistic: str
    lines: Sequence[Line]
    marks: Sequence[tuple[str, float]] = ()


def body(inputs: Inputs, alarm_arns: Sequence[str], log_group: str) -> dict[str, Any]:
    """Return the body of the dashboard."""
    query = "fields @timestamp, RecordsFailed, invocation_id, @message | filter RecordsFailed > 0"
    return {
        "widgets": [
            {"type": "alarm", "width": 24, "height": 3, "properties": {"title": "Alarms", "alarms": list(alarm_arns)}},
            *(_widget(inputs, chart) for chart in charts(inputs)),
            {
                "type": "log",
                "width": 24,
                "height": 6,
                "properties": {
                    "title": "Invocations with failed records",
                    "region": inputs.stack.region,
                    "view": "table",
                    "query": f"SOURCE '{log_group}' | {query} | sort @timestamp desc | limit 50",
                },
            },
        ]
    }


def charts(inputs: Inputs) -> Iterator[Chart]:
    """Yield the charts of a transform, those of its source and destination among them."""
    yield Chart(
        "Records",
        "Sum",
        _sums("transform", ("RecordsIn", "RecordsOk", "RecordsDropped", "RecordsEmpty", "RecordsFailed")),
    )
    lost = (
        "RecordsFailed",
        "RecordsInternal",
        "RecordsReingested",
        "PutsUnacknowledged",
        "RowsDropped",
        "ValuesNulled",
        "ValuesRounded",
    )
    yield Chart("Records that failed or were put back, rows and values left out", "Sum", _sums("transform", lost))
    yield Chart(
        "Response, % of 6,291,556 bytes",
        "Maximum",
        [("transform", "ResponseShare", "Maximum"), ("transform", "ResponseShare", "Average")],
        [("records go back", 100), ("alarm", 80)],
    )
    yield Chart("Bytes", "Sum", _sums("transform", ("BytesIn", "BytesOut")))
    yield Chart(
        "Invocation, ms",
        "p99",
        [
            *(("lambda", "Duration", statistic) for statistic in ("p50", "p99", "Maximum")),
            *(("transform", "TransformMilliseconds", statistic) for statistic in ("p50", "p99")),
        ],
        [("time-out", 1000 * inputs.timeout_seconds)],
    )
    yield Chart(
        "Function",
        "Sum",
        [
            *_sums("lambda", ("Invocations", "Errors", "Throttles")),
            ("lambda", "ConcurrentExecutions", "Maximum"),
            ("transform", "ColdStart", "Sum"),
        ],
    )
    yield Chart("Delivery", "Sum", list(_delivery(inputs)))
    yield Chart(
        "Oldest record not delivered, s",
        "Maximum",
        [("firehose", f"{inputs.freshness}.DataFreshness", "Maximum")],
        [("alarm", inputs.freshness_alarm_seconds)],
    )
    yield from _source(inputs)
    if inputs.stream_key is not None:
        names = ("KMSKeyAccessDenied", "KMSKeyDisabled", "KMSKeyInvalidState", "KMSKeyNotFound")
        yield Chart("Key of the stream", "Sum", _sums("firehose", names))
    if inputs.parquet is not None:
        names = ("SucceedConversion.Records", "FailedConversion.Records")
        yield Chart("Conversion", "Sum", _sums("firehose", names))


def _delivery(inputs: Inputs) -> Iterator[Line]:
    yield "firehose", "ExecuteProcessing.Success", "Average"
    yield "firehose", "SucceedProcessing.Records", "Sum"
    if inputs.destination == "iceberg":
        for metric in ("IncomingRowCount", "SuccessfulRowCount", "FailedRowCount"):
            yield "firehose", f"{inputs.delivery}.{metric}", "Sum"
    else:
        yield "firehose", f"{inputs.delivery}.Records", "Sum"
        yield "firehose", f"{inputs.delivery}.Success", "Average"


def _source(inputs: Inputs) -> Iterator[Chart]:
    if inputs.source_type == "kinesis":
        names = ("DataReadFromKinesisStream.Records", "ThrottledGetRecords")
        yield Chart("Read from Kinesis", "Sum", _sums("firehose", names))
        yield Chart(
            "Behind the end of the Kinesis stream, ms",
            "Maximum",
            [("firehose", "KinesisMillisBehindLatest", "Maximum")],
            [("alarm", 1000 * inputs.lag_alarm_seconds)],
        )
    elif inputs.source_type == "msk":
        yield Chart(
            "Read from MSK",
            "Sum",
            [
                ("firehose", "DataReadFromSource.Records", "Sum"),
                ("firehose", "SourceThrottled.Delay", "Maximum"),
            ],
        )
        yield Chart(
            "Behind the end of the topic, records",
            "Maximum",
            [("firehose", "KafkaOffsetLag", "Maximum")],
            [("alarm", inputs.lag_alarm_records)],
        )
    else:
        yield Chart("Put into the stream", "Sum", _sums("firehose", ("IncomingRecords", "ThrottledRecords")))


def _sums(owner: Owner, names: Iterable[str]) -> list[Line]:
    return [(owner, name, "Sum") for name in names]


def _widget(inputs: Inputs, chart: Chart) -> dict[str, Any]:
    return {
        "type": "metric",
        "width": 8,
        "height": 6,
        "properties": {
            "title": chart.title,
            "region": inputs.stack.region,
            "view": "timeSeries",
            "stat": chart.statistic,
            "period": 300,
            "yAxis": {"left": {"min": 0}},
            "annotations": {"horizontal": [{"label": label, "value": value} for label, value in chart.marks]},
            "metrics": [_line(inputs, *line) for line in chart.lines],
        },
    }


def _line(inputs: Inputs, owner: Owner, metric: str, statistic: str) -> list[Any]:
    namespace, dimensions = owners(inputs)[owner]
    names = [text for dimension in sorted(dimensions.items()) for text in dimension]
    return [namespace, metric, *names, {"stat": statistic, "label": f"{metric} {statistic.lower()}"}]
