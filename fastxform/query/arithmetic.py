"""The arithmetic of expressions: `+ - * / // % **` and the signs, on int64, float64 and decimal; `+` joins text.

Null gives null. Invariant: no result wraps, is cut, or is infinite: what the result's type cannot hold is refused for
its row, as a division by zero is.
"""

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from fastxform.core.kernels import call, cast
from fastxform.core.structs import replace
from fastxform.datatypes.logical import MAX_PRECISION, Type, arrow_type
from fastxform.limits import DECOMPRESSED_LIMIT_BYTES
from fastxform.query.refusals import beyond, infinite, least_int64, out_of_int64, power_out_of_int64, zero_divisor
from fastxform.query.terms import (
    FLOAT64,
    INT64,
    NUMBERS,
    STRING,
    TEXTS,
    TIMES,
    Datum,
    Term,
    common_type,
    constant,
    converted,
    decimal_shape,
    derived,
    describe,
    mismatch,
    to_float,
)
from fastxform.query.terms import ExpressionError as Error

_CHECKED: Final = {"+": "add_checked", "-": "subtract_checked", "*": "multiply_checked", "**": "power_checked"}
_WIDE_DIGITS: Final = 2 * MAX_PRECISION

_UNCHECKED: Final = {"+": "add", "-": "subtract", "*": "multiply", "**": "power", "/": "divide"}
_INT_CERTAIN: Final = {
    "//": zero_divisor,
    "%": zero_divisor,
    "+": out_of_int64(operator.add),
    "-": out_of_int64(operator.sub),
    "*": out_of_int64(operator.mul),
    "**": power_out_of_int64,
}

Binary = Callable[[Datum, Datum], Datum]


def arithmetic(op: str, left: Term, right: Term, offset: int) -> Term:
    """Return `left op right`; `/` is float64, and so is what mixes int64 and float64."""
    if op == "+" and {left.kind, right.kind} <= TEXTS:
        return derived(STRING, offset, [left, right], _joined, raises=True)
    for term, other in ((left, right), (right, left)):
        _expect_number(term, op, other)
    kinds = {left.kind, right.kind}
    if op == "/" or kinds == {"float64"} or kinds == {"int64", "float64"}:
        function = _float_function(op)
        return derived(
            FLOAT64,
            offset,
            [to_float(left), to_float(right)],
            lambda a, b: finite(function(a, b)),
            raises=True,
            certain=zero_divisor if op in ("//", "%") else infinite(_UNCHECKED[op]),
        )
    if "decimal" in kinds:
        return _decimal_arithmetic(op, left, right, offset)
    power = right.constant and right.constant.value
    if op == "**" and isinstance(power, int) and power < 0:
        raise Error("a negative power of int64 is no int64; write a float64, as in 2.0 ** -1", right.offset)
    return derived(INT64, offset, [left, right], _int_function(op), raises=True, certain=_INT_CERTAIN.get(op))


def negative(term: Term, offset: int) -> Term:
    """Return `-term`."""
    _expect_number(term, "-")
    literal = term.constant
    if literal and isinstance(literal.value, int | float):
        return constant(-literal.value, offset, literal.digits and literal.digits.copy_negate())
    raises = term.kind == "int64"
    return derived(
        term.known_type,
        offset,
        [term],
        lambda value: call("negate_checked", [value]),
        raises=raises,
        certain=least_int64 if raises else None,
    )


def positive(term: Term, offset: int) -> Term:
    """Return `+term`: the number itself."""
    _expect_number(term, "+")
    return replace(term, offset=offset)


def _expect_number(term: Term, op: str, other: Term | None = None) -> None:
    if term.kind in NUMBERS:
        return
    remedy = ""
    if term.kind in TIMES:
        remedy = "; use milliseconds_between(a, b), or cast to a number"
    elif term.kind in TEXTS - {"auto"}:
        remedy = "; cast(..., target_type='int64') makes text a number"
    wanted = str(other.type) if other and other.kind in NUMBERS else "int64"
    raise mismatch(term, f"`{op}` takes numbers, not {describe(term)}{remedy}", wanted)


def _joined(left: Datum, right: Datum) -> Datum:
    bounded_text([left, right])
    return call("binary_join_element_wise", [left, right, ""])


def bounded_text(texts: Sequence[Datum], added_bytes: int = 0) -> None:
    """Refuse to make more text than a record can hold: text that doubles itself fails its row, not the machine.

    Raises:
        pa.ArrowInvalid: the texts and the bytes added are more; a batch is halved until only such rows are left.
    """
    rows = row_count(texts)
    total_bytes = added_bytes
    for text in texts:
        text_bytes = call("sum", [call("binary_length", [text])]).as_py() or 0
        total_bytes += text_bytes * (rows if isinstance(text, pa.Scalar) else 1)
    if total_bytes > DECOMPRESSED_LIMIT_BYTES:
        raise pa.ArrowInvalid("text too long")


def row_count(values: Sequence[Datum]) -> int:
    """Return for how many rows a kernel gives values for these: one where all are scalars."""
    return next((len(value) for value in values if isinstance(value, pa.Array)), 1)


def _int_function(op: str) -> Binary:
    if op == "//":
        return floor_divide
    # The checked modulo refuses -2**63 % -1, which is 0; the plain one refuses % 0 all the same.
    if op == "%":
        return lambda left, right: _remaindered("modulo", left, right)
    name = _CHECKED[op]
    return lambda left, right: call(name, [left, right])


def _remaindered(name: str, left: Datum, right: Datum | int) -> Datum:
    """Call one of Arrow's functions of division with a rest, which it has from version 26 on; else Python's operator.

    Raises:
        pa.ArrowInvalid: a divisor is zero.
    """
    try:
        return call(name, [left, right])
    except pa.ArrowKeyError:
        operation = _remainder if name == "remainder" else operator.mod
        return _by_rows(operation, left, right)


def _remainder(left: int, right: int) -> int:
    """Return what is left of a division that cuts towards zero, with the sign of the dividend."""
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _by_rows(operation: Callable[[Any, Any], Any], left: Datum, right: Datum | int) -> Datum:
    count = row_count([value for value in (left, right) if not isinstance(value, int)])
    sides = [value if isinstance(value, pa.Array) else pa.array([_python(value)] * count) for value in (left, right)]
    try:
        results = [
            None if a is None or b is None else operation(a, b)
            for a, b in zip(*(side.to_pylist() for side in sides), strict=True)
        ]
    except ArithmeticError as err:
        raise pa.ArrowInvalid("divide by zero") from err
    column = pa.array(results, sides[0].type)
    return column if isinstance(left, pa.Array) or isinstance(right, pa.Array) else column[0]


def _python(value: Datum | int) -> object:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def floor_divide(left: Datum, right: Datum | int) -> Datum:
    """Divide int64 towards the floor; Arrow cuts towards zero, one too high where its two remainders differ."""
    quotient = call("divide_checked", [left, right])
    cut = call("not_equal", [_remaindered("modulo", left, right), _remaindered("remainder", left, right)])
    return call("if_else", [cut, call("subtract", [quotient, 1]), quotient])


def _float_function(op: str) -> Binary:
    if op == "//":
        return _floor_divide_floats
    if op == "%":
        return lambda left, right: _remaindered("modulo_checked", left, right)
    name = "divide_checked" if op == "/" else _CHECKED[op]
    return lambda left, right: call(name, [left, right])


def _floor_divide_floats(left: Datum, right: Datum) -> Datum:
    """Divide float64 as CPython's `float_floor_div` does, its zeros with their signs."""
    modulus = _remaindered("modulo_checked", left, right)
    exact = call("divide", [call("subtract", [left, modulus]), right])
    floor = call("floor", [exact])
    low = call("greater", [call("subtract", [exact, floor]), 0.5])
    whole = call("if_else", [low, call("add", [floor, 1.0]), floor])
    signed_zero = call("multiply", [call("divide", [left, right]), 0.0])
    return call("if_else", [call("equal", [exact, 0.0]), signed_zero, whole])


def finite(value: Datum) -> Datum:
    """Return float64 that was computed.

    Raises:
        pa.ArrowInvalid: one is infinite or not a number, as no column of float64 is.
    """
    if call("all", [call("is_finite", [value])]).as_py() is False:
        raise pa.ArrowInvalid("overflow")
    return value


def _decimal_arithmetic(op: str, left: Term, right: Term, offset: int) -> Term:
    """Add, subtract or multiply; the result has all digits there can be, at most 38, beyond which a row is refused."""
    if op not in ("+", "-", "*"):
        raise Error(f"`{op}` takes no decimal; use cast(..., target_type='float64')", offset)
    common_type(f"use `{op}` on", [left, right])
    shapes = decimal_shape(left), decimal_shape(right)
    terms = [converted(term, shape) for term, shape in zip((left, right), shapes, strict=True)]
    whole, scale, wide = (_product if op == "*" else _sum)(*shapes)
    if scale > MAX_PRECISION or (op == "*" and whole + scale > _WIDE_DIGITS):
        raise Error("the product has too many digits for a decimal; cast a factor to one of fewer digits", offset)
    result = Type("decimal", precision=min(MAX_PRECISION, whole + scale), scale=scale)
    kernel, target = _CHECKED[op], arrow_type(result)
    if whole + scale <= MAX_PRECISION:
        return derived(result, offset, terms, lambda a, b: call(kernel, [a, b]))

    def computed(a: Datum, b: Datum) -> Datum:
        return call(kernel, [cast(a, wide[0]), cast(b, wide[1])])

    def run(a: Datum, b: Datum) -> Datum:
        return cast(computed(a, b), target)

    too_long = beyond(Decimal(10) ** (MAX_PRECISION - scale), computed)
    return derived(result, offset, terms, run, raises=True, certain=too_long)


def _sum(left: Type, right: Type) -> tuple[int, int, tuple[pa.DataType, pa.DataType]]:
    """Return whole and fraction digits, and the types to add in; what these refuse does not fit 38 digits either."""
    scale = max(left.scale, right.scale)
    wide = pa.decimal256(_WIDE_DIGITS - 1, scale)
    return max(left.precision - left.scale, right.precision - right.scale) + 1, scale, (wide, wide)


def _product(left: Type, right: Type) -> tuple[int, int, tuple[pa.DataType, pa.DataType]]:
    """Return whole and fraction digits, and the types to multiply in."""
    scale = left.scale + right.scale
    wide = pa.decimal256(left.precision, left.scale), pa.decimal256(right.precision, right.scale)
    return left.precision + right.precision + 1 - scale, scale, wide
