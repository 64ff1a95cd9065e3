"""Configurations of the kernel that split texts into fields, lines for them, and what spoils a line.

A line stands in a member of a document, in a message, in a field of another line, or is a record. Invariant: as in
`mutation`, the same seed gives the same lines.
"""

import json
import random
import re

from mutation_case import Case, written

_JSON = 'output = { format = "json" }\n'
_STRING = re.compile(rb'(?<=[:,\[])"(?:[^"\\]|\\.)*"')

_FLOWS = """
[parse.flow]
of = "message"
format = "vpc-flow"
invalid = "{invalid}"
[columns]
id = {{ path = "id" }}
interface = {{ path = "flow.interface_id", default = "none" }}
from = {{ path = "flow.srcaddr", type = "string", nulls = ["10.0.0.1"] }}
port = {{ path = "flow.dstport", type = "int64", invalid = "null" }}
start = {{ path = "flow.start", type = "timestamp[ms]" }}
status = {{ path = "flow.log_status || flow.action", type = "json" }}
other = {{ path = "flow.vpc_id" }}
extracted = {{ path = "extractedFields.srcaddr" }}
"""
_FIELDS_CSV = """
[parse.line]
of = "t"
format = "csv"
fields = ["a", "b", "c"]
delimiter = "{delimiter}"
quote = '{quote}'
invalid = "{invalid}"
[columns]
n = {{ path = "n" }}
a = {{ path = "line.a" }}
c = {{ path = "line.c", type = "json" }}
b = {{ path = "line.b", type = "int64", invalid = "null", nulls = ["-"] }}
"""
_PAIRS = """
[parse.outer]
of = "t"
format = "logfmt"
invalid = "null"
[parse.inner]
of = "outer.msg"
format = "{inner}"
{fields}
invalid = "drop"
[columns]
n = {{ path = "n" }}
level = {{ path = "outer.level" }}
msg = {{ path = "outer.msg", type = "json" }}
flag = {{ path = 'outer.a || outer."é"', type = "bool", invalid = "null" }}
x = {{ path = "inner.x" }}
y = {{ path = "inner.y", type = "float64", invalid = "null" }}
"""
_ALB = """
{documents}
source = "text"
[parse.line]
of = "text"
format = "{format}"
invalid = "{invalid}"
[columns]
text = {{ path = "text" }}
time = {{ path = "line.time" }}
request = {{ path = "line.request", type = "json" }}
agent = {{ path = "line.user_agent" }}
third = {{ path = "line.remote_ip || line.client" }}
"""
_PATTERN = """
{source}
[parse.line]
of = "{of}"
format = "{format}"
invalid = "{invalid}"
[columns]
host = {{ path = "line.host || line.hostname" }}
time = {{ path = "line.time", nulls = ["t"] }}
status = {{ path = "line.status", type = "int64" }}
request = {{ path = "line.request", type = "json" }}
last = {{ path = "line.user_agent || line.bytes" }}
data = {{ path = "line.structured_data" }}
message = {{ path = "line.message", type = "json", default = "none" }}
level = {{ path = "line.level", default = "none" }}
"""
_REALTIME = """
source = "text"
documents = "many"
bad_rows = "drop"
[parse.log]
of = "text"
format = "cloudfront-realtime"
fields = ["timestamp", "c-ip", "sc-status", "c_ip"]
[columns]
time = { path = "log.timestamp", type = "decimal(13,3)" }
ip = { path = "log.c_ip" }
status = { path = "log.sc_status", type = "int64" }
"""
_FLOW_LINES = (
    "2 1 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK", "2 1 eni-1 - - - - - - - 1431280876 1431280934 - NODATA", "2 1 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 2022-05-02T12:45:25Z 1418530070 ACCEPT",
    "2 1 eni-1  10.0.0.2 2 022 6 20 4249 0 1418530070 é\"\\ OK more and more", "2 1 eni-" + "1" * 60 + " a b 1 2 3 4 5 6 7 8 漢字",
)  # fmt: skip
_CSV_LINES = ("a,1,c", 'a,"2",c', '"a,""b""",-,"c\\"', ",,", "\x00,-5,\x1f", 'a"b,12,"c\n"', "a,b,", 'a,"b"x,c', "a,b", ",,,", "", '"', '"a', 'a,b,"c', '"","",""', 'a"b,12,"', "a;12;c", "a\tb\tc", "a\nb,12,\r\n", "-a b- c d", "a --- -b--c-")  # fmt: skip
_PAIR_LINES = (
    'level=info msg="x=1 y=2.5" a', 'level="é\\"\\n\\é" msg=x a=true', "level= msg=-,5", 'level=a level=b msg="x,7" é', "level=x \n", 'msg="a\\tb"', "level=x\u00a0y", "\u2028level=x", "level=x\u180ey", "level=\u2003", "level=é\u3000é", "level=x\ny=1", "=x", 'level="x', 'level="x\\', 'level="x"y',
    'level=x"y"', "level", "a=b=c msg=x=y", " \t ", "level=\x0bx", 'msg=x level=\x1cx', "level=x\x0b", "\ta é=x", 'a=b msg="\u00a0x\n=1" x', "level=漢字\u0085",
)  # fmt: skip
_TAB_LINES = (
    "1573168262.123\t192.0.2.99\t200\t10.0.0.1\tmore",
    "1573168262.123\t-\t\t-",
    "5\té\t200\t\t\t\t",
    "1\t2",
    "1\t2\t-",
    "\t\t\t",
)
_LONG_LINES = (
    'http 2018-07-02T22:23:00.186641Z app/x 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0 ""x""" - - arn:aws "Root=1" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1 "more" [x] ""',
    'owner bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - 3E57 REST.GET - "GET /a?b HTTP/1.1" 200 - 113 - 7 - "-" "S3[Console]/0.4" -', 'owner bucket [06/Feb/2019:00:00:38] x 192.0.2.3 [ 3E57 ]REST [] - "GET" 200 - 113 - 7 - "-" "S3" - [a',
    "o b [t 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "o b [t 1] 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", 'o b " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16',
)  # fmt: skip
_PATTERN_LINES = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326', 'é - - [] "" - -', 'h i u [t] "a\\"b\n\\\\" 404 -', 'h i u [t] "a\\\nb" 404 -', 'h i u [t]  "a" 40 1', 'h i u [t] "a" 404 1 ', 'h\x0bx i u [t]] "a" 404 1',
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"', 'h i u [t] "" 404 12 "-" "\\é"', 'h i u [t] "" 404 12 "" "-"', 'h i u [t] "" 404 12 ""-"" "x"',
    '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Appli\\]cation" eventID="1011"][x y="é]"] An application event log entry...', "<1>1 - - - - - -", "<1>1 - h - - - - \n", "<1>1 - - - - - - \ufeffé", "<1234>1 - - - - - -",
    "<1>01 - - - - - -", '<1>12 a b c d e [x]', '<1>12 a b c d e [x"]"] y', "<1>1 - - - - - -x", "2022-05-02 12:45:25 [INFO] 漢字: a=1", "2022-05-02 12:45:25 [WARN] -", "[ERROR] é", "2022-05-02 12:45:25 [INFO]",
)  # fmt: skip
_LINES = (*_FLOW_LINES, *_CSV_LINES, *_PAIR_LINES, *_TAB_LINES, *_LONG_LINES, *_PATTERN_LINES)


def _in_documents(*lines: str) -> tuple[bytes, ...]:
    return written(*({"n": number, "t": line} for number, line in enumerate(lines)))


_NO_TEXTS = written({"n": 1}, {"n": 2, "t": None}, {"n": 3, "t": 5}, {"n": 4, "t": ["a"]})
_FLOW_MESSAGES = written(*(
    {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "logEvents": [{"id": str(i), "timestamp": 5, "message": text, **({"extractedFields": {"srcaddr": text[:3]}} if i else {})} for i, text in enumerate(texts)],
    }
    for texts in (_FLOW_LINES[:2], _FLOW_LINES[:3], _FLOW_LINES[1:], (*_FLOW_LINES[3:], "a b"), _FLOW_LINES[1:2])
))  # fmt: skip
_LINE_CHANGES = written(*(
    {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": str(i)}}, "NewImage": {"t": value}}}
    for i, value in enumerate(({"S": "a=5=c"}, {"S": 'é="7"=x'}, {"NULL": True}, {"S": "a=b"}, {"S": ""}, {"B": "YQ=="}, {"B": "WVdKallRPT0="}, {"N": "1"}))
))  # fmt: skip
_TEXT_RECORDS = (
    *(line.encode() for line in _LINES), *(line.encode() + end for line in _LINES[:9] for end in (b"\n", b"\r\n")), "\n".join(_LINES).encode(), b"\r\n".join(line.encode() for line in _LONG_LINES),
    b"\n\r\na\r\n\n", b"\xef\xbb\xbfa,1,c", b"a\r", b"\r\n", b"",
)  # fmt: skip
_TAB_RECORDS = (
    *(line.encode() for line in _TAB_LINES[:3]),
    "\n".join(_TAB_LINES[:3]).encode(),
    b"\r\n".join(line.encode() for line in _TAB_LINES[:2]) + b"\r\n",
    "\n".join(_TAB_LINES).encode(),
)
_LINE_PARTS = (
    '"', '""', "\\", '\\"', " ", "\t", ",", ";", "-", "[", "]", "=", "=\"", "\n", "\r", "\r\n", "\x00", "\x0b", "\x0c", "\x1c", "\x1f", "\x7f", "\x85", "\u00a0", "\u1680", "\u180e", "\u2003", "\u200b", "\u2028", "\u202f", "\u205f",
    "\u3000", "\ufeff", "é", "漢字", "😀", " x", ",x", "x ", "level=", "x" * 64, " - ", "\t-\t", '","', '" "', "] [",
)  # fmt: skip

CASES = (
    Case("flows-null", 'source = "cloudwatch-logs"\n' + _JSON + _FLOWS.format(invalid="null"), _FLOW_MESSAGES, True, "document"),
    Case("flows-drop", 'source = "cloudwatch-logs"\n' + _FLOWS.format(invalid="drop"), _FLOW_MESSAGES, True, "document"),
    Case("flows-fail", 'source = "cloudwatch-logs"\nbad_rows = "drop"\n' + _FLOWS.format(invalid="fail"), _FLOW_MESSAGES, True, "document"),
    Case("csv-null", _JSON + _FIELDS_CSV.format(delimiter=",", quote='"', invalid="null"), _in_documents(*_LINES) + _NO_TEXTS, lines="document"),
    Case("csv-fail", _FIELDS_CSV.format(delimiter=",", quote='"', invalid="fail"), _in_documents(*_CSV_LINES[:9]) + _NO_TEXTS, lines="document"),
    Case("csv-plain", _FIELDS_CSV.format(delimiter=",", quote="", invalid="null"), _in_documents(*_LINES), lines="document"),
    Case("csv-spaces", _FIELDS_CSV.format(delimiter=" ", quote="-", invalid="drop"), _in_documents(*_LINES), lines="document"),
    Case("csv-changes", 'source = "dynamodb"\n' + _FIELDS_CSV.format(delimiter="=", quote='"', invalid="drop").replace('"t"', '"dynamodb.NewImage.t"').replace('"n"', '"dynamodb.Keys.id"'), _LINE_CHANGES * 2 + _LINE_CHANGES[:6], lines="document"),
    Case("pairs", _PAIRS.format(inner="logfmt", fields=""), _in_documents(*_LINES), lines="document"),
    Case("pairs-csv", _JSON + _PAIRS.format(inner="csv", fields='fields = ["x", "y"]'), _in_documents(*_PAIR_LINES, *_PAIR_LINES[:5]), lines="document"),
    Case("text-alb", _ALB.format(documents="", format="alb", invalid="null"), _TEXT_RECORDS, lines="text"),
    Case("text-s3", _JSON + _ALB.format(documents='documents = "many"', format="s3-access", invalid="null"), _TEXT_RECORDS, lines="text"),
    Case("text-drop", _ALB.format(documents='documents = "many"\nempty = "fail"', format="s3-access", invalid="drop"), _TEXT_RECORDS, lines="text"),
    Case("clf", _JSON + _PATTERN.format(source="", of="t", format="clf", invalid="null"), _in_documents(*_LINES), lines="document"),
    Case("combined", _PATTERN.format(source='source = "text"\ndocuments = "many"', of="text", format="combined", invalid="drop"), _TEXT_RECORDS, lines="text"),
    Case("syslog", _JSON + _PATTERN.format(source='source = "text"\ndocuments = "many"', of="text", format="syslog", invalid="null"), _TEXT_RECORDS, lines="text"),
    Case("regex", _JSON + _PATTERN.format(source='source = "text"', of="text", format='regex"\npattern = "(?:(?P<time>[-\\\\d: ]{19}) )?\\\\[(?P<level>[A-Z]+)](?: (?P<message>[^:]+)(?:: (?P<hostname>(?s:.*)))?)?', invalid="null"), _TEXT_RECORDS, lines="text"),
    Case("text-realtime", _REALTIME, _TAB_RECORDS, lines="text"),
    Case("text", _JSON + 'source = "text"\n[columns]\ntext = { path = "text", type = "json" }\nraw = { path = "text", nulls = ["-", "a"] }\n', _TEXT_RECORDS, lines="text"),
)  # fmt: skip


def spoilt(rng: random.Random, text: bytes, is_text: bool) -> bytes:
    """Insert something into a line, or cut a piece out of it."""
    start, end = 0, len(text)
    if not is_text:
        strings = [match.span() for match in _STRING.finditer(text)]
        if not strings:
            return text
        start, end = rng.choice(sorted(strings, key=lambda span: span[0] - span[1])[:4])
        start, end = start + 1, end - 1
    place = rng.randint(start, end)
    if rng.random() < 0.2:
        return text[:place] + text[min(end, place + rng.randrange(1, 12)) :]
    part = rng.choice(_LINE_PARTS)
    if not is_text:
        part = json.dumps(part, ensure_ascii=rng.random() < 0.5)[1:-1]
    return text[:place] + part.encode() + text[place:]
