"""Records that hold many documents, lists to be exploded, texts to be parsed, and lines of text."""

import gzip
import json

from hostile_parts import DYNAMODB, JSON_OUT, LOGS, MANY, Hostile, change, columns, lines, message

EXPLODE = '[explode]\npath = "h"\nas = "item"\n'


def explode(path: str = "h") -> str:
    return f'[explode]\npath = "{path}"\nas = "item"\n'


def parse(how: str, of: str = "message") -> str:
    return f'[parse.log]\nof = "{of}"\n{how}\n'


def listed(element: bytes, count: int) -> bytes:
    return b"[" + b",".join([element] * count) + b"]"


def holding(element: bytes, count: int) -> bytes:
    return b'{"h":' + listed(element, count) + b"}"


def events(text: str, count: int) -> bytes:
    return message(",".join([json.dumps({"id": "1", "timestamp": 1, "message": text})] * count))


CSV = 'format = "csv"\nfields = ["a", "b", "c"]'
REGEX = "format = \"regex\"\npattern = '(?P<a>[a-z]*)*(?P<b>.*)x'"

LAYERS = [
    Hostile('gzip of eight million "" in a row', MANY + columns(1), lambda: gzip.compress(b'""' * 8_000_000)),
    Hostile('gzip of five million "" in a list', MANY + columns(1), lambda: gzip.compress(listed(b'""', 5_000_000))),
    Hostile('gzip of five million "" in lines', MANY + columns(1), lambda: gzip.compress(b'""\n' * 5_000_000)),
    Hostile("gzip of five million {} in lines", MANY + columns(1), lambda: gzip.compress(b"{}\n" * 5_000_000)),
    Hostile(
        "gzip of five million {} with commas", MANY + columns(1), lambda: gzip.compress(b"{}," * 5_000_000 + b"{}")
    ),
    Hostile("gzip of a list of a million {}", MANY + columns(1), lambda: gzip.compress(listed(b"{}", 1_000_000))),
    Hostile(
        "gzip of a list of 100,000 {}", MANY + columns(30, path="a*"), lambda: gzip.compress(listed(b"{}", 100_000))
    ),
    Hostile(
        "gzip of 100,000 {} in a row, thirty columns",
        MANY + columns(30, path="a*"),
        lambda: gzip.compress(b"{}" * 100_000),
    ),
    Hostile("gzip of 99,999 {} and a broken one", MANY + columns(3), lambda: gzip.compress(b"{}" * 99_999 + b"{")),
    Hostile("gzip of 99,999 lines and a broken one", MANY + columns(3), lambda: gzip.compress(b"{}\n" * 99_999 + b"{")),
    Hostile(
        "gzip of broken lines, left out",
        MANY + 'bad_rows = "drop"\n' + columns(3),
        lambda: gzip.compress(b"{\n" * 99_999 + b"{}"),
    ),
    Hostile(
        "gzip of five million broken lines, left out",
        MANY + 'bad_rows = "drop"\n' + columns(3),
        lambda: gzip.compress(b"{\n" * 5_000_000 + b"{}"),
    ),
    Hostile(
        "gzip of lines of 150 bytes, 30 columns",
        MANY + columns(30),
        lambda: gzip.compress(lines(b'{"a":"%s"}' % (b"x" * 140), 14_000_000)),
    ),
    Hostile(
        "gzip of lines of 16 MB, documents as they are",
        MANY + JSON_OUT,
        lambda: gzip.compress(lines(b'{"a":"%s"}' % (b"x" * 140), 14_000_000)),
    ),
    # -- explode
    Hostile(
        "explode of a million elements",
        explode() + columns(3, path="item"),
        lambda: gzip.compress(holding(b"0", 1_000_000)),
    ),
    Hostile(
        'explode of five million ""',
        explode() + columns(3, path="item"),
        lambda: gzip.compress(holding(b'""', 5_000_000)),
    ),
    Hostile(
        "explode of five million {}",
        explode() + columns(3, path="item.a"),
        lambda: gzip.compress(holding(b"{}", 5_000_000)),
    ),
    Hostile(
        "explode of 100,000 {}, thirty columns",
        explode() + columns(30, path="item.a*"),
        lambda: gzip.compress(holding(b"{}", 100_000)),
    ),
    Hostile(
        "explode of 100,000 {}, thirty columns, JSON",
        JSON_OUT + explode() + columns(30, path="item.a*"),
        lambda: gzip.compress(holding(b"{}", 100_000)),
    ),
    Hostile("raw explode of 490,000 elements", explode() + columns(3, path="item"), lambda: holding(b"0", 490_000)),
    Hostile(
        "raw explode of 29,000 {}, thirty columns",
        explode() + columns(30, path="item.a*"),
        lambda: holding(b"{}", 29_000),
    ),
    Hostile(
        "explode of an object of 400,000 members",
        explode() + columns(3, path="item.value"),
        lambda: gzip.compress(b'{"h":{' + b",".join(b'"%d":0' % i for i in range(400_000)) + b"}}"),
    ),
    Hostile(
        "explode beside a text of 100 KB",
        explode() + columns(1, path="a") + 'i = "item"\n',
        lambda: gzip.compress(b'{"a":"%s",' % (b"x" * 100_000) + holding(b"0", 99_000)[1:]),
    ),
    Hostile(
        "explode of a list in each of 1,000 lines",
        MANY + explode() + columns(3, path="item"),
        lambda: gzip.compress(lines(holding(b"0", 1_000), 5_000_000)),
    ),
    Hostile(
        "explode of lists of broken values",
        explode() + columns(3, "int64", "item"),
        lambda: gzip.compress(holding(b'"x"', 99_999)),
    ),
    Hostile(
        "explode of a DynamoDB list of a million",
        DYNAMODB + explode("dynamodb.NewImage.a") + columns(3, path="item"),
        lambda: gzip.compress(change('"a":{"L":[' + ",".join(['{"N":"1"}'] * 1_000_000) + "]}")),
    ),
    Hostile(
        "explode of a DynamoDB list of 60,000",
        DYNAMODB + explode("dynamodb.NewImage.a") + columns(3, path="item"),
        lambda: change('"a":{"L":[' + ",".join(['{"N":"1"}'] * 60_000) + "]}"),
    ),
    Hostile(
        "explode of a DynamoDB list of 15,000 maps",
        DYNAMODB + explode("dynamodb.NewImage.a") + columns(30, path="item.b*"),
        lambda: change('"a":{"L":[' + ",".join(['{"M":{"b1":{"N":"1"},"c":{"L":[{"NULL":true}]}}}'] * 15_000) + "]}"),
    ),
    # -- parse
    Hostile(
        "message of 100,000 events of JSON",
        LOGS + parse('format = "json"') + columns(10, path="log.a*"),
        lambda: events('{"a1":1}', 99_999),
    ),
    Hostile(
        "message of 100,000 events of -0 in JSON",
        LOGS + parse('format = "json"') + columns(3, "int64", path="log.a"),
        lambda: events('{"a":-0}', 99_999),
    ),
    Hostile(
        "message of 100,000 events of broken JSON",
        LOGS + parse('format = "json"\ninvalid = "null"') + columns(10, path="log.a*"),
        lambda: events('{"a1":1', 99_999),
    ),
    Hostile(
        "message of 100,000 events, CSV", LOGS + parse(CSV) + columns(10, path="log.b"), lambda: events("a,b,c", 99_999)
    ),
    Hostile(
        "message of 100,000 events, quoted CSV",
        LOGS + parse(CSV + "\ninvalid = 'null'") + columns(10, path="log.b"),
        lambda: events('"a","b","c', 99_999),
    ),
    Hostile(
        "message of 100,000 events, logfmt",
        LOGS + parse('format = "logfmt"') + columns(10, path="log.a*"),
        lambda: events('a1=1 a2="x y" a3', 99_999),
    ),
    Hostile(
        "message of 100,000 events, a pattern",
        LOGS + parse(REGEX) + columns(3, path="log.b"),
        lambda: events("abcabcabcabc x", 99_999),
    ),
    Hostile(
        "message of a line for a pattern of 900 KB",
        LOGS + parse(REGEX) + columns(3, path="log.b"),
        lambda: events("a" * 900_000, 1),
    ),
    Hostile(
        "gzip of a text of 16 MB of commas",
        'source = "text"\n' + parse(CSV, "text") + columns(3, path="log.b"),
        lambda: gzip.compress(b"," * 15_000_000),
    ),
    Hostile(
        "gzip of a text of 4 MB of pairs",
        'source = "text"\n' + parse('format = "logfmt"', "text") + columns(3, path="log.b"),
        lambda: gzip.compress(b" ".join(b"k%d=1" % i for i in range(400_000))),
    ),
    Hostile(
        "a text of 1 MB of pairs",
        'source = "text"\n' + parse('format = "logfmt"', "text") + columns(3, path="log.b"),
        lambda: b" ".join(b"%d=1" % i for i in range(120_000)),
    ),
    Hostile(
        "a text of 800 KB of brackets that stay open",
        'source = "text"\n' + parse('format = "s3-access"', "text") + columns(3, path="log.bucket"),
        lambda: b"[ " * 400_000,
    ),
    Hostile(
        "a text of 800 KB of brackets before one that closes",
        'source = "text"\n' + parse('format = "s3-access"', "text") + columns(3, path="log.bucket"),
        lambda: b"[ " * 400_000 + b"]x",
    ),
    Hostile(
        "gzip of a text of 16 MB of quotes for CSV",
        'source = "text"\n' + parse(CSV, "text") + columns(3, path="log.b"),
        lambda: gzip.compress(b'"' * 15_000_000),
    ),
    Hostile(
        "gzip of a text of 16 MB of backslashes for logfmt",
        'source = "text"\n' + parse('format = "logfmt"', "text") + columns(3, path="log.b"),
        lambda: gzip.compress(b'a="' + b"\\\\" * 7_000_000 + b'"'),
    ),
    Hostile(
        "gzip of JSON in JSON, 16 MB",
        parse('format = "json"', "a") + columns(3, path="log.b"),
        lambda: gzip.compress(json.dumps({"a": json.dumps({"b": [{}] * 2_000_000})}).encode()),
    ),
    Hostile(
        "gzip of JSON in JSON, exploded",
        parse('format = "json"', "a") + explode("log.b") + columns(3, path="item"),
        lambda: gzip.compress(json.dumps({"a": json.dumps({"b": [0] * 2_000_000})}).encode()),
    ),
    # -- text
    Hostile(
        "gzip of eight million lines of text", 'source = "text"\n' + MANY, lambda: gzip.compress(b"x\n" * 8_000_000)
    ),
    Hostile(
        "gzip of 16 MB of empty lines of text", 'source = "text"\n' + MANY, lambda: gzip.compress(b"\n" * 16_000_000)
    ),
    Hostile("gzip of a line of 16 MB", 'source = "text"\n' + MANY, lambda: gzip.compress(b"x" * 16_000_000)),
    Hostile("gzip of a text of 16 MB", 'source = "text"\n', lambda: gzip.compress(b"\n" * 15_000_000 + b"x")),
]
