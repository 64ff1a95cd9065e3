"""Records that fail, or are odd, in each of their rows, beside as many bytes of rows in good order."""

import gzip

from hostile_parts import LOGS, MANY, Hostile, columns, message

ROWS = 25_000
TWO = '[columns]\na = { path = "a", type = "int64" }\nb = { path = "b", type = "int64" }\n'
FUNCTIONS = {
    "division by zero": ("a // b", b'{"a":7,"b":0}', b'{"a":7,"b":3}'),
    "a remainder by zero": ("a % b", b'{"a":7,"b":0}', b'{"a":7,"b":3}'),
    "int64 overflow": ("a * b", b'{"a":9000000000000000000,"b":9}', b'{"a":9000000000000000000,"b":1}'),
    "int64 overflow of a sum": (
        "a + b",
        b'{"a":9000000000000000000,"b":9000000000000000000}',
        b'{"a":1000000000000000000,"b":1000000000000000000}',
    ),
    "a power that overflows": ("a ** b", b'{"a":99,"b":99}', b'{"a":99,"b":02}'.replace(b"02", b" 2")),
    "a cast that fails": ("to_int(s)", b'{"s":"x1"}', b'{"s":"11"}'),
    "a text to a time": ("to_timestamp(s)", b'{"s":"2024-02-30T00:00:00Z"}', b'{"s":"2024-02-20T00:00:00Z"}'),
}


def rows(row: bytes, count: int = ROWS) -> bytes:
    return gzip.compress((row + b"\n") * count)


def typed(kind: str, bad: bytes, good: bytes, what: str) -> Hostile:
    """A column of a type in three columns, whose values do not fit, or are odd."""
    line = b'{"a":%s}'
    return Hostile(
        f"25,000 rows of {what} as {kind}",
        MANY + 'bad_rows = "drop"\n' + columns(3, kind),
        lambda: rows(line % bad),
        lambda: rows(line % good),
    )


OUT_OF_ORDER = [
    typed("date", b'"2024-02-30"', b'"2024-02-20"', "30 February"),
    typed("timestamp[us]", b'"2024-02-30T00:00:00Z"', b'"2024-02-20T00:00:00Z"', "30 February"),
    typed("timestamp[ms]", b'"2024-02-20T00:00:00.123456789Z"', b'"2024-02-20T00:00:00.123456Z"', "nanoseconds"),
    typed("timestamp[ms]", b"-1", b"10", "times before 1970"),
    typed("int64", b'"9999999999999999999"', b'"1999999999999999999"', "too large texts"),
    typed("int64", b"9999999999999999999", b"1999999999999999999", "too large numbers"),
    typed("int64", b"1e3", b"100", "numbers with an exponent"),
    typed("int64", b"-0", b"10", "-0"),
    typed("int64", b'"x1"', b'"11"', "words"),
    typed("float64", b'"1e999"', b'"1e199"', "infinite texts"),
    typed("float64", b'"xxxx"', b'"1.25"', "words"),
    typed("decimal(38,2)", b'"1.255"', b'"11.25"', "too many digits"),
    typed("decimal(38,2)", b'"1e2"', b'"100"', "exponents"),
    typed("bool", b'"true"', b"  true", "words"),
    typed("binary", b'"!!!!"', b'"AAAA"', "no base64"),
    typed("string", b'{"x":{}}', b'"x      "', "objects"),
    typed("json", b"-0", b"10", "-0"),
    Hostile(
        "25,000 rows of objects as auto",
        MANY + columns(3),
        lambda: rows(b'{"a":{"x":1}}'),
        lambda: rows(b'{"a":"xxxxx"}'),
    ),
    Hostile(
        "25,000 rows of objects that are missing",
        MANY + columns(3, path="a.b.c"),
        lambda: rows(b'{"a":[1,2,3,4,5]}'),
        lambda: rows(b'{"a":{"b":{"c":1}}}'),
    ),
    Hostile(
        "25,000 rows of a pattern that fails",
        MANY + 'bad_rows = "drop"\n' + columns(3, "string", more=", pattern = '[a-z]+'"),
        lambda: rows(b'{"a":"XXXX"}'),
        lambda: rows(b'{"a":"xxxx"}'),
    ),
    Hostile(
        "25,000 rows that lack what is required",
        MANY + 'bad_rows = "drop"\n' + columns(3, more=", required = true"),
        lambda: rows(b'{"b":"XXXX"}'),
        lambda: rows(b'{"a":"xxxx"}'),
    ),
    Hostile(
        "25,000 rows that are broken",
        MANY + 'bad_rows = "drop"\n' + columns(3),
        lambda: rows(b'{"a":"XXXX"'),
        lambda: rows(b'{"a":"xxx"}'),
    ),
    *(
        Hostile(
            f"25,000 rows of {what} in ten expressions",
            MANY
            + 'bad_rows = "drop"\n'
            + TWO
            + 's = { path = "s", type = "string" }\n'
            + "".join(f'e{i} = {{ expr = "{expr}" }}\n' for i in range(10)),
            lambda bad=bad: rows(bad),
            lambda good=good: rows(good),
        )
        for what, (expr, bad, good) in FUNCTIONS.items()
    ),
    Hostile(
        "25,000 rows, one in 18 of whose divisions is by zero",
        MANY + 'bad_rows = "drop"\n' + TWO + "".join(f'e{i} = {{ expr = "a // b" }}\n' for i in range(10)),
        lambda: gzip.compress((b'{"a":1,"b":1}\n' * 17 + b'{"a":1,"b":0}\n') * 1_390),
        lambda: rows(b'{"a":1,"b":1}'),
    ),
    Hostile(
        "message of 25,000 odd events",
        LOGS + columns(3, "int64", "timestamp"),
        lambda: message(",".join(['{"timestamp":-0}'] * ROWS)),
        lambda: message(",".join(['{"timestamp":10}'] * ROWS)),
    ),
]
