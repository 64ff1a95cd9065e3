"""The wire shapes of Firehose: events in, as dict or bytes, and responses out, as dict or bytes.

Payloads are not looked at, and which record is answered how is decided elsewhere. Invariant: every record of the event
is answered exactly once, in its order, under its own `recordId`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, Final

import msgspec

from fastxform.core.payloads import encode_text
from fastxform.errors import EventError


class _BareRecord(msgspec.Struct, gc=False, eq=False):
    recordId: str
    data: str | None = None
    kafkaRecordValue: str | None = None


class _TimedRecord(_BareRecord, gc=False, eq=False):
    approximateArrivalTimestamp: Any = None


class _Record(_TimedRecord, gc=False, eq=False):
    kinesisRecordMetadata: msgspec.Raw = msgspec.Raw()


class _LargeRecord(msgspec.Struct, gc=False, eq=False):
    recordId: str
    data: msgspec.Raw = msgspec.Raw()
    kafkaRecordValue: str | None = None
    approximateArrivalTimestamp: Any = None
    kinesisRecordMetadata: msgspec.Raw = msgspec.Raw()


class _Facts(msgspec.Struct, gc=False, eq=False):
    deliveryStreamArn: Any = None
    sourceKinesisStreamArn: Any = None
    sourceMSKArn: Any = None
    region: Any = None
    invocationId: Any = None


class _BareEvent(_Facts, gc=False, eq=False, kw_only=True):
    records: list[_BareRecord]


class _TimedEvent(_Facts, gc=False, eq=False, kw_only=True):
    records: list[_TimedRecord]


class _WholeEvent(_Facts, gc=False, eq=False, kw_only=True):
    records: list[_Record]


class _LargeEvent(_Facts, gc=False, eq=False, kw_only=True):
    records: list[_LargeRecord]


class _Answer(msgspec.Struct, gc=False, eq=False, omit_defaults=True):
    recordId: str
    result: str
    data: bytes | str | None = None
    metadata: dict[str, Any] | None = None


class _KafkaAnswer(msgspec.Struct, gc=False, eq=False, omit_defaults=True):
    recordId: str
    result: str
    kafkaRecordValue: bytes | str | None = None
    metadata: dict[str, Any] | None = None


class _Metadata(msgspec.Struct, gc=False, eq=False):
    partitionKey: Any = None
    sequenceNumber: Any = None
    shardId: Any = None


_BARE_DECODER: Final = msgspec.json.Decoder(_BareEvent)
"""Without what came with the data, which a transform seldom asks for: a quarter less for 25,000 records of 60 bytes."""
_TIMED_DECODER: Final = msgspec.json.Decoder(_TimedEvent)
_DECODER: Final = msgspec.json.Decoder(_WholeEvent)
_LARGE_DECODER: Final = msgspec.json.Decoder(_LargeEvent)
_LARGE_RECORD_BYTES: Final = 8_192
"""From this size on the data of a record is looked at where it stands in the event: not to copy 4.6 MB of 60 records
saves 0.45 ms of 3, while for 6,000 records the views cost more than the copies."""
_LONG_DATA_BYTES: Final = 4_096
"""From some such size on SIMD base64 and a copy cost less than the encoder's own base64: 1.0 and 2.3 ms for 60 rows of
60 KB, but 1.2 and 0.6 for 6,000 of 60 bytes; between 600 and 1,300 bytes nothing is won in a whole invocation."""

_LOOKED_AT: Final = 16
"""How many rows tell how long the rows of a batch are."""

_METADATA: Final = msgspec.json.Decoder(_Metadata)
_ENCODER: Final = msgspec.json.Encoder()
_NO_METADATA: Final = _Metadata()


class Event:
    """One event: a list per member of its records, read when first asked for, and the facts of the whole."""

    def __init__(
        self,
        records: Sequence[Any],
        column: Callable[[Sequence[Any], str], list[Any]],
        facts: Sequence[Any],
        read_whole: Callable[[], Sequence[Any]] | None = None,
        is_timed: bool = False,
        record_ids: list[str] | None = None,
    ) -> None:
        """Take the records and, where they lack what came with the data, or all but its times, how they are read."""
        self._is_timed = is_timed
        self._records, self._column, self._read_whole = records, column, read_whole
        self.record_ids: list[str] = column(records, "recordId") if record_ids is None else record_ids
        texts = (fact if isinstance(fact, str) else None for fact in facts)
        (
            self.delivery_stream_arn,
            self.source_kinesis_stream_arn,
            self.source_msk_arn,
            self.region,
            self.invocation_id,
        ) = texts
        self.is_kafka = self.source_msk_arn is not None or _has_values(column, records)

    def __len__(self) -> int:
        return len(self._records)

    def ids_as_text(self) -> list[str | None]:
        """Return the id of each record as a value that can be written, None where it is none."""
        return [text if _is_unicode(text) else None for text in self.record_ids]

    def data(self) -> list[Any]:
        """Return what each record has as its base64 text."""
        name, other = ("kafkaRecordValue", "data") if self.is_kafka else ("data", "kafkaRecordValue")
        data = self._column(self._records, name)
        if not all(data) and None in data:  # some have nothing there, or the other one
            others = self._column(self._records, other)
            data = [value if value is not None else it for value, it in zip(data, others, strict=True)]
        return data

    def kinesis(self, name: str) -> list[str | None]:
        """Return `partitionKey`, `sequenceNumber` or `shardId` of each record, None where it has none."""
        values = [getattr(metadata, name) for metadata in self._metadata()]
        return [text if isinstance(text, str) and _is_unicode(text) else None for text in values]

    def is_kinesis(self) -> bool:
        """Tell whether the records came from a Kinesis stream; some such events lack the stream's ARN."""
        return any(metadata is not _NO_METADATA for metadata in self._metadata())

    def arrival_ms(self) -> list[int | None]:
        """Return the arrival of each record, epoch milliseconds, None where the event has no such integer."""
        records = self._records if self._is_timed else self._whole
        arrivals = self._column(records, "approximateArrivalTimestamp")
        return [value if type(value) is int and abs(value) < 2**63 else None for value in arrivals]

    def _metadata(self) -> list["_Metadata"]:
        return [_metadata_of(value) for value in self._column(self._whole, "kinesisRecordMetadata")]

    @cached_property
    def _whole(self) -> Sequence[Any]:
        return self._records if self._read_whole is None else self._read_whole()


_ID_MEMBER: Final = b'"recordId"'
_RECORD_ID: Final = itemgetter("recordId")
_FACTS: Final = ("deliveryStreamArn", "sourceKinesisStreamArn", "sourceMSKArn", "region", "invocationId")


def read(event: Any, with_arrival: bool = True, with_kinesis: bool = True) -> Event:
    """Return an event from its dict or its bytes.

    Args:
        event: the event.
        with_arrival: `arrival_ms` will be asked for; else it is read, from the bytes again, when it is.
        with_kinesis: the same of `kinesis`.

    Raises:
        EventError: it has no `records`, or a record without a text as `recordId`.
    """
    if isinstance(event, (bytes, bytearray, memoryview)):
        return _read_bytes(bytes(event), with_arrival, with_kinesis)
    if not isinstance(event, Mapping):
        raise EventError("the event is not an object with `records`")
    return _read_mapping(event)


def _read_bytes(event: bytes, with_arrival: bool, with_kinesis: bool) -> Event:
    is_large = _first_record_bytes(event) >= _LARGE_RECORD_BYTES
    is_whole = is_large or with_kinesis
    lean: msgspec.json.Decoder[Any] = _TIMED_DECODER if with_arrival else _BARE_DECODER
    try:
        decoded = (_LARGE_DECODER if is_large else _DECODER if is_whole else lean).decode(event)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Something unusual: read it as the runtime would, and answer what can be answered.
        parsed = _read_mapping(_decode_slowly(event))
        if not all(map(_is_unicode, parsed.record_ids)):
            raise EventError("the event has a `recordId` that is no Unicode text: it cannot be answered") from None
        return parsed
    return Event(
        decoded.records,
        _large_column if is_large else _struct_column,
        [getattr(decoded, name) for name in _FACTS],
        None if is_whole else lambda: _records_of(event),
        is_timed=with_arrival,
    )


def _records_of(event: bytes) -> Sequence[Any]:
    """Return the records of an event that was read once, with what came with the data, whatever that is."""
    try:
        return _DECODER.decode(event).records
    except (msgspec.MsgspecError, ValueError, RecursionError):
        records = _read_mapping(_decode_slowly(event))._whole
        return [
            _Record(
                record["recordId"],
                approximateArrivalTimestamp=record.get("approximateArrivalTimestamp"),
                kinesisRecordMetadata=record.get("kinesisRecordMetadata", msgspec.Raw()),
            )
            for record in records
        ]


def _has_values(column: Callable[[Sequence[Any], str], list[Any]], records: Sequence[Any]) -> bool:
    """Tell whether the data of records is called `kafkaRecordValue`, by the first that has any."""
    if column(records[:1], "data") not in ([], [None]):
        return False
    pairs = zip(column(records, "data"), column(records, "kafkaRecordValue"), strict=True)
    return next((theirs is not None for mine, theirs in pairs if mine is not None or theirs is not None), False)


def _first_record_bytes(event: bytes) -> int:
    """Return how far the ids of the first two records of an event stand apart."""
    first = event.find(_ID_MEMBER)
    return event.find(_ID_MEMBER, first + 1) - first if first >= 0 else 0


def _decode_slowly(event: bytes) -> Any:
    """Return what the runtime would make of an event, and of one that is no UTF-8 what can be made of it."""
    try:
        return json.loads(event.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as err:
        raise EventError("the event is not a JSON document") from err


def _read_mapping(event: Any) -> Event:
    records = event.get("records") if isinstance(event, Mapping) else None
    if not isinstance(records, (list, tuple)):
        raise EventError("the event has no list `records`: it is no Firehose event")
    column, record_ids = _usual_column, _usual_ids(records)
    if record_ids is None:
        column = _mapping_column
        for index, record in enumerate(records):
            if not isinstance(record, Mapping) or type(record.get("recordId")) is not str:
                raise EventError(f"records[{index}] of the event has no text `recordId`: it cannot be answered")
    return Event(records, column, [event.get(name) for name in _FACTS], record_ids=record_ids)


def _usual_ids(records: Sequence[Any]) -> list[str] | None:
    """Return the ids of records that are the dicts of a JSON decoder, each with its id; None where others are."""
    if set(map(type, records)) != {dict}:
        return None
    try:
        ids = list(map(_RECORD_ID, records))
    except KeyError:
        return None
    return ids if set(map(type, ids)) == {str} else None


_MEMBERS: Final[dict[str, Callable[[Sequence[Any]], list[Any]]]] = {  # spelt out: half the cost of `attrgetter`
    "recordId": lambda records: [record.recordId for record in records],
    "data": lambda records: [record.data for record in records],
    "kafkaRecordValue": lambda records: [record.kafkaRecordValue for record in records],
    "approximateArrivalTimestamp": lambda records: [record.approximateArrivalTimestamp for record in records],
    "kinesisRecordMetadata": lambda records: [record.kinesisRecordMetadata for record in records],
}


def _struct_column(records: Sequence[Any], name: str) -> list[Any]:
    return _MEMBERS[name](records)


def _large_column(records: Sequence[Any], name: str) -> list[Any]:
    column = _struct_column(records, name)
    return list(map(_content, column)) if name == "data" else column


def _content(raw: msgspec.Raw) -> memoryview | None:
    """Return what stands between the quotes of a JSON string, escapes and all; None of anything else."""
    view = memoryview(raw)
    return view[1:-1] if bytes(view[:1]) == b'"' else None


def _usual_column(records: Sequence[Any], name: str) -> list[Any]:
    try:
        return list(map(itemgetter(name), records))
    except KeyError:  # some have no such member
        return _mapping_column(records, name)


def _mapping_column(records: Sequence[Any], name: str) -> list[Any]:
    return [record.get(name) for record in records]


def is_plain(text: str) -> bool:
    """Tell whether a text is written as it is in any spelling of JSON."""
    # The encoder looks at sixteen bytes at once: 0.05 ms for 6,000 ids, `isprintable` and two searches 0.6. DEL is the
    # one character that it leaves alone and others may not.
    return text.isascii() and "\x7f" not in text and len(_ENCODER.encode(text)) == len(text) + 2


def _is_unicode(text: str) -> bool:
    """Tell whether a text can be written: half a surrogate pair, which Python's own decoder lets through, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _metadata_of(value: Any) -> "_Metadata":
    if isinstance(value, Mapping):
        return _Metadata(value.get("partitionKey"), value.get("sequenceNumber"), value.get("shardId"))
    if isinstance(value, msgspec.Raw) and bytes(memoryview(value)[:1]) == b"{":
        try:
            return _METADATA.decode(value)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # what it holds costs its own record a value
            return _metadata_of(_decode_slowly(bytes(value)))
    return _NO_METADATA


def write_bytes(
    event: Event, results: Sequence[str], data: Sequence[bytes | None], metadata: Sequence[dict[str, Any] | None] | None
) -> bytes:
    """Return the response as compact JSON bytes; the encoder writes the base64 of short data itself."""
    answer = _KafkaAnswer if event.is_kafka else _Answer
    written: Sequence[bytes | str | None] = data
    first = data[:_LOOKED_AT]
    if sum(len(row or b"") for row in first) > len(first) * _LONG_DATA_BYTES:
        written = [None if row is None else encode_text(row) for row in data]
    if metadata is None:
        answers = list(map(answer, event.record_ids, results, written))
    else:
        answers = list(map(answer, event.record_ids, results, written, metadata))
    return _ENCODER.encode({"records": answers})


def write_dict(
    event: Event, results: Sequence[str], data: Sequence[bytes | None], metadata: Sequence[dict[str, Any] | None] | None
) -> dict[str, Any]:
    """Return the response as a dict, its data as text, for the runtime's own codec."""
    name = "kafkaRecordValue" if event.is_kafka else "data"
    texts: list[str | None] = msgspec.to_builtins(data)  # base64, in one call: 0.3 ms for 6,000 rows, one by one 0.7
    entries: list[dict[str, Any]]
    if None in data:
        entries = [
            {"recordId": record_id, "result": result}
            if text is None
            else {"recordId": record_id, "result": result, name: text}
            for record_id, result, text in zip(event.record_ids, results, texts, strict=True)
        ]
    else:
        entries = [
            {"recordId": record_id, "result": result, name: text}
            for record_id, result, text in zip(event.record_ids, results, texts, strict=True)
        ]
    if metadata is not None:
        for entry, value in zip(entries, metadata, strict=True):
            if value is not None:
                entry["metadata"] = value
    return {"records": entries}
