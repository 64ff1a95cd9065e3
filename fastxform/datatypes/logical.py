"""The types a column can have: their spelling, its one parser, and the Arrow type that holds each.

Nothing here converts a value. Invariants: two columns of equal `Type` have equal Arrow types; a misspelt type gets the
spelling that was meant, where one is near.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import pyarrow as pa

from fastxform.core.structs import Struct
from fastxform.errors import FastxformError, near, shown

Kind = Literal["auto", "string", "int64", "float64", "decimal", "bool", "timestamp", "date", "json", "binary"]

_PLAIN: Final[tuple[Kind, ...]] = ("auto", "string", "int64", "float64", "bool", "date", "json", "binary")
"""The types that are one word."""

SECONDS_BELOW: Final = 10**11
MILLISECONDS_BELOW: Final = 10**14
MICROSECONDS_BELOW: Final = 10**17
"""A number of epoch time below the first is seconds, below the second milliseconds, below the third microseconds, and
from there on nanoseconds, by size; the limits are the contract's."""
PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}
"""The units of a timestamp, and how many of each are a second."""
MIN_SECONDS: Final = -62_135_596_800
"""0001-01-01T00:00:00Z, the first second of a timestamp."""
END_SECONDS: Final = 253_402_300_800
"""10000-01-01T00:00:00Z, the first second that no timestamp has."""

SPELLINGS: Final = (*_PLAIN, "decimal(10,2)", "timestamp[s]", "timestamp[ms]", "timestamp[us]")
# Texts, not compiled patterns: the commonest types need neither.
_SHAPE: Final = r"\s*([A-Za-z0-9_ ]*?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|<[^<>]*>)?\s*"
_DIGITS: Final = r"\s*([0-9]{1,4})\s*(?:,\s*(-?[0-9]{1,4})\s*)?"
MAX_PRECISION: Final = 38
"""Digits of the widest decimal of Iceberg, Parquet and Arrow's decimal128."""

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


class UnknownTypeError(FastxformError):
    """A text that spells no type; the message is the mistake with its remedy."""


class Type(Struct, frozen=True):
    """The type of a column; `unit` is for timestamps (s, ms, us), `precision` and `scale` for decimals."""

    kind: Kind = "auto"
    unit: str = ""
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        """Return the type as the configuration spells it."""
        if self.kind == "timestamp":
            return f"timestamp[{self.unit}]"
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.kind


def timestamp(unit: str, zone: str | None = None) -> pa.TimestampType:
    """Return Arrow's type of times in a unit of `UNITS`."""
    return pa.timestamp(unit, zone)  # type: ignore[call-overload]


def arrow_type(column_type: Type) -> pa.DataType:
    """Return the Arrow type of a column: text for `auto`, `string` and `json`; timestamps carry no zone."""
    match column_type.kind:
        case "int64":
            return pa.int64()
        case "float64":
            return pa.float64()
        case "decimal":
            return pa.decimal128(column_type.precision, column_type.scale)
        case "bool":
            return pa.bool_()
        case "timestamp":
            return timestamp(column_type.unit)
        case "date":
            return pa.date32()
        case "binary":
            return pa.binary()
        case _:
            return pa.string()


def parse_type(text: str, offered: Sequence[str] = SPELLINGS) -> Type:
    """Return the type that a text spells; `offered` are the ones that the message of a mistake names.

    Raises:
        UnknownTypeError: there is no such type.
    """
    if text in _PLAIN:
        return Type(text)
    match = re.fullmatch(_SHAPE, text)
    name, digits, unit = (match[1], match[2], match[3]) if match else ("", None, None)
    if name == "timestamp" and unit in ("s", "ms", "us"):
        return Type("timestamp", unit=unit)
    if name == "decimal" and digits is not None:
        return _decimal(digits)
    raise UnknownTypeError(f"unknown type {shown(text)}; {_remedy(name.lower(), digits, unit, offered)}")


def _decimal(digits: str) -> Type:
    match = re.fullmatch(_DIGITS, digits)
    if match is None or match[2] is None:
        raise UnknownTypeError(
            "decimal takes two numbers: its digits and how many of them are fraction; write decimal(10,2)"
        )
    precision, scale = int(match[1]), int(match[2])
    if not 1 <= precision <= MAX_PRECISION:
        close = f"decimal({MAX_PRECISION},{min(max(scale, 0), MAX_PRECISION)})"
        raise UnknownTypeError(f"a decimal has 1 to {MAX_PRECISION} digits; write {close} or less")
    if not 0 <= scale <= precision:
        raise UnknownTypeError(
            f"a decimal of {precision} digits has a fraction of 0 to {precision} of them, not {scale}"
        )
    return Type("decimal", precision=precision, scale=scale)


def _remedy(name: str, digits: str | None, unit: str | None, offered: Sequence[str]) -> str:
    """Return what to write for a type of this name."""
    ours = _NAMES_ELSEWHERE.get(name) or (name if name in _PLAIN else None)
    if name in ("timestamp", "datetime", "timestamptz"):
        return "write timestamp[s], timestamp[ms] or timestamp[us]"
    if ours == "decimal(10,2)":
        is_whole = digits is not None and "," in digits and re.fullmatch(_DIGITS, digits)
        return f"write decimal({digits})" if is_whole else f"write {ours}"
    if ours is None:
        ours = near(name, offered)
    return f"write {ours}" if ours else f"the types are {', '.join(offered)}"
