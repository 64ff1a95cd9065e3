"""The form of an INPUT, and its records: an event, an envelope of another service, one record, many, or lines.

The bytes are `reader`'s, the envelopes `envelopes`'. Invariant: of newline-delimited input an empty line is no record
and every other line is exactly one, byte for byte.

How the form is found. Input of one line, and input whose first line is no JSON value but that is JSON as a whole, is
read as a whole: an object is an event, an envelope, or one record; a list is a record an element; documents one behind
the other are a record each. Everything else is lines. Where a record may hold several documents, a list and documents
in a row are one record, and text is always lines. What is larger than is read as a whole is read an element at a time.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastxform.cli.console import Console, number_of
from fastxform.cli.inputs.envelopes import InputRecord, NotUnwrappedError, list_elements, unwrap
from fastxform.cli.inputs.reader import DOCUMENT_LIMIT_BYTES, InputReader
from fastxform.cli.inputs.streams import SCAN, LargeInput
from fastxform.errors import EventError, InputError

if TYPE_CHECKING:
    from fastxform.config.model import Spec

_JSON_STARTS: Final = (b"{", b"[")


@dataclass(slots=True)
class InputSource:
    """The records of an input, the event as it stands if it is one, and what was done to get the records."""

    items: Iterator[InputRecord]
    event: bytes | None = None
    note: str = ""


def read_source(reader: InputReader, console: Console | None = None, spec: "Spec | None" = None) -> InputSource:
    """Find the form of the input and return its records.

    Args:
        reader: the input.
        console: where a note says what was unwrapped.
        spec: the transform that the records are for, where there is one: it tells what one record is.

    Raises:
        InputError: it cannot be read, is an event that cannot be read as one, or holds what no record would.
    """
    source = _source(reader, spec)
    if source.note and console is not None:
        console.note(f"{reader.name}: {source.note}")
    return source


def _source(reader: InputReader, spec: "Spec | None") -> InputSource:
    first = reader.beginning()
    second = reader.beginning() if len(first) <= DOCUMENT_LIMIT_BYTES else b""
    document = first + second
    is_whole = not second
    if second and first.lstrip().startswith(_JSON_STARTS) and _documents(first) is None:
        document += reader.rest(max(DOCUMENT_LIMIT_BYTES + 1 - len(document), 0))
        is_whole = True
    if is_whole:
        is_large = len(document) > DOCUMENT_LIMIT_BYTES
        source = _large(reader, document, spec) if is_large else _told_whole(reader.name, document, spec)
        if source is not None:
            return source
    reader.put_back(document)
    return InputSource(_lines(reader))


def _large(reader: InputReader, beginning: bytes, spec: "Spec | None") -> InputSource | None:
    """Return the records of JSON that is too large to be read as a whole; None where it is read in lines."""
    if not beginning.lstrip().startswith(_JSON_STARTS) or (spec is not None and spec.source == "text"):
        return None
    found = LargeInput(reader, beginning).records()
    if found is None:
        return None
    if spec is not None and spec.documents == "many":
        raise InputError(
            f"{reader.name}: JSON of more than {DOCUMENT_LIMIT_BYTES} bytes as one record, which no stream takes; "
            "write a document a line, as `jq -c` does"
        )
    note, items = found
    return InputSource(items, note=note)


def _lines(reader: InputReader) -> Iterator[InputRecord]:
    while line := reader.content_line():
        yield InputRecord(line.removesuffix(b"\n"))


def _told_whole(name: str, document: bytes, spec: "Spec | None") -> InputSource | None:
    """Return the records of input that is JSON as a whole; None where it is read in lines."""
    is_text = spec is not None and spec.source == "text"
    is_many = spec is not None and spec.documents == "many"
    record = document.rstrip(b"\r\n")
    stripped = document.strip()
    if stripped.startswith(b"{") and _is_object(stripped):
        if is_event(stripped):
            return InputSource(_event_items(name, document), document)
        try:
            envelope = unwrap(stripped)
        except NotUnwrappedError as err:
            raise InputError(f"{name}: {err}") from err
        if envelope is not None and (envelope.records is not None or not is_text):
            return InputSource(
                iter([InputRecord(record)] if envelope.records is None else envelope.records), note=envelope.note
            )
        return None if is_text else InputSource(iter([InputRecord(record)]))
    if is_text or not stripped.startswith(_JSON_STARTS):
        return None
    documents = _documents(stripped)
    if documents is None:
        return None
    if is_many:
        return InputSource(iter([InputRecord(record)]))
    if stripped.startswith(b"[") and len(documents) == 1:
        return _list_source(name, documents[0])
    if len(documents) < 2:
        return None
    note = f"{number_of(len(documents), 'document')} one behind the other, each read as a record"
    return InputSource(map(InputRecord, documents), note=note)


def _list_source(name: str, document: bytes) -> InputSource | None:
    try:
        envelope = list_elements(document)
    except NotUnwrappedError as err:
        raise InputError(f"{name}: {err}") from err
    if envelope is None or envelope.records is None:
        return None
    return InputSource(iter(envelope.records), note=envelope.note)


def is_event(document: bytes) -> bool:
    """Tell whether a JSON object is an event of Firehose, if a broken one, and no record with a member `records`."""
    from fastxform.cli.inputs.envelopes import list_of, members_of

    members = members_of(document)
    entries = None if members is None else list_of(members.get("records"))
    if members is None or entries is None or "requestId" in members:
        return False
    if not _EVENT_MEMBERS.isdisjoint(members):
        return True
    inside = [members_of(entry) for entry in entries]
    if any(entry is not None and "recordId" in entry for entry in inside):
        return True
    return bool(inside) and all(entry is not None and _is_entry(entry) for entry in inside)


_EVENT_MEMBERS: Final = frozenset(("invocationId", "deliveryStreamArn", "sourceKinesisStreamArn", "sourceMSKArn"))
_ENTRY_MEMBERS: Final = frozenset(
    (
        "recordId",
        "approximateArrivalTimestamp",
        "data",
        "kafkaRecordValue",
        "kinesisRecordMetadata",
        "mskRecordMetadata",
    )
)


def _is_entry(entry: Iterable[str]) -> bool:
    names = set(entry)
    return bool(names & {"data", "kafkaRecordValue"}) and names <= _ENTRY_MEMBERS


def _is_object(document: bytes) -> bool:
    """Tell whether bytes are one JSON object; `NaN` is let pass: a record that holds it is still one document."""
    try:
        return isinstance(json.loads(document.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _documents(text: bytes) -> Sequence[bytes] | None:
    """Return the JSON values of a text, one behind the other, or commas between; None where it holds more."""
    values: list[bytes] = []
    try:
        decoded = text.decode()
        at = _skip(decoded, 0)
        while at < len(decoded):
            _, end = SCAN(decoded, at)
            values.append(decoded[at:end].encode())
            at = _skip(decoded, end)
            if decoded.startswith(",", at):
                at = _skip(decoded, at + 1)
    except (ValueError, RecursionError):
        return None
    return values or None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _event_items(name: str, document: bytes) -> Iterator[InputRecord]:
    from fastxform.core import payloads
    from fastxform.invocation import event

    try:
        parsed = event.read(document)
    except EventError as err:
        raise InputError(f"{name}: {err}") from err
    keys, arrivals = parsed.kinesis("partitionKey"), parsed.arrival_ms()
    for number, data in enumerate(payloads.decode_all(parsed.data())):
        if data is None:
            raise InputError(f"{name}: records[{number}] has data that is not base64, which no stream holds")
        yield InputRecord(data, arrivals[number], keys[number])
