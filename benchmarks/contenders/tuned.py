"""The handler as far as one record at a time goes in Python: `msgspec` into typed structs, and `pybase64`.

Structs name only what is wanted, so that no object is made of the rest; where `orjson` was faster, or a regular
expression is, that is what stands here. Invariant: no batch, no columns: each record is done before the next is looked
at.
"""

import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import orjson
from pybase64 import b64decode

from benchmarks import corpora
from benchmarks.contenders.orjson_loop import CENT, GZIP, quoted
from benchmarks.contenders.stdlib import OPERATIONS, TABLES, TICKER, clock, plain


class Record(msgspec.Struct, gc=False):
    """A record of an event."""

    recordId: str
    data: str
    approximateArrivalTimestamp: int = 0


class Event(msgspec.Struct, gc=False):
    """A Firehose event."""

    records: list[Record]


class Entry(msgspec.Struct, gc=False, omit_defaults=True):
    """The answer to a record; the encoder writes bytes as base64."""

    recordId: str
    result: str
    data: bytes | None = None
    metadata: dict[str, Any] | None = None


class Text(msgspec.Struct, gc=False):
    """An attribute value that is text."""

    S: str


class Digits(msgspec.Struct, gc=False):
    """An attribute value that is a number."""

    N: str


class Keys(msgspec.Struct, gc=False):
    """The keys of the changes."""

    id: Text
    datetime: Text


class KeysOnly(msgspec.Struct, gc=False):
    """What the two columns are in."""

    Keys: Keys


class Change(msgspec.Struct, gc=False):
    """A change of which only the keys are wanted."""

    dynamodb: KeysOnly


class Image(msgspec.Struct, gc=False):
    """What is wanted of an item."""

    amount: Digits | None = None
    status: Text | None = None
    note: Text | None = None


class TypedChange(msgspec.Struct, gc=False):
    """What the ten columns are in."""

    Keys: Keys
    ApproximateCreationDateTime: int
    SizeBytes: int
    NewImage: Image | None = None
    OldImage: Image | None = None


class TypedEvent(msgspec.Struct, gc=False):
    """A change of which ten columns are wanted."""

    eventID: str
    eventName: str
    tableName: str
    dynamodb: TypedChange


class Captured(msgspec.Struct, gc=False):
    """A change for a table."""

    eventName: str
    dynamodb: TypedChange


class OrderRow(msgspec.Struct, gc=False):
    """A row of the table of orders."""

    id: str
    datetime: str
    status: str | None
    amount: float | None
    note: str | None
    changed_at: int


class Images(msgspec.Struct):
    """The images of a change, as they are."""

    Keys: dict[str, dict[str, Any]]
    NewImage: dict[str, dict[str, Any]] | None = None
    OldImage: dict[str, dict[str, Any]] | None = None


class ImageEvent(msgspec.Struct):
    """A change of which the item is wanted."""

    dynamodb: Images


class Pair(msgspec.Struct, gc=False):
    """A price of which two members are wanted."""

    T: str
    SECTOR: str


class Header(msgspec.Struct, gc=False):
    """A header of a mail."""

    name: str
    value: str


class Mail(msgspec.Struct, gc=False):
    """A mail."""

    messageId: str
    tags: msgspec.Raw
    headers: list[Header]
    timestamp: datetime


class Visit(msgspec.Struct, gc=False):
    """What an open or a click says."""

    ipAddress: str
    userAgent: str
    timestamp: datetime
    link: str | None = None
    linkTags: msgspec.Raw = msgspec.Raw(b"null")


class MailEvent(msgspec.Struct, gc=False):
    """An SES event."""

    eventType: str
    mail: Mail
    open: Visit | None = None
    click: Visit | None = None


class LogEvent(msgspec.Struct, gc=False):
    """An event of a log."""

    id: str
    timestamp: int
    message: str


class Message(msgspec.Struct, gc=False):
    """A CloudWatch Logs message."""

    messageType: str
    logGroup: str
    logStream: str
    logEvents: list[LogEvent]


class LogRow(msgspec.Struct, gc=False):
    """A row of a log event."""

    logGroup: str
    logStream: str
    id: str
    timestamp: int
    message: str


class Duration(msgspec.Struct, gc=False):
    """How long something took."""

    ms: int


class Log(msgspec.Struct, gc=False):
    """What a function logs."""

    level: str
    requestId: str
    message: str
    duration: Duration


class LogMemberRow(msgspec.Struct, gc=False):
    """A row of a line that is JSON."""

    timestamp: int
    level: str
    request: str
    message: str
    took_ms: int


Answer = tuple[str, bytes | None, dict[str, Any] | None]
Transform = Callable[[bytes, Record], Answer]

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_event = msgspec.json.Decoder(Event).decode
_change = msgspec.json.Decoder(Change).decode
_typed = msgspec.json.Decoder(TypedEvent).decode
_captured = msgspec.json.Decoder(Captured).decode
_images = msgspec.json.Decoder(ImageEvent).decode
_pair = msgspec.json.Decoder(Pair).decode
_mail = msgspec.json.Decoder(MailEvent).decode
_message = msgspec.json.Decoder(Message).decode
_log = msgspec.json.Decoder(Log).decode


def changes(payload: bytes, record: Record) -> Answer:
    """Join the two keys of a DynamoDB change."""
    keys = _change(payload).dynamodb.Keys
    return "Ok", f"{keys.id.S},{keys.datetime.S}\n".encode(), None


def pairs(payload: bytes, record: Record) -> Answer:
    """Join two members."""
    document = _pair(payload)
    return "Ok", f"{document.T},{document.SECTOR}\n".encode(), None


def wide(columns: int) -> Transform:
    """Join the first members of a wide document."""
    names = corpora.wide_names(columns)
    decode = msgspec.json.Decoder(msgspec.defstruct("Wide", [(name, str) for name in names], gc=False)).decode

    def transform(payload: bytes, record: Record) -> Answer:
        return "Ok", (",".join(msgspec.structs.astuple(decode(payload))) + "\n").encode(), None

    return transform


def typed(payload: bytes, record: Record) -> Answer:
    """Write ten typed columns."""
    document = _typed(payload)
    change = document.dynamodb
    image = change.NewImage or change.OldImage
    number = image.amount.N if image and image.amount else ""
    placed_at = datetime.fromisoformat(change.Keys.datetime.S).astimezone(UTC).isoformat(" ")[:19]
    line = (
        f"{quoted(change.Keys.id.S)},{placed_at},{quoted(document.eventID)},{quoted(document.eventName)},"
        f"{quoted(document.tableName)},{clock(change.ApproximateCreationDateTime)},{change.SizeBytes},"
        f"{Decimal(number).quantize(CENT) if number else ''},{float(number) if number else ''},"
        f"{clock(record.approximateArrivalTimestamp)}\n"
    )
    return "Ok", line.encode(), None


def ticker(payload: bytes, record: Record) -> Answer:
    """Match the text of a price with one regular expression, which beats a typed parse of all four members."""
    match = TICKER.search(payload.decode())
    if match is None:
        return "ProcessingFailed", None, None
    symbol, sector, change, price = match.groups()
    if sector != "RETAIL":
        return "Dropped", None, None
    return "Ok", f"{time.time_ns() // 1_000_000},{symbol},{sector},{change},{price}\n".encode(), None


def microseconds(moment: datetime) -> int:
    """Return the epoch microseconds that Iceberg wants, of a time with milliseconds."""
    return round(moment.timestamp() * 1_000) * 1_000


_MAIL_METADATA = {
    kind: {
        "otfMetadata": {
            "destinationDatabaseName": "email_event",
            "destinationTableName": table,
            "operation": "insert",
        }
    }
    for kind, table in TABLES.items()
}
_ORDER_METADATA = {
    name: {"otfMetadata": {"destinationDatabaseName": "shop", "destinationTableName": "orders", "operation": operation}}
    for name, operation in OPERATIONS.items()
}


def mail(payload: bytes, record: Record) -> Answer:
    """Route an SES event to its table."""
    event = _mail(payload)
    kind, sent = event.eventType, event.mail
    if kind not in TABLES:
        return "ProcessingFailed", None, None
    row: dict[str, Any] = {
        "event_type": kind,
        "message_id": sent.messageId,
        "tags": str(sent.tags, "utf-8"),
        "from_address": None,
        "to_address": None,
    }
    for header in sent.headers:
        if header.name == "From":
            row["from_address"] = header.value
        elif header.name == "To":
            row["to_address"] = header.value
    if kind == "Send":
        row["timestamp"] = microseconds(sent.timestamp)
    else:
        visit = event.open if kind == "Open" else event.click
        assert visit is not None
        row["ip_address"] = visit.ipAddress
        if kind == "Click":
            row["link"] = visit.link
            row["link_tags"] = str(visit.linkTags, "utf-8")
        row["user_agent"] = visit.userAgent
        row["timestamp"] = microseconds(visit.timestamp)
    return "Ok", orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), _MAIL_METADATA[kind]


def logs(payload: bytes, record: Record) -> Answer:
    """Unpack a CloudWatch Logs message."""
    message = _message(zlib.decompress(payload, GZIP))
    if message.messageType == "CONTROL_MESSAGE":
        return "Dropped", None, None
    if message.messageType != "DATA_MESSAGE":
        return "ProcessingFailed", None, None
    group, stream = message.logGroup, message.logStream
    rows = [LogRow(group, stream, event.id, event.timestamp, event.message) for event in message.logEvents]
    return "Ok", _encode_lines(rows), None


def log_members(payload: bytes, record: Record) -> Answer:
    """Unpack a CloudWatch Logs message, and of each of its events the JSON that was logged."""
    message = _message(zlib.decompress(payload, GZIP))
    if message.messageType != "DATA_MESSAGE":
        return "Dropped", None, None
    rows = []
    for event in message.logEvents:
        log = _log(event.message)
        rows.append(LogMemberRow(event.timestamp, log.level, log.requestId, log.message, log.duration.ms))
    return "Ok", _encode_lines(rows), None


def items(payload: bytes, record: Record) -> Answer:
    """Write the item of a change as plain JSON."""
    change = _images(payload).dynamodb
    item = change.NewImage or change.OldImage or change.Keys
    row = {name: plain(value) for name, value in item.items()}
    return "Ok", orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), None


def capture(payload: bytes, record: Record) -> Answer:
    """Write a change for its Iceberg table."""
    event = _captured(payload)
    change = event.dynamodb
    image = change.NewImage or change.OldImage
    assert image is not None
    row = OrderRow(
        change.Keys.id.S,
        change.Keys.datetime.S,
        image.status.S if image.status else None,
        float(image.amount.N) if image.amount else None,
        image.note.S if image.note else None,
        change.ApproximateCreationDateTime * 1000,
    )
    return "Ok", _encode(row) + b"\n", _ORDER_METADATA[event.eventName]


def transform_of(corpus: corpora.Corpus) -> Transform:
    """Return the transform that the corpus asks for."""
    return corpora.of_shape(corpus, (changes, typed, pairs, ticker, mail, logs, log_members, items, capture), wide)


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    transform = transform_of(corpora.find(corpus_name))

    def handler(event: bytes) -> bytes:
        output = []
        for record in _event(event).records:
            try:
                answer = transform(b64decode(record.data, None, True), record)
            except Exception:
                # A record that cannot be transformed must not fail its batch, whatever was raised.
                answer = ("ProcessingFailed", None, None)
            output.append(Entry(record.recordId, *answer))
        return _encode({"records": output})

    return handler
