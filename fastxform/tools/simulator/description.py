"""What CreateDeliveryStream describes, read into the settings of a stream of this machine.

Only what this Firehose does is taken: a Lambda processor, S3 or Iceberg as destination, Direct PUT or Kinesis as
source. Invariant: a member is either obeyed or refused by name, never stored and ignored; the few that mean nothing
here (roles, logging, retry times of a destination that never fails) are listed in `_WITHOUT_MEANING`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import randbits
from typing import Any, Final

from fastxform import limits
from fastxform.tools.simulator.client import CallRefusedError
from fastxform.tools.simulator.delivery import Hints
from fastxform.tools.simulator.firehose import StreamSettings
from fastxform.tools.simulator.prefix import PrefixError, Prefixes
from fastxform.tools.simulator.s3 import COMPRESSED
from fastxform.tools.simulator.wire import ResourceNames

_WITHOUT_MEANING: Final = frozenset({"RoleARN", "RoleArn", "CloudWatchLoggingOptions", "RetryOptions"})

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}", re.ASCII)
_BUCKET_ARN: Final = re.compile(r"arn:aws[a-z-]*:s3:::([\w.-]{3,63})", re.ASCII)
_FUNCTION_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:([\w-]{1,64})(?::([\w$-]+))?", re.ASCII
)
_STREAM_ARN: Final = re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:(\d{12}):stream/([\w.-]{1,128})", re.ASCII)

_KINDS: Final = ("DirectPut", "KinesisStreamAsSource")
_STREAM: Final = frozenset(
    {
        "DeliveryStreamName",
        "DeliveryStreamType",
        "KinesisStreamSourceConfiguration",
        "ExtendedS3DestinationConfiguration",
        "IcebergDestinationConfiguration",
    }
)
_S3: Final = frozenset(
    {
        "BucketARN",
        "Prefix",
        "ErrorOutputPrefix",
        "BufferingHints",
        "CompressionFormat",
        "FileExtension",
        "ProcessingConfiguration",
        "DynamicPartitioningConfiguration",
    }
)
_ICEBERG: Final = frozenset(
    {
        "CatalogConfiguration",
        "DestinationTableConfigurationList",
        "BufferingHints",
        "ProcessingConfiguration",
        "S3Configuration",
    }
)
_PARAMETERS: Final = frozenset({"LambdaArn", "BufferSizeInMBs", "BufferIntervalInSeconds", "NumberOfRetries"})
_EXTENSIONS: Final = {"UNCOMPRESSED": "", "GZIP": COMPRESSED}


@dataclass(frozen=True, slots=True)
class TableSettings:
    """One Iceberg table of a destination."""

    database: str
    table: str
    unique_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """A stream to be made.

    Attributes:
        settings: What the stream itself goes by.
        function_arn: The function that transforms its records, as it was given.
        bucket: Of the objects, those of failed records included.
        source_arn: The Kinesis stream that is read, if one is.
        tables: Of an Iceberg destination; None is S3.
        destination: The member of the request that describes the destination, by its name.
    """

    settings: StreamSettings
    function_arn: str
    bucket: str
    source_arn: str | None = None
    tables: tuple[TableSettings, ...] | None = None
    destination: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The `DeliveryStreamType`."""
        return _KINDS[self.source_arn is not None]


def read(request: Mapping[str, Any], account: str, region: str) -> Description:
    """Read a request of CreateDeliveryStream.

    Raises:
        CallRefusedError: it is not one, or asks for what this Firehose does not do; the message names the member.
    """
    _known(request, _STREAM, "")
    name = _text(request, "DeliveryStreamName", "")
    if not _NAME.fullmatch(name):
        raise refuse("DeliveryStreamName", "it has 1 to 64 letters, digits, _ . -")
    kind = request.get("DeliveryStreamType", "DirectPut")
    if kind not in _KINDS:
        raise refuse("DeliveryStreamType", f"it is one of {', '.join(_KINDS)}")
    source_arn, source = None, ""
    if kind == "KinesisStreamAsSource":
        source_arn, account, source = _source(request)
    elif "KinesisStreamSourceConfiguration" in request:
        raise refuse("KinesisStreamSourceConfiguration", "the type of the stream is DirectPut")
    iceberg, destination, location = _destination(request)
    s3 = _mapping(destination, "S3Configuration", location) if iceberg else destination
    prefixes = _prefixes(s3, location)
    parameters = _processor(destination, location)
    arn = str(parameters.get("LambdaArn", ""))
    function = _FUNCTION_ARN.fullmatch(arn)
    if function is None:
        raise refuse(f"{location}.ProcessingConfiguration", "it needs a Lambda processor with a LambdaArn")
    size_bytes, interval_ms = _hints(destination, location)
    settings = StreamSettings(
        names=ResourceNames(name, region, function[1], source, account, function[2] or "$LATEST"),
        kinesis=source_arn is not None,
        buffer_bytes=int(
            _number(
                parameters,
                "BufferSizeInMBs",
                limits.BUFFER_SIZE_DEFAULT_MB,
                limits.BUFFER_SIZE_MIN_MB,
                limits.BUFFER_SIZE_MAX_MB,
            )
            * 2**20
        ),
        buffer_interval_ms=int(
            _number(
                parameters,
                "BufferIntervalInSeconds",
                limits.BUFFER_INTERVAL_DEFAULT_SECONDS,
                0,
                limits.BUFFER_INTERVAL_MAX_SECONDS,
            )
            * 1000
        ),
        retries=int(_number(parameters, "NumberOfRetries", limits.INVOCATION_RETRIES, 0, limits.RETRIES_MAX)),
        seed=randbits(64),
        hints=Hints(size_bytes, interval_ms, prefixes),
        driven=True,
    )
    tables = _tables(destination, location) if iceberg else None
    return Description(settings, arn, _bucket(s3, location), source_arn, tables, destination)


def refuse(location: str, problem: str) -> CallRefusedError:
    """Return the refusal of a request, by the member at fault."""
    return CallRefusedError("InvalidArgumentException", f"{location}: {problem}")


def _known(value: Mapping[str, Any], members: frozenset[str], location: str) -> None:
    for name in value:
        if name not in members | _WITHOUT_MEANING:
            raise refuse(f"{location}.{name}".lstrip("."), "this local Firehose does not do that")


def _mapping(value: Mapping[str, Any], name: str, location: str) -> Mapping[str, Any]:
    member = value.get(name)
    if not isinstance(member, Mapping):
        raise refuse(f"{location}.{name}".lstrip("."), "it is needed, an object")
    return member


def _text(value: Mapping[str, Any], name: str, location: str) -> str:
    member = value.get(name)
    if not isinstance(member, str):
        raise refuse(f"{location}.{name}".lstrip("."), "it is needed, a text")
    return member


def _number(value: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """Read a number, which processors have as text."""
    try:
        parsed = float(value.get(name, default))
    except (TypeError, ValueError):
        parsed = float("nan")
    if not low <= parsed <= high:
        raise refuse(name, f"it is a number from {low:g} to {high:g}")
    return parsed


def _source(request: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return ARN, account and name of the Kinesis stream that is read."""
    location = "KinesisStreamSourceConfiguration"
    source = _mapping(request, location, "")
    _known(source, frozenset({"KinesisStreamARN"}), location)
    arn = _text(source, "KinesisStreamARN", location)
    match = _STREAM_ARN.fullmatch(arn)
    if match is None:
        raise refuse(f"{location}.KinesisStreamARN", "it is not the ARN of a Kinesis stream")
    return arn, match[1], match[2]


def _destination(request: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any], str]:
    """Return whether the destination is Iceberg, its description and the name of that member."""
    names = [name for name in request if name.endswith("DestinationConfiguration")]
    if len(names) != 1:
        raise refuse("CreateDeliveryStream", "a stream has exactly one destination")
    location = names[0]
    iceberg = location == "IcebergDestinationConfiguration"
    destination = _mapping(request, location, "")
    _known(destination, _ICEBERG if iceberg else _S3, location)
    return iceberg, destination, location


def _bucket(s3: Mapping[str, Any], location: str) -> str:
    match = _BUCKET_ARN.fullmatch(_text(s3, "BucketARN", location))
    if match is None:
        raise refuse(f"{location}.BucketARN", "it is not the ARN of a bucket")
    return match[1]


def _prefixes(s3: Mapping[str, Any], location: str) -> Prefixes:
    _known(s3, _S3, location)
    compression = s3.get("CompressionFormat", "UNCOMPRESSED")
    if compression not in _EXTENSIONS:
        raise refuse(f"{location}.CompressionFormat", f"this local Firehose writes {', '.join(_EXTENSIONS)}")
    prefixes = Prefixes(
        s3.get("Prefix", ""), s3.get("ErrorOutputPrefix"), s3.get("FileExtension", "") + _EXTENSIONS[compression]
    )
    try:
        prefixes.check()
    except PrefixError as error:
        raise refuse(location, str(error)) from error
    partitioning = s3.get("DynamicPartitioningConfiguration", {}).get("Enabled", False)
    if partitioning != prefixes.is_partitioned:
        raise refuse(
            f"{location}.DynamicPartitioningConfiguration", "it goes with !{partitionKeyFromLambda:} in Prefix"
        )
    return prefixes


def _hints(destination: Mapping[str, Any], location: str) -> tuple[int, int]:
    hints = destination.get("BufferingHints", {})
    _known(hints, frozenset({"SizeInMBs", "IntervalInSeconds"}), f"{location}.BufferingHints")
    low, high = limits.OBJECT_SIZE_MIN_MB, limits.OBJECT_SIZE_MAX_MB
    size_mb = _number(hints, "SizeInMBs", limits.OBJECT_SIZE_DEFAULT_BYTES / 2**20, low, high)
    longest = limits.OBJECT_INTERVAL_MAX_SECONDS
    interval_s = _number(hints, "IntervalInSeconds", limits.OBJECT_INTERVAL_DEFAULT_SECONDS, 0, longest)
    return int(size_mb * 2**20), int(interval_s * 1000)


def _processor(destination: Mapping[str, Any], location: str) -> dict[str, Any]:
    """Return the parameters of the one processor, a Lambda function; none where processing is not switched on."""
    location += ".ProcessingConfiguration"
    processing = destination.get("ProcessingConfiguration", {})
    _known(processing, frozenset({"Enabled", "Processors"}), location)
    processors = processing.get("Processors", [])
    if not processing.get("Enabled") or not processors:
        return {}
    if len(processors) > 1 or processors[0].get("Type") != "Lambda":
        raise refuse(location, "this local Firehose has one processor, of type Lambda")
    entries = processors[0].get("Parameters", [])
    parameters = {entry.get("ParameterName"): entry.get("ParameterValue") for entry in entries}
    _known(parameters, _PARAMETERS, location)
    return parameters


def _tables(destination: Mapping[str, Any], location: str) -> tuple[TableSettings, ...]:
    tables = []
    for entry in destination.get("DestinationTableConfigurationList", []):
        inner = f"{location}.DestinationTableConfigurationList"
        _known(entry, frozenset({"DestinationTableName", "DestinationDatabaseName", "UniqueKeys"}), inner)
        database, table = _text(entry, "DestinationDatabaseName", inner), _text(entry, "DestinationTableName", inner)
        tables.append(TableSettings(database, table, tuple(entry.get("UniqueKeys", ()))))
    return tuple(tables)
