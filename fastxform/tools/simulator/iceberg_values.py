"""One JSON object as the values of an Iceberg table's columns, by the rules that Firehose documents.

Nothing here writes. A member that no column has is skipped, one that does not fit its column fails the row, a missing
one is null where the column may be. Invariant: no value is changed to fit. Types without a rule here (structs, lists,
maps, times, UUIDs) fail the row by name.

Source: Firehose, supported data types of Apache Iceberg Tables. 2026-11.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final, NoReturn, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL: Final = re.compile(r"decimal\((\d+), ?(\d+)\)")
_EXACTLY: Final = Context(prec=38, traps=[InvalidOperation, Inexact])
"""Iceberg's decimals have 38 digits; one that is lost raises."""

_INTEGER_BITS: Final = {"int": 31, "long": 63}


class ColumnError(ValueError):
    """A value that does not fit its column; the message names the column, never the value."""


class IcebergField(Protocol):
    """What is used of a field of PyIceberg's."""

    name: str
    required: bool
    field_type: Any


class Schema(Protocol):
    """What is used of a schema of PyIceberg's."""

    @property
    def fields(self) -> Collection[Any]:
        """The columns."""


def read_row(data: bytes, schema: Schema, needed: Collection[str] | None = None) -> dict[str, Any]:
    """Return the values of the columns, or of those in `needed` alone, which then must not be null.

    Raises:
        ColumnError: a value does not fit its column, or is missing.
        ValueError: the data is not exactly one JSON object.
    """
    document = json.loads(data.decode(), parse_float=Decimal, parse_constant=_refuse)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return {
        field.name: _value(document, field, field.required or needed is not None)
        for field in schema.fields
        if needed is None or field.name in needed
    }


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _value(document: Mapping[str, Any], field: IcebergField, required: bool) -> Any:
    value, kind = document.get(field.name), str(field.field_type)
    if value is None:
        if required:
            raise ColumnError(f"The column {field.name} needs a value.")
        return None
    try:
        return _reader(kind)(value)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        raise ColumnError(f"The value of column {field.name} is no {kind}.") from None


def _reader(kind: str) -> Callable[[Any], Any]:
    """Return what reads a value for a column of this type.

    Raises:
        ValueError: there is no rule for it.
    """
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        return lambda value: _decimal(value, int(decimal[1]), int(decimal[2]))
    if kind in _INTEGER_BITS:
        return lambda value: _integer(value, _INTEGER_BITS[kind])
    return _READERS.get(kind, _no_rule)


def _no_rule(value: Any) -> NoReturn:
    raise ValueError("no rule for this type")


def _number(value: Any) -> Decimal:
    """Read a number or a numeric text."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError("not a number")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("not finite")
    return number


def _integer(value: Any, bits: int) -> int:
    number = _number(value)
    if number != number.to_integral_value() or not -(2**bits) <= number < 2**bits:
        raise ValueError("no integer of this width")
    return int(number)


def _decimal(value: Any, precision: int, scale: int) -> Decimal:
    number = _number(value).quantize(Decimal(1).scaleb(-scale), context=_EXACTLY)
    if number.copy_abs() >= Decimal(10) ** (precision - scale):
        raise ValueError("too many digits")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _boolean(value: Any) -> bool:
    """Read true, 1 or "true", and their opposites."""
    if isinstance(value, str):
        return {"true": True, "false": False}[value]
    if value in (0, 1):
        return bool(value)
    raise ValueError("not a boolean")


def _moment(value: Any, *, zoned: bool) -> datetime:
    """Read epoch microseconds, or ISO 8601 text in UTC or with its offset."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    else:
        moment = _EPOCH + timedelta(microseconds=_integer(value, 63))
    return moment if zoned else moment.replace(tzinfo=None)


def _day(value: Any) -> date:
    """Read ISO 8601 text or days since the epoch."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    return _EPOCH.date() + timedelta(days=_integer(value, 31))


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "boolean": _boolean,
    "float": lambda value: float(_number(value)),
    "double": lambda value: float(_number(value)),
    "timestamp": lambda value: _moment(value, zoned=False),
    "timestamptz": lambda value: _moment(value, zoned=True),
    "date": _day,
    "binary": lambda value: b64decode(_text(value), validate=True),
}
"""What reads a value, by the type's name as PyIceberg writes it."""
