"""What the differential test of the native kernel feeds it: configurations of every shape that it takes, and records that are
spoilt in the places where decoders go wrong.

Nothing here computes an expected result: the engine is the judge. Invariant: the same seed gives the same records.

    cases             one `Case` for each shape: a configuration and records that fit it; those of lines in `mutation_lines`, of lists in `mutation_lists`
    records(case)     records of the case, most of them spoilt in some way
    base64_of(rng)    the base64 of a payload, now and then not quite
"""

import base64
import gzip
import json
import random
import re
from collections.abc import Iterator

import mutation_elements
import mutation_lines
import mutation_lists
import mutation_own
from mutation_case import Case
from mutation_case import written as _lines

NUMBERS = (
    "0", "-0", "-0.0", "1", "-1", "1.10", "1E3", "1e-5", "-1.5E+3", "0.00", "00", "01", "-", "-01", "1.", ".5", "+1", "1e", "1e+", "0x1F",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "999999999999999999", "1000000000000000000", "1e400", "5e-324",
    "123456789012345678901234567890", "0.1234567890123456789", "12345678.90", "1234567890.12", "99999999999", "100000000000", "99999999999999",
    "100000000000000", "99999999999999999", "100000000000000000", "150000000000000000", "253402300799", "253402300800", "1651495525925", "1651495525", "1651495525.925", "1651495525.123456789", "1651495525.1234567891", "99999999999.999999999", "100000000000.5", "0.5", "-0.5", "1651495525.", "01651495525.5", "-62135596800", "1" * 16 + ".5", "1" * 17, "1e99", "1e100",
)  # fmt: skip
STRINGS = (
    "", "x", "a,b", 'a"b', "a\nb", "a\rb", "a;b", "\t", "a\\b", "\x00", "\x1f", "\x7f", "\u2028", "é", "漢字", "😀", "true", "false", "null", "RETAIL", "Open",
    "Send", "INSERT", "MODIFY", "REMOVE", "007", "1.10", "12", "-5", "YQ==", "YR==", "YWI=", "YWJ=", "YWJj", "YQ=", "2022-05-02", "2022-02-29", "0000-01-01",
    "20220502", "1651495525", "1651495525.5", "1651495525925", "150000000000000000", " 1651495525", "1651495525.5Z", "99999999999.9999999", "2022-05-02T12:45:25Z", "2022-05-02t12:45:25.123456789+09:00", "2022-05-02 12:45:25", "1969-12-31T23:59:59.5Z", "2022-05-02T24:00:00Z", "From", "To",
    "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-00:01", "2022-05-02T12:45:25.1234567890Z", "ABC", "abc", "{}", "[]",
    "=1+1", "-1e5x", "-12.5", "-", "+1", "@x", "\uff1d1", "\uff0b", "\uff01", "\r\n=1", "\\N", "\\", "a|b", "-" + "1" * 70,
)  # fmt: skip
ESCAPES = (
    r'"\u0041"', r'"\u00e9\n"', r'"\ud83d\ude00"', r'"\/"', r'"\\"', r'"\""', r'"\b\f\n\r\t"', r'"\u0000"', r'"\ud83d"', r'"\ude00"', r'"\ude00\ud83d"', r'"\ud83d\u0041"',
    r'"\x41"', r'"\u12G4"', r'"\u12"', r'"\\\\\\"', r'"\\u0041"', '"\\', r'"\ud83d\ud83d\ude00"',
)  # fmt: skip
CONTAINERS = (
    "{}", "[]", "[ ]", '{"a":1,"a":2}', '{ "p" : [ 1 , 2.10 ] }', '["a","b"]', "[null]", r'{"\u0061":"\u0041"}', r'{"a":1,"\u0061":2}', '{"b":{"a":1},"c":{"a":2}}', "[[],{}]", '[{"name":"From","value":"v"}]',
    '[{"name":"From"},{"value":1,"name":"From"}]', '[{"name":"From","value":null},{"name":"From","value":"z"}]', '[5,{"name":"From","value":"v"}]', "{,}", "[1,]", '{"a"}', '{"a":}',
)  # fmt: skip
ATTRIBUTES = (
    '{"S":"q"}', '{"S":""}', r'{"S":"\u00e9"}', '{"N":"1.50"}', '{"N":"12"}', '{"N":"-0"}', '{"N":"01"}', '{"N":" 1"}', '{"N":1}', '{"N":"9223372036854775808"}', '{"BOOL":true}', '{"BOOL":false}',
    '{"BOOL":null}', '{"NULL":true}', '{"NULL":false}', '{"M":{}}', '{"M":{"deep":{"S":"d"}}}', '{"M":{"deep":{"N":"7"},"z":{"L":[{"S":"e"}]}}}', '{"M":[]}', '{"L":[]}', '{"L":[{"S":"a"},{"N":"1"}]}', '{"L":{}}',
    '{"L":[1]}', '{"SS":["b","a"]}', '{"SS":["é","z","漢","","zz"]}', '{"SS":[]}', '{"NS":["10","-1.50","9","-1.5","0","-12","1.25","0.5","-0"]}', '{"NS":["1e1","9"]}', '{"BS":["Yg==","YQ=="]}', '{"NS":["x"]}', '{"BS":["YQ=="]}', '{"B":"YQ=="}', '{"B":"YR=="}', '{"B":"WVE9PQ=="}', '{"B":""}', '{"B":"Y"}', '{"S":"a","N":"1"}', "{}", '{"X":"a"}',
    '{"s":"a"}', '{"S":null}', '{ "S" : "sp" }', '{"M":{"a":{"S":"1"},"a":{"S":"2"}}}', r'{"M":{"\u0061":{"S":"1"}}}', '"x"', "5", "null", '{"NULL":{}}', '{"SS":{}}', '{"M":{"deep":{"S":"d"}},"S":"x"}',
)  # fmt: skip
INSERTIONS = (
    b" ", b"\n", b"\t", b"\r", b"\x0b", b"\x0c", b"\x1a", b"\x00", b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80", b"\xe3\x81", b"\xc3", b"\xf0\x9f\x9a\x9a", b"\x80", b"\xef\xbb\xbf", b"0", b"\\u0041", b"\\ud83d", b"null",
)  # fmt: skip

_VALUE = re.compile(rb'(?<=[:,\[])(?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|\{[^{}]*\}|\[[^\[\]]*\])')
_NAME = re.compile(rb'"(?:[^"\\]|\\.)*":')


_CHANGES = _lines(
    {
        "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "x",
        "dynamodb": {
            "ApproximateCreationDateTime": 1651495525.0, "Keys": {"id": {"S": "k,1"}, "n": {"N": "12"}},
            "NewImage": {"id": {"S": "k,1"}, "amount": {"N": "12.50"}, "flag": {"BOOL": True}, "m": {"M": {"deep": {"S": "d"}, "l": {"L": [{"N": "1"}, {"NULL": True}]}}}, "b": {"B": "YWJj"}, "at": {"S": "2022-05-02T12:45:25Z"}},
            "SizeBytes": 26,
        },
    },
    {
        "awsRegion": "x", "eventID": "2", "eventName": "REMOVE", "tableName": "t", "recordFormat": "application/json",
        "dynamodb": {"ApproximateCreationDateTime": 1651495525925, "Keys": {"id": {"S": "漢字"}, "n": {"N": "-5"}}, "OldImage": {"amount": {"N": "3"}, "note": {"S": 'q"uo\nted'}}, "SizeBytes": 7},
    },
    {"eventName": "MODIFY", "dynamodb": {"Keys": {"id": {"S": ""}}, "NewImage": {}, "OldImage": {"amount": {"NULL": True}, "b": {"B": "WVdKag=="}}}},
)  # fmt: skip
_MAILS = _lines(
    {
        "eventType": "Send",
        "mail": {
            "timestamp": "2022-05-02T12:45:25.925Z", "messageId": "m-1", "tags": {"a": ["b"]}, "headersTruncated": False,
            "headers": [{"name": "From", "value": "x@y"}, {"name": "To", "value": "z, w"}, {"name": "From", "value": "second"}],
        },
        "n": 5, "list": [1, 2], "d": "2022-05-02", "b": "YWJj", "j": {"a": [1, {"b": None}]},
    },
    {"eventType": "Open", "mail": {"timestamp": "2022-05-02T12:45:25Z", "headers": []}, "open": {"ipAddress": "1.2.3.4", "timestamp": "2022-05-02T12:45:26Z"}, "n": "7", "a": "", "c": {"d": 1}},
    {"eventType": "Click", "n": 1.5, "a": "A", "flag": True, "c": {}, "e": {"d": "E"}, "mail": None},
    {"n": 3, "mail": {"headers": [{"name": "From", "value": None}, {"name": "To"}, {"name": "From", "value": "z"}]}},
    {"PRICE": 4.5, "SECTOR": "RETAIL", "TICKER_SYMBOL": "ABC", "CHANGE": -0.1},
    {"SECTOR": "ENERGY", "TICKER_SYMBOL": "x1", "PRICE": 84},
)  # fmt: skip
_MESSAGES = _lines(
    {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"],
        "logEvents": [{"id": "1", "timestamp": 1651495525925, "message": "a,b\n"}, {"id": "2", "timestamp": 5, "message": '{"level":"x"}', "extractedFields": {"a": "1"}}],
    },
    {"messageType": "CONTROL_MESSAGE", "owner": "1", "logGroup": "", "logStream": "", "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"}]},
    {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "é", "logStream": "s", "logEvents": []},
)  # fmt: skip
_ITEM = {
    "id": {"S": "o,1"},
    "amount": {"N": "3.50"},
    "m": {"M": {"deep": {"L": [{"B": "YWJj"}, {"BOOL": False}]}}},
    "b": {"B": "WVdKag=="},
    "at": {"S": "2022-05-02T12:45:25Z"},
}
_EXPORTS = (*_CHANGES[:2], *_lines(
    {"Item": _ITEM}, {"Item": {**_ITEM, "b": {"NULL": True}, "m": {"M": {}}}}, {"Keys": {"id": {"S": "é"}}, "NewImage": {"id": {"S": "é"}, "amount": {"N": "12"}}},
    {"Metadata": {"WriteTimestampMicros": {"N": "1"}}, "Keys": {"id": {"S": "k"}}, "OldImage": _ITEM}, {"Keys": {}, "NewImage": {}}, {"order_id": "o-1"}, {"Item": _ITEM, "eventVersion": "1.1"},
))  # fmt: skip
_ITEMS = _lines(
    _ITEM,
    {**_ITEM, "eventVersion": {"S": "1"}},
    {"id": {"S": "z"}},
    {"dynamodb": {"M": {"Keys": {"B": "YWJj"}}}, "id": {"N": "1"}},
    {},
    {"eventVersion": "1.1", **_ITEM},
    {"amount": {"NULL": True}, "m": {"M": {"deep": {"S": "x"}}}},
)
_OTHERS = _lines(
    {"detail": {"after": _ITEM, "plain": {"a": [1]}}},
    {"before": _ITEM, "detail": {"plain": "x"}},
    {"detail": {"after": {"id": {"S": "a"}}}, "before": {}},
    {"detail": None},
    {"dynamodb": {"NewImage": {"x": 1}}, "before": {"amount": {"N": "7"}}},
)
_WRITTEN_TIMES = _lines(*(
    {"n": n, "day": day, "at": at, "epoch": epoch, "then": then, "odd": [20220502] if n == 1 else "[20220502]"} for n, (day, at, epoch, then) in enumerate((
        ("02.05.2022", None, "1651495525", None), ("29.02.2024", "-", 1651495525, "31.12.1969"), ("02.05.2022", "02/may/2022:12:45:25 +0900", "99", "01.01.0001"), ("02.05.2022", "02/May/2022:23:59:59 -0130", "253402300799", "x"),
        ("31.12.9999", "31/Dec/9999:23:59:59 +0000", "007", None), ("03.05.2022", "01/Jan/1970:00:00:00 +0001", None, "02.05.2022"), ("29.02.2023", "-", "1651495525", ""), (" 2.5.2022 ", "", 1651495525, 5), ([], {}, "x", None),
    ))
))  # fmt: skip

_JSON = 'output = { format = "json" }\n'
_DYNAMODB = 'source = "dynamodb"\n'
_AUTO = """
[columns]
id = { path = "dynamodb.Keys.id" }
n = { path = "dynamodb.Keys.n" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount" }
any = { path = "dynamodb.NewImage.amount || dynamodb.OldImage.amount" }
note = { path = "dynamodb.OldImage.note" }
deep = { path = "dynamodb.NewImage.m.deep" }
m = { path = "dynamodb.NewImage.m" }
b = { path = "dynamodb.NewImage.b" }
size = { path = "dynamodb.SizeBytes" }
name = { path = "eventName" }
"""
_TYPED = """
[columns]
id = { path = "dynamodb.Keys.id", type = "string", pattern = "[A-Za-z0-9,]*" }
n = { path = "dynamodb.Keys.n", type = "int64" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "decimal(10,2)", default = 0 }
value = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "float64" }
flag = { path = "dynamodb.NewImage.flag", type = "bool" }
b = { path = "dynamodb.NewImage.b", type = "binary" }
at = { path = "dynamodb.NewImage.at", type = "timestamp[ms]" }
created = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[us]" }
size = { path = "dynamodb.SizeBytes", type = "int64", required = true }
arrived = { meta = "arrival_ms", type = "timestamp[s]" }
"""
_IMAGES = """
[columns]
new = { path = "dynamodb.NewImage", type = "json" }
old = { path = "dynamodb.OldImage" }
keys = { path = "dynamodb.Keys", type = "json", default = "none" }
m = { path = "dynamodb.NewImage.m", type = "json" }
id = { path = "dynamodb.Keys.id", type = "json" }
"""
_PLAIN = """
[columns]
type = { path = "eventType" }
n = { path = "n" }
a = { path = "a || c.d || e.d" }
c = { path = "(c || e).d" }
tags = { path = "mail.tags" }
j = { path = "j", type = "json" }
cut = { path = "mail.headersTruncated", type = "bool", default = true }
from = { path = "mail.headers[?name=='From'].value | [0]" }
to = { path = "mail.headers[?name=='To'].value | [0]", type = "string", default = "nobody" }
d = { path = "d", type = "date" }
b = { path = "b", type = "binary" }
list = { path = "list" }
t = { path = "mail.timestamp", type = "timestamp[us]" }
fallback = { path = "fallback", default = 5 }
"""
_TICKER = """
where = "SECTOR == 'RETAIL'"
[columns]
processed = { expr = "now_ms()" }
TICKER_SYMBOL = { type = "string", pattern = "[A-Z]+" }
SECTOR = { type = "string", pattern = "[A-Z]{3,8}" }
CHANGE = { pattern = "[-.0-9]+" }
PRICE = { type = "float64", pattern = "[0-9]+(\\\\.[0-9]+)?" }
twice = { expr = "PRICE * 2" }
"""
_ROUTES = """
[columns]
event_type = { path = "eventType", type = "string" }
n = { path = "n", type = "int64" }
from = { path = "mail.headers[?name=='From'].value | [0]", type = "string" }
[[routes]]
where = "event_type == 'Send'"
iceberg = { database = "d", table = "send", operation = "insert" }
columns = { timestamp = { path = "mail.timestamp", type = "timestamp[us]" } }
[[routes]]
where = "event_type == 'Open'"
iceberg = { database = "d", table = "open" }
columns = { at = { path = "open.timestamp", type = "timestamp[ms]", required = true }, ip = { path = "open.ipAddress" } }
[[routes]]
where = "n > 0"
columns = { inverse = { expr = "100 // n" } }
"""
_CHOSEN = """
[columns]
op = { path = "eventType", type = "string" }
kind = { path = "n" }
a = { path = "a", type = "string", required = true }
d = { path = "d", type = "date" }
[[routes]]
[routes.iceberg]
database = "d"
keys = ["a"]
table = { from = "kind", values = { "5" = "five", "7" = "seven", "1.5" = "other", "12" = "twelve" } }
operation = { from = "op", values = { Send = "insert", Open = "update", Click = "delete" } }
"""
_CHOSEN_TABLE = """
[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "decimal(10,2)" }
table = { path = "tableName", default = "t" }
[[routes]]
[routes.iceberg]
database = "d"
table = { from = "table", values = { t = "one", u = "two" } }
operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" }
"""
_WAYS = """
[columns]
event_type = { path = "eventType", type = "string" }
n = { path = "n", type = "int64" }
[[routes]]
where = "event_type == 'Send'"
columns = { timestamp = { path = "mail.timestamp", type = "timestamp[us]" } }
[[routes]]
where = "event_type == 'Open' or event_type is None"
columns = { at = { path = "open.timestamp", type = "timestamp[ms]" }, ip = { path = "open.ipAddress" } }
"""
_OPERATIONS = """
[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "decimal(10,2)" }
created = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
[[routes]]
iceberg = { database = "d", table = "t", operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" } }
"""
_KEYS = """
partition_keys = { type = "type", n = "coalesce(n, 'none')" }
[columns]
type = { path = "eventType", type = "string" }
n = { path = "n" }
t = { path = "mail.timestamp", type = "timestamp[s]" }
"""
_LOGS = """
[columns]
group = { path = "logGroup", type = "string" }
filters = { path = "subscriptionFilters" }
id = { path = "id", type = "string" }
timestamp = { path = "timestamp", type = "timestamp[ms]" }
message = { path = "message" }
"""

_PARSED = """
[parse.log]
of = "message"
invalid = "{invalid}"
[columns]
group = {{ path = "logGroup" }}
id = {{ path = "id" }}
level = {{ path = "log.level", type = "string", default = "none" }}
ms = {{ path = "log.duration.ms", type = "int64", invalid = "null" }}
to = {{ path = "log.headers[?name=='To'].value | [0]" }}
either = {{ path = "log.a || log.level" }}
log = {{ path = "log", type = "json" }}
text = {{ path = "log" }}
"""
_INNER = """
[parse.outer]
of = "j"
invalid = "null"
[parse.inner]
of = "outer.k"
invalid = "drop"
[columns]
n = { path = "n" }
x = { path = "outer.x", nulls = ["-", ""] }
y = { path = "inner.y", type = "int64" }
whole = { path = "inner", type = "json" }
"""
_EXPORTED = """
[columns]
id = { path = "dynamodb.Keys.id || Keys.id || Item.id", required = true }
total = { path = "(dynamodb.NewImage || NewImage || Item).amount", type = "decimal(10,2)" }
b = { path = "Item.b || dynamodb.NewImage.b", type = "binary" }
m = { path = "(NewImage || Item).m" }
keys = { path = "Keys", type = "json" }
item = { path = "Item" }
change = { path = "eventName", default = "EXPORT" }
"""
_BARE = """
images = ["@"]
[columns]
id = { path = "id" }
amount = { path = "amount", type = "decimal(10,2)" }
deep = { path = "m.deep", type = "json" }
b = { path = "b", type = "binary" }
version = { path = "eventVersion" }
at = { path = "at || id", type = "timestamp[ms]" }
"""
_MOVED = """
images = ["detail.after", "before"]
[columns]
id = { path = "detail.after.id" }
amount = { path = "(detail.after || before).amount", type = "int64" }
b = { path = "detail.after.b" }
before = { path = "before", type = "json" }
plain = { path = "detail.plain" }
name = { path = "dynamodb.NewImage", type = "json" }
"""
_WRITTEN = """
[columns]
n = { path = "n" }
day = { path = "day", type = "date", format = "%d.%m.%Y" }
at = { path = "at", type = "timestamp[ms]", format = "%d/%b/%Y:%H:%M:%S %z", default = 2022-05-02T00:00:00Z, nulls = ["-"] }
epoch = { path = "epoch", type = "timestamp[us]", format = "%s", invalid = "null", pattern = "[0-9x]+" }
must = { path = "day", type = "date", format = "%d.%m.%Y", default = 2022-01-01 }
odd = { path = "odd", type = "date", format = "[%Y%m%d]", invalid = "null" }
then = { path = "then || day", type = "date", format = "%d.%m.%Y", required = true }
"""
_TEXTS = ("plain", "", ' {"level":"I"} ', '{"level":"E","duration":{"ms":12},"headers":[{"name":"To","value":"x"}],"a":""}', '{"level":"W\\u0041","duration":{"ms":1.5},"a":[1]}', '{"level":', "{}", '{"a":1,"a":2}', '[1]', '{"level":null} x', '{"é":"漢\\n"}')  # fmt: skip
_PARSED_MESSAGES = _lines(*(
    {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"],
        "logEvents": [{"id": str(i), "timestamp": 5, "message": text} for i, text in enumerate(texts)],
    }
    for texts in (_TEXTS[:5], _TEXTS[2:4], _TEXTS[5:8], _TEXTS[3:4], (_TEXTS[0], _TEXTS[10]), _TEXTS[8:])
))  # fmt: skip
_INNERS = _lines(
    *({"n": 1, "j": text} for text in _TEXTS),
    *({"n": 2, "j": json.dumps({"x": x, "k": json.dumps({"y": y, "z": [1, 2]})})} for x, y in (("-", 5), ("", "6"), ("q", None), (None, 1.5))),
    {"n": 3, "j": json.dumps({"x": "e", "k": "no"})}, {"n": 4, "j": json.dumps({"k": 5})}, {"n": 5, "j": {"k": "{}"}}, {"n": 6}, {"n": 7, "j": None},
)  # fmt: skip

_TIMES = tuple(
    f'{{"a":{text},"b":"{text}"}}'.encode()
    for text in ("1651495525", "1651495525.925", "0.000000001", "99999999999.999999999", "1651495525925", "99999999999999", "100000000000000", "0", "1651495525925123", "100000000000.5", "99999999999999999", "100000000000000000")
)  # fmt: skip

CASES = (
    Case("two-columns", _DYNAMODB + '[columns]\nid = "dynamodb.Keys.id"\nn = "dynamodb.Keys.n"\n', _CHANGES),
    Case("auto-csv", _DYNAMODB + _AUTO, _CHANGES),
    Case("auto-json", _DYNAMODB + _JSON + _AUTO, _CHANGES),
    Case("typed-csv", _DYNAMODB + _TYPED, _CHANGES),
    Case("typed-json", _DYNAMODB + _JSON + _TYPED, _CHANGES),
    Case("images", _DYNAMODB + _JSON + _IMAGES, _CHANGES),
    Case("exported", _DYNAMODB + _EXPORTED, _EXPORTS),
    Case("exported-json", _DYNAMODB + _JSON + _EXPORTED, _EXPORTS),
    Case("exported-items", _DYNAMODB + _JSON, _EXPORTS),
    Case("bare", _DYNAMODB + _BARE, _ITEMS),
    Case("bare-items", _DYNAMODB + _JSON + 'images = ["@"]\n', _ITEMS),
    Case("moved-images", _DYNAMODB + _JSON + _MOVED, _OTHERS),
    Case("moved-items", _DYNAMODB + _JSON + 'images = ["detail.after", "before"]\n', _OTHERS),
    Case("operations", _DYNAMODB + _JSON + _OPERATIONS, _CHANGES),
    Case("chosen", _JSON + _CHOSEN, _MAILS),
    Case("chosen-table", _DYNAMODB + _JSON + _CHOSEN_TABLE, _CHANGES),
    Case("plain-csv", _PLAIN, _MAILS),
    Case("plain-json", _JSON + _PLAIN, _MAILS),
    Case("quoted", 'output = { quoting = "all", delimiter = ";", null = "\\\\N" }\n' + _PLAIN, _MAILS),
    Case("one-column", "[columns]\nn = {}\n", _MAILS),
    Case("ticker", _TICKER, _MAILS),
    Case("routes", _JSON + _ROUTES, _MAILS),
    Case("unmatched", 'unmatched = "drop"\n' + _JSON + _ROUTES, _MAILS),
    Case("partition-keys", _JSON + _KEYS, _MAILS),
    Case("many-csv", 'documents = "many"\n' + _PLAIN, (b"\n".join(_MAILS[:2]), b"".join(_MAILS), _MAILS[0] + b" \n\n ", b"")),
    Case("many-json", 'documents = "many"\nwhere = "n != \'7\'"\n' + _JSON + _PLAIN.replace('n = {', 'n = { type = "string",'), (b"\n".join(_MAILS[:3]), b"  ".join(_MAILS))),
    Case("logs-json", 'source = "cloudwatch-logs"\n' + _JSON + _LOGS, _MESSAGES, is_packed=True),
    Case("items", _DYNAMODB + _JSON, _CHANGES),
    Case("documents", _JSON, _MAILS),
    Case("many-documents", 'documents = "many"\n' + _JSON, (b"\n".join(_MAILS[:2]), b" ".join(_MAILS))),
    Case("parsed-null", 'source = "cloudwatch-logs"\n' + _JSON + _PARSED.format(invalid="null"), _PARSED_MESSAGES, is_packed=True),
    Case("parsed-drop", 'source = "cloudwatch-logs"\n' + _PARSED.format(invalid="drop"), _PARSED_MESSAGES, is_packed=True),
    Case("parsed-fail", 'source = "cloudwatch-logs"\nbad_rows = "drop"\n' + _PARSED.format(invalid="fail"), _PARSED_MESSAGES, is_packed=True),
    Case("parsed-twice", _INNER, _INNERS),
    *mutation_lines.CASES,
    *mutation_lists.CASES,
    Case("times", _JSON + '[columns]\na = { type = "timestamp[s]" }\nb = { type = "timestamp[ms]" }\nc = { path = "a", type = "timestamp[us]" }\n', _TIMES),
    *mutation_elements.CASES,
    Case("many-routes", 'documents = "many"\nunmatched = "drop"\n' + _JSON + _WAYS, (b"\n".join(_MAILS[:2]), _MAILS[0] + _MAILS[0], _MAILS[1] + b" " + _MAILS[1], b"".join(_MAILS))),
    Case("many-first", 'documents = "many"\nmixed = "first"\nbad_rows = "drop"\n' + _JSON + _WAYS, (b"\n".join(_MAILS[:2]), _MAILS[0] * 2, b"".join(_MAILS))),
    Case("spaces", 'output = { newlines = "space", escape_formulas = true, line_end = "crlf", timestamps = "iso" }\n' + _PLAIN, _MAILS),
    Case("escapes", 'output = { newlines = "escape", quoting = "strings", timestamps = "epoch_ms" }\n' + _PLAIN.replace("[us]", "[ms]"), _MAILS),
    Case("no-quotes", 'output = { quoting = "none", newlines = "fail", delimiter = "|", line_end = "none" }\n' + _PLAIN, _MAILS),
    Case("no-quotes-one", 'output = { quoting = "none", escape_formulas = true }\n[columns]\na = { path = "a" }\n', _MAILS),
    Case("opencsv", 'output = { reader = "athena-opencsv" }\n' + _PLAIN, _MAILS),
    Case("opencsv-strings", _DYNAMODB + 'output = { reader = "athena-opencsv", quoting = "strings", newlines = "escape" }\n' + _TYPED, _CHANGES),
    Case("lazysimple", 'output = { reader = "athena-lazysimple" }\n' + _PLAIN, _MAILS),
    Case("lazysimple-one", 'output = { reader = "athena-lazysimple" }\n[columns]\na = { path = "a" }\n', _MAILS),
    Case("athena-json", 'output = { reader = "athena-json", format = "json", line_end = "crlf" }\n' + _PLAIN, _MAILS),
    Case("redshift", 'output = { reader = "redshift" }\n' + _PLAIN, _MAILS),
    Case("snowflake", 'output = { reader = "snowflake" }\n' + _PLAIN, _MAILS),
    Case("spark", 'output = { reader = "spark", quoting = "strings" }\n' + _PLAIN, _MAILS),
    Case("spark-one", 'output = { reader = "spark" }\n[columns]\na = { path = "a" }\n', _MAILS),
    Case("excel", 'output = { reader = "excel" }\n' + _PLAIN, _MAILS),
    Case("keyed-many", 'documents = "many"\noutput = { reader = "bigquery", line_end = "none" }\npartition_keys = { n = "coalesce(cast(n, \'string\'), \'none\')" }\n[columns]\nn = { path = "n", type = "string" }\na = { path = "a" }\n', (_MAILS[0] * 2, b"\n".join(_MAILS[1:3]), _MAILS[3])),
    Case("filtered", 'where = "n != \'5\'"\n' + _JSON + '[columns]\nn = { type = "string", hidden = true }\nd = { type = "date", hidden = true }\n', _MAILS),
    Case("filtered-many", 'documents = "many"\nbad_rows = "drop"\npartition_keys = { type = "coalesce(type, \'none\')" }\n' + _JSON + '[columns]\ntype = { path = "eventType", type = "string", hidden = true }\n', (b"\n".join(_MAILS[:2]), _MAILS[0] * 2, b"".join(_MAILS))),
    Case("filtered-items", _DYNAMODB + 'where = "id != \'k\'"\noutput = { format = "json", line_end = "crlf" }\n[columns]\nid = { path = "dynamodb.Keys.id", hidden = true, type = "string" }\n', _CHANGES),
    Case("filtered-bare", _DYNAMODB + 'images = ["@"]\nwhere = "id is not None"\n' + _JSON + '[columns]\nid = { type = "string", hidden = true }\nm = { path = "m.deep", hidden = true }\n', _ITEMS),
    Case("documents-of-a-route", _JSON + '[columns]\nn = { type = "string", hidden = true }\n[[routes]]\nwhere = "n == \'5\'"\niceberg = { database = "d", table = "t" }\n[[routes]]\nwhere = "n is None"\ncolumns = { a = { path = "a" }, j = { type = "json" }, inverse = { expr = "100 // length(n)" } }\n[[routes]]\ncolumns = { more = { expr = "10 // (length(n) - 1)", hidden = true } }\n', _MAILS),
    Case("formats", _WRITTEN, _WRITTEN_TIMES),
    Case("formats-json", 'where = "day is not None"\n' + _JSON + _WRITTEN, _WRITTEN_TIMES),
    Case("own-csv", mutation_own.COLUMNS, _MAILS, function=mutation_own.change),
    Case("own-json", _JSON + mutation_own.COLUMNS, _MAILS, function=mutation_own.change),
    Case("own-types-csv", 'output = { timestamps = "iso", null = "-" }\n' + mutation_own.PLAIN, _MAILS, function=mutation_own.retype),
    Case("own-types-json", _JSON + mutation_own.PLAIN, _MAILS, function=mutation_own.retype),
    Case("own-routes", _JSON + mutation_own.ROUTES, _MAILS, function=mutation_own.change),
    Case("own-many", 'documents = "many"\nbad_rows = "drop"\npartition_keys = { kind = "coalesce(a, \'none\')" }\n' + _JSON + mutation_own.COLUMNS, (b"\n".join(_MAILS[:2]), _MAILS[0] + _MAILS[0], b"".join(_MAILS)), function=mutation_own.change),
    Case("logs-csv", 'source = "cloudwatch-logs"\nwhere = "id != \'2\'"\n' + _LOGS, _MESSAGES, is_packed=True),
)  # fmt: skip


def _replaced(rng: random.Random, text: bytes, found: list[re.Match[bytes]], value: bytes) -> bytes:
    match = rng.choice(found)
    return text[: match.start()] + value + text[match.end() :]


def _value(rng: random.Random) -> bytes:
    kind = rng.choice((0, 0, 1, 1, 1, 2, 3, 4, 5))
    if kind == 0:
        return rng.choice(NUMBERS).encode()
    if kind == 1:
        return json.dumps(rng.choice(STRINGS), ensure_ascii=rng.random() < 0.3).encode()
    if kind == 2:
        return rng.choice(ESCAPES).encode()
    if kind == 3:
        return rng.choice(CONTAINERS).encode()
    if kind == 4:
        return rng.choice(ATTRIBUTES).encode()
    return rng.choice((b"null", b"true", b"false", b"nul", b"True", b'"N"', b"-0.0", b"tru", b"nullx"))


def _deep(rng: random.Random) -> bytes:
    """A value nested around the limit of 512, with some levels around it, or around the kernel's own."""
    depth = rng.choice((250, 255, 256, 257, 260, 505, 508, 509, 510, 511, 512, 513, 514, 520, 600))
    if rng.random() < 0.5:
        return b"[" * depth + b"]" * depth
    return b'{"a":' * depth + b"1" + b"}" * depth


def _twice(rng: random.Random, text: bytes, other: bytes) -> bytes:
    """Write a member twice: before it with another value, mostly that which it has in another record."""
    found = list(_NAME.finditer(text))
    if not found:
        return text
    name = rng.choice(found)
    value = rng.choice((b"{}", b"null", b"[]", _value(rng)))
    if rng.random() < 0.7 and (places := [match.end() for match in _NAME.finditer(other) if match[0] == name[0]]):
        start = rng.choice(places)
        rest = other[start:].decode()
        value = rest[: json.JSONDecoder().raw_decode(rest)[1]].encode()
    return text[: name.start()] + name[0] + value + b"," + text[name.start() :]


def _at_border(rng: random.Random, text: bytes) -> bytes:
    """Move a byte that is not plain, one made for it half of the time, to the border of a block of 64 bytes."""
    if rng.random() < 0.5 and (found := list(_VALUE.finditer(text))):
        value = rng.choice((json.dumps(rng.choice(STRINGS)), rng.choice(ESCAPES)))
        text = _replaced(rng, text, found, value.encode())
    odd = [i for i, byte in enumerate(text) if byte >= 0x80 or byte == 0x5C]
    places = odd or [i for i, byte in enumerate(text) if byte == 0x22] or [0]
    place = rng.choice(places)
    wanted = rng.choice((61, 62, 63, 0, 1))
    filler = (wanted - place) % 64
    if rng.random() < 0.5:
        return b" " * filler + text
    start = text.find(b"{") + 1
    return text[:start] + b'"":"' + b"y" * ((filler - 6) % 64) + b'",' + text[start:]


def spoilt(rng: random.Random, text: bytes, other: bytes) -> bytes:
    """Return a record that is spoilt in one to three ways, or only spelt otherwise; `other` is another, unspoilt."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.random()
        if kind < 0.45:
            if found := list(_VALUE.finditer(text)):
                text = _replaced(rng, text, found, _value(rng))
        elif kind < 0.52:
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice(INSERTIONS) + text[place:]
        elif kind < 0.55:
            place = rng.randrange(len(text) or 1)
            text = text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :]
        elif kind < 0.58:
            start = rng.randrange(len(text) or 1)
            text = text[:start] + text[start + rng.randrange(1, 12) :]
        elif kind < 0.67:
            text = _twice(rng, text, other)
        elif kind < 0.80:
            text = _at_border(rng, text)
        elif kind < 0.84:
            if found := list(_VALUE.finditer(text)):
                text = _replaced(rng, text, found, _deep(rng))
        elif kind < 0.92:
            text = re.sub(rb'(?<=[{}\[\]:,])(?=["{\[0-9])', rng.choice((b" ", b"\n  ", b"\t", b"\r\n")), text)
        else:
            try:
                text = json.dumps(
                    json.loads(text), ensure_ascii=rng.random() < 0.7, indent=rng.choice((None, 1))
                ).encode()
            except ValueError:
                continue
    return text


def records(rng: random.Random, case: Case, count: int) -> Iterator[bytes | None]:
    """Yield so many payloads of a case."""
    for _ in range(count):
        text = rng.choice(case.seeds)
        if case.lines and rng.random() < 0.6:
            for _ in range(rng.choice((1, 1, 2, 4))):
                text = mutation_lines.spoilt(rng, text, case.lines == "text")
        elif rng.random() < 0.7:
            text = spoilt(rng, text, rng.choice(case.seeds).partition(b"\n")[0])
        if case.is_packed or rng.random() < 0.01:
            packed = bytearray(gzip.compress(text, 1, mtime=0))
            if rng.random() < 0.1:
                packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
            if rng.random() < 0.05:
                packed += gzip.compress(b" ", 1, mtime=0)
            text = bytes(packed)
        yield text


def base64_of(rng: random.Random, payload: bytes) -> str:
    """Return the base64 of a payload: in one of thirty with a character that is none, wrong padding, or bits left over."""
    text = base64.b64encode(payload).decode()
    kind = rng.randrange(240)
    if kind == 0 and text:
        return text[:-1]
    if kind == 1:
        return text + "="
    if kind == 2 and text:
        place = rng.randrange(len(text))
        return text[:place] + rng.choice("*-_ =\x7fé\n") + text[place + 1 :]
    if kind < 6 and text.endswith("="):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        place = len(text.rstrip("=")) - 1
        return text[:place] + alphabet[alphabet.index(text[place]) | rng.choice((1, 2, 3))] + text[place + 1 :]
    if kind == 6:
        return text.rstrip("=")
    return text
