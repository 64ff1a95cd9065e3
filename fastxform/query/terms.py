"""The typed terms of an expression: literals, columns, and the types that several terms have in common.

A term knows its type before a row is seen, and gives a whole column (or one scalar, for all rows) of a frame of rows.
Which operators and functions there are is defined elsewhere. Invariant: no conversion here loses anything in silence,
but for int64 and decimal to float64, which round to the nearest as Python's `float()` does.
"""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct, replace
from fastxform.datatypes.logical import END_SECONDS, MAX_PRECISION, MIN_SECONDS, Type, arrow_type
from fastxform.errors import FastxformError
from fastxform.query.fitting import does_not_fit
from fastxform.query.refusals import Certain, Refusals, each
from fastxform.query.refusals import Datum as Datum

BOOL: Final = Type("bool")
INT64: Final = Type("int64")
FLOAT64: Final = Type("float64")
STRING: Final = Type("string")
DATE: Final = Type("date")

TEXTS: Final = frozenset({"auto", "string", "json"})
NUMBERS: Final = frozenset({"int64", "float64", "decimal"})
TIMES: Final = frozenset({"timestamp", "date"})

UNITS: Final = {"s": 0, "ms": 3, "us": 6}
"""The units of a timestamp, and the fraction digits of each."""

_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()

_RENDERED_CHARACTERS: Final = 100
_TIMESTAMP: Final = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class ExpressionError(FastxformError):
    """An expression that cannot be used: what is wrong and the remedy in one line, and the place in the text."""

    def __init__(self, message: str, column_offset: int = 0, text: str = "") -> None:
        self.message = " ".join(message.split())
        self.column_offset = column_offset
        self.text = text
        super().__init__(f"{self.message} (at character {column_offset + 1})")

    def render(self) -> str:
        """Return the line of the expression that has the place, cut where it is long, and a caret under it."""
        start = max(self.text.rfind(end, 0, self.column_offset) for end in "\r\n") + 1
        line = re.split(r"[\r\n]", self.text[start:], maxsplit=1)[0]
        caret = min(self.column_offset - start, len(line))
        cut = max(0, caret - _RENDERED_CHARACTERS // 2)
        shown = [char if char.isprintable() else "?" for char in line[cut : cut + _RENDERED_CHARACTERS]]
        columns = sum(map(_columns, shown[: caret - cut]))
        return f"{''.join(shown)}\n{' ' * columns}^"


def _columns(char: str) -> int:
    """Return how many columns of a terminal the character takes."""
    import unicodedata  # for a mistake alone, not for each cold start

    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Frame(Struct, frozen=True):
    """The rows at hand: the columns that an expression reads, how many rows, and the time (int64, epoch ms).

    On `trial` every operand and branch is computed, whether a row asks for it or not. With `refusals` no row makes a
    term raise: it is noted there, by its number in the batch, which `origin` has of each row.
    """

    columns: Mapping[str, pa.Array]
    length: int
    now: pa.Scalar
    trial: bool = False
    refusals: Refusals | None = None
    origin: Sequence[int] = ()

    def full(self, value: Datum) -> pa.Array:
        """Return the value as a column: a scalar is the value of each row."""
        return kernels.repeat(value, self.length) if isinstance(value, pa.Scalar) else value

    def rows(self, mask: pa.BooleanArray, names: Iterable[str]) -> "Frame":
        """Return the rows for which the mask, which has no nulls, is true."""
        columns = {name: kernels.call("array_filter", [self.columns[name], mask]) for name in names}
        origin: Sequence[int] = ()
        if self.refusals is not None:
            origin = [self.origin[row] for row in kernels.true_rows(mask)]
        return Frame(columns, mask.true_count, self.now, False, self.refusals, origin)


class Constant(Struct, frozen=True):
    """A literal, as Arrow takes it for the type of its term; `digits` is a number as it was written."""

    value: bool | int | float | str | Decimal | datetime.date | None
    digits: Decimal | None = None


class Term(Struct, frozen=True):
    """A part of an expression; `type` is None for the literal None alone, `raises` where a row can make `run` raise."""

    type: Type | None
    run: Callable[[Frame], Datum]
    offset: int
    names: frozenset[str] = frozenset()
    raises: bool = False
    constant: Constant | None = None

    @property
    def kind(self) -> str:
        """Return the kind of the type, `None` for the literal None."""
        return self.type.kind if self.type else "None"

    @property
    def known_type(self) -> Type:
        """Return the type of a term that must not be the literal None."""
        if self.type is None:
            raise ExpressionError("None has no type here", self.offset)
        return self.type


def constant(value: bool | int | float | str | None, offset: int, digits: Decimal | None = None) -> Term:
    """Return the term of a literal; `digits` is a float as it was written."""
    if value is None:
        return Term(None, _scalar(None, pa.null()), offset, constant=Constant(None))
    if isinstance(value, bool):
        return Term(BOOL, _scalar(value, pa.bool_()), offset, constant=Constant(value))
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ExpressionError("the number is out of the range of int64", offset)
        return Term(INT64, _scalar(value, pa.int64()), offset, constant=Constant(value, Decimal(value)))
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise ExpressionError("the number is out of the range of float64", offset)
        return Term(FLOAT64, _scalar(value, pa.float64()), offset, constant=Constant(value, digits))
    return Term(STRING, _scalar(value, pa.string()), offset, constant=Constant(value))


def _scalar(value: object, arrow: pa.DataType) -> Callable[[Frame], Datum]:
    scalar = pa.scalar(value, arrow)
    return lambda frame: scalar


def derived(
    result: Type,
    offset: int,
    terms: Sequence[Term],
    function: Callable[..., Datum],
    *,
    raises: bool = False,
    certain: Certain | None = None,
) -> Term:
    """Return the term whose column is the function of the columns of the terms.

    Args:
        result: its type.
        offset: where it stands in the expression.
        terms: what the function takes.
        function: takes and returns whole columns, row by row.
        raises: whether a row can make it raise.
        certain: tells rows that do, without calling it.
    """
    names = frozenset[str]().union(*(term.names for term in terms))

    def run(frame: Frame) -> Datum:
        values = [term.run(frame) for term in terms]
        if frame.refusals is None:
            return function(*values)
        return frame.refusals.apply(function, values, certain, arrow_type(result), frame.origin)

    return Term(result, run, offset, names, raises or any(term.raises for term in terms))


def describe(term: Term) -> str:
    """Return what the term is, for a message."""
    if term.constant and term.kind == "string":
        return f"the text {shorten(term.constant.value)}"
    return "text" if term.kind == "auto" else str(term.type)


def shorten(value: object) -> str:
    """Return the value as Python writes it, cut to fit a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def mismatch(term: Term, message: str, wanted: str) -> ExpressionError:
    """Return the error of a term of the wrong type; for an auto column it says how to give it the wanted one."""
    if term.kind != "auto":
        return ExpressionError(message, term.offset)
    name = min(term.names)
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else shorten(name)
    remedy = f'give it a type, e.g. {key} = {{ type = "{wanted}" }}'
    return ExpressionError(f"{message}; column {shorten(name)} has no type, so it is text: {remedy}", term.offset)


def refuse_pair(what: str, left: Term, right: Term) -> ExpressionError:
    """Return the error of two terms that do not go together, with the remedy for the one that is at fault."""
    message = f"cannot {what} {describe(left)} and {describe(right)}"
    for term, other in ((left, right), (right, left)):
        if term.kind == "auto" and other.kind not in TEXTS:
            return mismatch(term, message, str(other.type))
    for term, other in ((left, right), (right, left)):
        if term.kind == "string" and not term.constant and other.constant and other.kind in NUMBERS:
            message += (
                f"; write the number as text, '{other.constant.digits}', or cast(..., target_type='{other.type}')"
            )
        elif term.kind in TEXTS and other.kind in TIMES:
            message += f"; give the column of the text the type {other.type}"
        elif term.kind == "binary" and other.kind in TEXTS:
            message += "; write cast(..., target_type='string') for the binary"
    if {left.kind, right.kind} <= NUMBERS | TIMES:
        message += f"; cast one of them, e.g. cast(..., target_type='{left.type}')"
    return ExpressionError(message, right.offset)


def common_type(what: str, terms: Sequence[Term]) -> Type | None:
    """Return the one type in which all values of the terms can be held; None where each is the literal None.

    Raises:
        ExpressionError: there is no such type; `what` says what could not be done.
    """
    typed = [term for term in terms if term.type is not None]
    if not typed:
        return None
    kinds = {term.kind for term in typed}
    if kinds <= NUMBERS:
        return _common_number(what, typed)
    if kinds <= TEXTS:
        return typed[0].type if kinds == {"json"} else STRING
    # A text literal beside a time is one.
    times = [term for term in typed if not (term.kind == "string" and term.constant)]
    first = next((term for term in times if term.kind in TIMES), typed[0])
    for term in times if first.kind in TIMES else typed:
        if term.kind != first.kind:
            raise refuse_pair(what, first, term)
    if first.kind == "timestamp":
        return Type("timestamp", unit=max((term.known_type.unit for term in times), key=UNITS.__getitem__))
    return first.type


def _common_number(what: str, terms: Sequence[Term]) -> Type:
    kinds = {term.kind for term in terms}
    if "decimal" not in kinds:
        return FLOAT64 if "float64" in kinds else INT64
    for term in terms:
        if term.kind == "float64" and not term.constant:
            raise refuse_pair(what, next(other for other in terms if other.kind == "decimal"), term)
    shapes = [decimal_shape(term) for term in terms]
    scale = max(shape.scale for shape in shapes)
    whole = max(shape.precision - shape.scale for shape in shapes)
    return Type("decimal", precision=min(MAX_PRECISION, whole + scale), scale=scale)


def decimal_shape(term: Term) -> Type:
    """Return the smallest decimal type that holds all of a decimal, an int64, or a number literal as it was written."""
    if term.kind == "decimal":
        return term.known_type
    if not term.constant or term.constant.digits is None:
        return Type("decimal", precision=19)
    written = term.constant.digits.as_tuple()
    exponent = int(written.exponent)
    scale = max(0, -exponent)
    precision = max(len(written.digits) + max(0, exponent), scale)
    if precision > MAX_PRECISION:
        raise ExpressionError(f"the number has more than the {MAX_PRECISION} digits of a decimal", term.offset)
    return Type("decimal", precision=precision, scale=scale)


def converted(term: Term, target: Type) -> Term:
    """Return the term as one of the type, which `common_type` gave for it and others."""
    if term.type == target:
        return term
    if term.constant:
        return _converted_constant(term, term.constant, target)
    if target.kind == "float64":
        return to_float(term)
    if target.kind in TEXTS:
        return replace(term, type=target)
    if target.kind == "decimal":
        return to_decimal(term, target)
    arrow = arrow_type(target)
    # Times go to a finer unit, and microseconds hold each second of the years 1 to 9999.
    return derived(target, term.offset, [term], lambda value: kernels.cast(value, arrow))


def _converted_constant(term: Term, literal: Constant, target: Type) -> Term:
    value: Any = literal.value
    if value is not None:
        if target.kind == "float64":
            value = float(value)
        elif target.kind == "decimal":
            shape = decimal_shape(term)
            if shape.precision - shape.scale > target.precision - target.scale:
                raise ExpressionError(
                    f"no decimal of {MAX_PRECISION} digits holds {shorten(value)} with the {target.scale} digits "
                    "behind the point of its neighbour; give that a type with fewer",
                    term.offset,
                )
            value = literal.digits
        elif target.kind == "timestamp":
            value = _timestamp(value, target, term.offset)
        elif target.kind == "date":
            value = _date(value, term.offset)
    return replace(term, type=target, run=_scalar(value, arrow_type(target)), constant=replace(literal, value=value))


def to_float(term: Term) -> Term:
    """Return a number as float64, the nearest one to each value."""
    if term.kind == "float64":
        return term
    if term.constant and term.kind == "int64":
        return _converted_constant(term, term.constant, FLOAT64)
    return derived(FLOAT64, term.offset, [term], nearest_float if term.kind == "int64" else _decimal_to_float)


def to_decimal(term: Term, target: Type) -> Term:
    """Return an int64 or a decimal as the decimal type; what does not fit it is refused."""
    arrow = arrow_type(target)
    # Arrow refuses a type that could not hold each int64, whatever the values are.
    wide = pa.decimal256(2 * MAX_PRECISION, target.scale)

    def run(value: Datum) -> Datum:
        return kernels.cast(kernels.cast(value, wide) if value.type == pa.int64() else value, arrow)

    return derived(target, term.offset, [term], run, raises=True, certain=each(partial(does_not_fit, target)))


def nearest_float(value: Datum) -> Datum:
    """Return int64 as float64; a safe cast refuses what lies beyond 2**53."""
    options = kernels.options.CastOptions(target_type=pa.float64(), allow_float_truncate=True)
    return kernels.call("cast", [value], options)


def _decimal_to_float(value: Datum) -> Datum:
    # Arrow's own cast is off by one bit for every seventh value of many digits; its parser of text rounds rightly.
    return kernels.cast(kernels.cast(value, pa.string()), pa.float64())


def _timestamp(text: str, target: Type, offset: int) -> int:
    """Return RFC 3339 text, or a date (its midnight), as epoch time in the unit of the type."""
    match = re.fullmatch(_TIMESTAMP, text)
    if not match:
        raise ExpressionError(f"{shorten(text)} is not a timestamp: write '2024-05-02T12:45:25Z'", offset)
    day, hour, minute, second, fraction, sign, shift_hour, shift_minute = match.groups("0")
    shift = int(shift_hour) * 60 + int(shift_minute)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59 or int(shift_hour) > 23 or int(shift_minute) > 59:
        raise ExpressionError(f"{shorten(text)} is not a time of day", offset)
    minutes = int(hour) * 60 + int(minute) - (shift if sign == "+" else -shift)
    seconds = _days(day, offset) * 86_400 + minutes * 60 + int(second)
    if not MIN_SECONDS <= seconds < END_SECONDS:
        raise ExpressionError(f"{shorten(text)} is not within the years 1 to 9999 in UTC", offset)
    digits = UNITS[target.unit]
    if fraction[digits:].strip("0"):
        raise ExpressionError(f"{shorten(text)} is finer than {target}", offset)
    per_second: int = 10**digits
    return seconds * per_second + int(fraction[:digits].ljust(digits, "0") or 0)


def _date(text: str, offset: int) -> datetime.date:
    if not re.fullmatch(_DATE, text):
        raise ExpressionError(f"{shorten(text)} is not a date: write '2024-05-02'", offset)
    return datetime.date.fromordinal(_days(text, offset) + _EPOCH)


def _days(text: str, offset: int) -> int:
    try:
        return datetime.date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise ExpressionError(f"{shorten(text)} is not a day of the calendar", offset) from None
