"""Events and command outputs in which the records of a stream lie wrapped, and what of them Firehose would hand over.

Trigger events of Lambda, and what the AWS CLI prints. Sources: the event samples of the AWS Lambda developer guide
(with Kinesis, DynamoDB, SQS, SNS, S3, CloudWatch Logs, MSK) and the AWS CLI reference (`kinesis get-records`,
`dynamodbstreams get-records`, `dynamodb scan`, `logs filter-log-events`). Invariant: a record is the text as it stands
in the envelope, numbers with their digits, or the bytes that its base64 is of; what is of no kind known here is left
alone.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import msgspec

    Members = Mapping[str, msgspec.Raw]

CAPTURE: Final = (
    "to capture a sample, turn on the backup of source records (S3BackupMode) of the stream, whose objects hold the "
    "records as the function gets them"
)
"""How to get records as they are."""

_AGGREGATE: Final = b"\xf3\x89\x9a\xc2"
"""What an aggregated record of the Kinesis Producer Library begins with."""

_ATTRIBUTE_TYPES: Final = frozenset(("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"))
_CHANGE_NAMES: Final = ("INSERT", "MODIFY", "REMOVE")
_MESSAGE_EVENTS: Final = 500
"""Log events of one message that is made of the output of a command."""


class NotUnwrappedError(Exception):
    """The envelope is known, and its records cannot be had out of it; the text says why and how to get them."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record of the input, with what its envelope says of it."""

    data: bytes
    arrival_ms: int | None = None
    partition_key: str | None = None
    sequence_number: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A known envelope: a note, and the records; None where the whole is one record all the same."""

    note: str
    records: Sequence[InputRecord] | None


def unwrap(document: bytes) -> Envelope | None:
    """Return what an object is an envelope of; None where it is none.

    Raises:
        NotUnwrappedError: it is one, out of which no records can be had.
    """
    members = members_of(document)
    if members is None:
        return None
    for read in (_records, _awslogs, _kafka, _items, _log_events, _http_endpoint):
        envelope = read(members)
        if envelope is not None:
            return envelope
    return None


def list_elements(document: bytes) -> Envelope | None:
    """Return the elements of a list as records, unwrapped if they are of a kind; None where none is an object.

    Raises:
        NotUnwrappedError: they are of a kind out of which no records can be had.
    """
    elements = list_of(document)
    members = [members_of(element) for element in elements or ()]
    if not elements or not any(element is not None for element in members):
        return None
    kind = _kind_of(members)
    if kind is not None and kind.record is not None:
        return Envelope(f"a list of {kind.says(len(elements))}", _unwrapped(kind, elements, members))
    return Envelope(
        f"a JSON list of {_counted(len(elements), 'elements')}, each read as a record; a record that is such a list "
        'wants documents = "many"',
        [InputRecord(bytes(element)) for element in elements],
    )


def element_reader(first: bytes) -> tuple[str, Callable[[bytes], InputRecord]]:
    """Return what the elements of a list are by its first one, and what makes a record of each.

    Raises:
        NotUnwrappedError: an element is not of the kind of the first one, when it is read.
    """
    kind = _kind_of([members_of(first)])
    if kind is None or kind.record is None:
        return "a JSON list, each of its elements a record", InputRecord
    record = kind.record

    def read(element: bytes) -> InputRecord:
        import msgspec

        members = members_of(element)
        if members is None or not kind.matches(members):
            raise NotUnwrappedError(f"is none of the {kind.name}, which the first one is")
        return record(msgspec.Raw(element), members)

    return f"a list of {kind.name}, {kind.done}", read


def members_of(text: "bytes | msgspec.Raw | None") -> "Members | None":
    """Return the members of an object as they are written; None where it is no strict JSON object."""
    import msgspec

    members: Members | None = _decoded(text, dict[str, msgspec.Raw])
    return members


def list_of(text: "bytes | msgspec.Raw | None") -> "Sequence[msgspec.Raw] | None":
    """Return the elements of a list as they are written; None where it is no strict JSON list."""
    import msgspec

    elements: Sequence[msgspec.Raw] | None = _decoded(text, list[msgspec.Raw])
    return elements


def _value(raw: "msgspec.Raw | None") -> Any:
    return _decoded(raw, Any)


def _decoded(text: "bytes | msgspec.Raw | None", kind: Any) -> Any:
    """Return a text as a type; None where there is none, or it is none of that type."""
    import msgspec

    try:
        return None if text is None else msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _text(raw: "msgspec.Raw | None") -> str | None:
    """Return a member that is a text."""
    value = _value(raw)
    return value if isinstance(value, str) else None


# -- elements of `Records`


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of elements: how it is recognised, what it is called, and the record of one; None where it has none."""

    matches: "Callable[[Members], bool]"
    name: str
    done: str
    record: "Callable[[msgspec.Raw, Members], InputRecord] | None"

    def says(self, count: int) -> str:
        """Return what is reported of so many."""
        return f"{_counted(count, self.name)}, {self.done}"


def _counted(count: int, name: str) -> str:
    """Return a number of things, named in the plural; of one the name in the singular."""
    return f"1 {_PLURAL.sub(_SINGULAR, name, count=1)}" if count == 1 else f"{count} {name}"


_SINGULAR: Final = r"\1"
_PLURAL: Final = re.compile(r"\b(change|record|message|notification|item|event|element)s\b")


def _is_change(members: "Members") -> bool:
    has_source = _text(members.get("eventSource")) == "aws:dynamodb" or _text(members.get("eventName")) in _CHANGE_NAMES
    return has_source and members_of(members.get("dynamodb")) is not None


def _change(element: "msgspec.Raw", members: "Members") -> InputRecord:
    return InputRecord(bytes(element))


def _is_kinesis_event(members: "Members") -> bool:
    return "data" in (members_of(members.get("kinesis")) or ())


def _kinesis_event(element: "msgspec.Raw", members: "Members") -> InputRecord:
    inside = members_of(members["kinesis"]) or {}
    return _kinesis(inside, "data", "partitionKey", "sequenceNumber", "approximateArrivalTimestamp")


def _is_kinesis_output(members: "Members") -> bool:
    return {"Data", "SequenceNumber", "PartitionKey"} <= members.keys()


def _kinesis_output(element: "msgspec.Raw", members: "Members") -> InputRecord:
    return _kinesis(members, "Data", "PartitionKey", "SequenceNumber", "ApproximateArrivalTimestamp")


def _kinesis(members: "Members", data: str, key: str, number: str, arrival: str) -> InputRecord:
    payload = _base64(members[data], data)
    if payload.startswith(_AGGREGATE):
        raise NotUnwrappedError(
            "a record is an aggregate of the Kinesis Producer Library, which Firehose takes apart before the function "
            f"gets its records; {CAPTURE}"
        )
    arrival_ms = _milliseconds(_value(members.get(arrival)))
    return InputRecord(payload, arrival_ms, _text(members.get(key)), _text(members.get(number)))


def _base64(raw: "msgspec.Raw", name: str) -> bytes:
    from fastxform.core import payloads

    text = _text(raw)
    payload = None if text is None else payloads.decode(text)
    if payload is None:
        raise NotUnwrappedError(f"the member {name} of a record is not base64, which no stream holds")
    return payload


def _milliseconds(moment: Any) -> int | None:
    """Return a moment in milliseconds, from seconds as a number or ISO 8601; None where it is neither."""
    try:
        if isinstance(moment, str):
            parsed = datetime.fromisoformat(moment)
            return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
        return round(moment * 1000) if isinstance(moment, int | float) else None
    except (ValueError, OverflowError):
        return None


def _sqs(element: "msgspec.Raw", members: "Members") -> InputRecord:
    return InputRecord((_text(members.get("body")) or "").encode())


def _sns(element: "msgspec.Raw", members: "Members") -> InputRecord:
    return InputRecord(bytes(members["Sns"]))


_KINDS: Final = (
    _Kind(_is_change, "DynamoDB changes of a stream", "each a record", _change),
    _Kind(_is_kinesis_event, "records of a Kinesis trigger event", "each the data that it holds", _kinesis_event),
    _Kind(_is_kinesis_output, "records of `aws kinesis get-records`", "each the data that it holds", _kinesis_output),
    _Kind(
        lambda members: _text(members.get("eventSource")) == "aws:sqs" and _text(members.get("body")) is not None,
        "messages of an SQS trigger event",
        "each its body, which is what a producer would put; Firehose reads no queue, and a pipe of EventBridge puts "
        "the whole message",
        _sqs,
    ),
    _Kind(
        lambda members: members_of(members.get("Sns")) is not None,
        "notifications of an SNS trigger event",
        "each the notification, as a subscription of Firehose gets it; with raw message delivery that is the Message",
        _sns,
    ),
    _Kind(
        lambda members: members_of(members.get("s3")) is not None,
        "notifications of S3",
        "one record as a whole, as Firehose gets it through SNS with raw message delivery; a row an object is "
        '[explode] with path = "Records"',
        None,
    ),
)


def _kind_of(elements: "Sequence[Members | None]") -> _Kind | None:
    """Return the kind that all elements are of."""
    known = [members for members in elements if members is not None]
    if not known or len(known) < len(elements):
        return None
    return next((kind for kind in _KINDS if all(map(kind.matches, known))), None)


def _unwrapped(
    kind: _Kind, elements: "Sequence[msgspec.Raw]", members: "Iterable[Members | None]"
) -> list[InputRecord]:
    assert kind.record is not None
    return [kind.record(element, inside or {}) for element, inside in zip(elements, members, strict=True)]


def _records(members: "Members") -> Envelope | None:
    elements = list_of(members.get("Records"))
    if elements is None:
        return None
    is_output = "NextShardIterator" in members
    if not elements:
        return Envelope("no records in the output of get-records", ()) if is_output else None
    inside = [members_of(element) for element in elements]
    kind = _kind_of(inside)
    if kind is None:
        return Envelope("one record: the elements of its member Records are no DynamoDB changes", None)
    note = kind.says(len(elements))
    if kind.record is None:
        return Envelope(note, None)
    if is_output and kind.record is _change:
        note += "; its times are what the AWS CLI makes of them, and numbers in a stream"
    return Envelope(note, _unwrapped(kind, elements, inside))


# -- other envelopes


def _awslogs(members: "Members") -> Envelope | None:
    inside = members_of(members.get("awslogs"))
    if inside is None or "data" not in inside or len(members) > 1:
        return None
    return Envelope(
        "an event of a CloudWatch Logs trigger, whose data is one record",
        [InputRecord(_base64(inside["data"], "data"))],
    )


def _kafka(members: "Members") -> Envelope | None:
    """Return the records of a trigger event of MSK, of all partitions."""
    partitions = members_of(members.get("records"))
    if partitions is None or _text(members.get("eventSource")) not in ("aws:kafka", "SelfManagedKafka"):
        return None
    records = []
    for raw in partitions.values():
        for element in list_of(raw) or ():
            entry = members_of(element) or {}
            # A tombstone has no value, which arrives as an empty record.
            data = _base64(entry["value"], "value") if _text(entry.get("value")) is not None else b""
            moment = _value(entry.get("timestamp"))
            records.append(InputRecord(data, moment if isinstance(moment, int) else None))
    return Envelope(f"{_counted(len(records), 'records of an MSK trigger event')}, each its value", records)


def _items(members: "Members") -> Envelope | None:
    """Return the items of a scan or a query, each as a line of an export has it."""
    items = list_of(members.get("Items"))
    if items is None or "Count" not in members:
        return None
    inside = [members_of(item) for item in items]
    if not all(image is not None and _is_image(image) for image in inside):
        return None
    records = [InputRecord(b'{"Item":' + bytes(item) + b"}") for item in items]
    return Envelope(
        f"{_counted(len(records), 'items of `aws dynamodb scan` or `query`')}, each read as the line "
        '{"Item": ...} of an export',
        records,
    )


def _is_image(image: "Members") -> bool:
    for raw in image.values():
        attribute = members_of(raw)
        if attribute is None or len(attribute) != 1 or not attribute.keys() <= _ATTRIBUTE_TYPES:
            return False
    return bool(image)


def _log_events(members: "Members") -> Envelope | None:
    """Return the events of `aws logs filter-log-events` or `get-log-events` as messages of a subscription."""
    events = [members_of(event) for event in list_of(members.get("events")) or ()]
    if not events or not all(
        event is not None and {"timestamp", "message", "ingestionTime"} <= event.keys() for event in events
    ):
        return None
    known = [event for event in events if event is not None]
    records = [
        InputRecord(_message(stream, batch))
        for stream, of_stream in groupby(known, key=lambda event: _text(event.get("logStreamName")) or "unknown")
        for batch in _batches(of_stream)
    ]
    return Envelope(
        f"{_counted(len(known), 'events of `aws logs filter-log-events`')}, read as "
        f"{_counted(len(records), 'messages of a subscription')}; "
        "owner and logGroup, which the output does not have, are unknown",
        records,
    )


def _batches(events: "Iterator[Members]") -> "Iterator[list[Members]]":
    batch: list[Members] = []
    for event in events:
        batch.append(event)
        if len(batch) == _MESSAGE_EVENTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _message(stream: str, events: "Sequence[Members]") -> bytes:
    written = []
    for number, event in enumerate(events):
        identity = event["eventId"] if "eventId" in event else json.dumps(str(number)).encode()
        written.append(
            b'{"id":'
            + bytes(identity)
            + b',"timestamp":'
            + bytes(event["timestamp"])
            + b',"message":'
            + bytes(event["message"])
            + b"}"
        )
    head = {
        "messageType": "DATA_MESSAGE",
        "owner": "unknown",
        "logGroup": "unknown",
        "logStream": stream,
        "subscriptionFilters": ["unknown"],
    }
    return json.dumps(head).encode()[:-1] + b',"logEvents":[' + b",".join(written) + b"]}"


def _http_endpoint(members: "Members") -> Envelope | None:
    """Refuse a request of Firehose to an HTTP endpoint: its records are rows, not what a function gets."""
    if "records" not in members or "requestId" not in members:
        return None
    entries = [members_of(entry) for entry in list_of(members["records"]) or ()]
    if not entries or not all(entry is not None and entry.keys() == {"data"} for entry in entries):
        return None
    raise NotUnwrappedError(
        f"is a request of Firehose to an HTTP endpoint, which holds what is delivered, after the function; {CAPTURE}"
    )
