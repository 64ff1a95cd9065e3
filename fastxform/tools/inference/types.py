"""The type of a column from what was seen at its place.

Only types that every value seen fits are chosen, and none that would change a digit, but for the fractions of a second
beyond microseconds. Invariant: the type of a place depends on its values and its name, not on their order.
"""

import re
from typing import Final, NamedTuple

from fastxform.tools.inference.names import words
from fastxform.tools.inference.shapes import Shape

_MAX_DIGITS: Final = 38
_USUAL_DIGITS: Final = 18
_ROOM_DIGITS: Final = 6
"""Whole digits that later numbers may have beyond those of the sample, before a decimal is made a wide one."""

_FLOAT_FRACTION_DIGITS: Final = 9
"""More digits of fraction than this are what a float prints, not what somebody wrote."""

_TIME_WORDS: Final = frozenset(
    (
        *("time", "timestamp", "ts", "date", "datetime", "day", "epoch", "at", "when", "since", "until"),
        *("created", "updated", "modified", "deleted", "changed", "started", "ended", "seen", "sent", "received"),
        *("arrived", "arrival", "expires", "expiry", "expiration", "expire", "ttl", "start", "end"),
    )
)
_TIME_ENDING: Final = re.compile(r".*(?:time|timestamp|date)(?:_?(?:s|ms|us|utc|millis|seconds|micros))?")


class Typed(NamedTuple):
    """A type as the file spells it, and what is worth saying of it."""

    type: str
    remark: str = ""


def column_type(shape: Shape, name: str, *, exact_numbers: bool) -> Typed:
    """Return the type of a column.

    Args:
        shape: what was seen at its place.
        name: the name of the member; a number is a time only where the name says so.
        exact_numbers: numbers were written as decimals, as DynamoDB's are; else fractions may be printed floats.
    """
    kinds = set(shape.kinds)
    if not kinds:
        return Typed("string", "always null")
    if kinds <= {"object", "list"}:
        return Typed("json", " and ".join(f"{kind}s" for kind in ("object", "list") if kind in kinds))
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(shape.kinds.items()))
        return Typed("string", f"mixed: {counts}")
    (kind,) = kinds
    if kind == "number":
        return _number(shape, name, exact_numbers)
    if kind == "text":
        return _text(shape)
    return Typed("binary" if kind == "binary" else "bool")


def _text(shape: Shape) -> Typed:
    if shape.texts.are_dates:
        return Typed("date")
    if not shape.texts.are_times:
        return Typed("string")
    if shape.texts.fraction_digits <= 3:
        return Typed("timestamp[ms]")
    cut = "finer than microseconds, which are cut off" if shape.texts.fraction_digits > 6 else ""
    return Typed("timestamp[us]", cut)


def _number(shape: Shape, name: str, exact_numbers: bool) -> Typed:
    numbers = shape.numbers
    looks_like_time = numbers.are_times and bool(numbers.time_units)
    if looks_like_time and _is_time_name(name):
        return _epoch(numbers.time_units, numbers.fraction_digits)
    if numbers.fits_int64:
        unit = "".join(sorted(numbers.time_units & {"ms", "us"})) if looks_like_time else ""
        return Typed("int64", f"may be a time: timestamp[{unit}]" if unit in ("ms", "us") else "")
    if numbers.has_exponent:
        return _float(numbers.fits_float64)
    digits = numbers.whole_digits + numbers.fraction_digits
    if not exact_numbers and numbers.fraction_digits > _FLOAT_FRACTION_DIGITS:
        return _float(numbers.fits_float64)
    if digits > _MAX_DIGITS:
        return _float(numbers.fits_float64 and not exact_numbers and numbers.fraction_digits > 0)
    precision = _USUAL_DIGITS if digits + _ROOM_DIGITS <= _USUAL_DIGITS else _MAX_DIGITS
    return Typed(f"decimal({precision},{numbers.fraction_digits})")


def _float(fits: bool) -> Typed:
    return Typed("float64") if fits else Typed("auto", "too many digits for a type: as it stands")


def _epoch(units: set[str], fraction_digits: int) -> Typed:
    """Return the unit that holds all of the times; what a number of them is is told by its magnitude."""
    finest = next(unit for unit in ("us", "ms", "s") if unit in units)
    if fraction_digits:
        finest = "us" if finest != "s" or fraction_digits > 3 else "ms"
    return Typed(f"timestamp[{finest}]")


def _is_time_name(name: str) -> bool:
    spelled = words(name)
    return not _TIME_WORDS.isdisjoint(spelled) or any(_TIME_ENDING.fullmatch(word) for word in spelled)
