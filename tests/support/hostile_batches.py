"""Batches of hostile records: what is in hand at once is bounded, however many there are of them."""

import gzip

from hostile_parts import JSON_OUT, LOGS, MANY, MB, Hostile, columns, lines, message, zstd

BATCHES = [
    Hostile("130 texts of 16 MB in zstd", columns(1), lambda: zstd(b'{"a":"%s"}' % (b"x" * 16_000_000)), copies=130),
    Hostile("130 texts of 5 MB in zstd", columns(1), lambda: zstd(b'{"a":"%s"}' % (b"x" * 5_000_000)), copies=130),
    Hostile(
        "130 texts of 500 KB in gzip, ten columns",
        JSON_OUT + columns(10),
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 500_000)),
        copies=130,
    ),
    Hostile(
        "10 records of {} lines", MANY + columns(10, path="a*"), lambda: gzip.compress(lines(b"{}", 16 * MB)), copies=10
    ),
    Hostile(
        "10 records of 100,000 {} lines",
        MANY + columns(30, path="a*"),
        lambda: gzip.compress(b"{}\n" * 100_000),
        copies=10,
    ),
    Hostile(
        "10 messages of 100,000 {} events",
        LOGS + columns(30, path="m*"),
        lambda: message(",".join(["{}"] * 100_000)),
        copies=10,
    ),
    Hostile(
        "10 messages of five million {} events",
        LOGS + columns(3),
        lambda: message(",".join(["{}"] * 5_000_000)),
        copies=10,
    ),
    Hostile(
        "40 raw records of 150 KB for 30 columns",
        JSON_OUT + columns(30),
        lambda: b'{"a":"%s"}' % (b"x" * 150_000),
        copies=40,
    ),
    Hostile(
        "100 documents of 5 MB as they are",
        JSON_OUT,
        lambda: gzip.compress(b'{"a":"%s"}' % (b"x" * 5_000_000)),
        copies=100,
    ),
    Hostile(
        "20 records of explode of 100,000",
        '[explode]\npath = "h"\nas = "item"\n' + columns(3, path="item"),
        lambda: gzip.compress(b'{"h":[%s0]}' % (b"0," * 99_998)),
        copies=20,
    ),
    Hostile("100 texts of 5 MB", 'source = "text"\n', lambda: gzip.compress(b"x" * 5_000_000), copies=100),
    Hostile(
        "100 texts of 100,000 lines",
        'source = "text"\ndocuments = "many"\n',
        lambda: gzip.compress(b"x" * 40 + b"\n" * 99_998),
        copies=100,
    ),
]
