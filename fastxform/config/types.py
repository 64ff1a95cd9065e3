"""The types of columns as the file spells them, and what fits them before any record is there.

The grammar of values is `fastxform.datatypes.scalar`'s, used here for defaults. Invariant: a misspelt type gets the
spelling that was meant, where one can be told.
"""

import datetime
import json
import re
from typing import Any, Final

from fastxform.config.diagnostics import kind_of
from fastxform.core.values import Json, Number, Value
from fastxform.datatypes.logical import Kind, Type
from fastxform.errors import near, shown

_PLAIN: Final[dict[str, Kind]] = {
    "auto": "auto",
    "string": "string",
    "int64": "int64",
    "float64": "float64",
    "bool": "bool",
    "date": "date",
    "json": "json",
    "binary": "binary",
}
_SPELLINGS: Final = (*_PLAIN, "decimal(10,2)", "timestamp[s]", "timestamp[ms]", "timestamp[us]")
# Texts, not compiled patterns: the commonest types need neither.
_SHAPE: Final = r"\s*([A-Za-z0-9_ ]*?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|<[^<>]*>)?\s*"
_DIGITS: Final = r"\s*([0-9]{1,4})\s*(?:,\s*(-?[0-9]{1,4})\s*)?"
_MAX_PRECISION: Final = 38
"""Digits of the widest decimal of Iceberg, Parquet and Arrow's decimal128."""

_MAX_NUMBER_BITS: Final = 10_000
"""Python prints no more than 4,300 digits."""

_ELSEWHERE: Final = {
    "string": ("str", "text", "varchar", "char", "utf8", "large_string", "uuid"),
    "int64": ("int", "integer", "bigint", "long", "int32", "int16", "int8", "smallint", "tinyint", "uint64", "uint32"),
    "float64": ("float", "double", "real", "float32", "number", "double precision"),
    "bool": ("boolean",),
    "timestamp[ms]": ("timestamp", "datetime", "timestamptz", "time", "datetime64"),
    "date": ("date32", "date64", "day"),
    "decimal(10,2)": ("decimal", "numeric", "decimal128", "money"),
    "json": ("object", "struct", "map", "array", "list", "super", "variant", "dict", "jsonb"),
    "binary": ("bytes", "blob", "varbinary", "bytea", "varbyte"),
}
_NAMES_ELSEWHERE: Final = {name: ours for ours, names in _ELSEWHERE.items() for name in names}


class ValueMistakeError(Exception):
    """A type that there is not, or a value that does not fit; the text is the mistake with its remedy."""


def parse_type(text: str) -> Type:
    """Return the type that a text spells.

    Raises:
        ValueMistakeError: there is no such type.
    """
    if text in _PLAIN:
        return Type(_PLAIN[text])
    found = re.fullmatch(_SHAPE, text)
    name, digits, unit = (found[1], found[2], found[3]) if found else ("", None, None)
    if name == "timestamp" and unit in ("s", "ms", "us"):
        return Type("timestamp", unit=unit)
    if name == "decimal" and digits is not None:
        return _decimal(digits)
    raise ValueMistakeError(f"unknown type {shown(text)}; {_remedy(name.lower(), digits, unit)}")


def _decimal(digits: str) -> Type:
    found = re.fullmatch(_DIGITS, digits)
    if found is None or found[2] is None:
        raise ValueMistakeError(
            "decimal takes two numbers: its digits and how many of them are fraction; write decimal(10,2)"
        )
    precision, scale = int(found[1]), int(found[2])
    if not 1 <= precision <= _MAX_PRECISION:
        close = f"decimal({_MAX_PRECISION},{min(max(scale, 0), _MAX_PRECISION)})"
        raise ValueMistakeError(f"a decimal has 1 to {_MAX_PRECISION} digits; write {close} or less")
    if not 0 <= scale <= precision:
        raise ValueMistakeError(
            f"a decimal of {precision} digits has a fraction of 0 to {precision} of them, not {scale}"
        )
    return Type("decimal", precision=precision, scale=scale)


def _remedy(name: str, digits: str | None, unit: str | None) -> str:
    """Return what to write for a type of this name."""
    ours = _NAMES_ELSEWHERE.get(name) or (name if name in _PLAIN else None)
    if name in ("timestamp", "datetime", "timestamptz"):
        return "write timestamp[s], timestamp[ms] or timestamp[us]"
    if ours == "decimal(10,2)":
        is_whole = digits is not None and "," in digits and re.fullmatch(_DIGITS, digits)
        return f"write decimal({digits})" if is_whole else f"write {ours}"
    if ours is None:
        ours = near(name, _SPELLINGS)
    return f"write {ours}" if ours else f"the types are {', '.join(_SPELLINGS)}"


def default_value(value: Any, target: Type) -> Value:
    """Return a default as a record would hold it.

    Raises:
        ValueMistakeError: it does not fit the type of its column.
    """
    if isinstance(value, (datetime.date, datetime.time)):
        if target.kind not in ("timestamp", "date"):
            raise ValueMistakeError(
                f"a date or time without quotes is for columns of type timestamp or date, not {target}"
            )
        value = value.isoformat()
    if isinstance(value, (dict, list)) and target.kind not in ("auto", "string", "json"):
        raise ValueMistakeError(f"does not fit {target}: {kind_of(value)}")
    if target.kind == "json" and type(value) is str and value.lstrip()[:1] in ("{", "["):
        raise ValueMistakeError("is text, and would be written in quotes; write an object as TOML does, without them")
    plain: Value = Json(json_text(value)) if isinstance(value, (dict, list)) else value
    _check_fit(plain, target)
    return plain


def _check_fit(value: Value, target: Type) -> None:
    # Few files have defaults; the grammar brings the decoders with it.
    from fastxform.datatypes import scalar

    if isinstance(value, Number) or type(value) is int:
        json_text(value)
    try:
        scalar.fit(target, value)
    except scalar.UnfitError as err:
        written = shown(value) if type(value) is str else json_text(value)
        raise ValueMistakeError(f"does not fit {target}: {written}") from err


def json_text(value: Any) -> str:
    """Return a value of TOML as compact JSON, numbers with the digits of the file.

    Raises:
        ValueMistakeError: JSON has no such value: a date, an infinite number.
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(name)}:{json_text(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, Number):
        if value.lstrip("-") in ("inf", "nan"):
            raise ValueMistakeError(f"JSON has no {value}")
        return str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        raise ValueMistakeError("JSON has no dates and times; write it in quotes")
    if type(value) is int and value.bit_length() > _MAX_NUMBER_BITS:
        raise ValueMistakeError("a number of too many digits")
    return json.dumps(value, ensure_ascii=False)
