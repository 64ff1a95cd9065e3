"""Records of as many values as fit 16 MB, where values are read one by one, or become Python objects all at once."""

import gzip

from hostile_parts import DYNAMODB, JSON_OUT, LOGS, MANY, Hostile, change, columns, message

HUGE = 15_000_000


def filled(start: bytes, value: bytes, end: bytes, size: int = HUGE) -> bytes:
    """Return a gzip payload of a text with one value after the other in it."""
    count = size // (len(value) + 1)
    return gzip.compress(start + b",".join([value] * count) + end)


def members(value: bytes, size: int = 5_000_000) -> bytes:
    """Return a gzip payload of an object of members of different names."""
    count = size // (len(value) + 12)
    return gzip.compress(b"{" + b",".join(b'"k%d":%s' % (i, value) for i in range(count)) + b"}")


VALUES = [
    Hostile("gzip of five million {} in a list", columns(3), lambda: filled(b'{"a":[', b"{}", b"]}")),
    Hostile("gzip of five million [] in a list", columns(3), lambda: filled(b'{"a":[', b"[]", b"]}")),
    Hostile("gzip of five million {} as int64", columns(3, "int64"), lambda: filled(b'{"a":[', b"{}", b"]}")),
    Hostile("gzip of five million {} as text", columns(3, "string"), lambda: filled(b'{"a":[', b"{}", b"]}")),
    Hostile("gzip of five million {} as JSON", columns(3, "json"), lambda: filled(b'{"a":[', b"{}", b"]}")),
    Hostile(
        "gzip of ten JSON columns of an object of 5 MB",
        JSON_OUT + columns(10, "json"),
        lambda: filled(b'{"a":[', b"{}", b"]}", 5_000_000),
    ),
    Hostile("gzip of 380,000 members that nobody wants", columns(3), lambda: members(b"0")),
    Hostile(
        "gzip of 380,000 members around a -0",
        columns(3),
        lambda: gzip.compress(gzip.decompress(members(b"0"))[:-1] + b',"a":-0}'),
    ),
    Hostile("gzip of 380,000 members, nested paths", columns(9, path="k*.b.c"), lambda: members(b"0")),
    Hostile(
        "gzip of 380,000 members, looked for in a list", columns(3, path="k1[?n=='x'].v | [0]"), lambda: members(b"0")
    ),
    Hostile(
        "gzip of a list of a million to be searched",
        columns(3, path="h[?n=='x'].v | [0]"),
        lambda: filled(b'{"h":[', b'{"n":"y","v":1}', b"]}"),
    ),
    Hostile(
        "gzip of a list of five million {} to be searched",
        columns(3, path="h[?n=='x'].v | [0]"),
        lambda: filled(b'{"h":[', b"{}", b"]}"),
    ),
    Hostile(
        "gzip of five million {} for JMESPath",
        columns(3, path="length(h[*].n)"),
        lambda: filled(b'{"h":[', b"{}", b"]}"),
    ),
    Hostile("gzip of 380,000 members for JMESPath", columns(3, path="length(@)"), lambda: members(b"0")),
    Hostile(
        "480,000 numbers for JMESPath that sorts",
        columns(1, path="sort(h)[0]"),
        lambda: b'{"h":[%s1]}' % (b"9," * 480_000),
    ),
    Hostile(
        "a JMESPath of every pair",
        columns(1, path="h[?contains(@.l, `1`)] | length(@)"),
        lambda: b'{"h":[%s]}' % b",".join([b'{"l":[2,3,4,5,6,7,8,9]}'] * 40_000),
    ),
    Hostile(
        "gzip of an image of 8 MB",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a*"),
        lambda: gzip.compress(change(",".join(f'"a{i}":{{"S":""}}' for i in range(420_000)))),
    ),
    Hostile(
        "gzip of an image of 8 MB as JSON",
        DYNAMODB + columns(3, "json", "dynamodb.NewImage"),
        lambda: gzip.compress(change(",".join(f'"a{i}":{{"S":""}}' for i in range(420_000)))),
    ),
    Hostile(
        "gzip of an attribute of a million numbers",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a"),
        lambda: gzip.compress(change('"a":{"L":[' + ",".join(['{"N":"1"}'] * 1_400_000) + "]}")),
    ),
    Hostile(
        "gzip of a set of three million numbers",
        DYNAMODB + columns(3, path="dynamodb.NewImage.a"),
        lambda: gzip.compress(change('"a":{"NS":[' + ",".join(['"1"'] * 3_700_000) + "]}")),
    ),
    Hostile(
        "gzip of an image of 8 MB without columns",
        DYNAMODB + JSON_OUT,
        lambda: gzip.compress(change(",".join(f'"a{i}":{{"S":""}}' for i in range(420_000)))),
    ),
    Hostile(
        "gzip of numbers, JSON documents",
        MANY + JSON_OUT,
        lambda: gzip.compress(b'{"a":[%s0]}\n' % (b"0," * 7_000_000)),
    ),
    Hostile(
        "message of five million {} events, raw members",
        LOGS + columns(3),
        lambda: message(",".join(["{}"] * 4_000_000)),
    ),
    Hostile(
        "raw message of 330,000 {} events",
        LOGS + columns(3),
        lambda: gzip.decompress(message(",".join(["{}"] * 330_000))),
    ),
    Hostile(
        "raw message of 330,000 {} events, JSON",
        JSON_OUT + LOGS + columns(30, path="m*"),
        lambda: gzip.decompress(message(",".join(["{}"] * 330_000))),
    ),
    Hostile(
        "raw message of 50,000 events in a group of 900 KB",
        LOGS + columns(1, path="logGroup"),
        lambda: gzip.decompress(message(",".join(["{}"] * 30_000), "g" * 900_000)),
    ),
    Hostile("raw record of 1 MB for 30 columns", columns(30), lambda: b'{"a":"%s"}' % (b"x" * 990_000)),
    Hostile(
        "raw record of 1 MB for 30 columns, JSON", JSON_OUT + columns(30), lambda: b'{"a":"%s"}' % (b"x" * 990_000)
    ),
    Hostile(
        "raw record of 300 KB for 30 expressions",
        JSON_OUT
        + '[columns]\na = { path = "a", type = "string" }\n'
        + "".join(f'e{i} = {{ expr = "utf8_upper(a) + a" }}\n' for i in range(30)),
        lambda: b'{"a":"%s"}' % (b"x" * 300_000),
    ),
    Hostile(
        "gzip of a text repeated by expressions",
        '[columns]\na = { path = "a", type = "string" }\n'
        + "".join(f'e{i} = {{ expr = "{"a" if i == 0 else f"e{i - 1} + e{i - 1}"}" }}\n' for i in range(12)),
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 500_000)),
    ),
    Hostile(
        "a text replaced by a longer one",
        '[columns]\na = { path = "a", type = "string" }\n'
        + f"e = {{ expr = \"replace_substring(a, pattern='x', replacement='{'y' * 100}')\" }}\n",
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 3_000_000)),
    ),
]
