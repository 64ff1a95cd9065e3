"""Single records of at most 1 MB that are made to cost as much as they can, each with the transform it is meant for.

What they cost is measured by `python -m dev.hostile`, in a process for each; `tests/test_ceilings.py` bounds it.
Invariant: a name says what the record is, and the same name is the same bytes.
"""

import gzip

from hostile_batches import BATCHES
from hostile_layers import LAYERS
from hostile_order import OUT_OF_ORDER
from hostile_parts import (
    DYNAMODB,
    JSON_OUT,
    LOGS,
    MANY,
    MB,
    Hostile,
    change,
    columns,
    gigabyte,
    lines,
    message,
    zstd,
)
from hostile_values import VALUES

EXPRS = "[columns]\n" + 'a = { path = "a", type = "int64" }\nb = { path = "b", type = "int64" }\n'
TEN = EXPRS + "".join(f'e{i} = {{ expr = "a // b + {i}" }}\n' for i in range(10))
DATES = columns(3, "date", "d*")

_RECORDS = [
    # -- compressed
    Hostile("gzip of 64 MB of zeros", columns(1), lambda: gigabyte(gzip.compress)),
    Hostile("gzip of 16 MiB of zeros", columns(1), lambda: gzip.compress(bytes(1 << 24))),
    Hostile(
        "gzip of 16 MiB of spaces in an object", columns(1), lambda: gzip.compress(b"{" + b" " * 16_000_000 + b"}")
    ),
    Hostile(
        "gzip of one text of 16 MB, one column", columns(1), lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 16_000_000))
    ),
    Hostile(
        "gzip of one text of 16 MB, ten columns",
        columns(10),
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 16_000_000)),
    ),
    Hostile(
        "gzip of one text of 16 MB, ten JSON columns",
        JSON_OUT + columns(10),
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 16_000_000)),
    ),
    Hostile(
        "gzip of one text of 5 MB of escapes, JSON",
        JSON_OUT + columns(1),
        lambda: gzip.compress(b'{"a":"%s"}' % (b"\\u0001" * 900_000)),
    ),
    Hostile(
        "gzip of an object of 16 MB as JSON, ten columns",
        JSON_OUT + columns(10),
        lambda: gzip.compress(b'{"a":[%s0]}' % (b"0," * 8_000_000)),
    ),
    Hostile("gzip of {} lines, one column", MANY + columns(1), lambda: gzip.compress(lines(b"{}", 16 * MB))),
    Hostile(
        "gzip of {} lines, ten columns", MANY + columns(10, path="a*"), lambda: gzip.compress(lines(b"{}", 16 * MB))
    ),
    Hostile(
        "gzip of 100,000 {} lines, thirty columns",
        MANY + columns(30, path="a*"),
        lambda: gzip.compress(b"{}\n" * 100_000),
    ),
    Hostile(
        "gzip of 100,000 {} lines, thirty columns, JSON",
        JSON_OUT + MANY + columns(30, path="a*"),
        lambda: gzip.compress(b"{}\n" * 100_000),
    ),
    Hostile("gzip of 16 MB of blank lines", MANY + columns(1), lambda: gzip.compress(b" \n" * 8_000_000)),
    Hostile("gzip of {} without lines", MANY + columns(1), lambda: gzip.compress(b"{}" * 8_000_000)),
    Hostile(
        "gzip of rows whose expression fails", MANY + TEN, lambda: gzip.compress(lines(b'{"a":1,"b":0}', 1_300_000))
    ),
    Hostile(
        "gzip of rows, one in 18 of whose expressions fails",
        MANY + TEN,
        lambda: gzip.compress(lines(b'{"a":1,"b":1}\n' * 17 + b'{"a":1,"b":0}', 1_300_000)),
    ),
    Hostile(
        "gzip of rows, one in 18 with a wrong type",
        MANY + columns(3, "int64", "a"),
        lambda: gzip.compress(lines(b'{"a":1}\n' * 17 + b'{"a":"x"}', 800_000)),
    ),
    Hostile(
        "gzip of rows, the last with a wrong type",
        MANY + columns(3, "int64", "a"),
        lambda: gzip.compress(b'{"a":1}\n' * 99_999 + b'{"a":"x"}'),
    ),
    Hostile(
        "gzip of rows of 30 February",
        MANY + DATES,
        lambda: gzip.compress(lines(b'{"d0":"2024-02-30","d1":"2024-02-30","d2":"2024-02-30"}', 5_000_000)),
    ),
    Hostile("50,000 gzip members", columns(1), lambda: b"".join([gzip.compress(b" ")] * 45_000)[:MB]),
    Hostile("gzip that is cut off", columns(1), lambda: gzip.compress(bytes(1 << 24))[:-9]),
    Hostile("gzip in gzip", columns(1), lambda: gzip.compress(gzip.compress(b'{"a":1}'))),
    Hostile("zstd of 64 MB", columns(1), lambda: gigabyte(zstd)),
    Hostile("zstd of 16 MiB and a byte", columns(1), lambda: zstd(bytes((1 << 24) + 1))),
    Hostile("zstd that is cut off", columns(1), lambda: zstd(bytes(1 << 24))[:-3]),
    Hostile("100,000 zstd frames", columns(1), lambda: (zstd(b"") * 111_000)[:MB]),
    # -- CloudWatch
    Hostile(
        "message of five million {} events", LOGS + columns(1, path="id"), lambda: message(",".join(["{}"] * 5_000_000))
    ),
    Hostile(
        "message of 100,000 {} events, thirty columns",
        LOGS + columns(30, path="m*"),
        lambda: message(",".join(["{}"] * 100_000)),
    ),
    Hostile(
        "message of 100,000 {} events, JSON",
        JSON_OUT + LOGS + columns(30, path="m*"),
        lambda: message(",".join(["{}"] * 100_000)),
    ),
    Hostile(
        "message of a group of 100 KB, 100,000 events",
        LOGS + columns(1, path="logGroup"),
        lambda: message(",".join(["{}"] * 100_000), "g" * 100_000),
    ),
    Hostile(
        "message of five million numbers", LOGS + columns(1, path="id"), lambda: message(",".join(["0"] * 5_000_000))
    ),
    Hostile(
        "message of 100,000 odd events",
        LOGS + columns(3, "int64", "timestamp"),
        lambda: message(",".join(['{"timestamp":-0}'] * 100_000)),
    ),
    Hostile(
        "message of 100,000 events, the last odd",
        LOGS + columns(3, "int64", "timestamp"),
        lambda: message(",".join(['{"timestamp":1}'] * 99_999 + ['{"timestamp":[]}'])),
    ),
    Hostile(
        "message of one event of 15 MB",
        LOGS + columns(2, path="message"),
        lambda: message('{"message":"%s"}' % ("x" * 15 * MB)),
    ),
    Hostile(
        "message of events in 200 members",
        LOGS + columns(20, path="message"),
        lambda: message(",".join(["{" + ",".join(f'"m{i}":{i}' for i in range(200)) + "}"] * 5_000)),
    ),
    # -- raw
    Hostile("1 MB of {} lines, thirty columns", MANY + columns(30, path="a*"), lambda: lines(b"{}", MB)),
    Hostile("1 MB of one number a line", MANY + columns(3, "float64"), lambda: lines(b'{"a":1e1}', MB)),
    Hostile("nesting of 500,000 lists", columns(1), lambda: b'{"a":' + b"[" * 490_000 + b"]" * 490_000 + b"}"),
    Hostile(
        "nesting of 511 lists, again and again",
        columns(3),
        lambda: b'{"a":[%s0]}' % ((b"[" * 500 + b"]" * 500 + b",") * 990),
    ),
    Hostile("brackets in a text", columns(3), lambda: b'{"a":"%s"}' % (b"[" * 990_000)),
    Hostile("a document that is cut off", columns(3), lambda: b'{"a":[' + b'{"b":1},' * 120_000),
    Hostile("a text of 990,000 quotes", columns(3), lambda: b'{"a":"%s"}' % (b'\\"' * 490_000)),
    Hostile("a text of 990,000 line feeds, JSON", JSON_OUT + columns(3), lambda: b'{"a":"%s"}' % (b"\\n" * 490_000)),
    Hostile(
        "a text of control characters, JSON", JSON_OUT + columns(3), lambda: b'{"a":"%s"}' % (b"\\u0001" * 160_000)
    ),
    Hostile(
        "formulas and quotes, all escaped",
        'output = { escape_formulas = true, newlines = "escape" }\n' + columns(3),
        lambda: b'{"a":"=%s"}' % (b'\\"\\n,' * 190_000),
    ),
    Hostile("a number of 990,000 digits", columns(3, "int64"), lambda: b'{"a":%s}' % (b"9" * 990_000)),
    Hostile("a decimal of 990,000 digits", columns(3, "decimal(38,9)"), lambda: b'{"a":%s}' % (b"9" * 990_000)),
    Hostile("a float of 990,000 digits", columns(3, "float64"), lambda: b'{"a":0.%s}' % (b"9" * 990_000)),
    Hostile("a number of exponent 990,000 digits", columns(3, "float64"), lambda: b'{"a":1e%s}' % (b"9" * 990_000)),
    Hostile(
        "a time of 990,000 fraction digits",
        columns(3, "timestamp[us]"),
        lambda: b'{"a":"2024-01-01T00:00:00.%sZ"}' % (b"1" * 990_000),
    ),
    Hostile("bytes of 990,000 base64 characters", columns(3, "binary"), lambda: b'{"a":"%s"}' % (b"QUJD" * 247_000)),
    Hostile(
        "a zero and 18,000 UUIDs with -0",
        columns(1, "int64"),
        lambda: b'{"a":0,"u":["%s"]}' % b'","'.join(b"%08x-0a4b-0a00" % i for i in range(40_000)),
    ),
    Hostile("60,000 members of one name", columns(3), lambda: b"{%s}" % b",".join([b'"a":1'] * 160_000)),
    Hostile(
        "100,000 members that nobody wants",
        columns(3),
        lambda: b"{%s}" % b",".join(b'"k%d":1' % i for i in range(80_000)),
    ),
    Hostile(
        "100,000 members as a JSON column",
        columns(3, "json", "o"),
        lambda: b'{"o":{%s}}' % b",".join(b'"k%d":1' % i for i in range(80_000)),
    ),
    Hostile(
        "200 nested columns",
        columns(200, path="a.b.c.d.e.f*"),
        lambda: b'{"a":{"b":{"c":{"d":{"e":{%s}}}}}}' % b",".join(b'"f%d":[1,2,{}]' % i for i in range(60_000)),
    ),
    Hostile(
        "200 columns of odd shapes",
        columns(200, path="a.f*"),
        lambda: b'{"a":{%s}}' % b",".join(b'"f%d":-0' % i for i in range(70_000)),
    ),
    Hostile(
        "a list to be searched",
        columns(3, path="h[?n=='x'].v | [0]"),
        lambda: b'{"h":[%s]}' % b",".join([b'{"n":"y","v":1}'] * 60_000),
    ),
    Hostile(
        "a JMESPath of every element",
        columns(3, path="length(h[*].n)"),
        lambda: b'{"h":[%s]}' % b",".join([b'{"n":"y","v":1}'] * 60_000),
    ),
    Hostile(
        "a JMESPath that sorts",
        columns(3, path="sort(h)[0]"),
        lambda: b'{"h":[%s]}' % b",".join(b"%d" % ((i * 7919) % 100_003) for i in range(150_000)),
    ),
    Hostile("text that is no UTF-8 at its end", columns(3), lambda: b'{"a":"%s\xff"}' % (b"x" * 990_000)),
    Hostile("text that is no UTF-8, again and again", columns(3), lambda: b'{"a":"%s"}' % (b"\xff" * 990_000)),
    Hostile("half surrogate pairs", columns(3), lambda: b'{"a":"%s"}' % (b"\\ud800" * 160_000)),
    Hostile(
        "a regular expression over 990,000 characters",
        columns(3, "string", more=", pattern = '(a|aa|aaa)*b'"),
        lambda: b'{"a":"%s"}' % (b"a" * 990_000),
    ),
    Hostile(
        "text in upper case and back, ten times",
        '[columns]\na = { path = "a", type = "string" }\n'
        + "".join(f'e{i} = {{ expr = "utf8_reverse(utf8_upper(a))" }}\n' for i in range(5)),
        lambda: b'{"a":"%s"}' % ("ß".encode() * 490_000),
    ),
    # -- DynamoDB
    Hostile(
        "an item of 60,000 attributes",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a*"),
        lambda: change(",".join(f'"a{i}":{{"S":"x"}}' for i in range(50_000))),
    ),
    Hostile(
        "an item of 300 KB with one malformed attribute",
        DYNAMODB + columns(10, path="dynamodb.NewImage.a*"),
        lambda: change('"a0":{"N":"x"},' + ",".join(f'"a{i}":{{"L":[{{"S":"x"}}]}}' for i in range(1, 30_000))),
    ),
    Hostile(
        "an item as JSON",
        DYNAMODB + columns(3, "json", "dynamodb.NewImage"),
        lambda: change(",".join(f'"a{i}":{{"M":{{"b":{{"N":"1.0"}}}}}}' for i in range(25_000))),
    ),
    Hostile(
        "an item without columns",
        DYNAMODB + JSON_OUT,
        lambda: change(",".join(f'"a{i}":{{"M":{{"b":{{"N":"1.0"}}}}}}' for i in range(25_000))),
    ),
    Hostile(
        "a set of 100,000 numbers",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a"),
        lambda: change('"a":{"NS":[' + ",".join(f'"{i}"' for i in range(100_000)) + "]}"),
    ),
    Hostile(
        "base64 in two layers",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a"),
        lambda: change('"a":{"B":"%s"}' % ("UVVKRA==" * 120_000)),
    ),
    # -- documents
    Hostile("a document as it is", JSON_OUT, lambda: b'{"a":[%s]}' % b",".join([b'{"n":"y","v":1.50}'] * 50_000)),
    Hostile(
        "a document of 16 MB as it is",
        JSON_OUT,
        lambda: gzip.compress(b'{"a":[%s]}' % b",".join([b'{"n":"y","v":1.50}'] * 800_000)),
    ),
]

RECORDS = [*_RECORDS, *VALUES, *LAYERS, *OUT_OF_ORDER]

__all__ = ["BATCHES", "RECORDS", "Hostile"]
