"""The alarms as a table: whose metric, how it is summed up over five minutes, what is too much, and how often.

What each means and what to do is in the README of the Terraform module, by the same names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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


def alarms(
    source: Literal["direct_put", "kinesis"],
    destination: str,
    *,
    timeout_seconds: float,
    freshness_seconds: float,
    lag_seconds: float,
    has_partitions: bool,
) -> Iterator[Alarm]:
    """Yield the alarms of a transform.

    Args:
        source: of the delivery stream.
        destination: what its delivery metrics begin with, such as `DeliveryToS3`.
        timeout_seconds: of the function; its duration is judged by it.
        freshness_seconds: age of the oldest record that is too much.
        lag_seconds: how far Firehose may be behind the end of a Kinesis stream.
        has_partitions: whether the stream has dynamic partitioning.
    """
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
        "function-duration", "lambda", "Duration", "p99", "Over 80 % of the time-out", 800 * timeout_seconds, periods=3
    )
    yield Alarm(
        "invocations-failed",
        "firehose",
        "ExecuteProcessing.Success",
        "Average",
        "Firehose could not invoke: see its log group",
        below=1,
    )
    if destination == "DeliveryToIceberg":
        yield Alarm(
            "delivery-failed", "firehose", f"{destination}.FailedRowCount", "Sum", "The tables did not take rows", 0
        )
    else:
        yield Alarm(
            "delivery-failed", "firehose", f"{destination}.Success", "Average", "Firehose could not deliver", below=1
        )
    freshness = "DeliveryToS3" if destination == "DeliveryToRedshift" else destination
    yield Alarm(
        "freshness",
        "firehose",
        f"{freshness}.DataFreshness",
        "Maximum",
        "The oldest record not delivered is too old",
        freshness_seconds,
    )
    if source == "kinesis":
        yield Alarm(
            "source-throttled", "firehose", "ThrottledGetRecords", "Sum", "Kinesis throttles reads", 0, periods=3
        )
        yield Alarm(
            "source-lag",
            "firehose",
            "KinesisMillisBehindLatest",
            "Maximum",
            "Firehose is behind the end of the stream",
            1000 * lag_seconds,
            periods=3,
        )
    else:
        yield Alarm("source-throttled", "firehose", "ThrottledRecords", "Sum", "Firehose refuses records", 0)
    if has_partitions:
        yield Alarm("partitions", "firehose", "PartitionCountExceeded", "Maximum", "Too many active partitions", 0)
