"""What the texts of one place hold: JSON, pairs, separated values, or lines of a named format.

Only recognised here; what becomes of it is `layers`'. Invariant: a format that is found reads every text that counts
for it, by the engine's own splitters.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fastxform.config.model import Parse
from fastxform.core.values import Number
from fastxform.decode import parsing, validation

KEPT_TEXTS: Final = 2_000
"""Texts of one place that are kept to be looked at."""

_KEPT_CHARACTERS: Final = 4_000
_LEAST_SHARE: Final = 0.1
"""A format that fewer of the texts have is chance."""

_LEAST_PAIRS: Final = 2
_LEAST_FIELDS: Final = 3

_NAMED: Final = {
    "lambda-report": "REPORT RequestId: ",
    "vpc-flow": r"\d+ (?:\d{12}|unknown|-) (?:eni-\S+|-) ",
    "alb": r"(?:http|https|h2|grpcs?|wss?) \d{4}-\d\d-\d\dT\S+ app/",
    "nlb": r"tls \d\.\d \d{4}-\d\d-\d\dT\S+ net/",
    "s3-access": r"[0-9a-f]{64} \S+ \[\d\d/[A-Z][a-z][a-z]/\d{4}:",
    "cloudfront-standard": r"\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t[A-Z]{3}\d",
    "combined": r"\S+ \S+ \S+ \[\d\d/[A-Z][a-z][a-z]/\d{4}:",
    "clf": r"\S+ \S+ \S+ \[\d\d/[A-Z][a-z][a-z]/\d{4}:",
    "syslog": r"<\d{1,3}>[1-9]",
}
"""How a line of a named format begins: the splitters of some take any line of so many words."""

_REALTIME: Final = re.compile(r"\d{10}\.\d{3}\t")
_PAIR: Final = re.compile(r"(?:^|\s)[^\s=\"]+=")
_LIKE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_IDENTITY: Final = re.compile(r".*(?:id|account|owner|version)")
"""Names of fields whose digits are no number."""


class Format(NamedTuple):
    """A format that texts have.

    Attributes:
        name: as `[parse.NAME]` knows it.
        matches: how many of the texts have it.
        rows: the fields of those that were looked at, None for what is missing; none where it is JSON.
        fields: the names of the fields that the configuration has to give.
        delimiter: between them, where it is not a comma.
    """

    name: str
    matches: int
    rows: Sequence[dict[str, Any]] = ()
    fields: tuple[str, ...] = ()
    delimiter: str | None = None


def json_members(text: str) -> dict[str, Any] | None:
    """Return the members of a text that is one JSON object, by the rules of a record; None where it is none."""
    if text.lstrip(" \t\r\n")[:1] != "{":
        return None
    if validation.reject_reason(text.encode(errors="replace")) is not None:
        return None
    members: dict[str, Any] = json.loads(text, parse_int=Number, parse_float=Number)
    return members or None


def may_hold_more(text: str) -> bool:
    """Tell whether a text is worth keeping: it has several parts."""
    return len(text) <= _KEPT_CHARACTERS and ("=" in text or any(text.count(mark) > 1 for mark in " \t,;|"))


def format_of(texts: Sequence[str], total: int, *, is_line: bool) -> Format | None:
    """Return the format of texts of which none is JSON; None where they have none.

    Args:
        texts: those that were kept.
        total: how many there were of all kinds.
        is_line: the texts are whole records, so that separated values are recognised too.
    """
    formats = [
        read
        for name, start in _NAMED.items()
        if any(re.match(start, text) for text in texts) and (read := _named(name, start, texts)) is not None
    ]
    formats.sort(key=lambda read: -read.matches)
    pairs = _logfmt(texts)
    formats += [pairs] if pairs is not None else []
    if is_line and not formats:
        separated = _separated(texts)
        formats += [separated] if separated is not None else []
    if not formats or formats[0].matches < _LEAST_SHARE * min(total, len(texts)):
        return None
    return formats[0]


def _named(name: str, start: str, texts: Sequence[str]) -> Format | None:
    candidates = [text for text in texts if re.match(start, text)]
    fields, refused = parsing.splitter_of(_parse(name))(candidates)
    rows = [
        {field: _value(field, values[row]) for field, values in fields.items()}
        for row in range(len(candidates))
        if row not in refused
    ]
    return Format(name, len(rows), rows) if rows else None


def _parse(name: str) -> Parse:
    return Parse("line", "text", name, "null")


def _logfmt(texts: Sequence[str]) -> Format | None:
    """Return pairs where whole texts are such, most of them with a value."""
    candidates = [text for text in texts if len(_PAIR.findall(text)) >= _LEAST_PAIRS]
    pairs, refused = parsing.logfmt(candidates)
    rows = []
    for number, row in enumerate(pairs):
        with_value = sum(value is not True for value in row.values())
        if number not in refused and with_value >= _LEAST_PAIRS and with_value * 2 > len(row):
            rows.append({name: _value(name, value) for name, value in row.items()})
    return Format("logfmt", len(rows), rows) if rows else None


def _separated(texts: Sequence[str]) -> Format | None:
    """Return separated values where all texts have the same number of them."""
    for delimiter in ("\t", ",", ";", "|"):
        counts = {text.count(delimiter) + 1 for text in texts}
        if len(counts) == 1 and (count := counts.pop()) >= _LEAST_FIELDS:
            fields = tuple(f"field_{number}" for number in range(1, count + 1))
            is_realtime = delimiter == "\t" and all(map(_REALTIME.match, texts))
            nulls = ("-", "") if is_realtime else ()
            rows = [
                {
                    field: None if part in nulls else _value(field, part)
                    for field, part in zip(fields, text.split(delimiter), strict=True)
                }
                for text in texts
            ]
            if any('"' in text for text in texts):
                return None  # the delimiter may stand in quotes: how many fields there are is not told so
            if is_realtime:
                return Format("cloudfront-realtime", len(texts), rows, fields)
            return Format("csv", len(texts), rows, fields, None if delimiter == "," else delimiter)
    return None


def _value(field: str, text: Any) -> Any:
    """Return a field as it is typed: a number where it looks like one and its name does not speak against it."""
    if not isinstance(text, str) or _LIKE_NUMBER.fullmatch(text) is None or _IDENTITY.fullmatch(field.lower()):
        return text
    return Number(text)
