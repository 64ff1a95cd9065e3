"""The alarms as a table: whose metric, how it is summed up over five minutes, what is too much, and how often.

What each means and what to do is in the README of the Terraform module, by the same names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fastxform_cdk.inputs import Inputs

Owner = Literal["transform", "lambda", "firehose"]


@dataclass(frozen=True)
class Alarm:
    """One alarm: it is on when the metric is above, or below, for so many times five minutes."""

    name: str
    owner: Owner
    metric: str
    statistic: str
    description: str
    above: float | None = None
    below: float | None = None
    periods: int = 1


def owners(inputs: Inputs) -> dict[Owner, tuple[str, dict[str, str]]]:
    """Return the namespace and the dimensions of each owner's metrics."""
    return {
        "transform": (inputs.metrics_namespace, {"service": inputs.name, "DeliveryStream": inputs.stream_name}),
        "lambda": ("AWS/Lambda", {"FunctionName": inputs.name}),
        "firehose": ("AWS/Firehose", {"DeliveryStreamName": inputs.stream_name}),
    }


def alarms(inputs: Inputs) -> Iterator[Alarm]:
    """Yield the alarms of a transform, those of its source and destination among them."""
    ours: Owner = "transform"
    yield Alarm("records-failed", ours, "RecordsFailed", "Sum", "Records failed and are below the error prefix", 0)
    yield Alarm("records-internal", ours, "RecordsInternal", "Sum", "An exception that nobody expected: see the log", 0)
    yield Alarm(
        "puts-unacknowledged", ours, "PutsUnacknowledged", "Sum", "Records could not be put back: see the log", 0
    )
    yield Alarm(
        "records-reingested", ours, "RecordsReingested", "Sum", "Responses over 6 MB: lower the buffer", 0, periods=3
    )
    yield Alarm(
        "response-share", ours, "ResponseShare", "Maximum", "Responses near 6 MB: lower the buffer", 80, periods=3
    )
    yield Alarm("function-errors", "lambda", "Errors", "Sum", "The function failed; Firehose tries the batch again", 0)
    yield Alarm("function-throttles", "lambda", "Throttles", "Sum", "Lambda refused invocations", 0)
    yield Alarm(
        "function-duration",
        "lambda",
        "Duration",
        "p99",
        "Over 80 % of the time-out",
        800 * inputs.timeout_seconds,
        periods=3,
    )
    yield Alarm(
        "invocations-failed",
        "firehose",
        "ExecuteProcessing.Success",
        "Average",
        "Firehose could not invoke: see its log group",
        below=1,
    )
    delivery = inputs.delivery
    if inputs.destination == "iceberg":
        yield Alarm(
            "delivery-failed", "firehose", f"{delivery}.FailedRowCount", "Sum", "The tables did not take rows", 0
        )
    else:
        yield Alarm(
            "delivery-failed", "firehose", f"{delivery}.Success", "Average", "Firehose could not deliver", below=1
        )
    yield Alarm(
        "freshness",
        "firehose",
        f"{inputs.freshness}.DataFreshness",
        "Maximum",
        "The oldest record not delivered is too old",
        inputs.freshness_alarm_seconds,
    )
    yield from _of_the_source(inputs)
    if inputs.parquet is not None:
        description = "Rows could not be converted to Parquet: a column has another name or type"
        yield Alarm("conversion-failed", "firehose", "FailedConversion.Records", "Sum", description, 0)
    if inputs.dynamic_partitioning:
        yield Alarm("partitions", "firehose", "PartitionCountExceeded", "Maximum", "Too many active partitions", 0)


def _of_the_source(inputs: Inputs) -> Iterator[Alarm]:
    if inputs.source_type == "kinesis":
        behind = "Firehose is behind the end of the stream"
        yield Alarm(
            "source-throttled", "firehose", "ThrottledGetRecords", "Sum", "Kinesis throttles reads", 0, periods=3
        )
        yield Alarm(
            "source-lag",
            "firehose",
            "KinesisMillisBehindLatest",
            "Maximum",
            behind,
            1000 * inputs.lag_alarm_seconds,
            periods=3,
        )
    elif inputs.source_type == "msk":
        yield Alarm(
            "source-throttled",
            "firehose",
            "SourceThrottled.Delay",
            "Maximum",
            "The cluster throttles reads",
            0,
            periods=3,
        )
        behind = "Firehose is behind the end of the topic"
        yield Alarm("source-lag", "firehose", "KafkaOffsetLag", "Maximum", behind, inputs.lag_alarm_records, periods=3)
    else:
        yield Alarm("source-throttled", "firehose", "ThrottledRecords", "Sum", "Firehose refuses records", 0)
