"""JSON text to values: scalars, and objects and lists in the one form in which they are written.

That form has no white space, each member once, at the place of its first and with the value of its last, nothing
escaped that JSON lets stand as it is, and numbers with the digits of the record. Invariant: the text of a value depends
on the value alone, never on the path or the stage that it came by.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from fastxform.core.json_text import decode_written, encode_plain
from fastxform.core.values import BAD_TYPE, Json, Number, Outcome
from fastxform.limits import RECORD_VALUES_LIMIT

_ENCODER: Final = msgspec.json.Encoder()
_TEXT: Final = msgspec.json.Decoder(str)
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_WRITTEN: Final = msgspec.json.Decoder(float_hook=msgspec.Raw)
"""What it makes of a text is encoded to the text as it is to be written, all but -0, which loses its sign."""
_MINUS_ZERO: Final = re.compile(rb"-0(?=[,\]} \t\n\r])(?<=[:,\[ \t\n\r]-0)")
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_WINDOW_BYTES: Final = 65_536
"""Brackets and quotes that are taken apart at once, so that a text of nothing else costs no list of millions."""
_QUOTE: Final = ord('"')

_BLOCK_BYTES: Final = 1 << 18
"""Texts that are Python objects at once: 20 MB of them at worst."""
FEW_VALUES_BYTES: Final = 2 * RECORD_VALUES_LIMIT
"""Shorter texts have no more values than a record may, whatever they hold: a digit and a comma is least."""


class TooManyValuesError(ValueError):
    """A value holds more values than may become Python objects at once."""


def normalized(raw: bytes) -> str:
    """Return valid JSON text in the form in which values are written.

    Raises:
        TooManyValuesError: it holds more than `RECORD_VALUES_LIMIT` values.
    """
    if b"{" not in raw and b"\\" not in raw:
        return formatted(raw)
    if len(raw) > FEW_VALUES_BYTES and has_many_values(raw):
        raise TooManyValuesError
    if not _has_minus_zero(raw):
        try:
            return _ENCODER.encode(_WRITTEN.decode(raw)).decode()
        except msgspec.ValidationError:  # an integer of more digits than Python reads
            pass
    return encode_plain(decode_written(raw))


def normalized_all(raws: Sequence[Any]) -> list[str]:
    """Return many valid JSON texts as `normalized` does, many of them in one call.

    Raises:
        TooManyValuesError: one of them holds more values than it may.
    """
    texts: list[str] = []
    for block in _blocks(raws):
        together = b",\n".join(block).join((b"[", b"]"))
        if b"{" not in together and b"\\" not in together:
            texts += _formatted_all(block, together)
        elif len(together) > FEW_VALUES_BYTES or _has_minus_zero(together):
            texts += [normalized(bytes(raw)) for raw in block]
        else:
            try:
                lines = _ENCODER.encode_lines(_WRITTEN.decode(together))
            except msgspec.ValidationError:
                texts += [normalized(bytes(raw)) for raw in block]
            else:
                texts += lines[:-1].decode().split("\n")  # no line feed stands in compact text
    return texts


def _has_minus_zero(text: bytes) -> bool:
    return b"-0" in text and _MINUS_ZERO.search(text) is not None


def formatted(raw: bytes) -> str:
    """Return JSON text less its insignificant white space; all else stays as it is."""
    return msgspec.json.format(raw, indent=-1).decode()


def formatted_all(raws: Sequence[Any]) -> list[str]:
    """Return many valid JSON texts as `formatted` does, in one pass over all of them."""
    return _formatted_all(raws, b",\n".join(raws).join((b"[", b"]")))


def _formatted_all(raws: Sequence[Any], together: bytes) -> list[str]:
    """Return the elements of one list, which are separated by a comma and a line feed each.

    Where nothing but those line feeds goes away there was no white space; no compact text holds a line feed, so that
    the elements are told apart by those.
    """
    lines = msgspec.json.format(together, indent=-1)
    if len(lines) + max(len(raws) - 1, 0) == len(together):
        return together[1:-1].decode().split(",\n") if raws else []
    return [bytes(raw).decode() for raw in _ELEMENTS.decode(lines)]


def _blocks(raws: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield texts, so many at once as are not too long together; at least one."""
    start = size_bytes = 0
    for index, raw in enumerate(raws):
        size_bytes += len(raw)
        if size_bytes >= _BLOCK_BYTES:
            yield raws[start : index + 1]
            start, size_bytes = index + 1, 0
    if start < len(raws):
        yield raws[start:]


def json_value(raw: bytes) -> Outcome:
    """Return the value of one JSON text without white space around it; `BAD_TYPE` of one that holds too many values."""
    first = raw[:1]
    if first in (b"{", b"["):
        try:
            return Json(normalized(raw))
        except TooManyValuesError:
            return BAD_TYPE
    if first == b'"':
        return _TEXT.decode(raw)
    if first == b"t":
        return True
    if first == b"f":
        return False
    if first == b"n":
        return None
    return Number(raw.decode())


def has_many_values(payload: bytes) -> bool:
    """Tell whether a text holds more values than a record may where they are Python objects all at once.

    Counted are commas and openings outside of strings: each element and member but the first has a comma before it,
    and a first one an opening.
    """
    if payload.count(b",") + payload.count(b"{") + payload.count(b"[") <= RECORD_VALUES_LIMIT:
        return False
    count = 0
    for structure in structure_of(payload, b",[]{}"):
        count += structure.count(b",") + structure.count(b"[")
        if count > RECORD_VALUES_LIMIT:
            return True
    return False


@cache
def _others(characters: bytes) -> bytes:
    return bytes(set(range(256)) - set(characters) - {_QUOTE})


def structure_of(payload: bytes, characters: bytes) -> Iterator[bytes]:
    """Yield some characters outside of strings, some thousand at a time, the brackets of objects as those of lists."""
    if b"\\" in payload:  # of an even number of them before a quote none escapes it
        payload = payload.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = payload.translate(_ONE_KIND, _others(characters))
    is_inside = False
    for start in range(0, len(structure), _WINDOW_BYTES):
        parts = structure[start : start + _WINDOW_BYTES].split(b'"')
        yield b"".join(parts[is_inside::2])
        is_inside ^= len(parts) % 2 == 0
