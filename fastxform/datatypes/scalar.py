"""One value to one type, exactly: the grammars of the types, in Python.

`fastxform.datatypes.vector` converts whole columns, and comes here with the values that its fast conversions leave
unverified. Invariant: a value either fits without losing anything or is refused; a float is never between its text and
a decimal or a timestamp.
"""

import datetime
import re
from decimal import Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from fastxform.core.json_text import NUMBER, number_parts
from fastxform.core.payloads import decode
from fastxform.core.values import Json, Number, Outcome, _Marker, text_of
from fastxform.datatypes.logical import (
    END_SECONDS,
    MICROSECONDS_BELOW,
    MILLISECONDS_BELOW,
    MIN_SECONDS,
    PER_SECOND,
    SECONDS_BELOW,
    Type,
)

if TYPE_CHECKING:
    from fastxform.datatypes.time_format import TimeFormat

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_INTEGER: Final = re.compile(r"-?[0-9]+")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?:[Zz]| UTC| GMT|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
"""RFC 3339, and what else is often written: a date alone, no seconds, offsets as +09 and +0900, UTC behind a blank."""
_TIME_MAGNITUDE: Final = 21
"""Digits before the point of a number that may be a time, and behind it of one that is finer than any unit."""
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_MAX_EXPONENT: Final = 10_000
_SHORT: Final = 1_000
_EXACT: Final = Context(prec=20_000, Emax=10**9, Emin=-(10**9))


class InvalidValueError(Exception):
    """The value does not fit the type."""


def fit(target: Type, value: Outcome, written: "TimeFormat | None" = None) -> Any:
    """Return what an Arrow array of the type holds for a value; timestamps as integers of their unit, dates as days.

    Args:
        target: the type.
        value: a value of a record, or what stands for one.
        written: the format of the texts of a timestamp or a date, where the column has one.

    Raises:
        InvalidValueError: the value does not fit.
    """
    if isinstance(value, _Marker):
        raise InvalidValueError
    if value is None:
        return None
    if written is not None:
        return _by_format(target, value, written)
    return _FIT[target.kind](target, value)


def _by_format(target: Type, value: Any, written: "TimeFormat") -> int:
    text = text_of(value)
    assert text is not None
    ticks = written.days(text) if target.kind == "date" else written.ticks(text, target.unit)
    if ticks is None or isinstance(value, (bool, Json)):
        raise InvalidValueError
    return ticks


def _string(target: Type, value: Any) -> str:
    text = text_of(value)
    assert text is not None
    if isinstance(value, Number) and NUMBER.fullmatch(text) is None:
        raise InvalidValueError
    return str(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, Number) or type(value) is int


def _number_text(value: Any) -> str:
    """Return a number as it is written, as a string or as a number."""
    text = str(value)
    if isinstance(value, (bool, Json)) or NUMBER.fullmatch(text) is None:
        raise InvalidValueError
    return text


def _number(value: Any) -> Decimal:
    """Return the exact value of a number's text; one of more than `_MAX_EXPONENT` places can fit no type exactly."""
    text = _number_text(value)
    _, _, exponent_text = text.lower().partition("e")
    if len(text) <= _SHORT and len(exponent_text) < 5:
        return _EXACT.create_decimal(text)
    sign, digits, exponent = number_parts(text)
    if len(digits) > _MAX_EXPONENT or abs(exponent) > _MAX_EXPONENT:
        raise InvalidValueError
    return _EXACT.create_decimal(f"{sign}{digits or 0}e{exponent}")


def _int64(target: Type, value: Any) -> int:
    if isinstance(value, (bool, Json)):
        raise InvalidValueError
    text = str(value)
    if _INTEGER.fullmatch(text) is not None:
        if isinstance(value, Number) and NUMBER.fullmatch(text) is None:
            raise InvalidValueError
        digits = text.lstrip("-").lstrip("0")
        if len(digits) > 19:  # Python refuses to read more than 4,300 digits
            raise InvalidValueError
        return _in_int64(int(digits or "0") * (-1 if text[0] == "-" else 1))
    if not _is_number(value):
        raise InvalidValueError
    number = _number(value)
    if number.is_zero():
        return 0
    if number.adjusted() > 20 or number != number.to_integral_value(context=_EXACT):
        raise InvalidValueError
    return _in_int64(int(number))


def _in_int64(number: int) -> int:
    if not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValueError
    return number


FLOAT_DIGITS: Final = 17
"""Significant digits that tell every two doubles apart: what has no more is rounded as any double is."""


def is_rounded(text: str) -> bool:
    """Tell whether a number of more significant digits than a double keeps is another one as a double."""
    tail = text.lstrip("-0.")  # most numbers are told by their length: a double is printed with 17 digits
    if len(tail) <= FLOAT_DIGITS + ("." in tail) or not NUMBER.fullmatch(text):
        return False
    digits = re.sub(r"[eE].*|[^0-9]", "", text).strip("0")
    if len(digits) <= FLOAT_DIGITS:
        return False
    number = float(text)
    # Of what is no zero and became one, or infinite, the exponent may be more than a Decimal has.
    return number == 0 or (isfinite(number) and Decimal(text) != Decimal(number))


def _float64(target: Type, value: Any) -> float:
    if isinstance(value, (bool, Json)):
        raise InvalidValueError
    text = str(value)
    if NUMBER.fullmatch(text) is None:
        raise InvalidValueError
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidValueError
    return number


def _decimal(target: Type, value: Any) -> Decimal:
    number = _number(value)
    if number.is_zero():
        return Decimal(0).scaleb(-target.scale)
    if number.adjusted() >= target.precision - target.scale:
        raise InvalidValueError
    scaled = number.quantize(Decimal(1).scaleb(-target.scale), context=_EXACT)
    if scaled != number:
        raise InvalidValueError
    return scaled


def _bool(target: Type, value: Any) -> bool:
    text = text_of(value)
    if text not in ("true", "false") or isinstance(value, Json):
        raise InvalidValueError
    return text == "true"


def _timestamp(target: Type, value: Any) -> int:
    if _is_number(value) or (type(value) is str and NUMBER.fullmatch(value) is not None):
        return _timestamp_of_number(_number_text(value), target.unit)
    if type(value) is not str:
        raise InvalidValueError
    return _timestamp_of_text(value, target.unit)


def _timestamp_of_number(text: str, unit: str) -> int:
    """Return the ticks of a number, of any length; what is finer than the unit is cut towards the past, as of a text.

    So -0.1 as seconds is the second that `1969-12-31T23:59:59.9Z` is in, and so is the least number below zero.
    """
    sign, digits, exponent = number_parts(text)
    magnitude = len(digits) + exponent
    if magnitude > _TIME_MAGNITUDE:
        raise InvalidValueError
    if magnitude < -_TIME_MAGNITUDE:
        digits, exponent = "1" if digits else "", -_TIME_MAGNITUDE
    kept = max(magnitude, 0) + _TIME_MAGNITUDE
    if len(digits) > kept:  # that there are more of them is all that matters of the others
        exponent += len(digits) - kept - 1
        digits = digits[:kept] + "1"
    numerator = int(digits or 0) * 10 ** max(exponent, 0)
    denominator = 10 ** max(-exponent, 0)
    scale = 1 if numerator < SECONDS_BELOW * denominator else 1_000
    if numerator >= MILLISECONDS_BELOW * denominator:
        scale = 1_000_000 if numerator < MICROSECONDS_BELOW * denominator else 1_000_000_000
    ticks = (-numerator if sign else numerator) * PER_SECOND[unit] // (denominator * scale)
    seconds = ticks // PER_SECOND[unit]
    if not MIN_SECONDS <= seconds < END_SECONDS:
        raise InvalidValueError
    return ticks


def _timestamp_of_text(text: str, unit: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidValueError
    hour, minute, second = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    offset_hour, offset_minute = int(match[9] or 0), int(match[10] or 0)
    if hour > 23 or minute > 59 or second > 59 or offset_hour > 23 or offset_minute > 59:
        raise InvalidValueError
    offset = (offset_hour * 60 + offset_minute) * (-60 if match[8] == "-" else 60)
    seconds = _days(match[1], match[2], match[3]) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    if not MIN_SECONDS <= seconds < END_SECONDS:
        raise InvalidValueError
    nanoseconds = int((match[7] or "").ljust(9, "0"))
    per_second = PER_SECOND[unit]
    return seconds * per_second + nanoseconds * per_second // 1_000_000_000


def _days(year: str, month: str, day: str) -> int:
    try:
        return datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError as err:
        raise InvalidValueError from err


def _date(target: Type, value: Any) -> int:
    match = _DATE.fullmatch(value) if type(value) is str else None
    if match is None:
        raise InvalidValueError
    return _days(match[1], match[2], match[3])


def _json(target: Type, value: Any) -> str:
    return str(value)


def _binary(target: Type, value: Any) -> bytes:
    raw = decode(value) if type(value) is str else None
    if raw is None:
        raise InvalidValueError
    return raw


_FIT: Final = {
    "auto": _string,
    "string": _string,
    "int64": _int64,
    "float64": _float64,
    "decimal": _decimal,
    "bool": _bool,
    "timestamp": _timestamp,
    "date": _date,
    "json": _json,
    "binary": _binary,
}
