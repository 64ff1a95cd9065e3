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

_LEAST_ROOM_DIGITS: Final = 2
_ROOM_FRACTION_DIGITS: Final = 2
"""Digits of fraction that later numbers may have beyond those of the sample."""

_MONEY_WORDS: Final = frozenset(
    (
        *("amount", "balance", "budget", "charge", "cost", "credit", "debit", "deposit", "discount", "fare", "fee"),
        *("fees", "gross", "money", "net", "paid", "payment", "payout", "price", "refund", "revenue", "salary"),
        *("shipping", "subtotal", "tax", "tip", "total", "vat", "wage", "eur", "usd", "gbp", "jpy", "chf"),
    )
)
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


_AS_IT_STANDS: Final = Typed("auto", "as it stands: a type would lose digits or leave no room for longer numbers")


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
    if kinds == {"number", "text"} and _is_time_name(name) and (unit := time_unit(shape)):
        return Typed(f"timestamp[{unit}]", "numbers and texts")
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
    is_decimal = exact_numbers or not numbers.fraction_digits or (numbers.have_two_decimals and _is_money_name(name))
    if is_decimal and not numbers.has_exponent:
        return _decimal(numbers.whole_digits, numbers.fraction_digits)
    return Typed("float64") if numbers.is_exact_double else _AS_IT_STANDS


def _decimal(whole_digits: int, fraction_digits: int) -> Typed:
    """Return a decimal with room for longer numbers than those of the sample, before and behind the point."""
    scale = fraction_digits and fraction_digits + _ROOM_FRACTION_DIGITS
    if whole_digits + _ROOM_DIGITS + scale <= _USUAL_DIGITS:
        return Typed(f"decimal({_USUAL_DIGITS},{scale})")
    if whole_digits + _LEAST_ROOM_DIGITS + scale <= _MAX_DIGITS:
        return Typed(f"decimal({_MAX_DIGITS},{scale})")
    return _AS_IT_STANDS


def _epoch(units: set[str], fraction_digits: int) -> Typed:
    """Return the unit that holds all of the times; what a number of them is is known by its magnitude."""
    finest = next(unit for unit in ("us", "ms", "s") if unit in units)
    if fraction_digits:
        finest = "us" if finest != "s" or fraction_digits > 3 else "ms"
    return Typed(f"timestamp[{finest}]")


def time_unit(shape: Shape) -> str | None:
    """Return the unit that holds all values, numbers and texts, of a place that are times; None where one is none."""
    has_numbers, has_texts = "number" in shape.kinds, "text" in shape.kinds
    if not shape.kinds or not set(shape.kinds) <= {"number", "text"}:
        return None
    if (has_numbers and not shape.numbers.are_times) or (has_texts and not shape.texts.are_times):
        return None
    types = [_epoch(shape.numbers.time_units, shape.numbers.fraction_digits)] if has_numbers else []
    types += [_text(shape)] if has_texts else []
    units = [typed.type.removeprefix("timestamp[").removesuffix("]") for typed in types]
    return min(units, key=("us", "ms", "s").index)


def _is_money_name(name: str) -> bool:
    return not _MONEY_WORDS.isdisjoint(words(name))


def _is_time_name(name: str) -> bool:
    spelled = words(name)
    return not _TIME_WORDS.isdisjoint(spelled) or any(_TIME_ENDING.fullmatch(word) for word in spelled)
