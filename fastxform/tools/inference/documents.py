"""One payload of a sample as a document, and the family that it is of.

What records the engine takes is decided by the engine's own rules. Invariant: a document has the numbers as they are
written, and what is refused here is refused there, with the same reason.
"""

import json
from typing import Any, Final, Literal

from fastxform.core.payloads import DecompressionError, decompress, is_compressed
from fastxform.core.values import Number
from fastxform.decode import validation

Family = Literal["dynamodb", "ses", "cloudwatch-logs", "json"]

EVENT_NAMES: Final = ("INSERT", "MODIFY", "REMOVE")
"""What happens to an item of a DynamoDB table."""

_MESSAGE_TYPES: Final = ("DATA_MESSAGE", "CONTROL_MESSAGE")


class RejectedError(Exception):
    """The payload is no record; the text is the code of the reason."""


def read(payload: bytes) -> tuple[Family, dict[str, Any], bytes]:
    """Return the family of a payload, its document, and its text: what it decompresses to.

    Raises:
        RejectedError: it is no record.
    """
    compressed = is_compressed(payload)
    try:
        text = decompress(payload) if compressed else payload
    except DecompressionError as err:
        raise RejectedError(err.reason) from err
    reason = validation.reject_reason(text)
    if reason is not None:
        raise RejectedError(reason)
    document: dict[str, Any] = json.loads(text.decode(), parse_int=Number, parse_float=Number)
    family = _family(document)
    if compressed and family != "cloudwatch-logs":
        # Only that source is looked through by the engine.
        raise RejectedError("compression")
    return family, document, text


def _family(document: dict[str, Any]) -> Family:
    if _is_change(document):
        return "dynamodb"
    if type(document.get("eventType")) is str and isinstance(document.get("mail"), dict):
        return "ses"
    if document.get("messageType") in _MESSAGE_TYPES and isinstance(document.get("logEvents"), list):
        return "cloudwatch-logs"
    return "json"


def _is_change(document: dict[str, Any]) -> bool:
    inside = document.get("dynamodb")
    if not isinstance(inside, dict):
        return False
    has_image = any(isinstance(inside.get(name), dict) and inside[name] for name in ("Keys", "NewImage", "OldImage"))
    return has_image and (document.get("eventSource") == "aws:dynamodb" or document.get("eventName") in EVENT_NAMES)
