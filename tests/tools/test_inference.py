"""Inferring a configuration: types, names and families as literal rows, and the property that what comes out works."""

import gzip
import json
import tomllib
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inferring import assert_works, change, columns_of, compact, inferred
from strategies import SOURCES, STRINGS, good_payloads, ses_payloads

from fastxform import Pipeline
from fastxform.config import model
from fastxform.errors import OK, InputError
from fastxform.tools.inference import names, writing
from fastxform.tools.inference.columns import COLUMNS_LIMIT, share
from fastxform.tools.inference.inference import infer
from fastxform.tools.inference.shapes import MEMBERS_LIMIT, Budget, Shape

pytestmark = pytest.mark.processes


# -- types

PLAIN = [
    ("integer", ["1", "-5", "0"], "int64"),
    ("integer-and-null", ["1", "null"], "int64"),
    ("int64-limits", ["9223372036854775807", "-9223372036854775808"], "int64"),
    ("beyond-int64", ["9223372036854775808", "1"], "decimal(38,0)"),
    ("beyond-38-digits", ["1" + "0" * 38], "auto"),
    ("five-thousand-digits", ["9" * 5_000], "auto"),
    ("fraction", ["84.51", "-0.05", "3"], "float64"),
    ("trailing-zeros", ["1.10", "1.1"], "float64"),
    ("negative-zero", ["-0", "-0.0"], "float64"),
    ("many-whole-digits", ["12345678901.25"], "float64"),
    ("more-digits-than-a-double", ["0.5", "1234567890.123456789"], "auto"),
    ("printed-float", ["0.30000000000000004"], "float64"),
    ("exponent", ["1E3", "1"], "float64"),
    ("small-exponent", ["1e-400"], "auto"),
    ("beyond-float", ["1E400"], "auto"),
    ("bool", ["true", "false"], "bool"),
    ("null", ["null"], "string"),
    ("text", ['"a"', '"1"'], "string"),
    ("number-text", ['"54148"'], "string"),
    ("empty-text", ['""'], "string"),
    ("utc", ['"2022-05-02T12:45:25Z"'], "timestamp[ms]"),
    ("offset", ['"2022-05-06T11:47:40+09:00"'], "timestamp[ms]"),
    ("space", ['"2022-05-02 12:45:25.9"'], "timestamp[ms]"),
    ("microseconds", ['"2022-05-02T12:45:25.9Z"', '"2022-05-02T12:45:25.123456Z"'], "timestamp[us]"),
    ("nanoseconds", ['"2022-05-02T12:45:25.123456789Z"'], "timestamp[us]"),
    ("time-or-not", ['"2022-05-02T12:45:25Z"', '"never"'], "string"),
    ("time-or-empty", ['"2022-05-02T12:45:25Z"', '""'], "string"),
    ("no-such-day", ['"2022-02-29T12:45:25Z"'], "string"),
    ("leap-second", ['"2016-12-31T23:59:60Z"'], "string"),
    ("date", ['"2022-05-02"', "null"], "date"),
    ("odd-date", ['"1950-9-7"'], "string"),
    ("no-such-date", ['"2022-02-29"'], "string"),
    ("date-and-time", ['"2022-05-02"', '"2022-05-02T12:45:25Z"'], "string"),
    ("list", ["[1]", "[]"], "json"),
    ("object-and-list", ['{"a":1}', "[]"], "json"),
    ("empty-object", ["{}"], "json"),
    ("number-and-text", ["1", '"a"'], "string"),
    ("bool-and-number", ["true", "1"], "string"),
    ("object-and-text", ['{"a":1}', '"a"'], "string"),
    ("time-without-a-name", ["1651495525900"], "int64"),
]


@pytest.mark.parametrize(("values", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in PLAIN])
def test_types_of_json(values, wanted):
    """The narrowest type that every value fits without losing a digit."""
    found = inferred(*(f'{{"v":{value}}}'.encode() for value in values))
    assert str(columns_of(found)["v"].type) == wanted
    assert set(found.results) == {OK}
    assert_works(found)


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        pytest.param("created_at", [1651495525], "timestamp[s]", id="seconds"),
        pytest.param("timestamp", [1651495525900, 1651495525901], "timestamp[ms]", id="milliseconds"),
        pytest.param("ts", [1651495525900123], "timestamp[us]", id="microseconds"),
        pytest.param("ts", [1651495525, 1651495525900], "timestamp[ms]", id="both"),
        pytest.param("eventTime", [1651495525.9], "timestamp[ms]", id="fraction"),
        pytest.param("starttime", [1651495525], "timestamp[s]", id="one-word"),
        pytest.param("lastUpdatedDate", [1651495525], "timestamp[s]", id="camel"),
        pytest.param("created_at", [5], "int64", id="no-time"),
        pytest.param("created_at", [-1651495525], "int64", id="negative"),
        pytest.param("created_at", [0, 1651495525], "int64", id="zero"),
        pytest.param("count", [1651495525], "int64", id="no-name-of-a-time"),
        pytest.param("data", [1651495525], "int64", id="data-is-no-date"),
    ],
)
def test_numbers_are_times_where_name_and_magnitude_say_so(name, values, wanted):
    """Seconds, milliseconds and microseconds by magnitude; neither the name nor the number alone is enough."""
    (column,) = columns_of(inferred(*({name: value} for value in values))).values()
    assert str(column.type) == wanted


def test_a_number_that_may_be_a_time_says_so():
    """Where only the magnitude speaks for it, the comment does."""
    assert "v = " in inferred({"v": 1651495525900}).text
    assert "may be a time: timestamp[ms]" in inferred({"v": 1651495525900}).text


TWICE = b64encode(b64encode(b"\x00\xff")).decode()


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [
        pytest.param({"S": "x"}, "string", id="S"),
        pytest.param({"N": "54148"}, "int64", id="N"),
        pytest.param({"N": "31.4000"}, "decimal(18,6)", id="N-fraction"),
        pytest.param({"N": "0.30000000000000004"}, "decimal(38,19)", id="N-is-no-float"),
        pytest.param({"N": "123456789012345678901234567890123456"}, "decimal(38,0)", id="N-36"),
        pytest.param({"N": "12345678901234567890123456789012345678"}, "auto", id="N-38"),
        pytest.param({"N": "12345678901234567890.1234567890123456789"}, "auto", id="N-too-wide"),
        pytest.param({"N": "1E100"}, "float64", id="N-exponent"),
        pytest.param({"B": TWICE}, "binary", id="B"),
        pytest.param({"BOOL": True}, "bool", id="BOOL"),
        pytest.param({"NULL": True}, "string", id="NULL"),
        pytest.param({"L": [{"N": "1"}]}, "json", id="L"),
        pytest.param({"SS": ["a"]}, "json", id="SS"),
        pytest.param({"M": {}}, "json", id="M-empty"),
    ],
)
def test_types_of_attributes(attribute, wanted):
    """Numbers are exact, binary values are binary, sets and lists are JSON; the key comes first and is required."""
    found = inferred(change({"id": {"S": "a"}, "v": attribute}), change({"id": {"S": "b"}, "v": attribute}))
    columns = columns_of(found)
    assert list(columns) == ["id", "v", "changed_at", "eventName"]
    assert str(columns["v"].type) == wanted
    assert columns["v"].path == "(dynamodb.NewImage || dynamodb.OldImage).v"
    assert (columns["id"].path, columns["id"].required) == ("dynamodb.Keys.id", True)
    assert (columns["eventName"].hidden, str(columns["changed_at"].type)) == (True, "timestamp[ms]")
    assert set(found.results) == {OK}
    assert_works(found)


# -- names

NAMES = [
    ("snake", ["user_id"], ["user_id"]),
    ("camel", ["userAgent"], ["user_agent"]),
    ("capitals", ["TICKER_SYMBOL", "eventID", "HTTPStatus"], ["ticker_symbol", "event_id", "http_status"]),
    ("marks", ["user-agent", "a b", "ses:source-ip", "x.y"], ["user_agent", "a_b", "ses_source_ip", "x_y"]),
    ("digits", ["2xx"], ["_2xx"]),
    ("no-letters", ["", "!", "\n"], ["column", "column_2", "column_3"]),
    ("unicode", ["名前", "Straße"], ["名前", "straße"]),
    ("clash", ["aB", "a_b", "A-B"], ["a_b", "a_b_2", "a_b_3"]),
    ("clash-with-number", ["a", "A", "a_2"], ["a", "a_3", "a_2"]),
]


@pytest.mark.parametrize(("members", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in NAMES])
def test_names(members, wanted):
    """Small letters and underscores, each once."""
    assert names.unique([(member,) for member in members]) == wanted


def test_nested_names_take_their_parents_where_they_clash():
    """The member's own name where it is the only one, else with as many parents as it needs."""
    paths = [("mail", "timestamp"), ("open", "timestamp"), ("open", "ip"), ("a", "b", "ip"), ("timestamp",)]
    assert names.unique(paths) == ["mail_timestamp", "open_timestamp", "open_ip", "b_ip", "timestamp"]


def test_names_that_are_taken_stay_so():
    """Names given elsewhere in the file are not given again."""
    assert names.unique([("item", "eventName"), ("item", "changed_at")], ("eventname", "changed_at")) == [
        "event_name",
        "item_changed_at",
    ]


@given(st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple), max_size=8))
def test_names_are_unique_and_valid_whatever_the_members(paths):
    """One for each path, not empty, printable, and unlike every other one in small letters."""
    found = names.unique(paths)
    assert len({name.casefold() for name in found}) == len(found) == len(paths)
    assert all(name and name.isprintable() for name in found)


# -- columns


def test_required_is_what_was_always_there():
    """Missing once, or null once, and a column is not required."""
    columns = columns_of(inferred({"a": 1, "b": 1, "c": None}, {"a": 2, "b": None, "c": None}, {"a": 3}))
    assert {name: column.required for name, column in columns.items()} == {"a": True, "b": False, "c": False}


def test_one_record_requires_nothing():
    """It says nothing of the next, and the head of the file says so."""
    found = inferred({"a": 1})
    assert not columns_of(found)["a"].required
    assert "One record says little" in found.text


def test_a_nested_member_is_required_where_the_object_always_is():
    """Counted over records, not over the objects around it."""
    columns = columns_of(inferred({"o": {"a": 1, "b": 1}}, {"o": {"a": 1}}, {"o": {"a": 1, "b": 2}}))
    assert [(c.name, c.path, c.required) for c in columns.values()] == [("a", "o.a", True), ("b", "o.b", False)]
    columns = columns_of(inferred({"o": {"a": 1}}, {"o": None}))
    assert [(c.name, c.path, c.required) for c in columns.values()] == [("a", "o.a", False)]


def test_comments_say_how_often_and_give_examples():
    """The share of the records, up to three different examples, shortened, nothing invisible."""
    found = inferred({"a": "x\ny", "b": "z" * 100}, {"a": "x\ny"}, {"a": "\u2028\x1b[31m"})
    lines = {line.split(" ")[0]: line.partition("   # ")[2] for line in found.text.splitlines() if " = {" in line}
    assert lines == {"a": '100 %: "x\\ny", "\\u2028\\x1b[31m"', "b": '33 %: "zzzzzzzzzzzzzzzzzzzzzzzz..."'}
    assert all(line.isprintable() for line in found.text.splitlines() if "#" in line)


def test_mixed_types_are_text_with_a_comment():
    """How many of each kind there were."""
    assert "mixed: 1 bool, 2 number, 1 text" in inferred({"v": 1}, {"v": 2}, {"v": "a"}, {"v": True}).text


@pytest.mark.parametrize(
    ("count", "total", "text"), [(0, 9, "0 %"), (9, 9, "100 %"), (1, 1000, "1 %"), (999, 1000, "99 %"), (1, 2, "50 %")]
)
def test_a_share_is_all_or_none_only_where_it_is(count, total, text):
    """100 and 0 are exact."""
    assert share(count, total) == text


def test_objects_deeper_than_columns_go_are_json():
    """Four members make a path; what is below is one column, whatever its depth."""
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    for _ in range(200):
        deep = {"x": deep}
    found = inferred({"p": {"q": {"r": {"s": {"t": 1}}}}, "deep": deep})
    assert [(c.path, str(c.type)) for c in columns_of(found).values()] == [("p.q.r.s", "json"), ("deep.x.x.x", "json")]
    assert_works(found)


def test_objects_of_many_varying_members_are_json():
    """Ids as names are data, not columns."""
    found = inferred(*({"by_id": {f"id{number}": 1, f"id{number + 1}": 2}} for number in range(20)))
    assert [(c.name, str(c.type)) for c in columns_of(found).values()] == [("by_id", "json")]


def test_a_thousand_columns():
    """All of them, in the order of the record; nested objects are left whole where there are so many."""
    found = inferred({f"c{number}": number for number in range(1_000)})
    assert len(columns_of(found)) == 1_000
    assert_works(found)
    found = inferred({f"c{number}": {"a": 1, "b": 2} for number in range(200)})
    assert [str(column.type) for column in columns_of(found).values()] == ["json"] * 200


def test_the_rarest_of_too_many_members_share_a_column():
    """The limit holds, it is said, and no member is lost."""
    last = f"c{COLUMNS_LIMIT + 4}"
    found = inferred({f"c{number}": number for number in range(COLUMNS_LIMIT + 5)}, {last: 1})
    assert {last, "others"} < columns_of(found).keys()
    assert len(columns_of(found)) == COLUMNS_LIMIT
    assert found.notes == ("6 members have no column of their own: they are too many, and others holds them",)
    (row,) = Pipeline.from_toml(found.text).run([compact({last: 1, "c1003": 2, "c1002": 3})]).data
    assert json.loads(row)["others"] == {"c1003": 2, "c1002": 3}


def test_members_without_end_do_not_take_memory_without_end():
    """Ids as names at the top of each record: what is told apart has a bound, and the configuration still works."""
    records = ({f"id{number}_{part}": 1 for part in range(400)} for number in range(MEMBERS_LIMIT // 400 + 20))
    found = inferred(*records)
    assert columns_of(found).keys() == {"others"}
    assert_works(found)


def test_a_shape_tells_no_more_places_apart_than_its_budget():
    """What comes after the budget is spent is not kept, and the shape knows that it is cut."""
    shape, budget = Shape(), Budget(3)
    for number in range(10):
        shape.add({f"c{number}": {"x": "y"}}, budget)
    assert (list(shape.members), list(shape.members["c0"].members)) == (["c0", "c1"], ["x"])
    assert (shape.is_cut, shape.count, budget.left) == (True, 10, 0)


# -- families

LOGS = {
    "messageType": "DATA_MESSAGE",
    "owner": "1",
    "logGroup": "g",
    "logStream": "s",
    "subscriptionFilters": [],
    "logEvents": [
        {"id": "1", "timestamp": 1651495525900, "message": "a\nb"},
        {"id": "2", "timestamp": 1, "message": ""},
    ],
}
CONTROL = {**LOGS, "messageType": "CONTROL_MESSAGE"}


def mail(event_type, **members):
    headers = [{"name": "From", "value": "a@example.com"}, {"name": "To", "value": "b@example.com"}]
    inside = {"timestamp": "2016-10-14T05:02:16.645Z", "messageId": "m", "headers": headers, "tags": {"x:y": ["z"]}}
    return {"eventType": event_type, "mail": inside, **members}


def test_dynamodb_of_both_shapes():
    """Kinesis and Streams, with the image that is there, nested members, and no column twice."""
    image = {"id": {"S": "a"}, "address": {"M": {"city": {"S": "Sendai"}}}, "status": {"S": "new"}}
    old = {**image, "gone": {"N": "1"}}
    removed = {"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "a"}}, "OldImage": old}}
    streams_image = {**old, "gone": {"NULL": True}}
    streams = change(streams_image, "MODIFY", eventVersion="1.1")
    streams["dynamodb"]["ApproximateCreationDateTime"] = 1651495525
    found = inferred(change(image), removed, streams)
    read = assert_works(found)
    assert (read.source, found.title) == ("dynamodb", "DynamoDB changes")
    assert [(column.name, column.path) for column in read.columns] == [
        ("id", "dynamodb.Keys.id"),
        ("city", "(dynamodb.NewImage || dynamodb.OldImage).address.city"),
        ("status", "(dynamodb.NewImage || dynamodb.OldImage).status"),
        ("gone", "(dynamodb.NewImage || dynamodb.OldImage).gone"),
        ("changed_at", "dynamodb.ApproximateCreationDateTime"),
        ("eventName", "eventName"),
    ]
    assert found.tests == 3
    assert "33 %: 1" in found.text


def test_attributes_named_like_columns_of_the_change():
    """`changed_at` and `eventName` of an item are not those of the change."""
    image = {"id": {"S": "a"}, "changed_at": {"S": "x"}, "eventname": {"S": "y"}, "S": {"S": "z"}}
    columns = columns_of(inferred(change(image)))
    assert list(columns) == ["id", "item_changed_at", "item_eventname", "s", "changed_at", "eventName"]


def test_changes_without_images():
    """A stream of keys only."""
    found = inferred(
        {"eventName": "INSERT", "dynamodb": {"Keys": {"a": {"N": "1"}, "b": {"B": "AA=="}}}, "eventVersion": "1"}
    )
    assert list(columns_of(found)) == ["a", "b", "eventName"]
    assert_works(found)


@pytest.mark.parametrize(
    ("created", "wanted"),
    [
        pytest.param([1651495525], "timestamp[s]", id="seconds"),
        pytest.param([1651495525.5], "timestamp[ms]", id="fraction"),
        pytest.param([1651495525900, 1651495525900123], "timestamp[us]", id="microseconds"),
        pytest.param([1651495525, None], "timestamp[s]", id="null"),
        pytest.param(["2024-08-12T07:15:25+02:00"], "timestamp[ms]", id="text"),
        pytest.param([1651495525, "2024-08-12T07:15:25.123456Z"], "timestamp[us]", id="text-and-number"),
        pytest.param([5], None, id="no-time"),
    ],
)
def test_the_creation_time_of_changes(created, wanted):
    """Its unit is the finest that was seen; what is no time is no column, and never required."""
    changes = [change({"id": {"S": "a"}}) for _ in created]
    for record, moment in zip(changes, created, strict=True):
        record["dynamodb"]["ApproximateCreationDateTime"] = moment
    found = inferred(*changes)
    column = columns_of(found).get("changed_at")
    assert (None if column is None else str(column.type)) == wanted
    assert set(found.results) == {OK}


def test_a_change_whose_creation_time_is_no_moment_is_none():
    """It would fail, so it is not learnt from; where a text is no time there is no column of it."""
    broken = change({"id": {"S": "b"}})
    broken["dynamodb"]["ApproximateCreationDateTime"] = ["2022-05-02"]
    assert inferred(change({"id": {"S": "a"}}), broken).skipped == {"type": 1}
    broken["dynamodb"]["ApproximateCreationDateTime"] = "soon"
    assert list(columns_of(inferred(broken))) == ["id", "eventName"]


def test_ses_routes_by_type_of_event():
    """A route for each type found, its own members there, headers as columns, and nothing for empty objects."""
    found = inferred(
        mail("Send", send={}),
        mail("Open", open={"ipAddress": "192.0.2.1", "timestamp": "2017-08-09T22:00:19.652Z"}),
        mail("Click", click={"link": "http://x", "linkTags": {"k": ["v"]}}),
        mail("Rendering Failure", failure={"templateName": "t"}),
    )
    read = assert_works(found)
    assert [route.where for route in read.routes] == [
        "event_type == 'Send'",
        "event_type == 'Open'",
        "event_type == 'Click'",
        "event_type == 'Rendering Failure'",
    ]
    assert [[(c.name, c.path) for c in route.columns] for route in read.routes] == [
        [],
        [("ip_address", "open.ipAddress"), ("timestamp", "open.timestamp")],
        [("link", "click.link"), ("link_tags", "click.linkTags")],
        [("template_name", "failure.templateName")],
    ]
    assert {column.name: column.path for column in read.columns} == {
        "event_type": "eventType",
        "message_id": "mail.messageId",
        "mail_timestamp": "mail.timestamp",
        "from_address": "mail.headers[?name=='From'].value | [0]",
        "to_address": "mail.headers[?name=='To'].value | [0]",
        "tags": "mail.tags",
    }
    assert (read.output.format, found.tests) == ("json", 4)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_cloudwatch_logs(packed):
    """The columns of a log, a test for a message of each kind, compressed or not."""
    found = inferred(*(gzip.compress(compact(record)) if packed else compact(record) for record in (LOGS, CONTROL)))
    read = assert_works(found)
    assert (read.source, [column.name for column in read.columns]) == (
        "cloudwatch-logs",
        ["log_group", "log_stream", "owner", "id", "timestamp", "message"],
    )
    assert [(example.expect is not None, example.result) for example in read.tests] == [
        (True, None),
        (False, "Dropped"),
    ]


@pytest.mark.parametrize(
    ("record", "family"),
    [
        pytest.param({"a": 1}, "json", id="json"),
        pytest.param({}, "json", id="empty"),
        pytest.param({"dynamodb": {}}, "json", id="dynamodb-without-images"),
        pytest.param({"dynamodb": {"Keys": {"a": "x"}}}, "json", id="no-attributes"),
        pytest.param({"dynamodb": {"Keys": {"a": {"S": "x"}}}}, "dynamodb", id="no-event-name"),
        pytest.param({"eventType": "Send"}, "json", id="no-mail"),
        pytest.param({"eventType": 5, "mail": {}}, "json", id="type-is-number"),
        pytest.param({"messageType": "OTHER", "logEvents": []}, "json", id="other-message"),
        pytest.param({"messageType": ["DATA_MESSAGE"], "logEvents": []}, "json", id="message-type-is-list"),
        pytest.param(mail("Send"), "ses", id="ses"),
        pytest.param(LOGS, "cloudwatch-logs", id="logs"),
        pytest.param(CONTROL, "cloudwatch-logs", id="control"),
        pytest.param(change({"a": {"S": ""}}), "dynamodb", id="change"),
    ],
)
def test_families(record, family):
    """What looks like one and is none is plain JSON; every one gives a configuration that works."""
    found = inferred(record)
    assert list(found.families) == [family]
    assert_works(found)


def test_csv_of_several_routes_is_said_to_be_ambiguous():
    """It is written as asked for, and the user is told."""
    found = inferred(mail("Send"), mail("Open", open={"x": 1}), output="csv")
    assert found.notes == ("rows of different routes have different columns, and CSV does not tell",)
    assert_works(found)


def test_mixed_families():
    """The one with the most records gets the configuration; the others are counted."""
    found = inferred({"a": 1}, mail("Send"), mail("Open", open={"x": 1}), LOGS)
    assert list(found.families.items()) == [("ses", 2), ("cloudwatch-logs", 1), ("json", 1)]
    assert_works(found)


# -- bad samples


def test_bad_records_are_counted_and_left_out():
    """By the reasons for which the engine would fail them."""
    found = inferred(
        {"a": 1},
        b"{",
        b"[]",
        b"\xff",
        b"",
        b'{"a":NaN}',
        b"[" * 600,
        gzip.compress(b"{}")[:-3],
        change({"id": "a"}),
        change({"id": {"N": "x"}}),
        {**LOGS, "logEvents": [1]},
    )
    assert found.skipped == {
        "json": 2,
        "empty": 1,
        "not_object": 1,
        "utf8": 1,
        "depth": 1,
        "compression": 1,
        "type": 2,
        "message": 1,
    }
    assert found.families == {"json": 1}
    assert_works(found)


@pytest.mark.parametrize(
    ("payloads", "text"),
    [
        pytest.param([], "s.jsonl: it has no records", id="empty"),
        pytest.param(
            [b"{x", b"{y", b"1"],
            "s.jsonl: none of its 3 records can be read (2 json: the record is not one JSON document; "
            "1 not_object: the record is a JSON scalar or a list, not an object)",
            id="no-json",
        ),
    ],
)
def test_a_sample_without_a_record_is_said(payloads, text):
    """One line with the reasons."""
    with pytest.raises(InputError) as caught:
        infer(payloads, "s.jsonl")
    assert str(caught.value) == text


def test_records_without_members():
    """The document itself is the output; CSV has nothing to write, and says so."""
    assert_works(inferred({}, {}))
    with pytest.raises(InputError, match="CSV needs columns; write --format json"):
        inferred({}, output="csv")


def test_of_two_members_of_a_name_the_last_counts():
    """As in the engine."""
    found = inferred(b'{"a":1,"a":"x"}', b'{"a":"y","a":"z"}')
    assert str(columns_of(found)["a"].type) == "string"
    assert_works(found)


def test_only_so_many_records_are_read():
    """The limit is kept and said; the source is not read further."""
    left = iter([compact({"a": number}) for number in range(10)])
    found = infer(left, "s.jsonl", limit_records=5)
    assert (found.is_partial, found.families) == (True, {"json": 5})
    assert len(list(left)) == 4


def test_records_that_are_too_long_for_a_test():
    """A short one is taken instead, and where there is none a test of another kind stands there."""
    found = inferred({"a": "x" * 70_000}, {"a": "y"})
    assert [example.input for example in model.parse(found.text).tests] == [b'{"a":"y"}']
    found = inferred({"a": "x" * 70_000})
    assert [example.reason for example in assert_works(found).tests] == ["not_object"]
    assert len(found.text) < 2_000


# -- writing


@pytest.mark.parametrize(
    "value",
    [
        *STRINGS,
        "'",
        "'''",
        "a'",
        "\\",
        "a\\'b",
        '"""',
        "\n",
        "\n\n'",
        "\r\n'",
        "\x00\n",
        "\x7f",
        "a\n'b'\n",
        "\ufeff",
        "😀\n",
    ],
    ids=ascii,
)
def test_texts_come_back_from_toml(value):
    """In one line or in many, a TOML reader finds the same text."""
    assert tomllib.loads(f"a = {writing.text(value)}\nb = {writing.verbatim(value)}") == {"a": value, "b": value}
    assert "\n" not in writing.text(value)


# -- the property

KEYS = st.one_of(
    st.sampled_from(
        ["a", "A", "a_b", "aB", "a b", "a.b", 'a"b', "a'b", "", "\n", "\x00", "where", "created_at", "'''", "下"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=3),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.sampled_from([0, 1, 1651495525, 1651495525900, 1651495525900123, 1651495525.9]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(STRINGS),
    st.text(st.characters(codec="utf-8"), max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
SAMPLES = st.one_of(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=4).map(compact), min_size=1, max_size=4),
    st.lists(ses_payloads(), min_size=1, max_size=4),
    *(st.lists(good_payloads(source), min_size=1, max_size=4) for source in SOURCES),
)


@settings(max_examples=60)
@given(SAMPLES, st.sampled_from([None, "json"]))
def test_what_is_inferred_works_whatever_the_sample(payloads, output):
    """No mistakes, no errors of lint, and tests that pass: any members, any values, any family, malformed ones too."""
    try:
        found = infer(payloads, "s.jsonl", output)
    except InputError as err:
        assert "can be read (" in str(err) or "its one record cannot be read (" in str(err)
        return
    assert_works(found)
    if next(iter(found.families)) in ("json", "dynamodb"):
        # Of its own records a configuration fails none.
        assert set(found.results) == {OK}
