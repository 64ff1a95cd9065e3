"""What one record holds: its documents, or its lines, separated and counted.

A document is not decoded here beyond what it takes to find its end. Invariant: no record gives more than
`limits.RECORD_ROWS_LIMIT` parts, and to find that out costs no more than so many.
"""

import json
import re
from itertools import islice
from typing import Final

import msgspec

from fastxform.decode import validation
from fastxform.limits import RECORD_ROWS_LIMIT

_WHITE_SPACE: Final = " \t\n\r"
_WHITE_SPACE_BYTES: Final = b" \t\n\r"
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class SplitError(Exception):
    """The record cannot be separated; `reason` is a code of `errors.REASONS`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def json_lines(payload: bytes) -> list[bytes] | None:
    """Return the lines of a payload that are not blank; None where they are more than a record may hold."""
    if payload.count(b"\n") < RECORD_ROWS_LIMIT:
        return [line for line in payload.split(b"\n") if line.strip(b" \t\r")]
    matches = islice(_LINE.finditer(payload), RECORD_ROWS_LIMIT + 1)
    lines = [match[0] for match in matches]
    return lines if len(lines) <= RECORD_ROWS_LIMIT else None


_LINE: Final = re.compile(rb"[^\n]*[^ \t\r\n][^\n]*")


def text_lines(text: str) -> list[str]:
    """Return the lines of a text that are not empty, without their line ends.

    Raises:
        SplitError: `rows`, there are more than a record may have.
    """
    if text.count("\n") <= RECORD_ROWS_LIMIT:
        lines = text.split("\n")
        if "\r" in text:
            lines = [line.removesuffix("\r") for line in lines]
        return [line for line in lines if line]
    lines, start = [], 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if line := text[start:end].removesuffix("\r"):
            if len(lines) == RECORD_ROWS_LIMIT:
                raise SplitError("rows")
            lines.append(line)
        start = end + 1
    return lines


def split_documents(payload: bytes) -> list[bytes]:
    """Return the documents of a payload: one behind the other, or the elements of one list.

    Behind a document stands nothing, white space or one comma: a rule of AWS IoT puts its separator behind the last
    one too. What a document is, beside valid JSON, is not checked. A record of more parts than a record may have is
    known by the first so many.

    Raises:
        SplitError: `utf8` or `depth`; `json`, something else stands there; `rows`, there are too many.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise SplitError("utf8") from None
    if payload.startswith(validation.BYTE_ORDER_MARK):
        raise SplitError("utf8")
    if validation.is_deep(payload):
        raise SplitError("depth")
    start = _skip(text, 0)
    if text.startswith("[", start):
        elements = _elements(payload, text, start)
        if elements is not None:
            return elements
    return _sequence(text, start)


def _elements(payload: bytes, text: str, start: int) -> list[bytes] | None:
    """Return the elements of the list that a text is; None where it is no list, or one with more behind it."""
    if payload.count(b",") <= RECORD_ROWS_LIMIT:
        try:
            return [bytes(raw) for raw in _ELEMENTS.decode(payload)]
        except (msgspec.MsgspecError, ValueError):
            return None
    # So that a list of millions costs what its first elements cost, they are separated one by one.
    elements: list[bytes] = []
    at = _skip(text, start + 1)
    if text.startswith("]", at):
        return elements if _skip(text, at + 1) == len(text) else None
    while True:
        end = _end(text, at)
        if len(elements) == RECORD_ROWS_LIMIT:
            raise SplitError("rows")
        elements.append(_document(text, at, end))
        at = _skip(text, end)
        if text.startswith("]", at):
            return elements if _skip(text, at + 1) == len(text) else None
        if not text.startswith(",", at):
            raise SplitError("json")
        at = _skip(text, at + 1)


def _sequence(text: str, at: int) -> list[bytes]:
    documents: list[bytes] = []
    while at < len(text):
        end = _end(text, at)
        if len(documents) == RECORD_ROWS_LIMIT:
            raise SplitError("rows")
        documents.append(_document(text, at, end))
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
    return documents


_SCAN: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # no limit on digits


def _end(text: str, at: int) -> int:
    """Return where the JSON value ends that starts here."""
    try:
        return _SCAN(text, at)[1]
    except (ValueError, RecursionError):
        raise SplitError("json") from None


def _document(text: str, start: int, end: int) -> bytes:
    document = text[start:end].encode()
    if validation.reject_reason(document) == "json":  # Python's own decoder takes NaN and half surrogate pairs
        raise SplitError("json")
    return document


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _WHITE_SPACE:
        at += 1
    return at


def is_blank(payload: bytes) -> bool:
    """Tell whether a payload holds nothing but white space of JSON."""
    return not payload.strip(_WHITE_SPACE_BYTES)
