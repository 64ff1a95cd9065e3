"""One payload of a sample as its documents, and the family that they are of.

What records the engine takes is decided by the engine's own rules. Invariant: a document has the numbers as they are
written, and what is refused here is refused there, with the same reason.
"""

import json
from typing import Any, Final, Literal, NamedTuple

from fastxform.core.payloads import DecompressionError, decompress
from fastxform.core.values import Number
from fastxform.decode import dynamodb, validation
from fastxform.decode.documents import SplitError, split_documents

Family = Literal["dynamodb", "dynamodb-image", "ses", "cloudwatch-logs", "json", "text"]

EVENT_NAMES: Final = ("INSERT", "MODIFY", "REMOVE")
"""What happens to an item of a DynamoDB table."""

KEYS: Final = ("Keys",)
IMAGES: Final = ("NewImage", "OldImage", "Item")
"""The objects of attribute values in a change, or in a line of an export."""

_MESSAGE_TYPES: Final = ("DATA_MESSAGE", "CONTROL_MESSAGE")
_EXPORT_MEMBERS: Final = frozenset(
    (
        *("Metadata", *KEYS, *IMAGES, "eventName", "ApproximateCreationDateTime"),
        *("ApproximateCreationDateTimePrecision", "SequenceNumber", "SizeBytes", "StreamViewType"),
    )
)


class RejectedError(Exception):
    """The payload is no record; the text is the code of the reason."""


class SampleRecord(NamedTuple):
    """A record: its family, its documents (of text the text), what it decompresses to, and whether it holds several."""

    family: Family
    documents: list[Any]
    text: bytes
    is_many: bool


def read(payload: bytes) -> SampleRecord:
    """Return a payload as a record.

    Raises:
        RejectedError: it is no record.
    """
    try:
        text = decompress(payload)
    except DecompressionError as err:
        raise RejectedError(err.reason) from err
    reason = validation.reject_reason(text)
    if reason is None:
        document = _decoded(text)
        return SampleRecord(_family(document), [document], text, is_many=False)
    documents = _several(text) if reason in ("json", "not_object") else None
    if documents:
        families = {_family(document) for document in documents}
        family = families.pop() if len(families) == 1 else "json"
        # The events of a message of CloudWatch Logs are its rows already.
        return SampleRecord("json" if family == "cloudwatch-logs" else family, documents, text, is_many=True)
    if reason == "json" and _is_text(text):
        return SampleRecord("text", [text.decode()], text, is_many=False)
    raise RejectedError(reason)


def _several(text: bytes) -> list[Any] | None:
    """Return the documents of a record of several, or of a list; None where one of them is none."""
    try:
        parts = split_documents(text)
    except SplitError:
        return None
    if any(validation.reject_reason(part) is not None for part in parts):
        return None
    return list(map(_decoded, parts))


def _is_text(text: bytes) -> bool:
    """Tell whether a text is lines to read, and neither broken JSON nor something that is no text."""
    if text.lstrip()[:1] in (b"{", b"[", b'"'):
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text.decode())


def _decoded(text: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text.decode(), parse_int=Number, parse_float=Number)
    return document


def _family(document: dict[str, Any]) -> Family:
    if _is_change(document) or _is_export_line(document):
        return "dynamodb"
    if type(document.get("eventType")) is str and isinstance(document.get("mail"), dict):
        return "ses"
    if document.get("messageType") in _MESSAGE_TYPES and isinstance(document.get("logEvents"), list):
        return "cloudwatch-logs"
    return "dynamodb-image" if _is_image(document) else "json"


def _is_change(document: dict[str, Any]) -> bool:
    inside = document.get("dynamodb")
    if not isinstance(inside, dict):
        return False
    images = [inside[name] for name in (*KEYS, *IMAGES) if isinstance(inside.get(name), dict) and inside[name]]
    is_event = document.get("eventSource") == "aws:dynamodb" or document.get("eventName") in EVENT_NAMES
    return bool(images) and (is_event or all(map(_is_image, images)))


def _is_export_line(document: dict[str, Any]) -> bool:
    """Tell whether a document is a line of an export, or the member `dynamodb` of a change alone."""
    images = [document[name] for name in (*KEYS, *IMAGES) if name in document]
    return document.keys() <= _EXPORT_MEMBERS and bool(images) and all(map(_is_image, images))


def _is_image(image: Any) -> bool:
    """Tell whether an object is of attribute values."""
    if not isinstance(image, dict) or not image:
        return False
    try:
        for attribute in image.values():
            dynamodb.check_shape(attribute)
    except dynamodb.BadAttributeError:
        return False
    return True
