"""One JSON object as the values of an Iceberg table's columns, by the rules that Firehose documents.

Nothing here writes. A member that no column has is skipped, one that does not fit its column fails the row, a missing
one is null where the column may be; so it is inside of structs, lists and maps. Invariant: no value is changed to fit.
Types without a rule in the documentation (nanoseconds, fixed, geometry) fail the row by name.

Source: Firehose, supported data types of Apache Iceberg Tables. 2026-11.
"""

import json
import re
import uuid
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final, NoReturn, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL: Final = re.compile(r"decimal\((\d+), ?(\d+)\)")
_EXACTLY: Final = Context(prec=38, traps=[InvalidOperation, Inexact])
"""Iceberg's decimals have 38 digits; one that is lost raises."""

_DAY_MICROSECONDS: Final = 86_400_000_000
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
    document = _decoded(data.decode())
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return {
        field.name: _member(document, field, field.name, required=needed is not None)
        for field in schema.fields
        if needed is None or field.name in needed
    }


def _decoded(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _member(members: Mapping[str, Any], field: IcebergField, name: str, *, required: bool = False) -> Any:
    return _value(members.get(field.name), field.field_type, name, required=required or field.required)


def _value(value: Any, kind: Any, name: str, *, required: bool) -> Any:
    """Return a value of a column, or of a part of one; `name` is where it is, with dots.

    Args:
        value: as JSON has it.
        kind: its type, PyIceberg's: a struct has `fields`, a list an `element_type`, a map a `value_type`.
        name: the column, and the members that lead to the part.
        required: it must not be null.
    """
    if value is None:
        if required:
            raise ColumnError(f"The column {name} needs a value.")
        return None
    try:
        if hasattr(kind, "fields"):
            members = _of_kind(value, dict)
            return {field.name: _member(members, field, f"{name}.{field.name}") for field in kind.fields}
        if hasattr(kind, "element_type"):
            return [
                _value(element, kind.element_type, f"{name}.element", required=kind.element_required)
                for element in _of_kind(_undone(value), list)
            ]
        if hasattr(kind, "value_type"):
            entries = _of_kind(_undone(value), dict).items()
            return [
                (
                    _value(key, kind.key_type, f"{name}.key", required=True),
                    _value(part, kind.value_type, f"{name}.value", required=kind.value_required),
                )
                for key, part in entries
            ]
        return _reader(str(kind))(value)
    except ColumnError:
        raise
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        raise ColumnError(f"The value of column {name} is no {kind}.") from None


def _undone(value: Any) -> Any:
    """Return what the text of a list or a map holds; Firehose takes both as text too."""
    return _decoded(value) if isinstance(value, str) else value


def _of_kind(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"not a {kind.__name__}")
    return value


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
    text: str = _of_kind(value, str)
    return text


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


def _time(value: Any) -> time:
    """Read ISO 8601 text or microseconds of the day."""
    if isinstance(value, str):
        moment = time.fromisoformat(value)
        if moment.tzinfo is not None:
            raise ValueError("a time of the day has no offset")
        return moment
    microseconds = _integer(value, 63)
    if not 0 <= microseconds < _DAY_MICROSECONDS:
        raise ValueError("no time of the day")
    return (_EPOCH + timedelta(microseconds=microseconds)).time()


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "boolean": _boolean,
    "float": lambda value: float(_number(value)),
    "double": lambda value: float(_number(value)),
    "timestamp": lambda value: _moment(value, zoned=False),
    "timestamptz": lambda value: _moment(value, zoned=True),
    "date": _day,
    "time": _time,
    "uuid": lambda value: uuid.UUID(_text(value)).bytes,
    "binary": lambda value: b64decode(_text(value), validate=True),
}
"""What reads a value, by the type's name as PyIceberg writes it."""
