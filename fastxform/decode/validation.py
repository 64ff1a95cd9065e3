"""What is a record: UTF-8 without a byte order mark, one JSON object, nested no deeper than the limit.

One payload at a time, or the depth of many; which payloads of a batch are worth a look is the projection's to know.
Invariant: nothing here recurses, so that it may stand before every parser that does.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from fastxform.core.json_values import structure_of
from fastxform.limits import DOCUMENT_DEPTH_LIMIT

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\n\r"
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_BLOCK_BRACKETS: Final = DOCUMENT_DEPTH_LIMIT // 2
"""Brackets that are counted at once, where they cannot reach the limit even if all of them open."""
SHALLOW_BYTES: Final = 2 * DOCUMENT_DEPTH_LIMIT
"""Below so many bytes a valid document cannot nest too deep, and a broken one not deep enough to hurt a parser."""

_SAMPLE_BYTES: Final = 64
_LONG_BYTES: Final = 4_096
_HOP_BYTES: Final = 128
"""At one opening in so many bytes `find` is faster than a pass over all."""

_NOT_OPENING: Final = bytes(set(range(256)) - set(b"[{"))
_OPENING: Final = ord("[")

_RAW: Final = msgspec.json.Decoder(msgspec.Raw)


def is_deep(payload: bytes) -> bool:
    """Tell whether a text nests deeper than the limit, valid JSON or not.

    Strings are skipped up to their end or the text's. It never recurses: it stands before every parser that does.
    """
    if not _has_many_openings(payload):
        return False
    depth = 0
    for brackets in structure_of(payload, b"[]{}"):
        for start in range(0, len(brackets), _BLOCK_BRACKETS):
            block = brackets[start : start + _BLOCK_BRACKETS]
            opened = block.count(b"[")
            if depth + len(block) - len(block.lstrip(b"[")) > DOCUMENT_DEPTH_LIMIT:  # most that are deep begin so
                return True
            if depth + opened > DOCUMENT_DEPTH_LIMIT and depth + _highest(block) > DOCUMENT_DEPTH_LIMIT:
                return True
            depth += 2 * opened - len(block)
    return False


def _highest(brackets: bytes) -> int:
    """Return the greatest depth above the one before these brackets."""
    return max(accumulate(1 if byte == _OPENING else -1 for byte in brackets))


def long_rows(texts: Sequence[bytes]) -> list[int]:
    """Return which texts are so long that they may nest too deep or hold very many values."""
    if not [text for text in texts if len(text) >= SHALLOW_BYTES]:  # two thirds of the cost of telling which
        return []
    return [row for row, text in enumerate(texts) if len(text) >= SHALLOW_BYTES]


def deep_rows(texts: Sequence[bytes], long: Sequence[int]) -> list[int]:
    """Return which of the long texts nest deeper than the limit, and, were they valid JSON, all that do.

    More than twice the limit of the bytes of such a document are brackets. All others together are so few that of any
    that are some more than those, some are brackets: in a text of little more than that a first part tells.
    """
    deep: list[int] = []
    for row in long:
        document = texts[row]
        first_bytes = len(document) - SHALLOW_BYTES + _SAMPLE_BYTES
        if first_bytes < _LONG_BYTES and len(document[:first_bytes].translate(None, _NOT_BRACKETS)) < _SAMPLE_BYTES:
            continue
        if is_deep(document):
            deep.append(row)
    return deep


def _has_many_openings(payload: bytes) -> bool:
    """Tell whether more lists and objects are opened, or seem to be in strings, than may be in each other."""
    # Long texts are mostly strings, in which `find` is fast: 0.2 ms for 3.6 MB of large records. One pass over the
    # bytes costs 1.0, two counts 1.9, Arrow's kernels 1.0.
    first = payload[:_LONG_BYTES]
    first_openings = len(first.translate(None, _NOT_OPENING))
    if len(payload) <= _LONG_BYTES:
        return first_openings > DOCUMENT_DEPTH_LIMIT
    openings, hops = 0, len(payload) // _HOP_BYTES
    if first_openings > len(first) // _HOP_BYTES:
        hops = 0  # it is full of them: a message of JSON lines
    for bracket in (b"{", b"["):
        at = payload.find(bracket)
        while at >= 0 and openings < hops:
            openings += 1
            at = payload.find(bracket, at + 1)
    if openings < hops:
        return openings > DOCUMENT_DEPTH_LIMIT
    return len(payload.translate(None, _NOT_OPENING)) > DOCUMENT_DEPTH_LIMIT


def reject_reason(payload: bytes | None) -> str | None:
    """Return why a payload is no record, or None where it is one."""
    if payload is None:
        return "base64"
    if not payload.strip(_WHITE_SPACE):
        return "empty"
    try:
        payload.decode()
    except UnicodeDecodeError:
        return "utf8"
    if payload.startswith(BYTE_ORDER_MARK):
        return "utf8"
    if is_deep(payload):
        return "depth"
    try:
        _RAW.decode(payload)
    except (msgspec.MsgspecError, ValueError):
        return "json"
    return None if payload.lstrip(_WHITE_SPACE).startswith(b"{") else "not_object"
