"""`where` and `expr`: what each means for a row, what is refused and how, and what can be reached at all."""

import datetime
import json
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pytest

from fastxform.core import kernels
from fastxform.datatypes.logical import Type, arrow_type
from fastxform.limits import DECOMPRESSED_LIMIT_BYTES
from fastxform.query import arithmetic, calls, casts, functions, operators
from fastxform.query.compiler import compile_condition, compile_expression
from fastxform.query.functions import FUNCTIONS
from fastxform.query.named import NAMED
from fastxform.query.terms import ExpressionError

NOW_MS = 1_714_000_000_000
FAILS = "FAILS"
"""The outcome of a row that makes the expression raise."""

COLUMNS = {
    "i": Type("int64"),
    "j": Type("int64"),
    "f": Type("float64"),
    "g": Type("float64"),
    "s": Type("string"),
    "t": Type("string"),
    "a": Type("auto"),
    "js": Type("json"),
    "b": Type("bool"),
    "c": Type("bool"),
    "d": Type("date"),
    "ts": Type("timestamp", unit="s"),
    "tms": Type("timestamp", unit="ms"),
    "tus": Type("timestamp", unit="us"),
    "m": Type("decimal", precision=10, scale=2),
    "w": Type("decimal", precision=38, scale=10),
    "e": Type("decimal", precision=38, scale=38),
    "raw": Type("binary"),
    "user-agent": Type("string"),
    "class": Type("string"),
    "mail.id": Type("string"),
    "größe": Type("int64"),
}
INT_MAX, INT_MIN = 2**63 - 1, -(2**63)
ORDINARY = {
    "i": 1,
    "j": 1,
    "f": 1.0,
    "g": 1.0,
    **dict.fromkeys(("s", "t", "a", "js", "user-agent", "class", "mail.id"), "1"),
    "b": True,
    "c": True,
    "d": datetime.date(2024, 2, 29),
    **dict.fromkeys(("ts", "tms", "tus"), datetime.datetime(2024, 2, 29)),
    **dict.fromkeys("mw", Decimal(1)),
    "e": Decimal(0),
    "raw": b"1",
}
"""A row with nothing odd, for neighbours: a kernel may forget what it refused when a row that it takes comes next."""


def moment(text):
    return datetime.datetime.fromisoformat(text)


def day(text):
    return datetime.date.fromisoformat(text)


def arrays(rows, types=COLUMNS):
    """The columns of rows that name only what is not null."""
    return {name: pa.array([row.get(name) for row in rows], arrow_type(kind)) for name, kind in types.items()}


def outcomes(expression, columns, length, now_ms=NOW_MS):
    """The value of each row, `FAILS` where it alone makes the expression raise: halved as the pipeline halves."""
    try:
        result = expression.evaluate({name: columns[name] for name in expression.names}, length, now_ms)
    except pa.ArrowException:
        if length == 1:
            return [FAILS]
        half = length // 2
        return [
            *outcomes(expression, {name: column.slice(0, half) for name, column in columns.items()}, half),
            *outcomes(expression, {name: column.slice(half) for name, column in columns.items()}, length - half),
        ]
    assert isinstance(result, pa.Array)
    assert result.type == arrow_type(expression.type)
    assert len(result) == length
    result.validate(full=True)
    return result.to_pylist()


def value(text, **row):
    """What the expression gives for one row, which it gives among other rows as well."""
    expression = compile_expression(text, COLUMNS)
    rows = [ORDINARY, row, ORDINARY, {}, row, {}]
    alone = [outcomes(expression, arrays([each]), 1)[0] for each in rows]
    assert repr(outcomes(expression, arrays(rows), len(rows))) == repr(alone)
    return alone[1]


def same(result, expected):
    """Equal and of one type: 1 is not 1.0 nor True, and a zero has its sign; the digits of a decimal are its type's."""
    if isinstance(expected, Decimal):
        return isinstance(result, Decimal) and result == expected
    return repr(result) == repr(expected)


def error(text, columns=COLUMNS, compiled=compile_expression):
    with pytest.raises(ExpressionError) as caught:
        compiled(text, columns)
    return caught.value


def table(*rows):
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


COMPARISONS = table(
    ("text", "s == 'x'", {"s": "x"}, True),
    ("text not equal", "s != 'x'", {"s": "y"}, True),
    ("auto is text", "a == '1.10'", {"a": "1.10"}, True),
    ("json is text", "js == '{}'", {"js": "{}"}, True),
    ("text order is by code point", "s < t", {"s": "z", "t": "é"}, True),
    ("null equals null", "s == t", {}, True),
    ("null does not differ from null", "s != t", {}, False),
    ("null is no value", "s == t", {"s": ""}, False),
    ("null differs from a value", "s != t", {"t": ""}, True),
    ("null differs from a literal", "s != 'x'", {}, True),
    ("null equals no literal", "'x' == s", {}, False),
    ("equals None", "s == None", {}, True),
    ("differs from None", "None != s", {"s": "x"}, True),
    ("is None", "s is None", {}, True),
    ("is not None", "s is not None", {"s": ""}, True),
    ("what gives null is None", "i + 1 is None", {}, True),
    ("order of null", "i < 1", {}, None),
    ("order of two nulls", "i <= j", {}, None),
    ("chain", "0 < i <= 2", {"i": 2}, True),
    ("chain that is false early", "0 < i < j", {"i": 0}, False),
    ("chain of equalities", "i == j == 1", {"i": 1, "j": 1}, True),
    ("in", "s in ('x', 'y')", {"s": "y"}, True),
    ("in a list", "i in [1, 2]", {"i": 3}, False),
    ("in a set", "i in {1, -2}", {"i": -2}, True),
    ("null in", "s in ('x',)", {}, False),
    ("null in with None", "s in ('x', None)", {}, True),
    ("null not in", "s not in ('x',)", {}, True),
    ("value not in with None", "s not in ('x', None)", {"s": "y"}, True),
    ("in nothing", "s in ()", {"s": "x"}, False),
    ("in nothing but None", "s in (None,)", {}, True),
    ("int64 in floats", "i in (1.0, 2.5)", {"i": 1}, True),
    ("int64 in what it cannot hold", "i in (2.5, 1e300)", {"i": 2}, False),
    ("float64 in integers", "f in (1, 9007199254740993)", {"f": 9007199254740992.0}, False),
    ("negative zero in zero", "f in (0, 1)", {"f": -0.0}, True),
    ("decimal in as written", "m in (1.1, 2)", {"m": Decimal("1.10")}, True),
    ("decimal in what it cannot hold", "m in (1.111, 123456789, None)", {"m": Decimal("1.11")}, False),
    ("date in", "d in ('2024-02-29', '2024-03-01')", {"d": day("2024-02-29")}, True),
    ("bool in", "b in (True,)", {"b": True}, True),
    ("int64 and float64", "i == f", {"i": 2, "f": 2.0}, True),
    ("beyond 2**53: not equal", "i == f", {"i": 2**53 + 1, "f": 2.0**53}, False),
    ("beyond 2**53: order", "i > f", {"i": 2**53 + 1, "f": 2.0**53}, True),
    ("beyond 2**53: other order", "f < i", {"i": 2**53 + 1, "f": 2.0**53}, True),
    ("2.0**63 is above", "i < f", {"i": INT_MAX, "f": 2.0**63}, True),
    ("2.0**63 is not equal", "i == f", {"i": INT_MAX, "f": 2.0**63}, False),
    ("2.0**63 from the left", "f >= i", {"i": INT_MAX, "f": 2.0**63}, True),
    ("least int64", "i == f", {"i": INT_MIN, "f": -(2.0**63)}, True),
    ("float64 and a large literal", "f == 9007199254740993", {"f": 2.0**53}, False),
    ("float64 below a large literal", "f < 9007199254740993", {"f": 2.0**53}, True),
    ("int64 and half", "i < 1.5", {"i": 1}, True),
    ("int64 equals no half", "i == 1.5", {"i": 1}, False),
    ("int64 and an integral float", "i >= 9007199254740992.0", {"i": 2**53}, True),
    ("decimal and literal, as written", "m == 1.10", {"m": Decimal("1.1")}, True),
    ("decimal and longer literal", "m < 1.105", {"m": Decimal("1.1")}, True),
    ("decimal and int64", "m > i", {"m": Decimal("1.01"), "i": 1}, True),
    ("decimal and large int64", "e < i", {"e": Decimal("0.5"), "i": INT_MAX}, True),
    ("decimals of different scale", "m == w", {"m": Decimal("2"), "w": Decimal("2.0000000000")}, True),
    ("decimals that share no 38 digits", "w > e", {"w": Decimal(10**27), "e": Decimal("0.1")}, True),
    ("bool", "b == c", {"b": True, "c": True}, True),
    ("bool and literal", "b != True", {"b": False}, True),
    ("bool order", "b < c", {"b": False, "c": True}, True),
    ("binary", "raw == raw", {"raw": b"\xff"}, True),
    ("timestamp and text", "tms == '2024-02-29T01:02:03.456Z'", {"tms": moment("2024-02-29 01:02:03.456")}, True),
    ("offset", "tms == '2024-02-29T02:02:03.456+01:00'", {"tms": moment("2024-02-29 01:02:03.456")}, True),
    ("text on the left", "'2024-02-29 01:02:03' <= ts", {"ts": moment("2024-02-29 01:02:03")}, True),
    ("a date is its midnight", "tus < '2024-03-01'", {"tus": moment("2024-02-29 23:59:59.999999")}, True),
    ("before 1970", "tms < '1969-12-31T23:59:59.999Z'", {"tms": moment("1969-12-31 23:59:59.998")}, True),
    ("units", "ts < tus", {"ts": moment("2024-01-01"), "tus": moment("2024-01-01 00:00:00.000001")}, True),
    ("first second", "ts == '0001-01-01T00:00:00Z'", {"ts": moment("0001-01-01")}, True),
    ("date", "d >= '2024-02-29'", {"d": day("2024-02-29")}, True),
    ("literals", "1 == 1.0", {}, True),
)

LOGIC = table(
    ("and: false wins over null", "b and c", {"b": False}, False),
    ("and: null wins over true", "b and c", {"c": True}, None),
    ("and of None", "b and None", {"b": True}, None),
    ("or: true wins over null", "b or c", {"c": True}, True),
    ("or: null wins over false", "b or c", {"b": False}, None),
    ("not", "not b", {"b": False}, True),
    ("not null", "not b", {}, None),
    ("and binds closer", "b or c and b", {"b": True}, True),
    ("many", " and ".join(["b"] * 1_400), {"b": True}, True),
    ("and is lazy", "j != 0 and i // j > 1", {"i": 4, "j": 0}, False),
    ("and is lazy, settled by a null row", "b and i // j > 1", {"i": 4, "j": 0}, FAILS),
    ("or is lazy", "j == 0 or i // j > 1", {"i": 4, "j": 0}, True),
    ("or computes what is open", "j == 0 or i // j > 1", {"i": 4, "j": 2}, True),
    ("a chain is lazy", "0 < j < i // j", {"i": 4, "j": 0}, False),
    ("the left side is never skipped", "i // j > 1 and j != 0", {"i": 4, "j": 0}, FAILS),
    ("if", "s if b else t", {"b": True, "s": "x", "t": "y"}, "x"),
    ("if not", "s if b else t", {"b": False, "s": "x", "t": "y"}, "y"),
    ("if null", "s if b else t", {"s": "x", "t": "y"}, "y"),
    ("if is lazy", "i // j if j != 0 else 0", {"i": 4, "j": 0}, 0),
    ("else is lazy", "0 if j == 0 else i // j", {"i": 4, "j": 0}, 0),
    ("if within if", "(i // j if i > 0 else i) if j != 0 else None", {"i": 4, "j": 3}, 1),
    ("if of two types", "i if b else 0.5", {"b": True, "i": 3}, 3.0),
    ("if of times", "ts if b else '2024-01-01'", {}, moment("2024-01-01")),
)

ARITHMETIC = table(
    ("sum", "i + j", {"i": 1, "j": 2}, 3),
    ("null", "i + j", {"i": 1}, None),
    ("precedence", "i - j * 2", {"i": 1, "j": 2}, -3),
    ("overflow of +", "i + 1", {"i": INT_MAX}, FAILS),
    ("overflow of -", "i - 1", {"i": INT_MIN}, FAILS),
    ("overflow of *", "i * 2", {"i": 2**62}, FAILS),
    ("overflow of sign", "-i", {"i": INT_MIN}, FAILS),
    ("sign", "-i", {"i": 5}, -5),
    ("plus", "+i", {"i": 5}, 5),
    ("least literal", "-9223372036854775808", {}, INT_MIN),
    ("division", "i / j", {"i": 1, "j": 4}, 0.25),
    ("division is float64", "i / j", {"i": 4, "j": 2}, 2.0),
    ("division by zero", "i / j", {"i": 1, "j": 0}, FAILS),
    ("division of floats by zero", "f / g", {"f": 1.0, "g": -0.0}, FAILS),
    ("division of null by zero", "i / j", {"j": 0}, None),
    ("floor", "i // j", {"i": -7, "j": 2}, -4),
    ("floor, negative divisor", "i // j", {"i": 7, "j": -2}, -4),
    ("floor, both negative", "i // j", {"i": -7, "j": -2}, 3),
    ("floor of the least", "i // j", {"i": INT_MIN, "j": 3}, INT_MIN // 3),
    ("floor overflow", "i // j", {"i": INT_MIN, "j": -1}, FAILS),
    ("floor by zero", "i // j", {"i": 1, "j": 0}, FAILS),
    ("modulo", "i % j", {"i": -7, "j": 3}, 2),
    ("modulo, negative divisor", "i % j", {"i": 7, "j": -3}, -2),
    ("modulo of the least", "i % j", {"i": INT_MIN, "j": -1}, 0),
    ("modulo by zero", "i % j", {"i": 1, "j": 0}, FAILS),
    ("float floor", "f // g", {"f": -7.5, "g": 2.0}, -4.0),
    ("float floor is exact", "f // g", {"f": 1.0, "g": 0.1}, 9.0),
    ("float floor that rounding lowers", "f // g", {"f": 2.0998783863191717, "g": 0.0005618559133571876}, 3737.0),
    ("float floor of two negatives", "f // g", {"f": -1.0, "g": -3.0}, 0.0),
    ("float floor of a negative zero", "f // g", {"f": 0.0, "g": -2.0}, -0.0),
    ("float modulo", "f % g", {"f": -7.5, "g": 2.0}, 0.5),
    ("float modulo by zero", "f % g", {"f": 1.0, "g": 0.0}, FAILS),
    ("power", "i ** j", {"i": -2, "j": 63}, INT_MIN),
    ("power overflow", "i ** j", {"i": 2, "j": 63}, FAILS),
    ("negative power of int64", "i ** j", {"i": 2, "j": -1}, FAILS),
    ("power of float64", "f ** j", {"f": 2.0, "j": -1}, 0.5),
    ("root of a negative", "f ** 0.5", {"f": -1.0}, FAILS),
    ("power of zero", "f ** -1", {"f": 0.0}, FAILS),
    ("mixed", "i + f", {"i": 1, "f": 0.5}, 1.5),
    ("mixed rounds as Python does", "i + f", {"i": 2**53 + 1, "f": 0.0}, 2.0**53),
    ("float overflow", "f * f", {"f": 1e308}, FAILS),
    ("float overflow within", "f * f > 0.0", {"f": 1e308}, FAILS),
    ("negative zero", "-f", {"f": 0.0}, -0.0),
    ("decimal sum", "m + m", {"m": Decimal("99999999.99")}, Decimal("199999999.98")),
    ("decimal and literal", "m * 1.1", {"m": Decimal("1.10")}, Decimal("1.210")),
    ("decimal and int64", "m - i", {"m": Decimal("0.01"), "i": INT_MAX}, Decimal("-9223372036854775806.99")),
    ("decimal sum beyond 38", "w + w", {"w": Decimal(10**28 - 1)}, FAILS),
    ("decimal sum of 38 digits", "w + m", {"w": Decimal(10**28 - 2), "m": Decimal("1")}, Decimal(10**28 - 1)),
    ("decimals far apart", "w + e", {"w": Decimal(1), "e": Decimal("0.1")}, FAILS),
    ("decimals far apart that fit", "w + e", {"w": Decimal(0), "e": Decimal("0.1")}, Decimal("0.1")),
    ("decimal sign", "-m", {"m": Decimal("1.10")}, Decimal("-1.10")),
    ("decimal division", "m / i", {"m": Decimal("1.10"), "i": 2}, 0.55),
    ("decimal to float rounds rightly", "w / 1", {"w": Decimal("12678971935190041.9266466502")}, 1.2678971935190042e16),
    ("now", "now_ms()", {}, NOW_MS),
    ("now and int64", "now_ms() - i", {"i": 1}, NOW_MS - 1),
    ("join", "s + '-' + t", {"s": "a", "t": "b"}, "a-b"),
    ("join of null", "s + t", {"s": "a"}, None),
    ("text literal", "'x'", {}, "x"),
    ("number literal", "1_000", {}, 1_000),
    ("hexadecimal", "0x1F", {}, 31),
    ("float literal", "1.5e3", {}, 1500.0),
    ("bool literal", "True", {}, True),
    ("raw text", r"r'\d'", {}, r"\d"),
    ("auto as it is", "a", {"a": "1.10"}, "1.10"),
    ("a name with a hyphen", "col('user-agent')", {"user-agent": "x"}, "x"),
    ("a word of the language", "col('class') == 'c'", {"class": "c"}, True),
    ("a name that is not ASCII", "größe + 1", {"größe": 1}, 2),
    ("over lines", "(i # first\n + 1\r\n)", {"i": 1}, 2),
    ("white space around", "\n  i + 1 \n", {"i": 1}, 2),
)

CASTS = table(
    ("text to int64", "cast(s, 'int64')", {"s": "-007"}, -7),
    ("hexadecimal text", "cast(s, 'int64')", {"s": "0x1F"}, FAILS),
    ("too large text", "cast(s, 'int64')", {"s": "9223372036854775808"}, FAILS),
    ("text with a line end", "cast(s, 'int64')", {"s": "1\n"}, FAILS),
    ("null text", "cast(s, 'int64')", {}, None),
    ("text to float64", "cast(s, 'float64')", {"s": "1.5e-3"}, 0.0015),
    ("text out of float64", "cast(s, 'float64')", {"s": "1e400"}, FAILS),
    ("nan", "cast(s, 'float64')", {"s": "nan"}, FAILS),
    ("leading zero", "cast(s, 'float64')", {"s": "01"}, FAILS),
    ("text to decimal", "cast(s, 'decimal(5,2)')", {"s": "1.5E1"}, Decimal("15.00")),
    ("text to decimal that loses", "cast(s, 'decimal(5,2)')", {"s": "1.005"}, FAILS),
    ("text to decimal too large", "cast(s, 'decimal(5,2)')", {"s": "1000"}, FAILS),
    ("text to bool", "cast(s, 'bool')", {"s": "true"}, True),
    ("other text to bool", "cast(s, 'bool')", {"s": "True"}, FAILS),
    ("text to date", "cast(s, 'date')", {"s": "2024-02-29"}, day("2024-02-29")),
    ("text to no date", "cast(s, 'date')", {"s": "2023-02-29"}, FAILS),
    ("text to year 0", "cast(s, 'date')", {"s": "0000-01-01"}, FAILS),
    ("text to timestamp", "cast(s, 'timestamp[ms]')", {"s": "2024-02-29T01:02:03.5Z"}, moment("2024-02-29 01:02:03.5")),
    ("text without zone", "cast(s, 'timestamp[s]')", {"s": "2024-02-29 01:02:03"}, moment("2024-02-29 01:02:03")),
    ("text cut", "cast(s, 'timestamp[ms]')", {"s": "1969-12-31T23:59:59.9999z"}, moment("1969-12-31 23:59:59.999")),
    ("text cut to s", "cast(s, 'timestamp[s]')", {"s": "2024-02-29t01:02:03.9+00:01"}, moment("2024-02-29 01:01:03")),
    (
        "nine digits",
        "cast(s, 'timestamp[us]')",
        {"s": "2024-02-29T01:02:03.123456789Z"},
        moment("2024-02-29 01:02:03.123456"),
    ),
    ("text out of years", "cast(s, 'timestamp[s]')", {"s": "0001-01-01T00:00:00+00:01"}, FAILS),
    ("hour 24", "cast(s, 'timestamp[s]')", {"s": "2024-02-29T24:00:00Z"}, FAILS),
    ("offset 24", "cast(s, 'timestamp[s]')", {"s": "2024-02-29T23:00:00+24:00"}, FAILS),
    ("int64 to text", "cast(i, 'string')", {"i": -1}, "-1"),
    ("int64 to float64", "cast(i, 'float64')", {"i": 2**53 + 1}, 2.0**53),
    ("int64 to decimal", "cast(i, 'decimal(4,2)')", {"i": 12}, Decimal("12.00")),
    ("int64 to decimal too large", "cast(i, 'decimal(4,2)')", {"i": 100}, FAILS),
    ("seconds", "cast(i, 'timestamp[ms]')", {"i": 1_714_000_000}, moment("2024-04-24 23:06:40")),
    ("milliseconds", "cast(i, 'timestamp[us]')", {"i": 1_714_000_000_001}, moment("2024-04-24 23:06:40.001")),
    ("microseconds", "cast(i, 'timestamp[us]')", {"i": 1_714_000_000_000_001}, moment("2024-04-24 23:06:40.000001")),
    ("milliseconds before 1970", "cast(i, 'timestamp[s]')", {"i": -100_000_000_001}, moment("1966-10-31 14:13:19")),
    ("seconds out of years", "cast(i, 'timestamp[s]')", {"i": -99_999_999_999}, FAILS),
    ("least int64 to timestamp", "cast(i, 'timestamp[s]')", {"i": INT_MIN}, FAILS),
    ("float64 to text", "cast(f, 'string')", {"f": 1e22}, "1e+22"),
    ("float64 to int64", "cast(f, 'int64')", {"f": -2.0}, -2),
    ("half to int64", "cast(f, 'int64')", {"f": 1.5}, FAILS),
    ("float64 to decimal", "cast(f, 'decimal(5,2)')", {"f": 0.1}, Decimal("0.10")),
    ("float64 to decimal that loses", "cast(f, 'decimal(5,2)')", {"f": 0.125}, FAILS),
    ("decimal to text", "cast(m, 'string')", {"m": Decimal("1.1")}, "1.10"),
    ("decimal to int64", "cast(m, 'int64')", {"m": Decimal("2.00")}, 2),
    ("decimal to int64 that loses", "cast(m, 'int64')", {"m": Decimal("2.01")}, FAILS),
    ("decimal to float64", "cast(m, 'float64')", {"m": Decimal("1.10")}, 1.1),
    ("decimal to decimal", "cast(w, 'decimal(4,1)')", {"w": Decimal("1.5")}, Decimal("1.5")),
    ("decimal to decimal that loses", "cast(w, 'decimal(4,1)')", {"w": Decimal("1.25")}, FAILS),
    ("bool to text", "cast(b, 'string')", {"b": True}, "true"),
    ("bool to int64", "cast(b, 'int64')", {"b": True}, 1),
    ("timestamp to text", "cast(tms, 'string')", {"tms": moment("2024-02-29 01:02:03.5")}, "2024-02-29 01:02:03.500"),
    ("timestamp to int64", "cast(tms, 'int64')", {"tms": moment("1970-01-01 00:00:01")}, 1_000),
    ("timestamp to date", "cast(tms, 'date')", {"tms": moment("1969-12-31 23:59:59")}, day("1969-12-31")),
    (
        "timestamp to coarser",
        "cast(tms, 'timestamp[s]')",
        {"tms": moment("1969-12-31 23:59:59.9")},
        moment("1969-12-31 23:59:59"),
    ),
    (
        "timestamp to finer",
        "cast(ts, 'timestamp[us]')",
        {"ts": moment("9999-12-31 23:59:59")},
        moment("9999-12-31 23:59:59"),
    ),
    ("date to text", "cast(d, 'string')", {"d": day("0001-01-01")}, "0001-01-01"),
    ("date to timestamp", "cast(d, 'timestamp[ms]')", {"d": day("1969-12-31")}, moment("1969-12-31")),
    ("binary to text", "cast(raw, 'string')", {"raw": "é".encode()}, "é"),
    ("binary to no text", "cast(raw, 'string')", {"raw": b"\xff"}, FAILS),
    ("json to text", "cast(js, 'string')", {"js": "[1]"}, "[1]"),
    ("null of a type", "cast(None, 'int64')", {}, None),
    ("to itself", "cast(i, 'int64')", {"i": INT_MAX}, INT_MAX),
    ("text literal to date", "cast('2024-02-29', 'date')", {}, day("2024-02-29")),
    ("over lines", "cast((\ni + 1 # one more\n), target_type='decimal(5,2)')", {"i": 1}, Decimal("2.00")),
)


@pytest.mark.parametrize(("text", "row", "expected"), [*COMPARISONS, *LOGIC, *ARITHMETIC, *CASTS])
def test_value_of_a_row(text, row, expected):
    """Each operator, literal and cast gives what Python or its type's grammar gives; a row at fault fails alone."""
    assert same(value(text, **row), expected)


@pytest.fixture
def older_arrow(monkeypatch):
    """Have Arrow say of its functions of division with a rest what it says of them before version 26."""
    real = arithmetic.call

    def call(name, arguments, options=None):
        if name in ("modulo", "modulo_checked", "remainder"):
            raise pa.ArrowKeyError(f"No function registered with name: {name}")
        return real(name, arguments, options)

    monkeypatch.setattr(arithmetic, "call", call)


@pytest.mark.parametrize(
    ("text", "row", "expected"), [case for case in ARITHMETIC if "%" in case.values[0] or "//" in case.values[0]]
)
def test_division_by_an_older_arrow(older_arrow, text, row, expected):
    """Where Arrow has no function for a rest, Python's operators give the same."""
    assert same(value(text, **row), expected)


EXAMPLES = {
    "abs_checked": [("abs_checked(i)", {"i": -5}, 5), ("abs_checked(i)", {"i": INT_MIN}, FAILS)],
    "ascii_lower": [("ascii_lower(s)", {"s": "AÉ"}, "aÉ")],
    "ascii_trim_whitespace": [("ascii_trim_whitespace(s)", {"s": " a\t"}, "a")],
    "ascii_upper": [("ascii_upper(s)", {"s": "aé"}, "Aé")],
    "binary_join_element_wise": [
        ("binary_join_element_wise(s, t, '-')", {"s": "a", "t": "b"}, "a-b"),
        ("binary_join_element_wise(s, t, '-')", {"s": "a"}, None),
        ("binary_join_element_wise(s, t, '-', null_handling='replace', null_replacement='?')", {"s": "a"}, "a-?"),
    ],
    "binary_length": [("binary_length(s)", {"s": "é"}, 2), ("binary_length(raw)", {"raw": b"abc"}, 3)],
    "bit_wise_and": [("bit_wise_and(i, 6)", {"i": 3}, 2)],
    "bit_wise_not": [("bit_wise_not(i)", {"i": 0}, -1)],
    "bit_wise_or": [("bit_wise_or(i, 4)", {"i": 1}, 5)],
    "bit_wise_xor": [("bit_wise_xor(i, 1)", {"i": 3}, 2)],
    "cast": [("cast(i, target_type='string')", {"i": 1}, "1")],
    "ceil": [
        ("ceil(f)", {"f": 1.2}, 2.0),
        ("ceil(i)", {"i": INT_MAX}, INT_MAX),
        ("ceil(m)", {"m": Decimal("99999999.01")}, FAILS),
    ],
    "ceil_temporal": [
        ("ceil_temporal(ts, unit='hour')", {"ts": moment("2024-01-01 00:00:01")}, moment("2024-01-01 01:00"))
    ],
    "coalesce": [
        ("coalesce(s, t, 'none')", {}, "none"),
        ("coalesce(i, 0.5)", {"i": 3}, 3.0),
        ("coalesce(a, js)", {"js": "[]"}, "[]"),
        ("coalesce(m, 1)", {}, Decimal("1.00")),
    ],
    "count_substring": [("count_substring(s, 'a')", {"s": "banana"}, 3)],
    "count_substring_regex": [("count_substring_regex(s, pattern='an?')", {"s": "banana"}, 3)],
    "day": [("day(d)", {"d": day("2024-02-29")}, 29)],
    "day_of_week": [
        ("day_of_week(d)", {"d": day("2024-02-29")}, 3),
        ("day_of_week(d, count_from_zero=False, week_start=7)", {"d": day("2024-02-29")}, 5),
    ],
    "day_of_year": [("day_of_year(d)", {"d": day("2024-02-29")}, 60)],
    "days_between": [("days_between('2024-01-01', d)", {"d": day("2024-02-29")}, 59)],
    "ends_with": [("ends_with(s, pattern='É', ignore_case=True)", {"s": "aé"}, True)],
    "exp": [("exp(i)", {"i": 0}, 1.0), ("exp(f)", {"f": 1000.0}, FAILS)],
    "find_substring": [("find_substring(s, 'b')", {"s": "ab"}, 1), ("find_substring(s, 'x')", {"s": "ab"}, -1)],
    "find_substring_regex": [("find_substring_regex(s, 'b+')", {"s": "abb"}, 1)],
    "floor": [
        ("floor(f)", {"f": -1.2}, -2.0),
        ("floor(i)", {"i": INT_MIN}, INT_MIN),
        ("floor(m)", {"m": Decimal("1.9")}, Decimal("1.00")),
    ],
    "floor_temporal": [
        ("floor_temporal(tms)", {"tms": moment("1969-12-31 23:59:59")}, moment("1969-12-31")),
        (
            "floor_temporal(tms, multiple=15, unit='minute')",
            {"tms": moment("2024-01-01 00:44")},
            moment("2024-01-01 00:30"),
        ),
        ("floor_temporal(d, unit='week')", {"d": day("2024-02-29")}, day("2024-02-26")),
        ("floor_temporal(d, unit='year', multiple=7)", {"d": day("0001-01-01")}, FAILS),
    ],
    "hour": [("hour(ts)", {"ts": moment("2024-01-01 23:00")}, 23)],
    "hours_between": [("hours_between(ts, tms)", {"ts": moment("2024-01-01"), "tms": moment("2024-01-01 02:59")}, 2)],
    "if_else": [
        ("if_else(b, 'yes', 'no')", {"b": False}, "no"),
        ("if_else(b, 'yes', 'no')", {}, None),
        ("if_else(j == 0, 0, i // j)", {"i": 1, "j": 0}, 0),
    ],
    "is_finite": [("is_finite(f)", {"f": 1.0}, True)],
    "is_inf": [("is_inf(f)", {"f": 1.0}, False)],
    "is_leap_year": [("is_leap_year(d)", {"d": day("2024-01-01")}, True)],
    "is_nan": [("is_nan(m)", {"m": Decimal(1)}, False)],
    "is_null": [("is_null(s)", {}, True), ("is_null(f, nan_is_null=True)", {"f": float("nan")}, True)],
    "is_valid": [("is_valid(s)", {}, False)],
    "iso_week": [("iso_week(d)", {"d": day("2024-12-30")}, 1)],
    "iso_year": [("iso_year(d)", {"d": day("2024-12-30")}, 2025)],
    "ln_checked": [("ln_checked(i)", {"i": 1}, 0.0), ("ln_checked(i)", {"i": 0}, FAILS)],
    "log10_checked": [("log10_checked(i)", {"i": 100}, 2.0)],
    "log1p_checked": [("log1p_checked(f)", {"f": 0.0}, 0.0)],
    "log2_checked": [("log2_checked(i)", {"i": 8}, 3.0)],
    "match_like": [("match_like(s, 'a_c%')", {"s": "abcd"}, True)],
    "match_substring": [("match_substring(s, pattern='.')", {"s": "abc"}, False)],
    "match_substring_regex": [("match_substring_regex(s, r'^\\d+$')", {"s": "12"}, True)],
    "max_element_wise": [
        ("max_element_wise(i, j, 0)", {"i": -1}, 0),
        ("max_element_wise(i, j, skip_nulls=False)", {"i": 1}, None),
    ],
    "microsecond": [("microsecond(tus)", {"tus": moment("2024-01-01 00:00:00.001002")}, 2)],
    "microseconds_between": [
        ("microseconds_between('2024-01-01', tus)", {"tus": moment("2024-01-01 00:00:00.000007")}, 7)
    ],
    "millisecond": [("millisecond(tus)", {"tus": moment("2024-01-01 00:00:00.001002")}, 1)],
    "milliseconds_between": [
        ("milliseconds_between(tms, ts)", {"ts": moment("2024-01-01"), "tms": moment("2024-01-01 00:00:00.5")}, -500)
    ],
    "min_element_wise": [
        ("min_element_wise(s, 'b')", {"s": "c"}, "b"),
        ("min_element_wise(d, '2024-01-01')", {"d": day("2024-01-02")}, day("2024-01-01")),
    ],
    "minute": [("minute(ts)", {"ts": moment("2024-01-01 00:07")}, 7)],
    "minutes_between": [("minutes_between('2024-01-01', ts)", {"ts": moment("2024-01-01 00:07")}, 7)],
    "month": [("month(tms)", {"tms": moment("2024-02-01")}, 2)],
    "quarter": [("quarter(d)", {"d": day("2024-04-01")}, 2)],
    "quarters_between": [("quarters_between('2024-01-01', d)", {"d": day("2024-12-31")}, 3)],
    "replace_substring": [
        ("replace_substring(s, 'a', 'bb')", {"s": "aaa"}, "bbbbbb"),
        ("replace_substring(s, pattern='a', replacement='', max_replacements=1)", {"s": "aaa"}, "aa"),
    ],
    "replace_substring_regex": [
        (r"replace_substring_regex(s, r'(\w)(\w)', r'\2\1')", {"s": "abcd"}, "badc"),
        ("replace_substring_regex(s, pattern='x*', replacement='-')", {"s": "é"}, "-é-"),
    ],
    "round": [
        ("round(f)", {"f": 2.5}, 2.0),
        ("round(f, ndigits=1, round_mode='half_up')", {"f": 0.25}, 0.3),
        ("round(i, ndigits=-1)", {"i": 15}, 20),
        ("round(i, ndigits=-1)", {"i": INT_MAX}, FAILS),
        ("round(m, ndigits=1)", {"m": Decimal("1.25")}, Decimal("1.20")),
    ],
    "round_temporal": [
        ("round_temporal(ts, unit='minute')", {"ts": moment("2024-01-01 00:00:31")}, moment("2024-01-01 00:01")),
        ("round_temporal(d, unit='year')", {"d": day("9999-12-31")}, FAILS),
    ],
    "second": [("second(ts)", {"ts": moment("2024-01-01 00:00:59")}, 59)],
    "seconds_between": [("seconds_between('1970-01-01', tms)", {"tms": moment("1970-01-01 00:00:01.999")}, 1)],
    "sign": [("sign(i)", {"i": -5}, -1), ("sign(f)", {"f": 0.5}, 1.0), ("sign(m)", {"m": Decimal(0)}, 0)],
    "sqrt_checked": [("sqrt_checked(i)", {"i": 9}, 3.0), ("sqrt_checked(f)", {"f": -1.0}, FAILS)],
    "starts_with": [("starts_with(s, pattern='a.')", {"s": "a.b"}, True), ("starts_with(s, 'a')", {}, None)],
    "string_is_ascii": [("string_is_ascii(s)", {"s": "é"}, False)],
    "subsecond": [("subsecond(tms)", {"tms": moment("2024-01-01 00:00:00.5")}, 0.5)],
    "trunc": [("trunc(f)", {"f": -1.7}, -1.0), ("trunc(i)", {"i": INT_MAX}, INT_MAX)],
    "utf8_capitalize": [("utf8_capitalize(s)", {"s": "éa B"}, "Éa b")],
    "utf8_center": [("utf8_center(s, width=4, padding='*')", {"s": "é"}, "*é**")],
    "utf8_is_alnum": [("utf8_is_alnum(s)", {"s": "é1"}, True)],
    "utf8_is_alpha": [("utf8_is_alpha(s)", {"s": "é1"}, False)],
    "utf8_is_decimal": [("utf8_is_decimal(s)", {"s": "12"}, True)],
    "utf8_is_digit": [("utf8_is_digit(s)", {"s": "1a"}, False)],
    "utf8_is_lower": [("utf8_is_lower(s)", {"s": "é"}, True)],
    "utf8_is_numeric": [("utf8_is_numeric(s)", {"s": "½"}, True)],
    "utf8_is_printable": [("utf8_is_printable(s)", {"s": "a\n"}, False)],
    "utf8_is_space": [("utf8_is_space(s)", {"s": "\u3000"}, True)],
    "utf8_is_title": [("utf8_is_title(s)", {"s": "Éa"}, True)],
    "utf8_is_upper": [("utf8_is_upper(s)", {"s": "É"}, True)],
    "utf8_length": [("utf8_length(s)", {"s": "a下😀"}, 3)],
    "utf8_lower": [("utf8_lower(a)", {"a": "É"}, "é")],
    "utf8_lpad": [("utf8_lpad(s, width=3)", {"s": "é"}, "  é")],
    "utf8_ltrim": [("utf8_ltrim(s, characters='xy')", {"s": "yxaxy"}, "axy")],
    "utf8_ltrim_whitespace": [("utf8_ltrim_whitespace(s)", {"s": " a "}, "a ")],
    "utf8_reverse": [("utf8_reverse(s)", {"s": "aé"}, "éa")],
    "utf8_rpad": [("utf8_rpad(s, 3, padding='é')", {"s": "a"}, "aéé")],
    "utf8_rtrim": [("utf8_rtrim(s, 'x')", {"s": "xax"}, "xa")],
    "utf8_rtrim_whitespace": [("utf8_rtrim_whitespace(s)", {"s": " a "}, " a")],
    "utf8_slice_codeunits": [
        ("utf8_slice_codeunits(s, start=0, stop=3)", {"s": "ébcd"}, "ébc"),
        ("utf8_slice_codeunits(s, start=-2)", {"s": "ébcd"}, "cd"),
        ("utf8_slice_codeunits(s, 0, stop=None, step=2)", {"s": "ébcd"}, "éc"),
    ],
    "utf8_swapcase": [("utf8_swapcase(s)", {"s": "aÉ"}, "Aé")],
    "utf8_title": [("utf8_title(s)", {"s": "éa bC"}, "Éa Bc")],
    "utf8_trim": [("utf8_trim(s, 'x')", {"s": "xax"}, "a")],
    "utf8_trim_whitespace": [("utf8_trim_whitespace(s)", {"s": "\u3000 a b\n"}, "a b")],
    "utf8_upper": [("utf8_upper(js)", {"js": '"aß"'}, '"Aẞ"')],
    "utf8_zero_fill": [("utf8_zero_fill(s, width=4)", {"s": "-1"}, "-001")],
    "weeks_between": [("weeks_between('2024-01-01', d)", {"d": day("2024-01-15")}, 2)],
    "year": [("year(d)", {"d": day("0001-01-01")}, 1), ("year(tus)", {}, None)],
    "years_between": [("years_between('2023-12-31', d)", {"d": day("2024-01-01")}, 1)],
}
"""The reviewed allow-list, each function with what it gives."""


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [pytest.param(*example, id=example[0]) for examples in EXAMPLES.values() for example in examples],
)
def test_value_of_a_call(text, row, expected):
    """Each function of the allow-list gives what Arrow documents for it, in our types."""
    assert same(value(text, **row), expected)


NOT_TO_BE_CALLED = {
    *("random", "strftime", "strptime", "assume_timezone", "local_timestamp", "is_dst"),
    *("binary_repeat", "binary_join", "utf8_split_whitespace", "split_pattern", "split_pattern_regex"),
    *("extract_regex", "list_element", "make_struct", "struct_field", "choose", "case_when"),
    *("add", "subtract", "multiply", "divide", "negate", "abs", "shift_left", "power", "sqrt"),
    *("sum", "count", "unique", "take", "filter", "array_filter", "replace_with_mask", "cumulative_sum"),
}


def test_reachable_functions_are_the_reviewed_ones():
    """A function is allowed only with an example here; each is a scalar function of Arrow, or its `cast`."""
    registry = kernels.options.function_registry()
    assert set(FUNCTIONS) == set(EXAMPLES)
    assert {name: registry.get_function(name).kind for name in FUNCTIONS if name != "cast"} == dict.fromkeys(
        set(FUNCTIONS) - {"cast"}, "scalar"
    )
    assert not FUNCTIONS.keys() & NOT_TO_BE_CALLED


def test_nothing_else_of_arrow_can_be_called():
    """A function of Arrow's registry that is not in the allow-list is refused, whatever it is given."""
    others = set(kernels.options.function_registry().list_functions()) - set(FUNCTIONS) - set(NAMED)
    assert others >= NOT_TO_BE_CALLED - set(NAMED)
    for name in sorted(others - {"and", "or", "not"}):
        for arguments in ("", "s", "i", "i, j"):
            assert error(f"{name}({arguments})").message.startswith(f"there is no function {name}")


class Recorder:
    """Arrow's kernels, with the name of each that is called."""

    def __init__(self, module):
        self.module = module
        self.names = []

    def __getattr__(self, name):
        return getattr(self.module, name)

    def call_function(self, name, *arguments):
        self.names.append(name)
        return self.module.call_function(name, *arguments)


def watch(recorder, monkeypatch):
    """Have every kernel that an expression calls go through the recorder."""
    monkeypatch.setattr(kernels, "_compute", recorder)
    for module in (kernels, arithmetic, calls, casts, functions, operators):
        monkeypatch.setattr(module, "call", recorder.call_function)


@pytest.fixture
def recorder(monkeypatch):
    made = Recorder(kernels._compute)
    watch(made, monkeypatch)
    return made


OPERATOR_KERNELS = {
    *(
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "is_in",
        "indices_nonzero",
        "is_null",
        "is_valid",
        "coalesce",
    ),
    *("and_kleene", "or_kleene", "invert", "if_else", "and", "or", "any", "all", "sum", "abs", "cast", "is_finite"),
    *("add_checked", "subtract_checked", "multiply_checked", "divide_checked", "power_checked", "negate_checked"),
    *("modulo", "modulo_checked", "remainder", "add", "subtract", "multiply", "divide", "floor"),
    *("array_filter", "replace_with_mask", "binary_join_element_wise", "binary_length"),
    *("match_substring_regex", "count_substring", "count_substring_regex", "replace_substring_regex"),
    *("abs_checked", "floor_temporal"),
}
"""What operators, casts and bounds call by themselves."""


def test_kernels_that_run_are_the_reviewed_ones(recorder):
    """No expression of these tables runs a kernel that is neither its function nor one of the operators'."""
    rows = [*COMPARISONS, *LOGIC, *ARITHMETIC, *CASTS]
    for text, row, _ in [row.values for row in rows] + [example for name in EXAMPLES for example in EXAMPLES[name]]:
        value(text, **row)
    assert set(recorder.names) - OPERATOR_KERNELS - set(FUNCTIONS) == set()
    assert OPERATOR_KERNELS - set(recorder.names) == set()


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    table(
        ("not equal", "a != 'REMOVE'", ["INSERT"], ["not_equal"]),
        ("not equal with nulls", "a != 'REMOVE'", [None, "REMOVE"], ["not_equal", "coalesce"]),
        ("in", "a in ('x', 'y')", [None], ["is_in"]),
        ("timestamp and text", "tms < '2024-01-01'", [None], ["less"]),
        ("no constant is widened", "a + 'x' == 'yx'", ["y"], None),
    ),
)
def test_kernels_of_a_batch(recorder, text, names, expected):
    """A batch takes a handful of kernels; null as a value costs one more, and only where there is one."""
    expression = compile_expression(text, COLUMNS)
    recorder.names.clear()
    (name,) = expression.names
    column = pa.array(names * 3_000, arrow_type(COLUMNS[name]))
    assert len(expression.evaluate({name: column}, len(column), NOW_MS)) == len(column)
    if expected is not None:
        assert recorder.names == expected
    assert len(recorder.names) < 8


RESULTS = table(
    ("auto is text", "a", "string"),
    ("json", "js", "json"),
    ("json and text", "coalesce(js, s)", "string"),
    ("decimal sum", "m + m", "decimal(11,2)"),
    ("decimal and int64", "m + i", "decimal(22,2)"),
    ("decimal product", "m * 1.10", "decimal(14,4)"),
    ("decimal capped", "w + w", "decimal(38,10)"),
    ("decimal common", "coalesce(m, w)", "decimal(38,10)"),
    ("decimal literal", "coalesce(m, 0.125)", "decimal(11,3)"),
    ("finer unit", "coalesce(ts, tus)", "timestamp[us]"),
    ("length", "utf8_length(s)", "int64"),
    ("division", "i / j", "float64"),
    ("now", "now_ms()", "int64"),
    ("cast", "cast(i, 'decimal( 5 , 2 )')", "decimal(5,2)"),
)


@pytest.mark.parametrize(("text", "expected"), RESULTS)
def test_type_of_a_result(text, expected):
    """The type is known before a row is seen, and is the one that the column then has."""
    expression = compile_expression(text, COLUMNS)
    assert str(expression.type) == expected
    assert outcomes(expression, arrays([{}]), 1) is not None


@pytest.mark.parametrize("length", [0, 1, 5])
@pytest.mark.parametrize(
    "text", ["1", "'x'", "1.5", "True", "now_ms()", "1 < 2", "coalesce(None, 'x')", "i", "1 // 1 if b else 2"]
)
def test_a_result_is_a_column(text, length):
    """A literal alone gives a full column, and a batch without rows an empty one."""
    expression = compile_expression(text, COLUMNS)
    assert len(outcomes(expression, arrays([{"i": 1}] * length), length)) == length


def test_a_kernel_that_loses_a_row_is_refused(monkeypatch):
    """Values that no longer stand beside their rows are never given out."""

    class Short(Recorder):
        def call_function(self, *arguments):
            return super().call_function(*arguments)[1:]

    expression = compile_expression("utf8_upper(s)", COLUMNS)
    watch(Short(kernels._compute), monkeypatch)
    with pytest.raises(pa.ArrowInvalid, match="2 values for 3 rows"):
        expression.evaluate(arrays([{}] * 3), 3, NOW_MS)


def test_no_rows_cannot_fail():
    """A batch without rows is an empty column, even of an expression that the time of the batch makes overflow."""
    expression = compile_expression("i + now_ms() * 1_000_000", COLUMNS)
    columns = arrays([])
    assert expression.evaluate(columns, 0, NOW_MS * 1_000_000).type == pa.int64()
    assert outcomes(expression, arrays([{}]), 1, NOW_MS * 1_000_000) == [FAILS]


def test_columns_may_be_slices():
    """A column that starts within its buffers gives what its rows give."""
    rows = [{"i": number, "j": number % 3, "s": "x" * number, "b": number % 2 == 0} for number in range(10)]
    part = {name: column.slice(3, 5) for name, column in arrays(rows).items()}
    for text in ("i // j if j != 0 else None", "s + 'y'", "b and i > 4", "s in ('xxxx', None)", "cast(i, 'string')"):
        expression = compile_expression(text, COLUMNS)
        assert outcomes(expression, part, 5) == outcomes(expression, arrays(rows[3:8]), 5)


def test_names_are_the_columns_that_are_read():
    """An expression reads the columns that it names and no other."""
    text = "i > 1 and (s if b else col('user-agent')) in ('a',) and starts_with(t, 'x')"
    assert compile_expression(text, COLUMNS).names == {"i", "s", "b", "user-agent", "t"}
    assert compile_expression("now_ms()", COLUMNS).names == frozenset()


@pytest.fixture
def small_limit(monkeypatch):
    assert arithmetic.DECOMPRESSED_LIMIT_BYTES == DECOMPRESSED_LIMIT_BYTES
    monkeypatch.setattr(arithmetic, "DECOMPRESSED_LIMIT_BYTES", 1_000)
    return 1_000


def test_a_row_that_is_too_long_fails_alone(small_limit):
    """Text that doubles itself is refused before it is made, for the row that is too long and no other."""
    large = "x" * (small_limit // 2 + 1)
    columns = arrays([{"s": "a"}, {"s": large}, {"s": "b"}, {}])
    for text in ("s + s", "binary_join_element_wise(s, s, '')"):
        assert outcomes(compile_expression(text, COLUMNS), columns, 4) == ["aa", FAILS, "bb", None]
    for text in ("replace_substring(s, 'x', 'yyy')", r"replace_substring_regex(s, '(x+)', r'\1\1')"):
        assert outcomes(compile_expression(text, COLUMNS), columns, 4) == ["a", FAILS, "b", None]


def test_a_batch_that_is_too_long_is_halved_and_passes(small_limit):
    """The bound is one of a row: rows that are small each pass, however many there are, a literal in each."""
    columns = arrays([{"s": ""}] * 20)
    expression = compile_expression(f"utf8_length(s + '{'y' * small_limit}')", COLUMNS)
    with pytest.raises(pa.ArrowInvalid, match="text too long"):
        expression.evaluate(columns, 20, NOW_MS)
    assert outcomes(expression, columns, 20) == [small_limit] * 20


MISTAKES = table(
    # what was written, what is said, where the caret is
    ("nothing", "", "the expression is empty", 0),
    ("white space", " \n ", "the expression is empty", 0),
    ("assignment", "i = 1", "= is no operator here; write ==", 2),
    ("&&", "b && c", "&& is no operator here; write and", 3),
    ("||", "b || c", "|| is no operator here; write or", 3),
    ("!", "!b", "! is no operator here; write not", 0),
    ("<>", "i <> 1", "<> is no operator here; write !=", 2),
    ("ternary", "b ? 1 : 2", "? is no operator here; write a if condition else b", 2),
    ("SQL's and", "b AND c", "AND is no operator here; write and", 2),
    ("SQL's or", "b Or c", "Or is no operator here; write or", 2),
    ("SQL's is", "s IS NOT NULL", "IS is no operator here; write is (and None for null)", 2),
    ("SQL's in", "s IN ('x', 'y')", "IN is no operator here; write in", 2),
    ("SQL's like", "s like 'x%'", "like is no operator here; write match_like(text, 'x%')", 2),
    ("SQL's between", "i BETWEEN 1 AND 2", "BETWEEN is no operator here; write low <= value <= high", 2),
    ("SQL's case", "CASE WHEN b THEN 1 END", "WHEN is no operator here; write a if condition else b", 5),
    ("a regular expression", "s =~ 'x'", "=~ is no operator here; write match_substring_regex(text, r'...')", 2),
    ("a backtick", "s == `x`", "` is no operator here; write text in single quotes", 5),
    ("a column named so", "s == 'x' like", "like is no operator here; write match_like(text, 'x%')", 9),
    ("&", "b & c", "& is not allowed; write `and`", 0),
    ("~", "~i", "~ is not allowed", 0),
    ("unknown column", "sss == 'x' and evnt == 'y'", "there is no column 'sss'; text needs quotes", 0),
    ("near column", "mial_id == 1", "there is no column 'mial_id'; did you mean col('mail.id')?", 0),
    ("case", "TMS is None", "there is no column 'TMS'; did you mean tms?", 0),
    ("a hyphen", "i > 1 and user-agent == 'x'", "there is no column 'user'; write col('user-agent')", 10),
    ("a dot", "mail.id == 'x'", "write col('mail.id') for the column", 0),
    ("another dot", "mail.other == 'x'", "a name with a dot is not allowed", 0),
    ("a word", "class == 'c'", "class is a word of the language; write col('class')", 0),
    ("unknown col", "col('user_agent')", "there is no column 'user_agent'; did you mean col('user-agent')?", 4),
    ("col of a name", "col(s)", "col takes one name", 0),
    ("col with an option", "col('s', x=1)", "col takes one name", 0),
    ("true", "b == true", "there is no column 'true'; write True", 5),
    ("null", "s == null", "there is no column 'null'; write None", 5),
    ("after letters that are not ASCII", "größe == 1 and x == 1", "there is no column 'x'", 15),
    ("on a later line", "(größe == 1\n and nope)", "there is no column 'nope'", 17),
    ("after white space", "  nope", "there is no column 'nope'", 2),
    ("after a line end", "\n nope", "there is no column 'nope'", 2),
    ("over lines without parentheses", "i == 1\nand b", "over several lines, an expression needs parentheses", 7),
    ("subscript", "s[1:3]", "[...] is not allowed; substring(text, 0, 3)", 0),
    ("lambda", "lambda: 1", "lambda is not allowed", 0),
    ("f-string", "f'{s}'", "an f-string is not allowed", 0),
    ("walrus", "(x := 1)", "an assignment (:=) is not allowed", 1),
    ("comprehension", "[x for x in s]", "a comprehension is not allowed", 0),
    ("generator", "(x for x in s)", "a comprehension is not allowed", 0),
    ("starred", "coalesce(*s)", "a star is not allowed", 9),
    ("double star", "coalesce(**s)", "a star is not allowed", 9),
    ("bytes", "b'x'", "a bytes literal is not allowed", 0),
    ("complex", "1j", "a complex number is not allowed", 0),
    ("ellipsis", "...", "... is not allowed", 0),
    ("dict", "{1: 2}", "a dict is not allowed", 0),
    ("tuple", "(1, 2)", "a tuple is allowed on the right side of `in` alone", 0),
    ("await", "await s", "await is not allowed", 0),
    ("yield", "(yield s)", "yield is not allowed", 1),
    ("dunder", "s.__class__", "a name with a dot is not allowed", 0),
    ("builtin", "__import__('os')", "there is no function __import__", 0),
    ("eval", "eval('1')", "there is no function eval", 0),
    ("call of a call", "utf8_upper(s)(s)", "a function has a name", 0),
    (
        "method",
        "s.upper()",
        "a method is not allowed; write upper(s)",
        0,
    ),
    ("function of Python", "len(s)", "there is no function len; did you mean length?", 0),
    ("near function", "utf8_uper(s)", "there is no function utf8_uper; did you mean utf8_upper?", 0),
    ("unclosed", "(i == 1", "'(' was never closed", 0),
    ("unopened", "i == 1)", "unmatched ')'", 6),
    ("two expressions", "i j", "invalid syntax", 2),
    ("statement", "import os", "invalid syntax", 0),
    ("unterminated text", "s == 'x", "unterminated string literal", 5),
    ("backslash", r"match_substring_regex(s, '\d')", "a backslash in text needs an r before its quote", 25),
    ("half a surrogate pair", r"s == '\ud800'", "half of a surrogate pair", 5),
    ("null character", "s == '\0'", "the control character '\\x00'", 6),
    ("int64 out of range", "i == 9223372036854775808", "the number is out of the range of int64", 5),
    ("negative out of range", "i == -9223372036854775809", "the number is out of the range of int64", 5),
    ("twice negative", "i == --9223372036854775808", "the number is out of the range of int64", 5),
    ("4,301 digits", "i == " + "1" * 4_301, "a number has too many digits", 0),
    ("float64 out of range", "f == 1e999", "the number is out of the range of float64", 5),
    (
        "auto and number",
        "a == 5",
        "cannot compare text and int64; column 'a' has no type, so it is text: give it a type, "
        'e.g. a = { type = "int64" }',
        0,
    ),
    ("number and auto", "1.5 < a", 'e.g. a = { type = "float64" }', 6),
    ("auto and decimal", "a > m", 'e.g. a = { type = "decimal(10,2)" }', 0),
    ("auto in numbers", "a in (1, 2)", "give it a type", 0),
    ("auto plus", "a + 1", "`+` takes numbers, not text; column 'a' has no type", 0),
    ("auto and bool", "a == True", 'e.g. a = { type = "bool" }', 0),
    ("auto and timestamp", "tms > a", 'e.g. a = { type = "timestamp[ms]" }', 6),
    ("auto year", "year(a)", 'e.g. a = { type = "timestamp[ms]" }', 5),
    (
        "string and number",
        "s == 5",
        "cannot compare string and int64; write the number as text, '5', or cast(..., target_type='int64')",
        5,
    ),
    ("string and column", "s == i", "cannot compare string and int64", 5),
    ("bool and number", "b == 1", "cannot compare bool and int64", 5),
    ("bool plus", "b + 1", "`+` takes numbers, not bool", 0),
    ("text times", "s * 2", "`*` takes numbers, not string; cast(..., target_type='int64')", 0),
    (
        "binary and text",
        "raw == 'x'",
        "cannot compare binary and the text 'x'; write cast(..., target_type='string')",
        7,
    ),
    ("None order", "i < None", "None has no order", 0),
    ("JSON order", "js < 'x'", "JSON has no order: `<` cannot take it; give its column a type", 0),
    ("JSON order of two", "i == 1 and js >= js", "JSON has no order", 11),
    ("a text that is no JSON", "js == 'x'", """equals it; write '"x"'""", 6),
    ("a text on the left", "'x' != js", "'x' is no JSON, and so no value of a json column equals it", 0),
    ("a text in a list", "js not in ('[]', 'x')", "'x' is no JSON", 17),
    ("None plus", "None + 1", "`+` takes numbers, not None", 0),
    ("None alone", "None", "the expression is always null, which has no type", 0),
    ("None either way", "None if b else None", "both branches are None", 0),
    ("coalesce of None", "coalesce(None, None)", "coalesce of None alone has no type", 0),
    ("None in", "None in (1,)", "None is on the left of `in`", 0),
    (
        "in text",
        "'x' in s",
        "`in` takes a list of literals, as in ('a', 'b'); for a part of text write contains(text, 'a')",
        7,
    ),
    ("in columns", "i in (1, j)", "`in` takes literals; write == and `or` for anything else", 9),
    ("in mixed", "i in (1, 'x')", "cannot compare int64 and the text 'x'", 9),
    ("in then", "i in (1, 2) == b", "a comparison cannot follow `in`", 5),
    ("is True", "b is True", "`is` takes None alone; write == to compare", 5),
    ("and of text", "s and b", "`and` takes true or false, not string; compare it, e.g. with `!= ''`", 0),
    ("not of a number", "not i", "`not` takes true or false, not int64; compare it, e.g. with `!= 0`", 4),
    ("if of auto", "1 if a else 2", "`if` takes true or false, not text; column 'a' has no type", 5),
    ("if of two kinds", "1 if b else 'x'", "cannot choose between int64 and the text 'x'", 12),
    ("no timestamp", "tms > 'yesterday'", "'yesterday' is not a timestamp: write '2024-05-02T12:45:25Z'", 6),
    ("no day", "tms > '2023-02-29'", "'2023-02-29' is not a day of the calendar", 6),
    ("no hour", "tms > '2024-01-01T24:00:00Z'", "is not a time of day", 6),
    ("not in UTC", "ts > '0001-01-01T00:00:00+00:01'", "is not within the years 1 to 9999 in UTC", 5),
    ("finer than its unit", "ts > '2024-01-01T00:00:00.5Z'", "is finer than timestamp[s]", 5),
    ("time for a date", "d == '2024-01-01T00:00:00Z'", "is not a date: write '2024-05-02'", 5),
    ("timestamp and number", "tms > 5", "cannot compare timestamp[ms] and int64; cast one of them", 6),
    ("timestamp and text column", "tms > s", "give the column of the text the type timestamp[ms]", 6),
    ("timestamp and date", "tms > d", "cannot compare timestamp[ms] and date; cast one of them", 6),
    ("timestamp minus", "tms - ts", "`-` takes numbers, not timestamp[ms]; use milliseconds_between(a, b)", 0),
    ("decimal and float64", "m == f", "cannot compare decimal(10,2) and float64; cast one of them", 5),
    ("decimal plus float64", "m + f", "cannot use `+` on decimal(10,2) and float64", 4),
    ("decimal floor", "m // 2", "`//` takes no decimal; use cast(..., target_type='float64')", 0),
    ("decimal product", "w * w", "the product has too many digits for a decimal", 0),
    ("39 digits", "m == 0.000000000000000000000000000000000000001", "more than the 38 digits of a decimal", 5),
    ("negative power", "i ** -1", "a negative power of int64 is no int64; write a float64", 5),
    ("constant division by zero", "i + 1 // 0", "the expression fails for each row: divide by zero", 0),
    ("constant in a branch", "1 // 0 if b else 2", "the expression fails for each row: divide by zero", 0),
    ("overflow of any time", "now_ms() * 1_000_000_000", "the expression fails for each row: overflow", 0),
    ("constant overflow", "9223372036854775807 + 1", "the expression fails for each row: overflow", 0),
    ("wrong argument", "utf8_upper(i)", "utf8_upper takes string, not int64", 11),
    ("number function of text", "sqrt_checked(s)", "sqrt_checked takes decimal or float64 or int64, not string", 13),
    ("hour of a date", "hour(d)", "hour takes timestamp, not date", 5),
    ("bool extreme", "max_element_wise(b, c)", "max_element_wise does not take bool", 17),
    ("if_else of text", "if_else(a, 1, 2)", "if_else takes a condition, bool, not text; column 'a' has no type", 8),
    ("too many arguments", "utf8_upper(s, t)", "utf8_upper takes 1 argument, not 2", 0),
    ("too few arguments", "coalesce()", "coalesce takes at least 1 argument, not 0", 0),
    ("two for three", "if_else(b, 1)", "if_else takes 3 arguments, not 2", 0),
    ("now of something", "now_ms(1)", "now_ms takes no arguments", 0),
    ("unknown option", "starts_with(s, patern='a')", "starts_with has no option 'patern'; did you mean pattern?", 15),
    ("no options", "utf8_upper(s, x=1)", "utf8_upper has no option 'x'; it takes none", 14),
    ("options there are", "round(f, zzz=1)", "round has no option 'zzz'; it takes ndigits=, round_mode=", 9),
    ("missing option", "starts_with(s)", "starts_with needs pattern=", 0),
    ("option twice", "starts_with(s, 'a', pattern='b')", "pattern is given twice", 20),
    (
        "option by place",
        "round(f, 1)",
        "round takes 1 argument, not 2 (its options are keywords: ndigits=, round_mode=)",
        0,
    ),
    ("number for text", "starts_with(s, pattern=5)", "starts_with: pattern must be text, not 5", 15),
    ("text for number", "round(f, ndigits='1')", "round: ndigits must be an integer, not '1'", 9),
    ("bool for number", "round(f, ndigits=True)", "round: ndigits must be an integer, not True", 9),
    ("number for bool", "starts_with(s, 'a', ignore_case=1)", "ignore_case must be True or False, not 1", 20),
    ("None for text", "starts_with(s, pattern=None)", "pattern must be text, not None", 15),
    ("a column for an option", "starts_with(s, pattern=t)", "pattern= takes a literal", 23),
    ("a column for an option by place", "starts_with(s, t)", "starts_with: pattern must be a literal", 15),
    ("RE2", "match_substring_regex(s, pattern='(')", "pattern is no RE2 pattern: missing ): (", 25),
    ("lookahead", "match_substring_regex(s, pattern='(?=a)')", "pattern is no RE2 pattern", 25),
    ("RE2 replacement", r"replace_substring_regex(s, 'a', r'\1')", "replacement is not usable", 0),
    ("empty pattern", "replace_substring(s, '', 'x')", "pattern must not be empty", 21),
    ("empty trim", "utf8_trim(s, '')", "characters must not be empty", 13),
    ("no replacement", "replace_substring(s, 'a', 'b', max_replacements=0)", "max_replacements must be from 1 to", 31),
    ("width", "utf8_lpad(s, width=1001)", "utf8_lpad: width must be from 0 to 1000", 13),
    ("negative width", "utf8_zero_fill(s, width=-1)", "width must be from 0 to 1000", 18),
    ("padding", "utf8_lpad(s, width=3, padding='ab')", "padding must be one character", 22),
    ("no step", "utf8_slice_codeunits(s, 0, step=0)", "step must be from 1 to", 27),
    ("no multiple", "floor_temporal(tms, multiple=0)", "multiple must be from 1 to 1000", 20),
    ("large multiple", "floor_temporal(tms, multiple=1001)", "multiple must be from 1 to 1000", 20),
    ("unit", "floor_temporal(tms, unit='days')", "unit must be one of year, quarter, month", 20),
    (
        "unit of a date",
        "floor_temporal(d, unit='hour')",
        "floor_temporal of a date takes the units year, quarter, month, week, day",
        0,
    ),
    ("round mode", "round(f, round_mode='up_half')", "round_mode must be one of down, up", 9),
    ("digits", "round(f, ndigits=400)", "ndigits must be from -38 to 38", 9),
    (
        "null handling",
        "binary_join_element_wise(s, t, '', null_handling='skip')",
        "must be one of emit_null, replace",
        35,
    ),
    ("week start", "day_of_week(d, week_start=0)", "week_start must be from 1 to 7", 15),
    ("cast to what", "cast(s, 'int')", 'cast: unknown type "int"; write int64', 0),
    (
        "cast to nothing near",
        "cast(s, 'zzz')",
        'cast: unknown type "zzz"; the types are string, int64, float64, decimal(10,2), bool',
        0,
    ),
    ("cast to json", "cast(s, 'json')", "nothing can be cast to json; write one of string, int64", 0),
    ("cast to 39 digits", "cast(s, 'decimal(39,0)')", "a decimal has 1 to 38 digits", 0),
    ("cast from date", "cast(d, 'int64')", "cannot cast date to int64; it can be cast to string, timestamp", 5),
)


@pytest.mark.parametrize(("text", "message", "offset"), MISTAKES)
def test_mistakes_say_what_is_wrong_and_where(text, message, offset):
    """A mistake is one line with the remedy, and the place of what is wrong."""
    caught = error(text)
    assert message in caught.message
    assert caught.column_offset == offset
    assert str(caught) == f"{caught.message} (at character {offset + 1})"
    assert "\n" not in str(caught)


@pytest.mark.parametrize(
    ("text", "message"),
    table(
        ("number", "i + 1", "`where` takes true or false, not int64; compare it, e.g. with `!= 0`"),
        ("text", "'x'", "`where` takes true or false, not the text 'x'"),
        ("auto", "a", "`where` takes true or false, not text; column 'a' has no type"),
        ("None", "None", "the expression is always null, which has no type"),
        ("mistake", "i ==", "invalid syntax"),
    ),
)
def test_a_condition_is_true_or_false(text, message):
    """A `where` of any other type is a mistake."""
    assert message in error(text, compiled=compile_condition).message
    assert compile_condition("i == 1", COLUMNS).type == Type("bool")


@pytest.mark.parametrize(
    ("text", "expected"),
    table(
        ("plain", "i == nope", "i == nope\n     ^"),
        ("wide letters", "'下下' == nope", "'下下' == nope\n          ^"),
        ("combining letters", "'e\u0301' == nope", "'e\u0301' == nope\n       ^"),
        ("a tab", "\tnope", "?nope\n ^"),
        ("a later line", "(i == 1\n or nope\n)", " or nope\n    ^"),
        ("a later line of Windows", "(i == 1\r\n or nope\r\n)", " or nope\n    ^"),
        ("empty", "", "\n^"),
        (
            "a long line",
            "i == 1 or " * 20 + "nope" + " or i == 1" * 20,
            f"{('i == 1 or ' * 5)}nope{' or i == 1' * 4} or i \n{' ' * 50}^",
        ),
    ),
)
def test_rendered(text, expected):
    """The line with the place is shown, cut where it is long, and the caret stands under the place."""
    assert error(text).render() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    table(
        ("parentheses", "(" * 5_000 + "i" + ")" * 5_000, "the expression is longer than 10000 characters"),
        ("fewer parentheses", "(" * 4_000 + "i" + ")" * 4_000, "the expression nests deeper than 100 levels"),
        ("not", "not " * 2_400 + "b", "the expression nests deeper than 100 levels"),
        ("few not", "not " * 150 + "b", "the expression nests deeper than 100 levels"),
        ("minus", "-" * 9_990 + "i", "the expression nests deeper than 100 levels"),
        ("plus", "+".join("i" * 10_000), "the expression is longer than 10000 characters"),
        ("fewer plus", "+".join("i" * 4_900), "the expression nests deeper than 100 levels"),
        ("power", "**".join("i" * 3_000), "the expression nests deeper than 100 levels"),
        ("if", "i if b else " * 700 + "i", "the expression nests deeper than 100 levels"),
        ("calls", "utf8_upper(" * 190 + "s" + ")" * 190, "the expression nests deeper than 100 levels"),
        ("brackets", "[" * 3_000, "the expression nests deeper than 100 levels"),
        ("dots", "s" + ".a" * 4_000, "the expression nests deeper than 100 levels"),
        ("lambdas", "lambda:" * 1_400 + "i", "the expression nests deeper than 100 levels"),
        ("list", f"i in ({', '.join(['1'] * 1_001)})", "the list has more than 1000 values"),
    ),
)
def test_limits(text, message):
    """Text that would exhaust the parser, the stack or the memory is one clear error."""
    caught = error(text)
    assert caught.message == message
    assert 0 <= caught.column_offset <= len(text)


def test_what_is_within_the_limits_runs():
    """The deepest trees and the longest lists that are allowed compile and run, with stack to spare for the caller."""
    assert value("not " * 98 + "b", b=True) is True
    assert value("+".join(["i"] * 98), i=1) == 98
    assert value("i if j == 0 else " * 49 + "i // j", i=7, j=2) == 3
    assert value(f"i in ({', '.join(map(str, range(1_000)))})", i=999) is True


def test_imports_stay_light():
    """No expression brings in what costs a cold start: neither `pyarrow.compute` nor numpy."""
    rows = [row.values[0] for row in [*COMPARISONS, *LOGIC, *ARITHMETIC, *CASTS]]
    texts = rows + [example[0] for name in EXAMPLES for example in EXAMPLES[name]]
    types = {name: (kind.kind, kind.unit, kind.precision, kind.scale) for name, kind in COLUMNS.items()}
    script = """
import json, sys
import pyarrow as pa
from fastxform.datatypes.logical import Type, arrow_type
from fastxform.query.compiler import compile_expression
texts, types = json.load(sys.stdin)
types = {name: Type(*parts) for name, parts in types.items()}
columns = {name: pa.nulls(2, arrow_type(kind)) for name, kind in types.items()}
for text in texts:
    compile_expression(text, types).evaluate(columns, 2, 0)
print(json.dumps(sorted({"pyarrow.compute", "numpy", "difflib"} & sys.modules.keys())))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps([texts, types]), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


# -- which rows are refused


REFUSED = table(
    ("divisor", "i // j", {"i": [1, 2, None, 4], "j": [0, 1, 0, 0]}, [0, 3]),
    ("remainder", "i % j", {"i": [1, 2, None], "j": [0, 1, 0]}, [0]),
    ("least by minus one", "i // j", {"i": [-(2**63), 2], "j": [-1, 1]}, [0]),
    ("float divisor", "f / g", {"f": [1.0, 2.0, None, 0.0], "g": [0.0, 1.0, 0.0, 0.0]}, [0, 3]),
    ("float overflow", "f * g", {"f": [1e300, 2.0], "g": [1e300, 1.0]}, [0]),
    ("int overflow", "i * j", {"i": [2**40, 2, None], "j": [2**40, 1, 1]}, [0]),
    ("sum", "i + 1", {"i": [2**63 - 1, 2]}, [0]),
    ("power", "i ** j", {"i": [2, 2, 2], "j": [62, 63, 3]}, [1]),
    ("in a branch", "1 // i if j > 1 else i // j", {"i": [0, 0, 1, 5], "j": [2, 1, 0, 5]}, [0, 2]),
    ("in a junction", "j != 0 and i // j > 0", {"i": [1, 1, 1], "j": [0, 1, None]}, []),
    ("twice", "i // j + i // k", {"i": [1, 1, 1], "j": [0, 1, 1], "k": [1, 0, 1]}, [0, 1]),
    ("every row", "i // 0", {"i": [1, 2, None]}, [0, 1]),
    ("a constant", "1 // (i - i)", {"i": [1, 2]}, [0, 1]),
)


@pytest.mark.parametrize(("text", "values", "expected"), REFUSED)
def test_rows_that_are_refused_are_the_ones_that_raise_alone(text, values, expected):
    """And every other row has the value that it has without them."""
    kinds = {name: Type("float64") if name in "fg" else Type("int64") for name in values}
    expression = compile_expression(text, kinds)
    columns = {name: pa.array(column, arrow_type(kinds[name])) for name, column in values.items()}
    count = len(next(iter(values.values())))
    result, refused = expression.evaluate_rows(columns, count, NOW_MS)
    assert refused == expected
    for row in range(count):
        alone = {name: column.slice(row, 1) for name, column in columns.items()}
        if row in expected:
            with pytest.raises(pa.ArrowException):
                expression.evaluate(alone, 1, NOW_MS)
            assert result[row].as_py() is None
        else:
            assert expression.evaluate(alone, 1, NOW_MS)[0] == result[row] or not result[row].is_valid
