"""Types for the oracle: from a JSON value to a cell of a typed column, and the texts of that cell.

A value is checked against the grammar of its type; numbers are taken apart as digits and exponent and never rounded.
Invariant: a cell's texts depend on its value and type alone.
"""

import base64
import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

from oracle_json import NUMBER, JsonText, quote
from oracle_paths import PathError, decode_base64

EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
UNIT_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


class MisfitError(Exception):
    """The value does not fit the type."""


@dataclass(frozen=True, order=True)
class Stamp:
    """A point in time, as microseconds of the epoch already truncated to its unit."""

    micros: int
    unit: str


@dataclass(frozen=True)
class Cell:
    """One value of one column: what expressions compute with, and its text in each output. A null is no cell."""

    value: object
    csv: str
    json: str
    iceberg: str


def cell_of(value):
    """The cell of a typed value; None of None."""
    if value is None:
        return None
    if isinstance(value, str):
        return _cell(value, value, quote(value))
    if isinstance(value, bool):
        return _cell(value, "true" if value else "false")
    if isinstance(value, int):
        return _cell(value, str(value))
    if isinstance(value, float):
        return _cell(value, float_text(value))
    if isinstance(value, Decimal):
        return _cell(value, f"{value:f}")
    if isinstance(value, bytes):
        text = base64.b64encode(value).decode()
        return _cell(value, text, quote(text))
    if isinstance(value, Stamp):
        text = stamp_text(value)
        return Cell(value, text, quote(text.replace(" ", "T") + "Z"), str(value.micros))
    if isinstance(value, datetime.date):
        return _cell(value, value.isoformat(), quote(value.isoformat()))
    raise NotImplementedError(type(value).__name__)


def _cell(value, csv_text, json_text=None):
    json_text = csv_text if json_text is None else json_text
    return Cell(value, csv_text, json_text, json_text)


def convert(value, kind, written=None):
    """The cell of a JSON value in a column of that type; None of null. `written` is a format of `strptime`."""
    if value.kind == "null":
        return None
    if written is not None:
        if value.kind not in ("string", "number"):
            raise MisfitError
        moment, fraction = _moment(value.text, written)
        return cell_of(moment.date() if kind == "date" else _stamp(moment, fraction, kind))
    if kind == "auto":
        nested = JsonText(value.text, False) if value.kind in ("object", "list") else value.text
        return _cell(nested, value.text, quote(value.data) if value.kind == "string" else value.compact)
    if kind == "string":
        return cell_of(value.text)
    if kind == "json":
        return _cell(JsonText(value.compact, True), value.compact)
    if kind == "bool":
        if value.text not in ("true", "false"):
            raise MisfitError
        return cell_of(value.text == "true")
    if value.kind not in ("string", "number"):
        raise MisfitError
    name, arguments = re.fullmatch(r"(\w+)(?:[(\[](.*)[)\]])?", kind).groups()
    return cell_of(_SCALARS[name](value, arguments))


# ---------------------------------------------------------------- numbers


def taken_apart(text):
    """Sign, digits without zeros at either end (none for zero), exponent: the number is `digits * 10**exponent`."""
    if not NUMBER.fullmatch(text):
        raise MisfitError
    parts = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", text)
    sign, whole, fraction, exponent = parts.groups("")
    digits = (whole + fraction).lstrip("0")
    power = _exponent(exponent) - len(fraction) + len(digits) - len(digits.rstrip("0"))
    return bool(sign), digits.rstrip("0"), power


def _exponent(text):
    """The exponent as an int; one of more than 20 digits as one of 20, far beyond every limit here."""
    digits = text.lstrip("+-").lstrip("0")
    size = int("9" * 20 if len(digits) > 20 else digits or "0")
    return -size if text.startswith("-") else size


def floor_times(text, power):
    """The number times `10**power`, rounded towards minus infinity. The number is less than `10**30`."""
    negative, digits, exponent = taken_apart(text)
    exponent += power
    if exponent >= 0 or not digits:
        size = int(digits or "0") * 10 ** (exponent if digits else 0)
        return -size if negative else size
    size = int(digits[:exponent] or "0") if len(digits) + exponent > 0 else 0
    return -size - 1 if negative else size


def _int64(value, _):
    text = value.text
    if not re.fullmatch("-?[0-9]+", text):
        if value.kind != "number":
            raise MisfitError
        _, digits, exponent = taken_apart(text)
        if digits and (exponent < 0 or len(digits) + exponent > 19):
            raise MisfitError
        result = floor_times(text, 0)
    else:
        digits = text.lstrip("-").lstrip("0")
        if len(digits) > 19:
            raise MisfitError
        result = int(digits or "0") * (-1 if text.startswith("-") else 1)
    if not -(2**63) <= result < 2**63:
        raise MisfitError
    return result


def _float64(value, _):
    if not NUMBER.fullmatch(value.text):
        raise MisfitError
    result = float(value.text)
    if result in (float("inf"), float("-inf")):
        raise MisfitError
    return result


def _decimal(value, arguments):
    precision, scale = map(int, arguments.split(","))
    negative, digits, exponent = taken_apart(value.text)
    if not digits:
        return Decimal((0, (0,), -scale))
    if -exponent > scale or len(digits) + exponent > precision - scale:
        raise MisfitError
    digits += "0" * (exponent + scale)
    return Decimal((int(negative), tuple(map(int, digits)), -scale))


def float_text(number):
    """The shortest digits that read back as the number: as a fraction from 1e-6 to 1e10, else with an exponent."""
    negative, digits, exponent = taken_apart(repr(number))
    sign = "-" if negative else ""
    if not digits:
        return sign + "0"
    power = len(digits) + exponent - 1
    if not -6 <= power < 10:
        fraction = f".{digits[1:]}" if digits[1:] else ""
        return f"{sign}{digits[0]}{fraction}e{power:+d}"
    digits = digits.rjust(1 - exponent, "0") if exponent < 0 else digits + "0" * exponent
    return f"{sign}{digits[:exponent]}.{digits[exponent:]}" if exponent < 0 else sign + digits


# ---------------------------------------------------------------- time

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?:[Zz]| UTC| GMT|([+-])(\d\d)(?::?(\d\d))?)?)?",
    re.ASCII,
)


def _moment(text, written):
    """The time of a text, without a zone, in UTC where it has one; and the digits of its fraction.

    Python's `strptime` does the work, which knows neither `%s` nor more than six digits.
    """
    if written in ("%s", "%s.%f"):
        match = re.fullmatch(r"(-?[0-9]{1,12})" + (r"\.([0-9]{1,9})" if written == "%s.%f" else "()"), text)
        if not match:
            raise MisfitError
        try:
            return EPOCH + datetime.timedelta(seconds=int(match[1])), match[2]
        except OverflowError:
            raise MisfitError from None
    fraction = ""
    if "%f" in written:
        digits = re.search(r"(?<=\.)[0-9]{1,9}", text)
        if not digits:
            raise MisfitError
        fraction = digits[0]
        text = text[: digits.start()] + fraction[:6] + text[digits.end() :]
    try:
        moment = datetime.datetime.strptime(text, written)
        if moment.tzinfo:
            moment = (moment - moment.utcoffset()).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise MisfitError from None
    return moment.replace(microsecond=0), fraction


def _stamp(moment, fraction, kind):
    unit = kind.partition("[")[2][:-1]
    micros = (moment - EPOCH) // MICROSECOND + int(fraction.ljust(6, "0")[:6])
    return Stamp(micros - micros % UNIT_MICROSECONDS[unit], unit)


def _timestamp(value, unit):
    is_number = value.kind == "number" or NUMBER.fullmatch(value.text)
    micros = _micros_of_number(value.text) if is_number else _micros_of_text(value.text)
    if not (datetime.datetime.min - EPOCH) // MICROSECOND <= micros <= (datetime.datetime.max - EPOCH) // MICROSECOND:
        raise MisfitError
    return Stamp(micros - micros % UNIT_MICROSECONDS[unit], unit)


def _micros_of_number(text):
    """Seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else nanoseconds; the sign is no matter."""
    _, digits, exponent = taken_apart(text)
    whole_digits = len(digits) + exponent if digits else 0
    if whole_digits > 30:
        raise MisfitError
    return floor_times(text, 6 if whole_digits <= 11 else 3 if whole_digits <= 14 else 0 if whole_digits <= 17 else -3)


def _micros_of_text(text):
    match = _TIME.fullmatch(text)
    if match is None:
        raise MisfitError
    *civil, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.datetime(*(int(part or 0) for part in civil))
        if sign:
            offset = datetime.timedelta(
                minutes=datetime.time(int(hours), int(minutes or 0)).hour * 60 + int(minutes or 0)
            )
            moment += -offset if sign == "+" else offset
    except (ValueError, OverflowError):
        raise MisfitError from None
    return (moment - EPOCH) // MICROSECOND + int((fraction or "").ljust(6, "0")[:6])


def stamp_text(stamp):
    moment = EPOCH + stamp.micros * MICROSECOND
    text = f"{moment.year:04}-{moment.month:02}-{moment.day:02} {moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    digits = {"s": 0, "ms": 3, "us": 6}[stamp.unit]
    return text + (f".{moment.microsecond:06}"[: digits + 1] if digits else "")


def _date(value, _):
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", value.text, re.ASCII)
    if value.kind != "string" or match is None:
        raise MisfitError
    try:
        return datetime.date(*map(int, match.groups()))
    except ValueError:
        raise MisfitError from None


def _binary(value, _):
    if value.kind != "string":
        raise MisfitError
    try:
        return decode_base64(value.text)
    except PathError:
        raise MisfitError from None


_SCALARS = {
    "int64": _int64,
    "float64": _float64,
    "decimal": _decimal,
    "timestamp": _timestamp,
    "date": _date,
    "binary": _binary,
}
