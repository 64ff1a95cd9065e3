"""Defaults and patterns of columns as the native kernel takes them.

A pattern that is not one class of characters, repeated, is none of the kernel's: Arrow matches it. Invariant: what is
returned means what the column says, or nothing is.
"""

from typing import Any, Final

from fastxform.config.model import Column
from fastxform.core import native
from fastxform.core.json_text import to_json
from fastxform.core.values import Json, Number

NAME_LIMIT: Final = 1_024
"""Bytes of a name, or of a text that values are compared with."""

_CLASS_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,:;/@#%&=+!~-")
"""What a class of characters may be made of here: all of it ASCII, nothing of it a sign of regular expressions."""

_MOST: Final = 2**31


class UnsupportedError(Exception):
    """Something of the transform is not the kernel's; the message says what."""


def default_of(column: Column) -> tuple[int, bytes] | None:
    """Return the kind and the text of a default; null for what has none."""
    value: Any = column.default
    if value is None:
        return None
    if column.type.kind == "json":
        value = to_json(value)
    if isinstance(value, Json):
        kind, text = native.CONTAINER, str(value)
        if column.type.kind not in ("json", "auto", "string"):
            raise UnsupportedError("a default")
    elif isinstance(value, bool):
        kind, text = (native.TRUE, "true") if value else (native.FALSE, "false")
    elif isinstance(value, (int, Number)):
        kind, text = native.NUMBER, str(value)
    else:
        kind, text = native.STRING, value
    default = text.encode()
    if len(default) > NAME_LIMIT:
        raise UnsupportedError("a long default")
    return kind, default


def one_class(pattern: str) -> tuple[bytes, int, int] | None:
    """Return the class of characters that a pattern repeats, and how often; None of any other pattern.

    By hand: to compile a regular expression for it costs a cold start 8 ms.
    """
    text, bracket, counts = pattern[1:].partition("]")
    if not pattern.startswith("[") or not bracket or not text or not _CLASS_CHARACTERS.issuperset(text):
        return None
    if "&&" in text or "--" in text or "~~" in text:
        return None
    repeated = _repetition(counts)
    characters, at = bytearray(256), 0
    while at < len(text):
        first = last = ord(text[at])
        if at + 2 < len(text) and text[at + 1] == "-" and text[at].isalnum() and text[at + 2].isalnum():
            last = ord(text[at + 2])
            at += 2
        elif text[at] == "-" and 0 < at < len(text) - 1:
            return None
        if last < first:
            return None
        characters[first : last + 1] = b"\x01" * (last + 1 - first)
        at += 1
    return None if repeated is None else (bytes(characters), *repeated)


def _repetition(counts: str) -> tuple[int, int] | None:
    """Return how often what stands before it comes: `+`, `*`, `{2}`, `{2,}`, `{2,5}`, or nothing, which is once."""
    if counts in ("", "+", "*"):
        return int(counts != "*"), 1 if not counts else _MOST
    if not counts.startswith("{") or not counts.endswith("}"):
        return None
    least, comma, most = counts[1:-1].partition(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in (least, most or "0")):
        return None
    return int(least), int(least) if not comma else int(most) if most else _MOST
