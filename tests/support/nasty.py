"""Values of every type at its edges, and every function on them, and every stage.

Invariant: no list here is written by hand where the package has it: functions, types and reasons are all there are.
"""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from fastxform.datatypes.logical import arrow_type, parse_type
from fastxform.query.compiler import Expression, compile_expression
from fastxform.query.functions import FUNCTIONS
from fastxform.query.named import NAMED
from fastxform.query.terms import ExpressionError

TEXTS = (
    "", " ", "a", "ß", "İ", "\u0000", "\u2028", "é", "e\u0301", "漢字", "😀", "\ufeff", "\U0010ffff", "a,b", 'a"b', "a\r\nb", "\\", "%s%n", "=1+1", "true",
    "null", "NaN", "inf", "-0", "007", "1e999", "1e-999", "9" * 400, "-9223372036854775808", "9223372036854775808", "0.1", "1_000", "２", "2024-02-29",
    "2023-02-29", "0000-01-01", "9999-12-31T23:59:59.999999999Z", "2024-02-30T00:00:00Z", "2024-12-31T24:00:00Z", "2024-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00",
    "YQ==", "YR==", "{}", '{"a":', "[1]", "a" * 5_000, "é" * 300, "-" * 70, "://", "a=b c", "x" * 64,
)  # fmt: skip
INTEGERS = (
    0,
    1,
    -1,
    2,
    7,
    -7,
    10,
    63,
    64,
    99,
    2**31,
    -(2**31),
    2**53,
    2**53 + 1,
    10**18,
    253402300799,
    -62135596800,
    2**63 - 1,
    -(2**63),
)
FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e16,
    2.0**53 + 2,
    1e22,
    5e-324,
    2.2e-308,
    1.7976931348623157e308,
    -1.7e308,
    9.223372036854775e18,
    0.5,
    1e-7,
    300.0,
)
SECONDS = (-62135596800, 253402300799, 0, -1, 1, 951782400, 1709164800, 1e9, 68169600)
VALUES: dict[str, tuple[Any, ...]] = {
    "string": TEXTS,
    "int64": INTEGERS,
    "float64": FLOATS,
    "bool": (True, False),
    "decimal(38,2)": tuple(map(Decimal, ("0", "-0.01", "0.99", "9" * 36 + ".99", "-" + "9" * 36 + ".99", "1.50", "12345678.12"))),
    "decimal(38,38)": tuple(map(Decimal, ("0", "0." + "9" * 38, "-0." + "9" * 38, "0.5"))),
    "decimal(10,0)": tuple(map(Decimal, ("0", "9999999999", "-9999999999", "3"))),
    "date": (-719162, 2932896, 0, 1, -1, 11016, 19782),
    "timestamp[s]": tuple(int(s) for s in SECONDS),
    "timestamp[ms]": tuple(int(s) * 1_000 + 999 * (abs(s) < 1e11) for s in SECONDS[:1] + SECONDS[2:]),
    "timestamp[us]": tuple(int(s) * 1_000_000 for s in SECONDS),
    "json": ("{}", "[]", '{"a":1}', '"x"', "1.10", "true", "[[[]]]", '"\\u0000"'),
    "binary": (b"", b"\x00", b"\xff\xfe", b"abc" * 100),
}  # fmt: skip
"""The values of each type; dates are days and times are counts of their unit, from 1970 on."""

OPTIONS: dict[type, tuple[Any, ...]] = {
    str: ("a", "day", "int64", "%Y-%m-%d", "month", "+09:00", "x*", "-", "HASH_KEY"),
    int: (0, 1, 3, 10),
    bool: (True,),
}
NOW_MS = 1_700_000_000_000
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "==", "<", ">=")


def column(kind: str) -> pa.Array:
    """Return the values of a type, a null among them."""
    values, arrow = [*VALUES[kind], None], arrow_type(parse_type(kind))
    if kind.startswith("timestamp"):
        return pa.array(values, pa.int64()).view(arrow)
    return pa.array(values, pa.int32()).view(arrow) if kind == "date" else pa.array(values, arrow)


def pairs(one: str, other: str, limit: int = 120) -> tuple[pa.Array, pa.Array]:
    """Return columns in which values of two types meet, so many of their pairs."""
    left, right = column(one), column(other)
    rows = list(itertools.product(range(len(left)), range(len(right))))
    rows = rows[:: max(1, len(rows) // limit)]
    return left.take(pa.array([row[0] for row in rows])), right.take(pa.array([row[1] for row in rows]))


def evaluated(expression: Expression, columns: dict[str, pa.Array]) -> tuple[pa.Array, list[int]]:
    """Evaluate a column as the transform does: the array, and the rows on which the expression raises."""
    length = len(columns["x"])
    try:
        return expression.evaluate(columns, length, NOW_MS), []
    except pa.ArrowException:
        return expression.evaluate_rows(columns, length, NOW_MS)


def is_same(one: pa.Scalar, other: pa.Scalar) -> bool:
    """Tell whether two values are the same, a zero and its sign too."""
    return one.equals(other) or repr(one) == repr(other)


def calls(name: str) -> Iterator[str]:
    """Yield calls of a function with one to three arguments, and values of the options that it needs."""
    function = FUNCTIONS[name] if name in FUNCTIONS else NAMED[name].function
    needed = [key for key, option in function.options.items() if option.required]
    choices = [OPTIONS[function.options[key].type] for key in needed]
    for count in range(function.least, min(3, function.most or 3) + 1):
        arguments = ", ".join(["x", "y", "x"][:count])
        for chosen in itertools.product(*choices):
            given = "".join(f", {key}={value!r}" for key, value in zip(needed, chosen, strict=True))
            yield f"{name}({arguments}{given})"
    if function.least > 1:  # some take a word first
        yield from (f"{name}({word!r}, x)" for word in OPTIONS[str])


def compiled(text: str, one: str, other: str) -> Expression | None:
    """Return an expression over a column `x` of a type and one `y` of another, if it is one of these."""
    try:
        return compile_expression(text, {"x": parse_type(one), "y": parse_type(other)})
    except ExpressionError:
        return None
