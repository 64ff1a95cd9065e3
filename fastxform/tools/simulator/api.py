"""The operations of Firehose's API on streams of this machine: requests and answers as dictionaries.

What a request describes is read in `description`, how it comes over a socket is in `server`, the puts' limits and
faults are those of `client`. Invariant: an operation answers as AWS documents it or raises `CallRefusedError`, and a
put that was acknowledged is in the stream.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import sleep
from typing import Any, Final

from fastxform.tools.simulator import description
from fastxform.tools.simulator.client import CallRefusedError, LocalClient
from fastxform.tools.simulator.delivery import Tables
from fastxform.tools.simulator.description import Description, TableSettings
from fastxform.tools.simulator.faults import Faults
from fastxform.tools.simulator.firehose import Firehose
from fastxform.tools.simulator.function import Invoke
from fastxform.tools.simulator.kinesis_source import KinesisReader, KinesisSource, code_of
from fastxform.tools.simulator.live import LiveStream, wall_ms
from fastxform.tools.simulator.s3 import S3Client, S3Sink
from fastxform.tools.simulator.wire import ACCOUNT

_LIST_LIMIT: Final = 10
"""Names of one answer. Source: Firehose API `ListDeliveryStreams.Limit`, default 10. 2026-11."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What streams of this machine are made from.

    Attributes:
        functions: What is invoked for each `LambdaArn`.
        s3: Takes the objects.
        kinesis: Reads the streams that are sources.
        tables: Makes the tables of an Iceberg destination.
        faults: What goes wrong with puts, by the name of the stream.
    """

    functions: Mapping[str, Invoke]
    s3: S3Client
    kinesis: KinesisReader | None = None
    tables: Callable[[Sequence[TableSettings]], Tables] | None = None
    faults: Mapping[str, Faults] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Made:
    """A stream that was made: itself, what was asked for, its puts, and when."""

    live: LiveStream
    described: Description
    client: LocalClient
    made_ms: int


class FirehoseApi:
    """One account's delivery streams in one region; `call` may be called from any thread."""

    def __init__(self, parts: Parts, account: str = ACCOUNT, region: str = "us-east-1") -> None:
        self._parts = parts
        self._account = account
        self._region = region
        self._streams: dict[str, _Made] = {}
        self._lock = Lock()
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "CreateDeliveryStream": self._create,
            "DescribeDeliveryStream": self._describe,
            "ListDeliveryStreams": self._list,
            "DeleteDeliveryStream": self._delete,
            "PutRecord": self._put_record,
            "PutRecordBatch": self._put_record_batch,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do one operation.

        Raises:
            CallRefusedError: the service would answer with this error.
            ConnectionResetError: a fault: the connection dies.
        """
        method = self._operations.get(operation)
        if method is None:
            raise CallRefusedError("UnknownOperationException", f"this local Firehose has no {operation}")
        return method(request)

    def stream(self, name: str) -> LiveStream:
        """Return a stream, to look at its totals.

        Raises:
            CallRefusedError: there is none of that name.
        """
        return self._made(name).live

    def adopt(self, described: Description, live: LiveStream) -> LocalClient:
        """Serve a stream that was made elsewhere, and return what counts its puts."""
        name = described.settings.names.stream
        client = LocalClient(live.put, kinesis=False, faults=self._parts.faults.get(name), hold=sleep)
        with self._lock:
            self._streams[name] = _Made(live, described, client, wall_ms())
        return client

    def client(self, name: str) -> LocalClient:
        """Return what counts the puts of a stream.

        Raises:
            CallRefusedError: there is none of that name.
        """
        return self._made(name).client

    def close(self) -> None:
        """Close every stream; each delivers what it holds.

        Raises:
            Exception: what broke one of them.
        """
        with self._lock:
            made, self._streams = list(self._streams.values()), {}
        errors = []
        for one in made:
            try:
                one.live.close()
            except Exception as error:  # the others are closed first
                errors.append(error)
        if errors:
            raise errors[0]

    def _made(self, name: object) -> _Made:
        with self._lock:
            stream = self._streams.get(name) if isinstance(name, str) else None
        if stream is None:
            raise CallRefusedError(
                "ResourceNotFoundException", f"Firehose {name} under account {self._account} not found."
            )
        return stream

    def _create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        described = description.read(request, self._account, self._region)
        name = described.settings.names.stream
        with self._lock:
            if name in self._streams:
                message = f"Firehose {name} under accountId {self._account} already exists"
                raise CallRefusedError("ResourceInUseException", message)
            live = self._start(described)
            kinesis, faults = described.settings.kinesis, self._parts.faults.get(name)
            client = LocalClient(live.put, kinesis=kinesis, faults=faults, hold=sleep)
            self._streams[name] = _Made(live, described, client, wall_ms())
        return {"DeliveryStreamARN": described.settings.names.stream_arn}

    def _start(self, described: Description) -> LiveStream:
        parts = self._parts
        invoke = parts.functions.get(described.function_arn)
        if invoke is None:
            raise description.refuse("LambdaArn", "there is no such function")
        tables = source = None
        if described.tables is not None:
            if parts.tables is None:
                raise description.refuse("IcebergDestinationConfiguration", "there is no catalog on this machine")
            tables = parts.tables(described.tables)
        if described.source_arn is not None:
            if parts.kinesis is None:
                raise description.refuse("KinesisStreamSourceConfiguration", "there is no Kinesis on this machine")
            source = KinesisSource(parts.kinesis, described.source_arn)
        sink = S3Sink(parts.s3, described.bucket)
        firehose = Firehose(invoke, sink, described.settings, tables=tables)
        try:
            return LiveStream(firehose, source)
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            problem = f"the stream cannot be read: {code}"
            raise description.refuse("KinesisStreamSourceConfiguration", problem) from error

    def _describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        made = self._made(request.get("DeliveryStreamName"))
        settings, source_arn = made.described.settings, made.described.source_arn
        member = "IcebergDestinationDescription"
        if made.described.tables is None:
            member = "ExtendedS3DestinationDescription"
        description: dict[str, Any] = {
            "DeliveryStreamName": settings.names.stream,
            "DeliveryStreamARN": settings.names.stream_arn,
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": made.described.kind,
            "VersionId": "1",
            "CreateTimestamp": made.made_ms / 1000,
            "Destinations": [{"DestinationId": "destinationId-000000000001", member: _shown(made.described)}],
            "HasMoreDestinations": False,
        }
        if source_arn is not None:
            description["Source"] = {"KinesisStreamSourceDescription": {"KinesisStreamARN": source_arn}}
        return {"DeliveryStreamDescription": description}

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        after, limit = request.get("ExclusiveStartDeliveryStreamName", ""), request.get("Limit", _LIST_LIMIT)
        kind = request.get("DeliveryStreamType")
        with self._lock:
            kinds = {name: made.described.kind for name, made in self._streams.items()}
        names = sorted(name for name in kinds if name > after and kind in (None, kinds[name]))
        return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}

    def _delete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request.get("DeliveryStreamName")
        made = self._made(name)
        with self._lock:
            self._streams.pop(str(name), None)
        made.live.close()
        return {}

    def _put_record(self, request: Mapping[str, Any]) -> dict[str, Any]:
        made = self._made(request.get("DeliveryStreamName"))
        (record,) = _records([request.get("Record")])
        return made.client.put_record(DeliveryStreamName=request["DeliveryStreamName"], Record=record)

    def _put_record_batch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        made = self._made(request.get("DeliveryStreamName"))
        records = _records(request.get("Records"))
        return made.client.put_record_batch(DeliveryStreamName=request["DeliveryStreamName"], Records=records)


def _records(entries: Any) -> list[dict[str, bytes]]:
    """Decode the entries of a put.

    Raises:
        CallRefusedError: they are none.
    """
    try:
        return [{"Data": b64decode(entry["Data"], validate=True)} for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise CallRefusedError("SerializationException", "a record is an object with Data in base64") from error


def _shown(described: Description) -> dict[str, Any]:
    """Return the description of a destination, which the service spells with other member names."""
    shown = dict(described.destination)
    if "S3Configuration" in shown:
        shown["S3DestinationDescription"] = shown.pop("S3Configuration")
    return shown
