"""The oracle against literal tables: what it says must be readable off the rules, or its agreement proves nothing.

Every expected text here was written by hand from the rules, none was printed by the code. Invariant: nothing of the
package is imported.
"""

import ast
import base64
import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import DROPPED, FAILED, OK, Cut, Oracle, Outcome, cut, response_size
from strategies import MALFORMED_ATTRIBUTES, NOW_MS, batches, configs, metas, ses_payloads, ticker_payloads


def said(config, payload, meta=None, now_ms=0, map_row=None):
    """The text of an `Ok` record, the reason of a failed one, or "Dropped"."""
    if isinstance(payload, str):
        payload = payload.encode()
    outcome = Oracle(config, map_row).one(payload, meta, now_ms)
    return outcome.data.decode() if outcome.result == OK else outcome.reason or outcome.result


def column(definition, output='format = "csv"', top=""):
    """A configuration with one column `c`."""
    return f"{top}\n[output]\n{output}\n[columns]\nc = {definition}"


def table(*rows):
    """Parametrize by the rows, with the first item of each as the id."""
    return [pytest.param(*rest, id=name) for name, *rest in rows]


# ---------------------------------------------------------------- whole transforms

CITIES = """
source = "dynamodb"
where  = "eventName != 'REMOVE'"
[output]
format = "csv"
[columns]
key        = "dynamodb.Keys.key"
population = { path = "(dynamodb.NewImage || dynamodb.OldImage).population", type = "int64" }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
name       = { path = "dynamodb.NewImage.name", required = true }
label      = { expr = "utf8_upper(key)" }
arrived    = { meta = "arrival_ms", type = "timestamp[ms]" }
eventName  = { hidden = true }
"""
CITY = (
    '{"awsRegion":"ap-northeast-1","eventID":"1e84f1ca-438d-4837-a6bd-aa4592be6f8a","eventName":"MODIFY",'
    '"userIdentity":null,"recordFormat":"application/json","tableName":"cities","dynamodb":{'
    '"ApproximateCreationDateTime":1651495525900,"Keys":{"key":{"S":"t0926"}},"NewImage":{"population":{"N":"54148"},'
    '"key":{"S":"t0926"},"name":{"S":"下野"},"date_mod":{"S":"1950-9-7"}},"OldImage":{"population":{"N":"56148"},'
    '"key":{"S":"t0926"},"name":{"S":"下野"},"date_mod":{"S":"1950-9-7"}},"SizeBytes":104},"eventSource":"aws:dynamodb"}'
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("change", CITY, "t0926,54148,2022-05-02 12:45:25.900,下野,T0926,2022-05-02 12:45:26.000\n"),
        ("removal", CITY.replace("MODIFY", "REMOVE"), DROPPED),
        ("removal that would fail", CITY.replace("MODIFY", "REMOVE").replace('"54148"', '"many"'), DROPPED),
        ("malformed number", CITY.replace('"54148"', '"many"'), "type:population"),
        ("no name", CITY.replace('"name"', '"title"'), "required:name"),
        (
            "comma in the key",
            CITY.replace('"t0926"', '"t,09"'),
            '"t,09",54148,2022-05-02 12:45:25.900,下野,"T,09",2022-05-02 12:45:26.000\n',
        ),
        (
            "unselected member malformed",
            CITY.replace('{"S":"1950-9-7"}', "5"),
            "t0926,54148,2022-05-02 12:45:25.900,下野,T0926,2022-05-02 12:45:26.000\n",
        ),
    ),
)
def test_cities_change_becomes_a_csv_row(payload, expected):
    """A DynamoDB change gives the row of its configuration; `where` comes before the columns that it does not name."""
    assert said(CITIES, payload, {"arrival_ms": NOW_MS}) == expected


TICKER = r"""
where = "SECTOR == 'RETAIL'"
[columns]
processed_at  = { expr = "now_ms()" }
TICKER_SYMBOL = { path = "TICKER_SYMBOL", pattern = "[A-Z]+", required = true }
SECTOR        = { path = "SECTOR", pattern = "[A-Z]+", required = true }
CHANGE        = { path = "CHANGE", pattern = "[-.0-9]+", required = true }
PRICE         = { path = "PRICE", pattern = "[-.0-9]+", required = true }
"""


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        (
            "blueprint",
            '{"TICKER_SYMBOL":"QXZ","SECTOR":"RETAIL","CHANGE":-0.05,"PRICE":84.51}',
            "1651495526000,QXZ,RETAIL,-0.05,84.51\n",
        ),
        (
            "other order",
            ' { "PRICE" : 84.50, "CHANGE":0,"SECTOR":"RETAIL" ,"TICKER_SYMBOL":"QXZ" } ',
            "1651495526000,QXZ,RETAIL,0,84.50\n",
        ),
        ("other sector", '{"TICKER_SYMBOL":"qxz","SECTOR":"ENERGY"}', DROPPED),
        ("sector does not match", '{"TICKER_SYMBOL":"QXZ","SECTOR":"energy","CHANGE":1,"PRICE":1}', "pattern:SECTOR"),
        (
            "symbol does not match",
            '{"TICKER_SYMBOL":"QX1","SECTOR":"RETAIL","CHANGE":1,"PRICE":1}',
            "pattern:TICKER_SYMBOL",
        ),
        ("first failure in order", '{"SECTOR":"RETAIL","CHANGE":"x"}', "required:TICKER_SYMBOL"),
        ("no price", '{"TICKER_SYMBOL":"QXZ","SECTOR":"RETAIL","CHANGE":1}', "required:PRICE"),
    ),
)
def test_ticker_is_filtered_and_checked(payload, expected):
    """The blueprint's job: retail only, checked by pattern, numbers with their digits as written."""
    assert said(TICKER, payload, now_ms=NOW_MS) == expected


SES = """
output = { format = "json" }
[columns]
event_type   = { path = "eventType", type = "string" }
message_id   = { path = "mail.messageId", type = "string" }
tags         = { path = "mail.tags", type = "string" }
from_address = { path = "mail.headers[?name=='From'].value | [0]", type = "string" }
to_address   = { path = "mail.headers[?name=='To'].value | [0]", type = "string" }
[[routes]]
where   = "event_type == 'Send'"
iceberg = { database = "email_event", table = "send_log", operation = "insert" }
columns = { timestamp = { path = "mail.timestamp", type = "timestamp[us]" } }
[[routes]]
where   = "event_type == 'Open'"
iceberg = { database = "email_event", table = "open_log" }
columns = { ip_address = "open.ipAddress", timestamp = { path = "open.timestamp", type = "timestamp[us]" } }
[[routes]]
where   = "event_type == 'Click'"
iceberg = { database = "email_event", table = "click_log", operation = "insert" }
[routes.columns]
link_tags = "click.linkTags"
timestamp = { path = "click.timestamp", type = "timestamp[us]" }
"""
MAIL = (
    '"mail":{"timestamp":"2016-10-14T05:02:16.645Z","messageId":"EXAMPLE7-000000","headers":[{"name":"From",'
    '"value":"sender@example.com"},{"name":"To","value":"recipient@example.com"},{"name":"To","value":"second"}],'
    '"tags":{"ses:source-ip" : ["192.0.2.0"]}}'
)
COMMON = (
    r'"message_id":"EXAMPLE7-000000","tags":"{\"ses:source-ip\":[\"192.0.2.0\"]}",'
    '"from_address":"sender@example.com","to_address":"recipient@example.com"'
)


@pytest.mark.parametrize(
    ("payload", "line", "destination"),
    table(
        (
            "send",
            f'{{"eventType":"Send",{MAIL},"send":{{}}}}',
            f'{{"event_type":"Send",{COMMON},"timestamp":1476421336645000}}\n',
            {"destinationDatabaseName": "email_event", "destinationTableName": "send_log", "operation": "insert"},
        ),
        (
            "open",
            f'{{"eventType":"Open",{MAIL},"open":{{"ipAddress":"192.0.2.1","timestamp":"2017-08-09T22:00:19.652Z"}}}}',
            f'{{"event_type":"Open",{COMMON},"ip_address":"192.0.2.1","timestamp":1502316019652000}}\n',
            {"destinationDatabaseName": "email_event", "destinationTableName": "open_log"},
        ),
        (
            "click",
            f'{{"eventType":"Click",{MAIL},"click":{{"linkTags":{{ "k" : ["v"] }}}}}}',
            f'{{"event_type":"Click",{COMMON},"link_tags":{{"k":["v"]}},"timestamp":null}}\n',
            {"destinationDatabaseName": "email_event", "destinationTableName": "click_log", "operation": "insert"},
        ),
    ),
)
def test_ses_event_goes_to_the_table_of_its_type(payload, line, destination):
    """A route adds its columns behind the shared ones, sends timestamps as epoch microseconds and names its table."""
    outcome = Oracle(SES).one(payload.encode())
    assert outcome == Outcome(OK, None, line.encode(), {"otfMetadata": destination})


def test_ses_event_of_another_type_is_unmatched():
    """A record that no route takes fails, or is dropped where the configuration says so."""
    payload = f'{{"eventType":"Bounce",{MAIL}}}'
    assert said(SES, payload) == "unmatched"
    assert said('unmatched = "drop"\n' + SES, payload) == DROPPED


STREAM_BATCH_CHANGE = (
    '{"eventID":"1","eventName":"INSERT","eventVersion":"1.0","eventSource":"aws:dynamodb","dynamodb":{'
    '"ApproximateCreationDateTime":1651495525,"Keys":{"Id":{"N":"101"}},"NewImage":{"Message":{"S":"New item!"},'
    '"Id":{"N":"101"}},"SequenceNumber":"111","SizeBytes":26,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn"}'
)
ITEM = 'source = "dynamodb"\noutput = { format = "json" }'


def test_streams_change_reads_as_a_kinesis_one():
    """The other shape of a change: creation time in seconds, the same images."""
    config = 'source = "dynamodb"\n[columns]\nid = "dynamodb.Keys.Id"\nm = "dynamodb.NewImage.Message"\n'
    config += 't = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[s]" }'
    assert said(config, STREAM_BATCH_CHANGE) == "101,New item!,2022-05-02 12:45:25\n"


# ---------------------------------------------------------------- what a record is


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("bad base64", None, "base64"),
        ("empty", b"", DROPPED),
        ("white space", b" \n", DROPPED),
        ("object", b'{"a":1}', "1\n"),
        ("white space around", b' \t\r\n{"a":1}\n', "1\n"),
        ("form feed is no white space", b'\x0c{"a":1}', "json"),
        ("bom", b'\xef\xbb\xbf{"a":1}', "utf8"),
        ("bom inside is text", '{"a":"\ufeff"}'.encode(), "\ufeff\n"),
        ("bom behind white space", b' \xef\xbb\xbf{"a":1}', "json"),
        ("utf-16", b'\xff\xfe{\x00"\x00', "utf8"),
        ("bad utf-8 in an unselected member", b'{"a":1,"z":"\xff"}', "utf8"),
        ("bad utf-8 before bad json", b'{"a":1}}\xc3', "utf8"),
        ("encoded surrogate", b'{"a":"\xed\xa0\x80"}', "utf8"),
        ("overlong", b'{"a":"\xc0\xaf"}', "utf8"),
        ("truncated", b'{"a":1', "json"),
        ("two documents", b'{"a":1} {"a":2}', "json"),
        ("comma behind", b'{"a":1},', "json"),
        ("nan", b'{"a":NaN}', "json"),
        ("nan in an unselected member", b'{"a":1,"z":NaN}', "json"),
        ("infinity", b'{"a":-Infinity}', "json"),
        ("lone surrogate", rb'{"a":"\ud800"}', "json"),
        ("lone surrogate in an unselected member", rb'{"a":1,"z":"\udc00"}', "json"),
        ("lone surrogate in a name", rb'{"a":1,"\ud800":1}', "json"),
        ("surrogates the wrong way round", rb'{"a":"\ude00\ud83d"}', "json"),
        ("surrogate pair", rb'{"a":"\uD83D\uDE00"}', "😀\n"),
        ("control character", b'{"a":"\x1f"}', "json"),
        ("nul byte in a string", b'{"a":"\x00"}', "json"),
        ("nul byte behind", b'{"a":1}\x00', "json"),
        ("escaped nul", rb'{"a":"\u0000"}', "\x00\n"),
        ("delete is text", b'{"a":"\x7f"}', "\x7f\n"),
        ("unknown escape", rb'{"a":"\x41"}', "json"),
        ("leading zero", b'{"a":01}', "json"),
        ("bare point", b'{"a":1.}', "json"),
        ("plus", b'{"a":+1}', "json"),
        ("trailing comma", b'{"a":1,}', "json"),
        ("single quotes", b"{'a':1}", "json"),
        ("scalar", b"5", "not_object"),
        ("null", b"null", "not_object"),
        ("list", b'[{"a":1}]', "not_object"),
        ("duplicate: the last counts", b'{"a":1,"a":2}', "2\n"),
        ("duplicate: the last counts, null too", b'{"a":1,"a":null}', '""\n'),
        ("duplicate spelled otherwise", rb'{"a":1,"\u0061":2}', "2\n"),
        ("missing", b"{}", '""\n'),
        ("depth 512", b'{"a":' * 511 + b"{}" + b"}" * 511, '"' + '{""a"":' * 510 + "{}" + "}" * 510 + '"\n'),
        ("depth 513", b'{"a":' * 512 + b"{}" + b"}" * 512, "depth"),
        ("depth 512 in an unselected member", b'{"z":' + b"[" * 511 + b"]" * 511 + b"}", '""\n'),
        ("depth 513 in an unselected member", b'{"z":' + b"[" * 512 + b"]" * 512 + b"}", "depth"),
        ("depth before json", b"[" * 100_000, "depth"),
        ("depth 512, broken", b"[" * 512, "json"),
        ("depth in a string", b'{"a":1,"z":"' + b"[" * 600 + b'"}', "1\n"),
        ("depth behind an escaped quote", rb'{"a":1,"z":"\"' + b"[" * 600 + b'"}', "1\n"),
        ("depth in a string without end", b'"' + b"[" * 600, "json"),
        ("depth behind a bad escape of a quote", b'\\"' + b"[" * 600, "json"),
        ("utf8 before depth", b"[" * 600 + b"\xff", "utf8"),
    ),
)
def test_only_one_strict_document_is_a_record(payload, expected):
    """What is no record fails with the first reason in the order utf8, depth, json, not_object."""
    assert said(column('"a"'), payload) == expected


PLAIN = b'{"a":1}'
ZIPPED = gzip.compress(PLAIN, mtime=0)


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("gzip", ZIPPED, "1\n"),
        ("two members", gzip.compress(PLAIN[:3], mtime=0) + gzip.compress(PLAIN[3:], mtime=0), "1\n"),
        ("truncated", ZIPPED[:-1], "compression"),
        ("header only", b"\x1f\x8b", "compression"),
        ("garbage behind", ZIPPED + b"x", "compression"),
        ("zero behind", ZIPPED + b"\x00", "compression"),
        ("wrong checksum", ZIPPED[:-8] + b"\x00" * 8, "compression"),
        ("nothing inside", gzip.compress(b"", mtime=0), DROPPED),
        ("bom inside", gzip.compress(b"\xef\xbb\xbf{}", mtime=0), "utf8"),
        ("gzip inside", gzip.compress(ZIPPED, mtime=0), "utf8"),
        ("at the limit", gzip.compress(PLAIN + b" " * (16 * 1024 * 1024 - len(PLAIN)), mtime=0), "1\n"),
        ("over the limit", gzip.compress(PLAIN + b" " * (16 * 1024 * 1024 - len(PLAIN) + 1), mtime=0), "too_large"),
    ),
)
def test_gzip_is_looked_through(payload, expected):
    """A record that starts like gzip is gzip from its first byte to its last, and not over 16 MiB inside."""
    assert said(column('"a"'), payload) == expected


# ---------------------------------------------------------------- values and types


@pytest.mark.parametrize(
    ("value", "expected"),
    table(
        ("digits", "1.10", "1.10"),
        ("exponent", "1E400", "1E400"),
        ("minus zero", "-0.0", "-0.0"),
        ("forty digits", "1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
        ("true", "true", "true"),
        ("object", '{ "p" : [ 1 , 2.10 ] }', '"{""p"":[1,2.10]}"'),
        ("escapes that need not be", r'["\u0041\/\n"]', r'"[""A/\n""]"'),
        ("duplicates", '{"p":1,"q":0,"p":2}', '"{""p"":2,""q"":0}"'),
        ("string", r'"\u0041\/"', "A/"),
        ("empty string", '""', '""'),
        ("null", "null", '""'),
    ),
)
def test_auto_writes_the_value_as_it_stands(value, expected):
    """`auto` keeps digits, and writes objects and lists in one form."""
    assert said(column('"a"'), f'{{"a":{value}}}') == expected + "\n"


@pytest.mark.parametrize(
    ("kind", "value", "csv", "as_json"),
    table(
        ("auto string", "auto", r'"\u0041\"\n"', '"A""\n"', r'"A\"\n"'),
        ("auto number", "auto", "1.10", "1.10", "1.10"),
        ("auto true", "auto", "true", "true", "true"),
        ("auto object", "auto", '{ "p":1E2 }', '"{""p"":1E2}"', '{"p":1E2}'),
        ("string of a string", "string", '"é\\u0007"', "é\x07", '"é\\u0007"'),
        ("string of a number", "string", "1.10", "1.10", '"1.10"'),
        ("string of a bool", "string", "false", "false", '"false"'),
        ("string of a list", "string", "[ 1 ]", "[1]", '"[1]"'),
        ("json of a string", "json", r'"\u0041"', '"""A"""', '"A"'),
        ("json of a number", "json", "1.10", "1.10", "1.10"),
        ("json of a list", "json", r'[ "\u0041" ]', '"[""A""]"', '["A"]'),
        ("int64", "int64", "42", "42", "42"),
        ("int64 text", "int64", '"-007"', "-7", "-7"),
        ("int64 minus zero", "int64", '"-0"', "0", "0"),
        ("int64 integral", "int64", "1.0", "1", "1"),
        ("int64 exponent", "int64", "1.5E1", "15", "15"),
        ("int64 integral zero", "int64", "-0.0E999", "0", "0"),
        ("int64 largest", "int64", "9223372036854775807", "9223372036854775807", "9223372036854775807"),
        ("int64 smallest", "int64", '"-9223372036854775808"', "-9223372036854775808", "-9223372036854775808"),
        ("float64", "float64", "1.10", "1.1", "1.1"),
        ("float64 text", "float64", '"1e-5"', "0.00001", "0.00001"),
        ("float64 integral", "float64", "100.0", "100", "100"),
        ("float64 underflow", "float64", "1e-400", "0", "0"),
        ("decimal", "decimal(10,2)", "1.1", "1.10", "1.10"),
        ("decimal exponent", "decimal(10,2)", "-1.5E2", "-150.00", "-150.00"),
        ("decimal zeros behind", "decimal(10,2)", '"1.1000"', "1.10", "1.10"),
        ("decimal minus zero", "decimal(10,2)", "-0.000", "0.00", "0.00"),
        ("decimal small", "decimal(2,2)", "0.05", "0.05", "0.05"),
        ("decimal 38", "decimal(38,0)", '"-' + "9" * 38 + '"', "-" + "9" * 38, "-" + "9" * 38),
        ("bool", "bool", "true", "true", "true"),
        ("bool text", "bool", '"false"', "false", "false"),
        ("seconds", "timestamp[ms]", "1651495525", "2022-05-02 12:45:25.000", '"2022-05-02T12:45:25.000Z"'),
        ("milliseconds", "timestamp[s]", "1651495525900", "2022-05-02 12:45:25", '"2022-05-02T12:45:25Z"'),
        (
            "microseconds",
            "timestamp[us]",
            "1651495525900123",
            "2022-05-02 12:45:25.900123",
            '"2022-05-02T12:45:25.900123Z"',
        ),
        ("largest seconds", "timestamp[s]", "99999999999", "5138-11-16 09:46:39", '"5138-11-16T09:46:39Z"'),
        (
            "smallest milliseconds",
            "timestamp[ms]",
            "100000000000",
            "1973-03-03 09:46:40.000",
            '"1973-03-03T09:46:40.000Z"',
        ),
        (
            "largest milliseconds",
            "timestamp[ms]",
            "99999999999999",
            "5138-11-16 09:46:39.999",
            '"5138-11-16T09:46:39.999Z"',
        ),
        (
            "smallest microseconds",
            "timestamp[us]",
            "1e14",
            "1973-03-03 09:46:40.000000",
            '"1973-03-03T09:46:40.000000Z"',
        ),
        (
            "fraction of seconds",
            "timestamp[us]",
            "0.1234567",
            "1970-01-01 00:00:00.123456",
            '"1970-01-01T00:00:00.123456Z"',
        ),
        ("before the epoch", "timestamp[s]", "-0.5", "1969-12-31 23:59:59", '"1969-12-31T23:59:59Z"'),
        (
            "hardly before the epoch",
            "timestamp[us]",
            "-1e-400",
            "1969-12-31 23:59:59.999999",
            '"1969-12-31T23:59:59.999999Z"',
        ),
        ("first second", "timestamp[s]", "-62135596800", "0001-01-01 00:00:00", '"0001-01-01T00:00:00Z"'),
        (
            "last microsecond",
            "timestamp[us]",
            "253402300799999999999",
            "9999-12-31 23:59:59.999999",
            '"9999-12-31T23:59:59.999999Z"',
        ),
        ("text", "timestamp[ms]", '"2022-05-02T12:45:25.9Z"', "2022-05-02 12:45:25.900", '"2022-05-02T12:45:25.900Z"'),
        (
            "text without offset",
            "timestamp[s]",
            '"2022-05-02 12:45:25"',
            "2022-05-02 12:45:25",
            '"2022-05-02T12:45:25Z"',
        ),
        (
            "text with offset",
            "timestamp[s]",
            '"2022-05-02t12:45:25+09:00"',
            "2022-05-02 03:45:25",
            '"2022-05-02T03:45:25Z"',
        ),
        (
            "text truncated",
            "timestamp[us]",
            '"1969-12-31T23:59:59.999999999z"',
            "1969-12-31 23:59:59.999999",
            '"1969-12-31T23:59:59.999999Z"',
        ),
        ("date", "date", '"2024-02-29"', "2024-02-29", '"2024-02-29"'),
        ("binary", "binary", '"YR=="', "YQ==", '"YQ=="'),
        ("binary empty", "binary", '""', '""', '""'),
    ),
)
def test_type_gives_its_text(kind, value, csv, as_json):
    """A value that fits its type has one text in CSV and one in JSON."""
    definition = f'{{ path = "a", type = "{kind}" }}'
    assert said(column(definition), f'{{"a":{value}}}') == csv + "\n"
    assert said(column(definition, 'format = "json"'), f'{{"a":{value}}}') == f'{{"c":{as_json}}}\n'


# fmt: off
MISFITS = {
    "int64": (
        '"1.0"', '1.5', '"+1"', '""', '" 1"', '"1 "', '"0x1F"', '"1e3"', '"nan"', 'true', '[]', '{}', '1e400',
        '1E99999999999999999999', '"٣"', '9223372036854775808', '"-9223372036854775809"',
    ),
    "float64": (
        '1e400', '"-1e400"', '"nan"', '"inf"', '"0x1F"', '"007"', '".5"', '"1."', '"+1"', '""', '" 1"',
        'true', '[]', '{}',
    ),
    "decimal(4,2)": (
        '0.001', '"1.005"', '100', '1e400', '1e-400', '"nan"', '"1e"', '"007"', 'true', '[]', '{}',
    ),
    "bool": ('1', '0', '"TRUE"', '"True"', '"yes"', '""', '[]', '[true]', '{}'),
    "timestamp[s]": (
        '-62135596801', '253402300800000000000', '1e400', '-1e30', '"1651495525 "', 'true', '[]', '{}', '""',
        '"2022-05-02T"', '"2022-05-02Z"', '"2022-05-02T12"', '"2022-05-02T12:45:25 Z"',
        '"2022-02-29T00:00:00Z"', '"0000-01-01T00:00:00Z"', '"2016-12-31T23:59:60Z"',
        '"2022-05-02T24:00:00Z"', '"0001-01-01T00:00:00+00:01"', '"9999-12-31T23:59:59-00:01"',
        '"2022-05-02T12:45:25.Z"', '"2022-05-02T12:45:25.1234567890Z"', '"2022-05-02T12:45:25+24:00"',
        '"2022-05-02T12:45:25+09:60"', '"2022-05-02T12:45:25+090"', '"2022-05-02T12:45:25,5Z"',
        '" 2022-05-02T12:45:25Z"', '"2022-05-02T12:45:25Z "', '"２０２２-05-02T12:45:25Z"',
    ),
    "date": (
        '"2022-02-29"', '"0000-01-01"', '"2022-5-2"', '"20220502"', '19970', '"2022-05-02T00:00:00Z"', '""',
        'true', '[]', '{}',
    ),
    "binary": ('"YQ"', '"YQ="', '"YQ==="', '"-_-_"', '"YW Jj"', '"Y"', '"="', r'"YQ==\n"', '1234', 'true', '[]', '{}'),
}
# fmt: on


@pytest.mark.parametrize(
    ("kind", "value"),
    [pytest.param(kind, value, id=f"{kind} {value}") for kind, values in MISFITS.items() for value in values],
)
def test_value_that_does_not_fit_fails_its_record(kind, value):
    """Each type refuses what its grammar does not have, whatever a cast would make of it."""
    assert said(column(f'{{ path = "a", type = "{kind}" }}'), f'{{"a":{value}}}') == "type:c"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0.0", "0"),
        ("-0.0", "-0"),
        ("0.1", "0.1"),
        ("1e-6", "0.000001"),
        ("1.5e-6", "0.0000015"),
        ("9.9e-7", "9.9e-7"),
        ("9999999999.0", "9999999999"),
        ("9999999999.5", "9999999999.5"),
        ("1e10", "1e+10"),
        ("12345678901.5", "1.23456789015e+10"),
        ("1e16", "1e+16"),
        ("1e21", "1e+21"),
        ("123456789012345680.0", "1.2345678901234568e+17"),
        ("5e-324", "5e-324"),
        ("-1.7976931348623157e308", "-1.7976931348623157e+308"),
    ],
)
def test_float64_is_written_as_arrow_writes_it(number, expected):
    """The shortest digits, as a fraction from 1e-6 to 1e10 (expected texts printed by pyarrow 26's CSV writer)."""
    assert said(column('{ path = "a", type = "float64" }'), f'{{"a":{number}}}') == expected + "\n"


@pytest.mark.parametrize(
    ("definition", "payload", "expected"),
    table(
        ("pattern holds", '{ path = "a", pattern = "[0-9.]+" }', '{"a":1.10}', "1.10"),
        ("pattern is a full match", '{ path = "a", pattern = "[0-9]+" }', '{"a":"12x"}', "pattern:c"),
        ("pattern does not pass over a newline", '{ path = "a", pattern = "x" }', r'{"a":"x\n"}', "pattern:c"),
        ("pattern has ASCII classes", r'{ path = "a", pattern = "\\d" }', '{"a":"٣"}', "pattern:c"),
        (
            "pattern of the text before the type",
            '{ path = "a", pattern = "1\\\\.0", type = "int64" }',
            '{"a":1.0}',
            "1",
        ),
        ("type before pattern", '{ path = "a", pattern = "y", type = "int64" }', '{"a":"x"}', "type:c"),
        ("null has no pattern", '{ path = "a", pattern = "x" }', "{}", '""'),
        ("null has no type", '{ path = "a", type = "int64" }', '{"a":null}', '""'),
        ("default of missing", '{ path = "a", default = "none" }', "{}", "none"),
        ("default keeps its digits", '{ path = "a", default = 1.10 }', "{}", "1.10"),
        ("default of null", '{ path = "a", default = 7, type = "int64" }', '{"a":null}', "7"),
        ("no default of empty text", '{ path = "a", default = "none" }', '{"a":""}', '""'),
        ("default has no pattern", '{ path = "a", default = "none", pattern = "x" }', "{}", "none"),
        ("default is enough", '{ path = "a", default = "none", required = true }', "{}", "none"),
        ("required", '{ path = "a", required = true }', '{"a":null}', "required:c"),
        ("required takes empty text", '{ path = "a", required = true }', '{"a":""}', '""'),
        ("path of the name", "{ }", '{"c":1}', "1"),
    ),
)
def test_column_checks_come_in_order(definition, payload, expected):
    """Path, type, pattern, default, required; the first that fails gives the reason."""
    assert said(column(definition), payload).rstrip("\n") == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    table(
        ("arrival", '{ meta = "arrival_ms" }', "1651495526000"),
        ("arrival as a timestamp", '{ meta = "arrival_ms", type = "timestamp[ms]" }', "2022-05-02 12:45:26.000"),
        ("record id", '{ meta = "record_id" }', "4962"),
        ("none", '{ meta = "shard_id", default = "direct" }', "direct"),
        ("required", '{ meta = "shard_id", required = true }', "required:c"),
    ),
)
def test_meta_columns_are_of_the_record(definition, expected):
    """A meta column is what the event says of the record, null where it says nothing."""
    meta = {"arrival_ms": NOW_MS, "record_id": "4962", "shard_id": None}
    assert said(column(definition), "{}", meta).rstrip("\n") == expected


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    table(
        ("dotted", "a.b.c", '{"a":{"b":{"c":1}}}', "1"),
        ("through a scalar", "a.b.c", '{"a":{"b":"text"}}', "null"),
        ("through a list", "a.b", '{"a":[{"b":1}]}', "null"),
        ("quoted", 'a."user-agent"."b.c"', '{"a":{"user-agent":{"b.c":1}}}', "1"),
        ("quoted with an escape", r'"\u0061\"b"', r'{"a\"b":1}', "1"),
        ("or: first", "a || b", '{"a":1,"b":2}', "1"),
        ("or: zero is true", "a || b", '{"a":0,"b":2}', "0"),
        ("or: false", "a || b", '{"a":false,"b":2}', "2"),
        ("or: empty text", "a || b", '{"a":"","b":2}', "2"),
        ("or: empty list", "a || b", '{"a":[],"b":2}', "2"),
        ("or: empty object", "a || b", '{"a":{},"b":2}', "2"),
        ("or: the last as it is", "a || b || c", '{"a":null,"b":"","c":false}', "false"),
        ("group", "(a || b).c", '{"a":null,"b":{"c":1}}', "1"),
        ("group stops at the first", "(a || b).c", '{"a":{"d":1},"b":{"c":1}}', "null"),
        ("first by equality", "x[?k=='v'].y | [0]", '{"x":[{"k":"w","y":1},{"k":"v","y":2},{"k":"v","y":3}]}', "2"),
        ("first that is not null", "x[?k=='v'].y | [0]", '{"x":[{"k":"v"},{"k":"v","y":null},{"k":"v","y":3}]}', "3"),
        ("first: odd items", "x[?k=='v'].y | [0]", '{"x":[5,null,[],{"k":["v"],"y":1},{"k":"v","y":false}]}', "false"),
        ("first: no list", "x[?k=='v'].y | [0]", '{"x":{"k":"v","y":1}}', "null"),
        (
            "first: nested names",
            r"a.x[?k.l == 'it\\'s'].y.z | [ 0 ]",
            '{"a":{"x":[{"k":{"l":"it\'s"},"y":{"z":1}}]}}',
            "1",
        ),
        ("an object", "a", r'{"a":{ "p":"\u0041" , "p":1.0 }}', '{"p":1.0}'),
        ("a list of an or", "a || b", r'{"b":["\u0041"]}', '["A"]'),
        ("a list of a first", "x[?k=='v'].y | [0]", r'{"x":[{"k":"\u0076","y":["\u0041"]}]}', '["A"]'),
        ("jmespath", "x[0]", r'{"x":[{ "p":"\u0041","q":1.10,"p":2 }]}', '{"p":2,"q":1.10}'),
        ("jmespath computes", "sum(x)", '{"x":[1,2.5]}', "3.5"),
        ("jmespath keeps digits", "max(x)", '{"x":[1,2.50]}', "2.50"),
        ("jmespath compares", "x[?y > `1`].y | [0]", '{"x":[{"y":0.5},{"y":1.10}]}', "1.10"),
        ("jmespath raises", "length(x)", '{"x":5}', "path:c"),
        ("jmespath of deep documents", "a[0]", '{"a":[' + "[" * 510 + "]" * 510 + "]}", "[" * 510 + "]" * 510),
    ),
)
def test_path_selects(path, payload, expected):
    """JMESPath's own meaning; the text of an object or a list does not depend on the shape of the path."""
    config = column(
        f"'''{path}'''" if "'" not in path else f'"""{path.replace(chr(34), chr(92) + chr(34))}"""', 'format = "json"'
    )
    assert said(config, payload) == (expected if expected == "path:c" else f'{{"c":{expected}}}\n')


def attribute(text, name="a"):
    return f'{{"dynamodb":{{"NewImage":{{"{name}":{text}}}}}}}'


def layered(data, layers):
    for _ in range(layers):
        data = base64.b64encode(data)
    return data.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    table(
        ("S", '{"S":"x"}', '"x"'),
        (
            "N keeps its digits",
            '{"N":"12345678901234567890123456789012345678.10"}',
            "12345678901234567890123456789012345678.10",
        ),
        ("B loses one layer", '{"B":"RWdJSWV3PT0="}', '"EgIIew=="'),
        ("BOOL", '{"BOOL":false}', "false"),
        ("NULL", '{"NULL":true}', "null"),
        ("M", '{"M":{"y":{"N":"1.10"},"x":{"S":"\\u0041"}}}', '{"y":1.10,"x":"A"}'),
        ("L", '{"L":[{"S":"x"},{"L":[]},{"NULL":true}]}', '["x",[],null]'),
        ("SS", '{"SS":["b","a"]}', '["a","b"]'),
        ("NS", '{"NS":["1E2","-0"]}', "[-0,1E2]"),
        ("BS", f'{{"BS":["{layered(b"x", 2)}"]}}', f'["{layered(b"x", 1)}"]'),
        ("equal members are one", '{"S":"a","S":"b"}', '"b"'),
        ("deep", '{"M":{"a":' * 200 + '{"N":"1"}' + "}}" * 200, '{"a":' * 200 + "1" + "}" * 200),
    ),
)
def test_attribute_value_becomes_plain(text, expected):
    """Every type of DynamoDB as JSON; a set is a list, a number keeps its digits."""
    config = column('"dynamodb.NewImage.a"', 'format = "json"', 'source = "dynamodb"')
    assert said(config, attribute(text)) == f'{{"c":{expected}}}\n'


@pytest.mark.parametrize("text", [*MALFORMED_ATTRIBUTES, '{"B":"YQ=="}'])
def test_malformed_attribute_value_fails_the_record(text):
    """What is no attribute value where a path needs one is `type`; where no path looks, it is not judged."""
    top = 'source = "dynamodb"'
    assert said(column('"dynamodb.NewImage.a"', top=top), attribute(text)) == "type:c"
    assert said(column('"dynamodb.NewImage.b"', top=top), attribute(text)) == '""\n'


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    table(
        ("into a map", "dynamodb.NewImage.a.x", attribute('{"M":{"x":{"S":"in"},"y":5}}'), '"in"'),
        ("into text", "dynamodb.NewImage.a.x", attribute('{"S":"x"}'), "null"),
        ("into a list", "dynamodb.NewImage.a.x", attribute('{"L":[]}'), "null"),
        ("wrapping is not addressed", "dynamodb.NewImage.a.S", attribute('{"S":"x"}'), "null"),
        ("image that is null", "dynamodb.NewImage.a", '{"dynamodb":{"NewImage":null}}', "null"),
        ("image that is a number", "dynamodb.NewImage.a", '{"dynamodb":{"NewImage":5}}', "null"),
        ("no dynamodb", "dynamodb.NewImage.a", '{"dynamodb":[]}', "null"),
        ("plain members", "userIdentity", r'{"userIdentity":{ "type":"\u0041","type":1.0 }}', '{"type":1.0}'),
        ("an item", "dynamodb.NewImage", attribute('{"N":"1"}'), '{"a":1}'),
        (
            "or of images",
            "(dynamodb.NewImage || dynamodb.OldImage).a",
            '{"dynamodb":{"NewImage":{},"OldImage":{"a":{"S":"old"}}}}',
            '"old"',
        ),
        (
            "or of members",
            "dynamodb.NewImage.a || dynamodb.NewImage.b",
            '{"dynamodb":{"NewImage":{"a":{"BOOL":false},"b":{"S":"b"}}}}',
            '"b"',
        ),
        (
            "or does not look further",
            "dynamodb.NewImage.a || dynamodb.NewImage.b",
            '{"dynamodb":{"NewImage":{"a":{"N":"0"},"b":5}}}',
            "0",
        ),
        (
            "first by equality",
            "dynamodb.NewImage.a[?k=='v'].y | [0]",
            attribute('{"L":[{"M":{"k":{"S":"v"},"y":{"N":"1.0"}}}]}'),
            "1.0",
        ),
        ("jmespath", "dynamodb.NewImage.a[0]", attribute('{"L":[{"N":"1.10"}]}'), "1.10"),
        ("streams shape", "dynamodb.NewImage.a", '{"eventVersion":"1.1",' + attribute('{"B":"YQ=="}')[1:], '"YQ=="'),
        (
            "streams shape by its arn",
            "dynamodb.NewImage.a",
            '{"eventSourceARN":null,' + attribute('{"B":"YQ=="}')[1:],
            '"YQ=="',
        ),
    ),
)
def test_path_addresses_plain_values_of_a_change(path, payload, expected):
    """Paths see a change as if its images were plain JSON, and judge only what they touch."""
    payload = '{"Item":{},' + payload[1:]  # what makes it a record, whatever stands below `dynamodb`
    assert said(column(f'"{path}"', 'format = "json"', 'source = "dynamodb"'), payload) == f'{{"c":{expected}}}\n'


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("output", "values", "expected"),
    table(
        ("plain", "", ["a", "b"], "a,b"),
        ("delimiter inside", "", ["a,b", "c"], '"a,b",c'),
        ("quote inside", "", ['a"b', "c"], '"a""b",c'),
        ("line feed inside", "", ["a\nb", "c"], '"a\nb",c'),
        ("carriage return inside", "", ["a\rb", "c"], '"a\rb",c'),
        ("space needs no quotes", "", [" a ", "\t"], " a ,\t"),
        ("empty and null", "", ["", None], ","),
        ("one empty field", "", [""], '""'),
        ("one null", "", [None], '""'),
        ("other delimiter", 'delimiter = ";"', ["a,b", "c;d"], 'a,b;"c;d"'),
        ("tab", 'delimiter = "\\t"', ["a", "b\tc"], 'a\t"b\tc"'),
        ("all", 'quoting = "all"', ["a", None, ""], '"a","",""'),
        ("none", 'quoting = "none"', ["a", None], "a,"),
        ("none refuses", 'quoting = "none"', ["a", "b,c"], "quoting:c1"),
        ("none keeps quotes", 'quoting = "none"', ['a"', "'"], "a\",'"),
        ("none refuses line breaks", 'quoting = "none"', ["a", "\n"], "quoting:c1"),
        ("a backslash in quotes", "escape = '\\'", ["a", "\\", '"', "x"], 'a,"\\\\","\\"",x'),
        ("escapes without quotes", "escape = '\\'\nquoting = 'none'", ["a,b", "\\n", '"'], 'a\\,b,\\\\n,"'),
        ("text in quotes", 'quoting = "strings"', ["a", None, ""], '"a",,""'),
        ("empty in quotes", "quote_empty = true", ["a", None, ""], 'a,,""'),
        ("the null text in quotes", "quote_empty = true\nnull = 'NULL'", ["NULL", None, ""], '"NULL",NULL,""'),
        ("line breaks fail", 'newlines = "fail"', ["a", "b\r"], "quoting:c1"),
        ("the null text fails", 'reader = "pandas"', ["a", "\\N"], "quoting:c1"),
        ("NUL fails", 'reader = "redshift"', ["a", "b\0"], "quoting:c1"),
        ("none refuses one empty field", 'quoting = "none"', [""], "quoting:c0"),
        ("null text", 'null = "\\\\N"', [None, "", "\\N"], "\\N,,\\N"),
        ("null text in quotes", 'null = "NULL"\nquoting = "all"', [None], '"NULL"'),
        ("newlines to spaces", 'newlines = "space"', ["a\r\nb\nc\rd\n\n"], "a b c d  "),
        ("newlines escaped", 'newlines = "escape"', ["a\r\nb\\n"], "a\\r\\nb\\n"),
        ("formulas", "escape_formulas = true", ["=1", "+x", "-x", "@", "\tx", "'="], "'=1,'+x,'-x,'@,'\tx,'="),
        ("formula in quotes", "escape_formulas = true", ["\rx", "=a,b"], '"\'\rx","\'=a,b"'),
        ("numbers are no formulas", "escape_formulas = true", [-5, "-5", "-1E2", "+5", "-05"], "-5,-5,-1E2,'+5,'-05"),
        ("null text is no formula", 'escape_formulas = true\nnull = "-"', [None, "-"], "-,'-"),
        ("newlines before formulas", 'escape_formulas = true\nnewlines = "space"', ["\r=1"], " =1"),
    ),
)
def test_csv_rows(output, values, expected):
    """CSV as Python 3.13 writes it; newlines first, then formulas, then quotes."""
    config = f"[output]\n{output}\n[columns]\n" + "\n".join(f"c{i} = 'c{i}'" for i in range(len(values)))
    payload = json.dumps({f"c{i}": value for i, value in enumerate(values)})
    expected = expected if expected.startswith("quoting:") else expected + "\n"
    assert said(config, payload) == expected


def test_json_rows_write_names_nulls_and_hide():
    """One object and a newline, members in order, nulls written, hidden columns not."""
    config = """output = { format = "json" }
[columns]
"b \\"名" = "b"
a = { hidden = true }
c = "c"
"""
    assert said(config, r'{"b":"\u2028\u0001/","a":1}') == '{"b \\"名":"\u2028\\u0001/","c":null}\n'


@pytest.mark.parametrize(
    ("top", "payload", "expected"),
    table(
        ("verbatim", "", r' { "a" : 1.10 , "a" : "\u0041" } ', '{"a":"A"}\n'),
        (
            "new image",
            'source = "dynamodb"',
            CITY,
            '{"population":54148,"key":"t0926","name":"下野","date_mod":"1950-9-7"}\n',
        ),
        (
            "old image",
            'source = "dynamodb"',
            '{"dynamodb":{"Keys":{"k":{"S":"x"}},"NewImage":{},"OldImage":{"k":{"N":"1"}}}}',
            '{"k":1}\n',
        ),
        ("keys", 'source = "dynamodb"', '{"dynamodb":{"Keys":{"k":{"S":"x"}},"NewImage":null}}', '{"k":"x"}\n'),
        ("no item", 'source = "dynamodb"', '{"dynamodb":{}}', "type:*"),
        ("malformed item", 'source = "dynamodb"', attribute("5"), "type:*"),
    ),
)
def test_columns_left_out(top, payload, expected):
    """The document itself, or the item of a change."""
    assert said(f'{top}\noutput = {{ format = "json" }}', payload) == expected


# ---------------------------------------------------------------- expressions

TYPED = """
output = { format = "json" }
[columns]
s = { path = "s", hidden = true }
i = { path = "i", type = "int64", hidden = true }
j = { path = "j", type = "int64", hidden = true }
f = { path = "f", type = "float64", hidden = true }
b = { path = "b", type = "bool", hidden = true }
"""


@pytest.mark.parametrize(
    ("expression", "payload", "expected"),
    table(
        ("null is null", "s == None", "{}", "true"),
        ("null is not text", "s == 'x'", "{}", "false"),
        ("null is not equal", "s != 'x'", "{}", "true"),
        ("null in", "s in ('x', 'y')", "{}", "false"),
        ("null in with null", "s in ('x', None)", "{}", "true"),
        ("null not in", "s not in ('x',)", "{}", "true"),
        ("is None", "s is None", "{}", "true"),
        ("is not None", "s is not None", '{"s":""}', "true"),
        ("order of null", "i < 1", "{}", "null"),
        ("chain", "0 < i <= 2", '{"i":2}', "true"),
        ("chain of null and false", "0 < i < j", '{"i":0}', "false"),
        ("arithmetic of null", "i + 1", "{}", "null"),
        ("call of null", "utf8_upper(s)", "{}", "null"),
        ("and: false wins", "b and i < 1", '{"b":false}', "false"),
        ("and: null", "b and i < 1", '{"b":true}', "null"),
        ("or: true wins", "b or i < 1", '{"b":true}', "true"),
        ("or: null", "b or i < 1", '{"b":false}', "null"),
        ("not null", "not b", "{}", "null"),
        ("not", "not b", '{"b":false}', "true"),
        ("text order", "s < 'é'", '{"s":"z"}', "true"),
        ("number as text", "s == '1.10'", '{"s":1.10}', "true"),
        ("sum", "i + j", '{"i":1,"j":2}', "3"),
        ("product and difference", "i * j - 1", '{"i":3,"j":-2}', "-7"),
        ("division is float64", "i / j", '{"i":1,"j":4}', "0.25"),
        ("division exact", "i / j", '{"i":4,"j":2}', "2"),
        ("minus", "-i", '{"i":5}', "-5"),
        ("mixed", "i + f", '{"i":1,"f":0.5}', "1.5"),
        ("overflow", "i + 1", '{"i":9223372036854775807}', "expression:c"),
        ("overflow of minus", "-i", '{"i":-9223372036854775808}', "expression:c"),
        ("overflow of abs", "abs_checked(i)", '{"i":-9223372036854775808}', "expression:c"),
        ("division by zero", "i / j", '{"i":1,"j":0}', "expression:c"),
        ("division of null by zero", "i / j", '{"j":0}', "null"),
        ("guard of and", "j != 0 and i / j > 1.0", '{"i":1,"j":0}', "false"),
        ("guard of or", "j == 0 or i / j > 1.0", '{"i":1,"j":0}', "true"),
        ("guard of a chain", "0 < j < i / j", '{"i":1,"j":0}', "false"),
        ("guard that is null", "b and i / j > 1.0", '{"i":1,"j":0}', "expression:c"),
        ("guard behind", "i / j > 1.0 and j != 0", '{"i":1,"j":0}', "expression:c"),
        ("a branch that is guarded", "if_else(j == 0, 0.0, i / j)", '{"i":1,"j":0}', "0"),
        ("not finite", "f * f", '{"f":1e308}', "expression:c"),
        ("an integer becomes the nearest float64", "i + f", '{"i":9007199254740993,"f":1}', "9.007199254740992e+15"),
        ("upper", "utf8_upper(s)", '{"s":"aé下ß"}', '"AÉ下ẞ"'),
        ("lower", "utf8_lower(s)", '{"s":"AÉİ"}', '"aéi"'),
        ("length", "utf8_length(s)", '{"s":"a下😀"}', "3"),
        ("trim", "utf8_trim_whitespace(s)", r'{"s":"\u3000 a b\n"}', '"a b"'),
        ("starts with", "starts_with(s, pattern='a.')", '{"s":"a.b"}', "true"),
        ("coalesce", "coalesce(s, 'none')", "{}", '"none"'),
        ("if_else", "if_else(b, 'yes', 'no')", '{"b":false}', '"no"'),
        ("if_else of null", "if_else(b, 'yes', 'no')", "{}", "null"),
        ("now", "now_ms()", "{}", str(NOW_MS)),
        ("col", "col('s')", '{"s":"x"}', '"x"'),
    ),
)
def test_expression(expression, payload, expected):
    """The null rules, checked arithmetic, and the functions that the oracle knows."""
    config = TYPED + f'c = {{ expr = "{expression}" }}'
    expected = expected if expected == "expression:c" else f'{{"c":{expected}}}\n'
    assert said(config, payload, now_ms=NOW_MS) == expected


def test_computed_columns_may_name_each_other_and_take_a_type():
    """An `expr` column is computed after those that it names, and its result fits its type or fails."""
    config = '[columns]\nx = { expr = "y + 1" }\ny = { expr = "z * 2" }\nz = { path = "z", type = "int64" }\n'
    config += 't = { expr = "z", type = "timestamp[s]" }'
    assert said(config, '{"z":20}') == "41,40,20,1970-01-01 00:00:20\n"
    assert said(config, '{"z":4611686018427387904}') == "expression:y"
    assert said(config, '{"z":-99999999999}') == "expression:t"


@pytest.mark.parametrize(
    ("payload", "expected", "nulls"),
    table(
        ("holds", '{"i":5}', "5\n", 0),
        ("does not hold", '{"i":0}', DROPPED, 0),
        ("null", "{}", DROPPED, 1),
        ("raises", '{"i":9223372036854775807}', "expression:where", 0),
        ("its column fails", '{"i":"x"}', "type:i", 0),
    ),
)
def test_where(payload, expected, nulls):
    """A `where` that does not hold drops the record; one that is null drops and is counted."""
    config = "where = 'i + 1 > 3'\n[columns]\ni = { path = 'i', type = 'int64' }"
    assert said(config, payload) == expected
    assert Oracle(config).one(payload.encode()).where_null == nulls


def test_where_null_counts_every_row():
    """The rows of a record for which `where` is null are counted, whatever becomes of the record."""
    config = "documents = 'many'\nwhere = 'i > 3'\n[columns]\ni = { path = 'i', type = 'int64' }"
    assert Oracle(config).one(b'{} {"i":"x"} {}') == Outcome(FAILED, "type:i")
    assert Oracle(config).one(b'{} {"i":"x"} {}').where_null == 2


def test_failures_come_in_the_order_of_work():
    """Columns of `where`, `where`, route, other columns in output order, computed ones, keys, quoting."""
    config = """
where = "w2 == 'x' and w1 == 1"
[output]
quoting = "none"
[columns]
a = { path = "a", required = true }
w1 = { path = "w1", type = "int64" }
w2 = { path = "w2", required = true }
e = { expr = "w1 / n" }
n = { path = "n", type = "int64" }
[partition_keys]
k = "s"
[[routes]]
where = "s != 'none'"
columns = { a = { path = "b", required = true }, r = { path = "r", required = true } }
"""
    config = config.replace("[partition_keys]", 's = { path = "s", hidden = true }\n[partition_keys]')
    members = {}
    steps = [
        ("w1", "x", "type:w1"),
        ("w1", 2, "required:w2"),
        ("w2", "x", DROPPED),
        ("w1", 1, "required:a"),
        ("s", "none", "unmatched"),
        ("s", "", "required:a"),
        ("b", "B,B", "required:r"),
        ("n", "x", "type:n"),
        ("r", "R", "type:n"),
        ("n", 0, "expression:e"),
        ("n", 4, "partition_key:k"),
        ("s", "S", "quoting:a"),
        ("b", "B", "B,1,x,0.25,4,R\n"),
    ]
    for name, value, expected in steps:
        members[name] = value
        assert (name, said(config, json.dumps(members))) == (name, expected)


# ---------------------------------------------------------------- metadata, routes, many rows


@pytest.mark.parametrize(
    ("event_name", "expected"),
    table(
        ("insert", '"INSERT"', "insert"),
        ("remove", '"REMOVE"', "delete"),
        ("other", '"MODIFY"', None),
        ("no text", "5", None),
    ),
)
def test_operation_follows_the_event_name(event_name, expected):
    """The operation is that of the record's `eventName`; a record whose name has none fails."""
    config = """source = "dynamodb"
output = { format = "json" }
[columns]
a = "dynamodb.Keys.a"
[[routes]]
iceberg = { database = "d", table = "t", operation = { INSERT = "insert", REMOVE = "delete" } }
"""
    outcome = Oracle(config).one(f'{{"eventName":{event_name},"dynamodb":{{"Keys":{{"a":{{"S":"k"}}}}}}}}'.encode())
    if expected is None:
        assert outcome == Outcome(FAILED, "operation")
    else:
        assert outcome.metadata["otfMetadata"]["operation"] == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("text", '{"s":"a,b","i":7}', {"partitionKeys": {"k": "a,b", "n": "8"}}),
        ("null", '{"i":7}', "partition_key:k"),
        ("empty", '{"s":"","i":7}', "partition_key:k"),
        ("raises", '{"s":"x","i":9223372036854775807}', "partition_key:n"),
    ),
)
def test_partition_keys_are_text(payload, expected):
    """Each key is the text of its expression; null, empty or failing fails the record."""
    config = "[columns]\ns = 's'\ni = { path = 'i', type = 'int64' }\n[partition_keys]\nk = 's'\nn = 'i + 1'"
    outcome = Oracle(config).one(payload.encode())
    assert expected in (outcome.metadata, outcome.reason)


def test_route_columns_replace_shared_ones_in_place():
    """A route's column takes the place of the shared one of its name; `where` of the route saw the shared one."""
    config = "[columns]\na = 'a'\nb = 'b'\n[[routes]]\nwhere = \"a == 'x'\"\ncolumns = { a = 'c', d = 'd' }\n[[routes]]"
    assert said(config, '{"a":"x","b":2,"c":3,"d":4}') == "3,2,4\n"
    assert said(config, '{"a":"y","b":2,"c":3,"d":4}') == "y,2\n"


MANY = """documents = "many"
where = "a != 0"
[columns]
a = { path = "a", type = "int64" }
[partition_keys]
k = "a / a"
"""


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("one", '{"a":1}', "1\n"),
        ("with white space", ' {"a":1}\n{"a":2} \n', "1\n2\n"),
        ("without", '{"a":1}{"a":2}', "1\n2\n"),
        ("filtered", '{"a":0} {"a":1} {"a":0}', "1\n"),
        ("all filtered", '{"a":0}{"a":0}', DROPPED),
        ("empty", "", DROPPED),
        ("white space", " \n", DROPPED),
        ("comma between", '{"a":1},{"a":2}', "1\n2\n"),
        ("comma behind", '{"a":1},{"a":2},', "1\n2\n"),
        ("comma behind one", '{"a":1}, \n', "1\n"),
        ("two commas", '{"a":1},,{"a":2}', "json"),
        ("two commas behind", '{"a":1},,', "json"),
        ("a comma alone", ",", "json"),
        ("a list", '[{"a":1}, {"a":2}]\n', "1\n2\n"),
        ("an empty list", "[]", DROPPED),
        ("a list of a list", '[[{"a":1}]]', "not_object"),
        ("two lists", '[{"a":1}] [{"a":1}]', "not_object"),
        ("a broken list", '[{"a":1}', "json"),
        ("one broken", '{"a":1}{"a":', "json"),
        ("one scalar", '{"a":1} 5', "not_object"),
        ("one fails", '{"a":1}{"a":"x"}{"a":0}', "type:a"),
        ("deep together, not alone", '{"a":1}' * 600, "1\n" * 600),
    ),
)
def test_many_documents_stay_one_record(payload, expected):
    """The rows of one record are joined; one bad document fails the record with its reason."""
    assert said(MANY, payload) == expected


def test_many_documents_must_agree():
    """Documents of one record with other keys, or another route, fail it."""
    keyed = "documents = 'many'\n[columns]\na = 'a'\n[partition_keys]\nk = 'a'"
    assert said(keyed, '{"a":"x"}{"a":"x"}') == "x\nx\n"
    assert said(keyed, '{"a":"x"}{"a":"y"}') == "documents"
    routed = "documents = 'many'\n[columns]\na = 'a'\n[[routes]]\nwhere = \"a == 'x'\"\n[[routes]]"
    assert said(routed, '{"a":"z"}{"a":"y"}') == "z\ny\n"
    assert said(routed, '{"a":"x"}{"a":"y"}') == "documents"


LOGS = """source = "cloudwatch-logs"
where = "message != 'skip'"
[columns]
group = "logGroup"
stream = "logStream"
owner = "owner"
type = "messageType"
filters = "subscriptionFilters"
id = { path = "id", required = true }
at = { path = "timestamp", type = "timestamp[ms]" }
message = { }
"""


def logs(events, kind='"DATA_MESSAGE"'):
    return (
        f'{{"messageType":{kind},"owner":"123","logGroup":"g","logStream":"s","subscriptionFilters":["f"],'
        f'"logEvents":{events},"id":"outer"}}'
    )


FIRST = '{"id":"1","timestamp":1651495525900,"message":"one, two"}'
SECOND = '{"id":"2","timestamp":1651495525901,"message":"{}"}'
SKIPPED = '{"message":"skip"}'
FIRST_ROW = 'g,s,123,DATA_MESSAGE,"[""f""]",1,2022-05-02 12:45:25.900,"one, two"\n'
SECOND_ROW = 'g,s,123,DATA_MESSAGE,"[""f""]",2,2022-05-02 12:45:25.901,{}\n'


@pytest.mark.parametrize(
    ("payload", "expected"),
    table(
        ("events", logs(f"[{FIRST},{SECOND}]"), FIRST_ROW + SECOND_ROW),
        ("gzipped", gzip.compress(logs(f"[{FIRST}]").encode(), mtime=0), FIRST_ROW),
        ("filtered", logs(f"[{SKIPPED},{SECOND}]"), SECOND_ROW),
        ("all filtered", logs(f"[{SKIPPED}]"), DROPPED),
        ("no events", logs("[]"), DROPPED),
        ("control message", logs("null", '"CONTROL_MESSAGE"'), DROPPED),
        ("one bad row", logs(f'[{FIRST},{{"message":"m"}}]'), "required:id"),
        ("other type", logs(f"[{FIRST}]", '"OTHER"'), "message"),
        ("no type", logs(f"[{FIRST}]", "null"), "message"),
        ("events no list", logs(FIRST), "message"),
        ("event no object", logs(f"[{FIRST},5]"), "message"),
        ("no events at all", '{"messageType":"DATA_MESSAGE"}', "message"),
        ("any object", "{}", "message"),
    ),
)
def test_cloudwatch_message_gives_a_row_for_each_event(payload, expected):
    """Columns address the message and each of its events by bare name; the rows stay one record."""
    assert said(LOGS, payload) == expected


@pytest.mark.parametrize(
    ("map_row", "expected"),
    table(
        ("left alone", lambda row: row, "1.10,2,3\n"),
        ("changed", lambda row: row | {"a": "x,y"}, '"x,y",2,3\n'),
        ("feeds computed columns", lambda row: row | {"i": 5}, "1.10,5,6\n"),
        ("added", lambda row: row | {"new": None}, "1.10,2,3,\n"),
        ("raises", lambda row: row["nothing"], "map_batch"),
    ),
)
def test_map_row_stands_for_map_batch(map_row, expected):
    """The function sees the columns after `where`; an error in it fails the record alone."""
    config = "[columns]\na = 'a'\ni = { path = 'i', type = 'int64' }\ne = { expr = 'i + 1' }"
    assert said(config, '{"a":1.10,"i":2}', map_row=map_row) == expected


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("spelling", "expected"),
    table(
        # The envelope, a dropped entry, a separator, an `Ok` entry; each with one byte of id, the last with its data.
        ("compact", "compact", 14 + 35 + 1 + 42),
        ("runtime on 3.11", "runtime311", 15 + 38 + 2 + 51),
        ("runtime on 3.12", "runtime312", 15 + 38 + 2 + 47),
    ),
)
def test_response_size_is_that_of_the_text(spelling, expected):
    """The bytes of the response in each spelling, as measured entry by entry in the runtime."""
    entries = [{"recordId": "1", "result": "Dropped"}, {"recordId": "2", "result": "Ok", "data": "é"}]
    assert response_size(entries, spelling) == expected


def ok(size):
    return Outcome(OK, None, b"x" * size)


@pytest.mark.parametrize(
    ("outcomes", "limit", "expected"),
    table(
        # Compact, with ids of one byte: 14 around, 44 a failed entry, 40 an `Ok` one and its base64, 1 between two.
        ("all fit", [ok(3), ok(3)], 10_000, Cut([0, 1], [], [])),
        ("prefix", [ok(300), ok(300), ok(300)], 14 + 2 * (40 + 400) + 44 + 2, Cut([0, 1], [2], [])),
        ("one byte less", [ok(300), ok(300), ok(300)], 14 + 2 * (40 + 400) + 44 + 1, Cut([0], [1, 2], [])),
        ("one never fits", [ok(9_000), ok(300), Outcome(DROPPED), ok(300)], 5_000, Cut([1, 3], [], [0])),
        ("no room at all", [ok(300), ok(300)], 90, Cut([], [], [0, 1])),
        ("nothing to cut", [Outcome(DROPPED), Outcome(FAILED, "json")], 10_000, Cut([], [], [])),
    ),
)
def test_cut_keeps_the_largest_prefix(outcomes, limit, expected):
    """Records that could not be alone go first; then the longest prefix whose response fits, the others failed."""
    assert cut(outcomes, [str(i) for i in range(len(outcomes))], limit, "compact") == expected


# ---------------------------------------------------------------- the whole


def test_oracle_stands_apart():
    """The oracle imports the standard library, `jmespath` and itself: agreement with the package is no accident."""
    imported = set()
    for file in (Path(__file__).parent / "support").glob("oracle*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    own = {"oracle_expr", "oracle_json", "oracle_layers", "oracle_paths", "oracle_types"}
    assert imported - set(sys.stdlib_module_names) == own | {"jmespath"}


@settings(max_examples=60)
@given(st.data())
def test_every_record_has_an_outcome_of_its_own(data):
    """Whatever the bytes, a record is `Ok` with rows, `Dropped`, or failed for a reason, alone as in its batch."""
    config = data.draw(configs())
    payloads = data.draw(batches(config))
    meta = data.draw(metas(len(payloads)))
    oracle = Oracle(config)
    outcomes = oracle.batch(payloads, meta, NOW_MS)
    for i, (payload, outcome) in enumerate(zip(payloads, outcomes, strict=True)):
        assert outcome.result in (OK, DROPPED, FAILED)
        assert (outcome.reason is not None) == (outcome.result == FAILED)
        assert (outcome.data is not None) == (outcome.result == OK)
        assert outcome.data is None or outcome.data.endswith(b"\n") or 'line_end = "none"' in config
        assert oracle.one(payload, {name: values[i] for name, values in meta.items()}, NOW_MS) == outcome


@settings(max_examples=30)
@given(batches(TICKER, good=ticker_payloads()))
def test_every_ticker_that_comes_out_is_retail(payloads):
    """What the filter lets through is of its sector and matches its patterns, whatever lies beside it."""
    for outcome in Oracle(TICKER).batch(payloads, now_ms=NOW_MS):
        if outcome.result == OK:
            _, symbol, sector, change, price = outcome.data.decode().rstrip("\n").split(",")
            assert (symbol.isupper(), sector, set(change + price) <= set("-.0123456789")) == (True, "RETAIL", True)


@settings(max_examples=30)
@given(batches(SES, good=ses_payloads()))
def test_every_mail_event_that_comes_out_has_the_table_of_its_type(payloads):
    """A row is one JSON object, and its table is named after its event type."""
    for outcome in Oracle(SES).batch(payloads):
        if outcome.result == OK:
            table_name = outcome.metadata["otfMetadata"]["destinationTableName"]
            assert table_name == json.loads(outcome.data)["event_type"].lower() + "_log"
