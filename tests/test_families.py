"""Each family of records where it is hard: what has no table, what does not match, what is compressed or is many."""

import gzip
import itertools
import json
from importlib.resources import files

import pyarrow as pa
import pytest

from fastxform import Pipeline
from fastxform.core.payloads import DecompressionError, decompress
from fastxform.limits import DECOMPRESSED_LIMIT_BYTES

NOW_MS = 1_510_254_480_000


def example(name):
    """The text of an example's configuration."""
    return (files("fastxform") / "examples" / name / f"{name}.toml").read_text()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def answers(config, *payloads):
    """What became of each record: its result or its reason, and its data."""
    batch = Pipeline.from_toml(config).run(list(payloads), now_ms=NOW_MS)
    return [
        (reason or result, data) for result, reason, data in zip(batch.result, batch.reason, batch.data, strict=True)
    ]


def answer(config, payload):
    (found,) = answers(config, payload)
    return found


def verdict(config, payload):
    return answer(config, payload)[0]


# -- SES


SES = example("ses")
OTHER_TYPES = ("Delivery", "Bounce", "Complaint", "Reject", "DeliveryDelay", "Rendering Failure", "Subscription")


def mail(event_type, **members):
    """An SES event as small as it gets."""
    headers = [{"name": "From", "value": "a@example.com"}, {"name": "To", "value": "b@example.com"}]
    inside = {"timestamp": "2016-10-14T05:02:16.645Z", "messageId": "m", "headers": headers}
    return {"eventType": event_type, "mail": inside, **members}


@pytest.mark.parametrize("event_type", OTHER_TYPES)
@pytest.mark.parametrize(("unmatched", "wanted"), [("fail", "unmatched"), ("drop", "Dropped")])
def test_other_mail_events_go_where_unmatched_says(event_type, unmatched, wanted):
    """Never to a null table: no metadata, and the neighbours are written."""
    config = SES.replace('unmatched = "fail"', f'unmatched = "{unmatched}"')
    pipeline = Pipeline.from_toml(config)
    batch = pipeline.run([compact(mail("Send")), compact(mail(event_type)), compact(mail("Send"))])
    assert (batch.reason[1] or batch.result[1]) == wanted
    assert (batch.data[1], batch.metadata[1]) == (None, None)
    assert [batch.result[0], batch.result[2]] == ["Ok", "Ok"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="none"),
        pytest.param({"eventType": None}, id="null"),
        pytest.param({"eventType": "send"}, id="small-letters"),
        pytest.param({"eventType": ["Send"]}, id="list"),
        pytest.param({"eventType": ""}, id="empty"),
    ],
)
def test_what_has_no_event_type_has_no_table(event):
    """A type that is missing or something else is unmatched like an unknown one."""
    assert answer(SES, compact(event)) == ("unmatched", None)


def test_mail_events_stay_in_order():
    """A batch that alternates between tables is answered in its own order, each row with its own table."""
    kinds = ["Click", "Send", "Open", "Send", "Bounce", "Click", "Open"] * 5
    batch = Pipeline.from_toml(SES).run([compact(mail(kind)) for kind in kinds])
    found = [None if row is None else json.loads(row)["event_type"] for row in batch.data]
    assert found == [None if kind == "Bounce" else kind for kind in kinds]
    tables = {"Send": "send_log", "Open": "open_log", "Click": "click_log", "Bounce": None}
    assert [m and m["otfMetadata"]["destinationTableName"] for m in batch.metadata] == [tables[kind] for kind in kinds]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        pytest.param([], None, id="none"),
        pytest.param([{"name": "From", "value": "1"}, {"name": "From", "value": "2"}], "1", id="first-of-two"),
        pytest.param([{"name": "from", "value": "1"}], None, id="case"),
        pytest.param([{"name": "From"}, {"name": "From", "value": "2"}], "2", id="first-without-value"),
        pytest.param("From", None, id="no-list"),
        pytest.param([7, None, {"name": "From", "value": "1"}], "1", id="no-objects"),
    ],
)
def test_header_lookup(headers, wanted):
    """The first value of the header of that name, null where there is none."""
    event = mail("Send")
    event["mail"]["headers"] = headers
    result, data = answer(SES, compact(event))
    assert (result, json.loads(data)["from_address"]) == ("Ok", wanted)


# -- the ticker


TICKER = example("ticker")
QUOTE = {"TICKER_SYMBOL": '"QXZ"', "SECTOR": '"RETAIL"', "CHANGE": "-0.05", "PRICE": "84.51"}
LINE = b"1510254480000,QXZ,RETAIL,-0.05,84.51\n"


def quote(**members):
    """A price as text, members replaced by what is given; None leaves one out."""
    given = {**QUOTE, **members}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in given.items() if text is not None) + "}").encode()


def test_ticker_takes_any_order_and_spacing():
    """All orders of the members, each in three spacings, give the same line."""
    payloads = []
    for order in itertools.permutations(QUOTE):
        for colon, comma, around in ((":", ",", ""), (" : ", "\n,\t", " \r\n"), (": ", ", ", "  ")):
            inside = comma.join(f'"{name}"{colon}{QUOTE[name]}' for name in order)
            payloads.append(f"{around}{{{around}{inside}{around}}}{around}".encode())
    assert answers(TICKER, *payloads) == [("Ok", LINE)] * 72


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(quote(TICKER_SYMBOL='"qxz"'), "pattern:TICKER_SYMBOL", id="small-letters"),
        pytest.param(quote(TICKER_SYMBOL='"QXZ1"'), "pattern:TICKER_SYMBOL", id="end"),
        pytest.param(quote(TICKER_SYMBOL=r'"QXZ\n"'), "pattern:TICKER_SYMBOL", id="line-feed-at-the-end"),
        pytest.param(quote(TICKER_SYMBOL='""'), "pattern:TICKER_SYMBOL", id="empty"),
        pytest.param(quote(TICKER_SYMBOL=None), "required:TICKER_SYMBOL", id="missing"),
        pytest.param(quote(SECTOR='"retail"'), "pattern:SECTOR", id="sector"),
        pytest.param(quote(SECTOR="null"), "required:SECTOR", id="sector-null"),
        pytest.param(quote(CHANGE='"up"'), "pattern:CHANGE", id="change"),
        pytest.param(quote(PRICE="8e1"), "pattern:PRICE", id="exponent"),
        pytest.param(quote(PRICE=None), "required:PRICE", id="price-missing"),
        pytest.param(quote()[:-1], "json", id="truncated"),
        pytest.param(quote() + quote(), "json", id="two"),
        pytest.param(b"[" + quote() + b"]", "not_object", id="list"),
        pytest.param(b"", "Dropped", id="empty-record"),
    ],
)
def test_a_price_that_does_not_match_fails_alone(payload, wanted):
    """It is `ProcessingFailed` with the column that did not match; its neighbours go out."""
    assert answers(TICKER, quote(), payload, quote()) == [("Ok", LINE), (wanted, None), ("Ok", LINE)]


@pytest.mark.parametrize("symbol", ['"QXZ"', '"qxz"', None])
def test_another_sector_is_dropped_first(symbol):
    """Dropped beats the failure of a column that `where` does not name."""
    assert answer(TICKER, quote(SECTOR='"ENERGY"', TICKER_SYMBOL=symbol)) == ("Dropped", None)


# -- change capture


CAPTURE = example("change-capture")
KEYS = {"customer": {"S": "c"}, "order_id": {"N": "7"}}
NEW = {**KEYS, "status": {"S": "paid"}, "address": {"M": {"zip": {"N": "1.50"}, "none": {"NULL": True}}}}
OLD = {**KEYS, "status": {"S": "new"}, "items": {"L": [{"S": "a"}, {"BOOL": True}]}}


def change(name, *, new=None, old=None, when=1_651_495_525_900, **members):
    """A DynamoDB change in the shape of Kinesis Data Streams."""
    inside = {"ApproximateCreationDateTime": when, "Keys": KEYS}
    inside |= {"NewImage": new} if new is not None else {}
    inside |= {"OldImage": old} if old is not None else {}
    return compact({"eventName": name, "dynamodb": inside, **members})


@pytest.mark.parametrize(
    ("payload", "operation", "status", "address", "items"),
    [
        pytest.param(change("INSERT", new=NEW), "insert", "paid", '{"zip":1.50,"none":null}', None, id="insert"),
        pytest.param(
            change("MODIFY", new=NEW, old=OLD), "update", "paid", '{"zip":1.50,"none":null}', None, id="modify"
        ),
        pytest.param(change("REMOVE", old=OLD), "delete", "new", None, '["a",true]', id="remove"),
        pytest.param(change("REMOVE"), "delete", None, None, None, id="remove-without-image"),
        pytest.param(
            change("REMOVE", old=OLD, userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"}),
            "delete",
            "new",
            None,
            '["a",true]',
            id="expired",
        ),
    ],
)
def test_a_change_becomes_its_operation(payload, operation, status, address, items):
    """The image is the new one, else the old one; the keys are always there; nested values are JSON text."""
    batch = Pipeline.from_toml(CAPTURE).run([payload])
    (row,) = map(json.loads, batch.data)
    assert batch.metadata[0]["otfMetadata"]["operation"] == operation
    assert row == {
        "customer": "c",
        "order_id": 7,
        "status": status,
        "total": None,
        "address": address,
        "items": items,
        "changed_at": 1_651_495_525_900_000,
    }


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=str(name)) for name in ("TRUNCATE", "insert", "", None, 7, ["INSERT"])]
)
def test_an_unknown_event_has_no_operation(name):
    """It fails with `operation`, its neighbours are written."""
    good = change("INSERT", new=NEW)
    batch = Pipeline.from_toml(CAPTURE).run([good, change(name, new=NEW), good])
    assert batch.reason == [None, "operation", None]
    assert batch.metadata[1] is None


@pytest.mark.parametrize(
    ("when", "micros"),
    [
        pytest.param(1_651_495_525, 1_651_495_525_000_000, id="seconds"),
        pytest.param(1_651_495_525_900, 1_651_495_525_900_000, id="milliseconds"),
        pytest.param(1_651_495_525_900_123, 1_651_495_525_900_123, id="microseconds"),
    ],
)
@pytest.mark.parametrize("shape", [{}, {"eventVersion": "1.1"}, {"eventSourceARN": "arn"}], ids=["kinesis", "v", "arn"])
def test_creation_time_goes_out_in_microseconds(when, micros, shape):
    """Whatever the unit of the record, in both shapes of a change."""
    _, data = answer(CAPTURE, change("INSERT", new=NEW, when=when, **shape))
    assert json.loads(data)["changed_at"] == micros


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        pytest.param({**NEW, "total": {"N": "1.005"}}, "type:total", id="three-places"),
        pytest.param({**NEW, "total": {"S": "many"}}, "type:total", id="text"),
        pytest.param({**NEW, "status": "paid"}, "type:status", id="no-attribute"),
        pytest.param({**NEW, "address": {"M": {"zip": {"Q": "1"}}}}, "type:address", id="unknown-attribute-type"),
        pytest.param({**NEW, "address": {"M": {}, "S": ""}}, "type:address", id="two-types"),
    ],
)
def test_an_attribute_that_does_not_fit_fails_alone(image, wanted):
    """The reason names its column."""
    good = change("INSERT", new=NEW)
    found = answers(CAPTURE, good, change("MODIFY", new=image), good)
    assert [reason for reason, _ in found] == ["Ok", wanted, "Ok"]


def test_a_number_inside_a_map_keeps_its_digits():
    """All 38 of them."""
    number = "-1234567890.1234567890123456789012345678"
    _, data = answer(CAPTURE, change("INSERT", new={**NEW, "address": {"M": {"n": {"N": number}}}}))
    assert json.loads(data)["address"] == f'{{"n":{number}}}'


# -- CloudWatch logs


LOGS = example("cloudwatch-logs")


def log_event(number, text="hello"):
    return {"id": str(number), "timestamp": 1_762_041_600_000 + number, "message": text}


def log_message(*events, kind="DATA_MESSAGE", **members):
    """A message of CloudWatch Logs as text."""
    inside = {"owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"], "logEvents": list(events)}
    return compact({"messageType": kind, **inside, **members})


def log_row(number, text="hello"):
    return (
        compact(
            {
                "logGroup": "g",
                "logStream": "s",
                "owner": "1",
                "id": str(number),
                "timestamp": f"2025-11-02T00:00:00.{number:03d}Z",
                "message": text,
            }
        )
        + b"\n"
    )


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


def padded(length):
    """A log message of that many bytes, white space at its end."""
    message = log_message(log_event(1))
    return message + b" " * (length - len(message))


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(bytes, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(zstd, id="zstd"),
        pytest.param(lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:]), id="two-gzip-members"),
        pytest.param(lambda data: zstd(data[:40]) + zstd(data[40:]), id="two-zstd-frames"),
    ],
)
def test_a_log_message_is_looked_through(encode):
    """Compressed or not, many events make many rows of the one record."""
    message = log_message(log_event(1), log_event(2, "zwei\n"), log_event(3, "☂"))
    assert answer(LOGS, encode(message)) == ("Ok", log_row(1) + log_row(2, "zwei\n") + log_row(3, "☂"))


@pytest.mark.parametrize("encode", [pytest.param(gzip.compress, id="gzip"), pytest.param(zstd, id="zstd")])
@pytest.mark.parametrize(
    ("config", "payload", "wanted"),
    [
        pytest.param(TICKER, quote(), LINE, id="json"),
        pytest.param(
            'source = "dynamodb"\n[columns]\nid = "dynamodb.Keys.customer"', change("X"), b"c\n", id="dynamodb"
        ),
    ],
)
def test_every_source_is_looked_through(encode, config, payload, wanted):
    """Compression is seen by the first bytes, whatever the source, beside plain neighbours."""
    assert answers(config, payload, encode(payload)) == [("Ok", wanted)] * 2


def test_a_thousand_rows_of_one_record_stay_together():
    """Between two other records, in the order of the events."""
    many = log_message(*map(log_event, range(1_000)))
    first, middle, last = answers(LOGS, gzip.compress(log_message(log_event(7))), gzip.compress(many), many)
    assert first == ("Ok", log_row(7))
    assert middle == last == ("Ok", b"".join(map(log_row, range(1_000))))


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(log_message(log_event(1), kind="CONTROL_MESSAGE"), "Dropped", id="control"),
        pytest.param(b'{"messageType":"CONTROL_MESSAGE"}', "Dropped", id="control-alone"),
        pytest.param(log_message(), "Dropped", id="no-events"),
        pytest.param(log_message(log_event(1), kind="OTHER"), "message", id="unknown-type"),
        pytest.param(b"{}", "message", id="nothing"),
        pytest.param(log_message(logEvents=None), "message", id="events-null"),
        pytest.param(log_message(logEvents={"id": "1"}), "message", id="events-no-list"),
        pytest.param(log_message(log_event(1), "text"), "message", id="event-no-object"),
        pytest.param(log_message({**log_event(1), "timestamp": "late"}), "type:timestamp", id="bad-time"),
        pytest.param(log_message(log_event(1))[:-1], "json", id="truncated-json"),
        pytest.param(b"[]", "not_object", id="list"),
        pytest.param(b"", "Dropped", id="empty"),
        pytest.param(gzip.compress(log_message(log_event(1)))[:-9], "compression", id="truncated-gzip"),
        pytest.param(gzip.compress(log_message(log_event(1)))[:2], "compression", id="magic-alone"),
        pytest.param(gzip.compress(log_message(log_event(1))) + b"x", "compression", id="gzip-and-more"),
        pytest.param(zstd(log_message(log_event(1)))[:-4], "compression", id="truncated-zstd"),
        pytest.param(gzip.compress(b"no json"), "json", id="gzip-of-no-json"),
        pytest.param(gzip.compress(gzip.compress(log_message(log_event(1)))), "utf8", id="gzip-of-gzip"),
        pytest.param(None, "base64", id="bad-base64"),
    ],
)
def test_a_message_that_is_none_costs_its_neighbours_nothing(payload, wanted):
    """It is dropped or fails with its reason, alone."""
    good = gzip.compress(log_message(log_event(1)))
    assert answers(LOGS, good, payload, good) == [("Ok", log_row(1)), (wanted, None), ("Ok", log_row(1))]


def test_bytes_that_are_no_text_are_found_among_megabytes():
    """However much a batch unpacks to, each message is judged, and alone."""
    messages = [log_message(log_event(1, "é" * 1_000_000)), log_message(log_event(2)), log_message(log_event(3))]
    broken = messages[2].replace(b"hello", b"hell\xc3")
    found = answers(LOGS, *map(gzip.compress, [*messages[:1] * 3, broken, messages[1]]))
    assert [result for result, _ in found] == ["Ok"] * 3 + ["utf8", "Ok"]
    assert found[4] == ("Ok", log_row(2))


@pytest.mark.parametrize("encode", [pytest.param(gzip.compress, id="gzip"), pytest.param(zstd, id="zstd")])
@pytest.mark.parametrize(
    ("length", "wanted"),
    [
        pytest.param(DECOMPRESSED_LIMIT_BYTES, "Ok", id="limit"),
        pytest.param(DECOMPRESSED_LIMIT_BYTES + 1, "too_large", id="one-more"),
        pytest.param(17 * 1024 * 1024, "too_large", id="17-MiB"),
    ],
)
def test_a_bomb_is_refused(encode, length, wanted):
    """At the limit of 16 MiB, to the byte; the neighbours are what they are without it."""
    good = gzip.compress(log_message(log_event(1)))
    found = answers(LOGS, good, encode(padded(length)), good)
    assert [reason for reason, _ in found] == ["Ok", wanted, "Ok"]
    assert (found[0], found[2]) == (("Ok", log_row(1)), ("Ok", log_row(1)))


def test_a_bomb_in_members_is_one_bomb():
    """Many small members count together: a record of them is refused like one large member."""
    member = gzip.compress(b" " * (1024 * 1024))
    assert verdict(LOGS, gzip.compress(log_message(log_event(1))) + member * 16) == "too_large"
    assert verdict(LOGS, gzip.compress(log_message(log_event(1))) + member * 3) == "Ok"


def test_a_filter_leaves_rows_out_of_a_message():
    """`where` is asked of each event; a message of which none is left is Dropped."""
    config = """
    source = "cloudwatch-logs"
    where = "match_substring(message, pattern='ERROR')"
    [columns]
    id = "id"
    message = "message"
    """
    mixed = log_message(log_event(1), log_event(2, "ERROR 2"), log_event(3, "ERROR, 3"))
    assert answers(config, mixed, log_message(log_event(1))) == [
        ("Ok", b'2,ERROR 2\n3,"ERROR, 3"\n'),
        ("Dropped", None),
    ]


# -- many documents in one record


MANY = """
documents = "many"
where = "keep"
[columns]
n = { path = "n", type = "int64" }
keep = { path = "keep", type = "bool", default = true, hidden = true }
"""


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(b'{"n":1}\n{"n":2}\n', b"1\n2\n", id="lines"),
        pytest.param(b'{"n":1}\r\n{"n":2}', b"1\n2\n", id="crlf"),
        pytest.param(b'\n\n{"n":1}\n \n\t\n{"n":2}\n\n', b"1\n2\n", id="blank-lines"),
        pytest.param(b'{"n":1}{"n":2}', b"1\n2\n", id="concatenated"),
        pytest.param(b'{"n":1} {"n":2}{"n":3}\n{"n":4}', b"1\n2\n3\n4\n", id="mixed"),
        pytest.param(b'{\n "n": 1\n}\n{\n "n": 2\n}', b"1\n2\n", id="pretty-printed"),
        pytest.param(b'{"n":1}', b"1\n", id="one"),
        pytest.param(b'{"n":1}\n{"n":2,"keep":false}\n{"n":3}', b"1\n3\n", id="filtered"),
        pytest.param(gzip.compress(b'{"n":1}\n{"n":2}\n'), b"1\n2\n", id="gzip"),
        pytest.param(b'{"n":null}{}', None, id="nulls"),
    ],
)
def test_documents_become_the_rows_of_their_record(payload, wanted):
    """However they are set apart; the rows stay one record."""
    assert answer(MANY, payload) == ("Ok", wanted if wanted is not None else b'""\n""\n')


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(b'{"n":1}\n{"n":', "json", id="truncated"),
        pytest.param(b'{"n":1}\n{"n":"x"}', "type:n", id="one-bad-value"),
        pytest.param(b'{"n":1},,{"n":2}', "json", id="two-commas"),
        pytest.param(b'{"n":1}\n[1]', "not_object", id="a-list"),
        pytest.param(b'{"n":1}\n7', "not_object", id="a-number"),
        pytest.param(b"", "Dropped", id="empty"),
        pytest.param(b"\n \n", "Dropped", id="white-space"),
        pytest.param(b'{"n":1}\n{"s":"\xff"}', "utf8", id="utf8"),
        pytest.param(b'\xef\xbb\xbf{"n":1}', "utf8", id="mark"),
        pytest.param(b'{"n":1}\n{"s":NaN}', "json", id="nan"),
        pytest.param(b'{"n":1,"keep":false}{"n":2,"keep":false}', "Dropped", id="all-filtered"),
    ],
)
def test_one_bad_document_fails_its_record(payload, wanted):
    """The whole record fails, and no other."""
    good = b'{"n":1}\n{"n":2}'
    assert answers(MANY, good, payload, good) == [("Ok", b"1\n2\n"), (wanted, None), ("Ok", b"1\n2\n")]


def test_documents_of_one_record_agree_on_keys():
    """Rows that are filtered out have no say."""
    config = MANY + '[partition_keys]\nn = "n"\n'
    found = answers(config, b'{"n":1}{"n":1}', b'{"n":1}{"n":2}', b'{"n":1}{"n":2,"keep":false}')
    assert found == [("Ok", b"1\n1\n"), ("documents", None), ("Ok", b"1\n")]


def test_documents_of_one_record_agree_on_keys_where_all_are_written():
    """No row was filtered out or has failed: the rows of a record are JSON objects one after the other."""
    config = 'documents = "many"\noutput = { format = "json" }\n[columns]\nn = { type = "int64" }\n'
    payloads = [b'{"n":1}{"n":1}', b'{"n":1}\n{"n":2}']
    assert answers(config, *payloads) == [("Ok", b'{"n":1}\n{"n":1}\n'), ("Ok", b'{"n":1}\n{"n":2}\n')]
    keyed = Pipeline.from_toml(config + '[partition_keys]\nn = "n"\n').run(payloads)
    assert keyed.data == [b'{"n":1}\n{"n":1}\n', None]
    assert keyed.reason == [None, "documents"]
    assert keyed.metadata == [{"partitionKeys": {"n": "1"}}, None]


def test_documents_of_one_record_agree_on_the_route():
    """The same columns on two routes are still two routes."""
    config = MANY + '[[routes]]\nwhere = "n > 0"\n[[routes]]\n'
    found = answers(config, b'{"n":1}{"n":2}', b'{"n":1}{"n":-1}', b'{"n":-1}{"n":-2}')
    assert found == [("Ok", b"1\n2\n"), ("documents", None), ("Ok", b"-1\n-2\n")]


# -- columns omitted


DOCUMENT = '[output]\nformat = "json"\n'
ITEM = 'source = "dynamodb"\n[output]\nformat = "json"\n'


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(b' {"a" : 1.10 ,\n"b":[ 1 , { } ] } ', b'{"a":1.10,"b":[1,{}]}\n', id="white-space"),
        pytest.param(b'{"a":1,"b":0,"a":2}', b'{"a":2,"b":0}\n', id="duplicates"),
        pytest.param(
            rb'{"a":"\u0041\/ \" b ","c":"\ud83d\ude00"}',
            '{"a":"A/ \\" b ","c":"😀"}\n'.encode(),
            id="escapes",
        ),
        pytest.param(b'{"n":1E400,"m":-0,"z":0.10e-05}', b'{"n":1E400,"m":-0,"z":0.10e-05}\n', id="numbers"),
        pytest.param('{"é":"☂"}'.encode(), '{"é":"☂"}\n'.encode(), id="utf8"),
        pytest.param(b"{}", b"{}\n", id="empty"),
        pytest.param(gzip.compress(b'{ "a" : 1 }'), b'{"a":1}\n', id="gzip"),
    ],
)
def test_a_document_goes_out_in_one_form(payload, wanted):
    """All members, each once; digits as they are."""
    assert answer(DOCUMENT, payload) == ("Ok", wanted)


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param(b"[1]", "not_object", id="list"),
        pytest.param(b'{"a":NaN}', "json", id="nan"),
        pytest.param(rb'{"a":"\ud800"}', "json", id="surrogate"),
        pytest.param(b'{"a":1}{"a":2}', "json", id="two"),
        pytest.param(b'{"a":"\xe9"}', "utf8", id="latin-1"),
        pytest.param(b'{"a":' * 513 + b"1" + b"}" * 513, "depth", id="deep"),
    ],
)
def test_what_is_no_document_fails(payload, wanted):
    """The rules of a record hold where no column is taken from it."""
    assert answer(DOCUMENT, payload) == (wanted, None)


@pytest.mark.parametrize(
    ("change_of", "wanted"),
    [
        pytest.param({"NewImage": {"a": {"S": "n"}}, "OldImage": {"a": {"S": "o"}}}, b'{"a":"n"}\n', id="new"),
        pytest.param({"Keys": {"k": {"S": "1"}}, "OldImage": {"a": {"S": "o"}}}, b'{"a":"o"}\n', id="old"),
        pytest.param({"Keys": {"k": {"N": "1.0"}}}, b'{"k":1.0}\n', id="keys"),
        pytest.param({"Keys": {"k": {"S": "1"}}, "NewImage": {}}, b'{"k":"1"}\n', id="empty-image"),
        pytest.param(
            {"NewImage": {"z": {"SS": ["b", "a"]}, "a": {"NULL": True}}}, b'{"z":["a","b"],"a":null}\n', id="order"
        ),
        pytest.param({"NewImage": {"b": {"B": "RWdJSWV3PT0="}}}, b'{"b":"EgIIew=="}\n', id="binary"),
    ],
)
def test_an_item_goes_out_as_plain_json(change_of, wanted):
    """The new image, else the old one, else the keys."""
    assert answer(ITEM, compact({"eventName": "X", "dynamodb": change_of})) == ("Ok", wanted)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no-change"),
        pytest.param({"dynamodb": {}}, id="empty"),
        pytest.param({"dynamodb": {"NewImage": {"a": "n"}}}, id="plain-value"),
        pytest.param({"dynamodb": {"NewImage": {"a": {"N": "1,5"}}}}, id="no-number"),
        pytest.param({"dynamodb": {"NewImage": {"a": {"B": "RWdJSWV3PT0"}}}}, id="no-base64"),
    ],
)
def test_what_holds_no_item_fails(document):
    """There is no column to name, so the reason names all."""
    assert answer(ITEM, compact(document)) == ("type:*", None)


# -- partition keys


KEYED = """
[columns]
at = { path = "at", type = "timestamp[ms]" }
name = { path = "name", type = "string" }
n = { path = "n", type = "int64" }
ok = { path = "ok", type = "bool" }
[partition_keys]
day = "cast(at, 'date')"
name = "name"
n = "n + 1"
ok = "ok"
"""
FULL = {"at": 1_714_653_925, "name": "é/b", "n": 1, "ok": False}


def test_partition_keys_are_text():
    """Dates, numbers and booleans as CSV spells them."""
    batch = Pipeline.from_toml(KEYED).run([compact(FULL)])
    assert batch.metadata == [{"partitionKeys": {"day": "2024-05-02", "name": "é/b", "n": "2", "ok": "false"}}]


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        pytest.param({"name": None}, "partition_key:name", id="null"),
        pytest.param({"name": ""}, "partition_key:name", id="empty"),
        pytest.param({"at": None}, "partition_key:day", id="null-date"),
        pytest.param({"ok": None}, "partition_key:ok", id="null-bool"),
        pytest.param({"n": 2**63 - 1}, "partition_key:n", id="overflow"),
        pytest.param({"at": None, "name": ""}, "partition_key:day", id="the-first-of-two"),
    ],
)
def test_a_key_that_is_null_or_empty_fails_the_record(members, wanted):
    """Alone, with the key's name; Firehose could not place it."""
    good, bad = compact(FULL), compact({**FULL, **members})
    batch = Pipeline.from_toml(KEYED).run([good, bad, good])
    assert batch.reason == [None, wanted, None]
    assert [found is None for found in batch.metadata] == [False, True, False]


def test_a_payload_of_many_small_members_costs_no_more_than_its_bytes():
    """50,000 members of one gzip payload are read, in pieces: what a member leaves over is not copied whole."""
    members = 50_000
    assert decompress(gzip.compress(b"", 1) * members + gzip.compress(b"{}")) == b"{}"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (gzip.compress(b"{}") * 2 + b"\0", "compression"),
        ((gzip.compress(b"{}") * 2)[:-1], "compression"),
        (gzip.compress(b"{}") + gzip.compress(bytes(range(90)))[:40], "compression"),
        (gzip.compress(b"x" * 60) + gzip.compress(b"x" * 60), "too_large"),
    ],
    ids=["more behind", "cut off", "second cut off", "together too large"],
)
def test_a_later_member_is_judged_as_the_first(payload, reason):
    """Broken, cut off, followed by something else, or over the limit with those before it."""
    with pytest.raises(DecompressionError) as caught:
        decompress(payload, 100)
    assert caught.value.reason == reason
