"""JSON text: the one grammar of numbers, texts to and from JSON strings, and the members of valid JSON.

What is a record is `fastxform.decode.validation`'s to know: everything here takes text that is valid. Invariant: a text
that goes through `quote` and `unquote` is the same, and no digit of a number changes.
"""

import json
import re
from typing import Any, Final

import msgspec

from fastxform.core.values import Json, Number, Outcome

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
"""JSON's grammar of a number, which the texts of DynamoDB's `N` follow too."""

_PARTS: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_EXPONENT_DIGITS: Final = 1_000
"""Longer exponents are compared as they are written: to compute with them would take the longer the longer they are."""

_ENCODE: Final = msgspec.json.Encoder().encode
_TEXT: Final = msgspec.json.Decoder(str)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(float_hook=Number)


def quote(text: str) -> str:
    """Return the JSON string of a text, as `json.dumps(ensure_ascii=False)` escapes it."""
    return _ENCODE(text).decode()


def unquote(text: str) -> str:
    """Return the text of a JSON string."""
    return _TEXT.decode(text)


def to_json(value: Outcome) -> Outcome:
    """Return a value as a `json` column holds it: its JSON text, null as None."""
    if isinstance(value, (Number, Json)) or not isinstance(value, (str, bool, int)):
        return Json(value) if isinstance(value, Number) else value
    return Json(encode_plain(value))


def decode_any(raw: bytes) -> Any:
    """Return valid JSON text as Python objects; fractions become `Number`."""
    try:
        return _ANY.decode(raw)
    except msgspec.ValidationError:  # an integer of more digits than Python reads
        return decode_written(raw)


def is_json(raw: bytes) -> bool:
    """Tell whether bytes are one JSON document in UTF-8."""
    try:
        raw.decode()
        decode_any(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def decode_written(raw: bytes) -> Any:
    """Return valid JSON text as Python objects; every number becomes a `Number`, its digits as written."""
    return _WRITTEN.decode(bytes(raw).decode())


_WRITTEN: Final = json.JSONDecoder(parse_int=Number, parse_float=Number)
"""Kept, since `json.loads` makes one for each text, which is a third of the time of a short one."""


def raw_members(text: bytes) -> dict[str, Any]:
    """Return the members of a valid JSON object as views of their texts."""
    return _MEMBERS.decode(text)


def members_of(text: bytes) -> dict[str, bytes]:
    """Return the members of a valid JSON object as their texts, without white space around them."""
    return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}


def elements_of(text: bytes) -> list[bytes]:
    """Return the elements of a valid JSON list as their texts; nothing of what is no list."""
    if not text.startswith(b"["):
        return []
    return [bytes(raw) for raw in _ELEMENTS.decode(text)]


def number_parts(text: str) -> tuple[str, str, int]:
    """Return sign, digits without zeros at either end (none of zero) and exponent of a number: `digits * 10**exponent`.

    An exponent of more than `_EXPONENT_DIGITS` digits becomes the next one of so many.
    """
    parts = _PARTS.fullmatch(text)
    assert parts is not None, "no number"
    sign, whole, fraction, exponent = parts.groups("")
    digits = (whole + fraction).lstrip("0")
    short = digits.rstrip("0")
    size = exponent.lstrip("+-").lstrip("0")
    power = int(size or 0) if len(size) <= _EXPONENT_DIGITS else 10**_EXPONENT_DIGITS
    power = -power if exponent.startswith("-") else power
    return sign, short, power - len(fraction) + len(digits) - len(short) if short else 0


_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")


def number_key(text: str) -> tuple[int, int, str]:
    """Return what numbers are sorted by: sign, size, and digits, which have no zeros at either end."""
    sign, digits, exponent = number_parts(text)
    if not digits:
        return 0, 0, ""
    size = len(digits) + exponent
    return (-1, -size, digits.translate(_COMPLEMENT) + "~") if sign else (1, size, digits)


def canonical_number(text: str) -> str:
    """Return one text for all texts of a number: digits without zeros at either end, and their exponent."""
    sign, digits, exponent = number_parts(text)
    if not digits:
        return "0"
    if abs(exponent) > 10**_EXPONENT_DIGITS - len(text):
        return f"{sign}{digits}e{text.lower().partition('e')[2].lstrip('+')}"
    return f"{sign}{digits}e{exponent}"


def canonical(text: str) -> str:
    """Return one text for all texts of a JSON value: members in order, the last of a name, numbers by their value.

    What is no JSON is itself.
    """
    try:
        return _canonical(decode_written(text.encode()))
    except (ValueError, RecursionError):
        return text


def _canonical(value: Any) -> str:
    if type(value) is dict:
        members = []
        for name in sorted(value):
            members.append(quote(name) + ":" + _canonical(value[name]))  # noqa: PERF401
        return "{" + ",".join(members) + "}"
    if type(value) is list:
        return "[" + ",".join(list(map(_canonical, value))) + "]"
    if type(value) is Number:
        return canonical_number(value)
    if isinstance(value, float):  # NaN and Infinity, which are no JSON
        raise ValueError("no JSON")
    return encode_plain(value)


def encode_plain(value: Any) -> str:
    """Return the compact JSON text of a plain value; numbers keep their digits.

    One frame a level: a record may nest 512 deep, and the stack of a runtime is 1,000 frames.
    """
    if type(value) is dict:
        members = []
        for name, member in value.items():
            members.append(quote(name) + ":" + encode_plain(member))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        elements = []
        for element in value:
            elements.append(encode_plain(element))  # noqa: PERF401
        return "[" + ",".join(elements) + "]"
    if type(value) is str:
        return quote(value)
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    return getattr(value, "text", None) or _computed(value)


def _computed(value: Any) -> str:
    """Return a number that a function of JMESPath made."""
    if type(value) is int:
        return str(value)
    # It imports `dataclasses`, 1.5 ms of a cold start together, and few paths compute.
    import orjson

    text = orjson.dumps(value).decode()
    if text == "null":
        raise ValueError("a number that JSON has no word for")
    return text
