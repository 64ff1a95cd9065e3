"""`cast(value, target_type='...')`: a term as one of another type, by the grammars of the types of columns.

A number becomes a time as in a column: by its size it is seconds, milliseconds, microseconds or nanoseconds; a text of
digits does not, and is cast to int64 first. Arrow's own casts take more text (`0x1F`, `True`, `nan`, `1e400`) than a
column of the type would. Invariant: a cast gives the value in full or refuses the row, but for float64, which is the
nearest one, and coarser times, cut towards the past.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import pyarrow as pa

from fastxform.core.json_text import NUMBER
from fastxform.core.kernels import call, cast, options
from fastxform.core.structs import replace
from fastxform.datatypes.logical import (
    END_SECONDS,
    MICROSECONDS_BELOW,
    MILLISECONDS_BELOW,
    MIN_SECONDS,
    SECONDS_BELOW,
    Type,
    UnknownTypeError,
    arrow_type,
    parse_type,
    timestamp,
)
from fastxform.query.arithmetic import finite, floor_divide
from fastxform.query.fitting import FITTED, REAL_DATE, does_not_fit
from fastxform.query.refusals import each
from fastxform.query.terms import (
    STRING,
    TEXTS,
    TIMES,
    UNITS,
    Datum,
    Term,
    converted,
    derived,
    describe,
    mismatch,
    to_decimal,
    to_float,
)
from fastxform.query.terms import ExpressionError as Error

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE: Final = r"[Zz]| UTC| GMT|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?"
_USUAL_TIME: Final = r"\A.{10}.[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-].{5})?\z"
_SPELLINGS: Final = tuple(
    options.ReplaceSubstringOptions(pattern, replacement)
    for pattern, replacement in (
        (r"^(.{10})$", r"\1T00:00"),
        (r"^(.{10}).([0-9]{2}:[0-9]{2})([^:].*)?$", r"\1T\2:00\3"),
        (r"( UTC| GMT)$", "Z"),
        (r"^(.{11}.*[+-][0-9]{2})$", r"\1:00"),
        (r"^(.{11}.*[+-][0-9]{2})([0-9]{2})$", r"\1:\2"),
    )
)
"""From the spellings of a time that follow its grammar to the one of RFC 3339, in this order."""
_GRAMMARS: Final = {
    "int64": r"-?[0-9]+",
    "float64": NUMBER.pattern,
    "decimal": NUMBER.pattern,
    "bool": "true|false",
    "timestamp": rf"{_DAY}([Tt ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?({_ZONE})?)?",
    "date": _DAY,
}
"""RE2 of the text that fits a type; Arrow's cast checks ranges and the calendar."""

_CASTABLE: Final = ("string", "int64", "float64", "decimal(10,2)", "bool", "timestamp[ms]", "date")

_TARGETS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(TEXTS, ("string", *_GRAMMARS)),
    "int64": ("string", "float64", "decimal", "timestamp"),
    "float64": ("string", "int64", "decimal"),
    "decimal": ("string", "int64", "float64"),
    "bool": ("string", "int64"),
    "timestamp": ("string", "int64", "date"),
    "date": ("string", "timestamp"),
    "binary": ("string",),
}
"""What each kind can be cast to, beside itself."""


def parse_target(spelling: str, offset: int) -> Type:
    """Return the type of a `target_type`.

    Raises:
        ExpressionError: there is no such type, or nothing can be cast to it.
    """
    try:
        target = parse_type(spelling, _CASTABLE)
    except UnknownTypeError as error:
        raise Error(f"cast: {error}", offset) from None
    if target.kind not in ("string", *_GRAMMARS):
        raise Error(f"nothing can be cast to {target}; write one of {', '.join(_CASTABLE)}", offset)
    return target


def cast_to(term: Term, target: Type, offset: int) -> Term:
    """Return the term as one of the type.

    Raises:
        ExpressionError: the term cannot be cast to it.
    """
    if term.type in (None, target):
        return converted(term, target)
    if term.constant and term.kind == "string" and target.kind in TIMES:
        return converted(term, target)
    if target.kind not in (term.kind, *_TARGETS[term.kind]):
        able = ", ".join(kind for kind in _TARGETS[term.kind] if kind != term.kind)
        message = f"cannot cast {describe(term)} to {target}; it can be cast to {able}"
        raise mismatch(term, message, str(target))
    return _cast(term, target, offset)


def _cast(term: Term, target: Type, offset: int) -> Term:
    step = (term.kind if term.kind not in TEXTS else "string", target.kind)
    match step:
        case ("string", _):
            return _from_text(term, target, offset)
        case ("int64" | "decimal", "float64"):
            return to_float(term)
        case ("int64", "timestamp"):
            return _from_epoch(term, target, offset)
        case ("int64" | "decimal", "decimal"):
            return to_decimal(term, target)
        case ("float64", "decimal"):
            # By its shortest text: the decimal of 0.1 is 0.1, not the 55 digits of its binary value.
            return _by_arrow(_by_arrow(term, STRING, offset), target, offset)
        case ("timestamp", "timestamp") if UNITS[target.unit] < UNITS[term.known_type.unit]:
            return _coarser(term, target, offset)
    return _by_arrow(term, target, offset)


def _by_arrow(term: Term, target: Type, offset: int) -> Term:
    """Cast by Arrow, which refuses what does not fit."""
    arrow = arrow_type(target)
    raises = target.kind != "string" or term.kind == "binary"
    certain = each(partial(does_not_fit, target)) if target.kind in FITTED else None
    read = _reader(target) if (term.kind, target.kind) == ("string", "decimal") else partial(cast, target=arrow)
    return derived(target, offset, [term], read, raises=raises, certain=certain)


def _from_text(term: Term, target: Type, offset: int) -> Term:
    if target.kind in TEXTS:
        return replace(term, type=target, offset=offset)
    grammar = options.MatchSubstringOptions(rf"\A(?:{_GRAMMARS[target.kind]})\z")
    read = _reader(target)

    def run(value: Datum) -> Datum:
        if call("all", [call("match_substring_regex", [value], grammar)]).as_py() is False:
            raise pa.ArrowInvalid("text of another type")
        return read(value)

    real = options.MatchSubstringOptions(REAL_DATE) if target.kind in TIMES else grammar
    unfit = each(partial(does_not_fit, target)) if target.kind in FITTED else None

    def certain(value: Datum) -> Datum:
        wrong = call("invert", [call("match_substring_regex", [value], real)])
        if unfit is None:
            return wrong
        known = call("if_else", [wrong, pa.scalar(None, pa.string()), value])
        return call("or", [wrong, unfit(known)])

    made = derived(target, offset, [term], run, raises=True, certain=certain)
    return in_calendar(made) if target.kind in TIMES else made


def _reader(target: Type) -> Callable[[Datum], Datum]:
    """Return what makes values of text that follows the grammar."""
    arrow = arrow_type(target)
    if target.kind == "timestamp":
        return lambda value: _read_timestamp(value, target.unit)
    if target.kind == "float64":
        return lambda value: finite(cast(value, arrow))
    if target.kind == "decimal":
        return partial(_read_decimal, target)
    return lambda value: cast(value, arrow)


def _read_decimal(target: Type, value: Datum) -> Datum:
    """Read the text of a number: Arrow, of 26.0.1, makes 0.000 of 5e-324 and -1.0 of 400 nines."""
    far = call("match_substring_regex", [value], _FAR)
    if call("any", [far]).as_py():
        texts = value.to_pylist() if isinstance(value, pa.Array) else [value.as_py()]
        if any(text is not None and does_not_fit(target, text) for text in texts):
            raise pa.ArrowInvalid("a number that is lost")
    return cast(value, arrow_type(target))


_FAR: Final = options.MatchSubstringOptions(r"[eE][+-]?[0-9]{2,}|[0-9]{39,}")


def _read_timestamp(value: Datum, unit: str) -> Datum:
    """Read RFC 3339: Arrow wants a `T`, no digits beyond the unit, and an offset in each text or in none."""
    if (
        call("all", [call("match_substring_regex", [value], options.MatchSubstringOptions(_USUAL_TIME))]).as_py()
        is False
    ):
        for spelling in _SPELLINGS:
            value = call("replace_substring_regex", [value], spelling)
    digits = UNITS[unit]
    kept = rf"(\.[0-9]{{1,{digits}}})[0-9]*" if digits else r"()\.[0-9]*"
    cut = options.ReplaceSubstringOptions(rf"^(.{{10}}).(.{{8}})(?:{kept})?", r"\1T\2\3")
    zoned = options.ReplaceSubstringOptions(r"^(.{19}(?:\.[0-9]+)?)[Zz]?$", r"\1Z")
    text = call("replace_substring_regex", [call("replace_substring_regex", [value], cut)], zoned)
    return cast(cast(cast(text, timestamp(unit, "UTC")), pa.int64()), timestamp(unit))


def _from_epoch(term: Term, target: Type, offset: int) -> Term:
    arrow, none = arrow_type(target), pa.scalar(None, pa.int64())
    below = ((SECONDS_BELOW, "s"), (MILLISECONDS_BELOW, "ms"), (MICROSECONDS_BELOW, "us"))

    def run(value: Datum) -> Datum:
        size, ticks = call("abs_checked", [value]), []
        for limit, unit in below:
            fits = call("less", [size, limit])
            ticks.append(_rescaled(call("if_else", [fits, value, none]), unit, target.unit))
            value = call("if_else", [fits, none, value])
        return cast(call("coalesce", [*ticks, _rescaled(value, "ns", target.unit)]), arrow)

    return in_calendar(derived(target, offset, [term], run, raises=True))


def _rescaled(value: Datum, unit: str, wanted: str) -> Datum:
    """Return epoch time of one unit as that of another, cut towards the past."""
    digits = UNITS[wanted] - (9 if unit == "ns" else UNITS[unit])
    return call("multiply_checked", [value, 10**digits]) if digits >= 0 else floor_divide(value, 10**-digits)


def _coarser(term: Term, target: Type, offset: int) -> Term:
    """Cut a time towards the past before 1970 too, where Arrow's cast would cut towards 1970."""
    arrow = arrow_type(target)
    floor = options.RoundTemporalOptions(multiple=1, unit="second" if target.unit == "s" else "millisecond")
    return derived(target, offset, [term], lambda value: cast(call("floor_temporal", [value], floor), arrow))


def in_calendar(term: Term) -> Term:
    """Return the times, all within the years 1 to 9999 as those of a column are; a row that is not is refused."""
    low, high = _bounds(term.known_type)

    def outside(value: Datum) -> Datum:
        return call("or", [call("less", [value, low]), call("greater", [value, high])])

    def run(value: Datum) -> Datum:
        if call("any", [outside(value)]).as_py():
            raise pa.ArrowInvalid("not within the years 1 to 9999")
        return value

    return derived(term.known_type, term.offset, [term], run, raises=True, certain=outside)


def _bounds(time: Type) -> tuple[pa.Scalar, pa.Scalar]:
    """Return the first and the last moment of the years 1 to 9999 in the unit of the type."""
    arrow = arrow_type(time)
    if time.kind == "date":
        return pa.scalar(MIN_SECONDS // 86_400, arrow), pa.scalar((END_SECONDS - 1) // 86_400, arrow)
    per_second = 10 ** UNITS[time.unit]
    return pa.scalar(MIN_SECONDS * per_second, arrow), pa.scalar(END_SECONDS * per_second - 1, arrow)
