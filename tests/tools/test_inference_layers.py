"""What `init` finds inside of records: several documents, JSON and formats in texts, lists, exports, compressed ones.

Each sample is inferred, the configuration read, linted and run on the sample: no record of it fails.
"""

import gzip
import json
import re

import pytest
from inferring import assert_works, change, columns_of, compact, inferred

from fastxform import Pipeline
from fastxform.config import model
from fastxform.decode.formats import named_formats
from fastxform.errors import FAILED
from fastxform.tools.inference.inference import infer


def works(*records):
    """What is inferred of records, and its configuration, under which no record fails."""
    found = inferred(*records)
    payloads = [record if isinstance(record, bytes) else compact(record) for record in records]
    assert FAILED not in Pipeline.from_toml(found.text).run(payloads).result
    return found, assert_works(found)


def taken_out(text):
    """A configuration whose [explode], written as a comment, is taken."""
    lines, inside = [], False
    for line in text.splitlines():
        inside = inside or line == "# [explode]"
        if inside and re.match(r"# (?:\[explode\]|path = |as = |[a-z_0-9]+ += \{)", line):
            line = line[2:]
        lines.append(line)
    return "\n".join(lines[: lines.index("[[tests]]")] if "[[tests]]" in lines else lines)


# -- several documents


@pytest.mark.parametrize(
    ("record", "count"),
    [(b'{"a":1}{"a":2}', 2), (b'{"a":1}\n{"a":2}\n', 2), (b'[{"a":1},{"a":2}]', 2), (b'{"a":1},', 1)],
    ids=["in-a-row", "lines", "list", "comma"],
)
def test_several_documents_in_a_record(record, count):
    """`documents = "many"` where a record of the sample wants it, and a row each."""
    found, spec = works(record, b'{"a":3}')
    assert spec.documents == "many"
    assert Pipeline(spec).run([record]).data[0] == b"".join(b"%d\n" % n for n in range(1, count + 1))
    assert 'newlines = "escape"' not in found.text


def test_several_changes_in_a_record():
    """Of DynamoDB too."""
    _, spec = works(compact(change({"id": {"S": "a"}})) * 2)
    assert (spec.source, spec.documents) == ("dynamodb", "many")


# -- texts


def test_json_in_a_text_gives_columns_of_its_members():
    """All texts are JSON, so they fail otherwise; JSON inside of that JSON is found as well."""
    inner = compact({"requestId": "r"}).decode()
    log = compact({"level": "INFO", "n": 1, "reqMsg": inner}).decode()
    _, spec = works({"source": "stdout", "payload": log}, {"source": "stderr", "payload": log})
    assert [(parse.name, parse.of, parse.format, parse.invalid) for parse in spec.parses] == [
        ("log", "payload", "json", "fail"),
        ("req_msg", "log.reqMsg", "json", "fail"),
    ]
    assert [(column.name, column.path, str(column.type)) for column in spec.columns] == [
        ("source", "source", "string"),
        ("level", "log.level", "string"),
        ("n", "log.n", "int64"),
        ("request_id", "req_msg.requestId", "string"),
    ]


def test_texts_of_which_some_are_json_stay_a_column():
    """The others have no members, and nothing of them is lost."""
    found, spec = works({"log": '{"level":"INFO"}'}, {"log": "at java.lang.Error: x"}, {"log": None})
    assert [(parse.name, parse.of, parse.invalid) for parse in spec.parses] == [("log_parsed", "log", "null")]
    assert [column.path for column in spec.columns] == ["log", "log_parsed.level"]
    assert "66 %" in found.text


def test_json_in_an_attribute():
    """Below an image, by the path that takes it from the new one or the old one."""
    _, spec = works(change({"id": {"S": "a"}, "doc": {"S": '{"total":1.5}'}}))
    assert spec.parses[0].of == "(dynamodb.NewImage || dynamodb.OldImage).doc"
    assert ("total", "doc.total") in [(column.name, column.path) for column in spec.columns]


NAMED = [name for name, entry in named_formats().items() if name != "cloudfront-realtime"]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("source", ["text", "json", "cloudwatch-logs"])
def test_a_named_format_is_found(name, source):
    """As records, in a member, and in log events: by the lines of its own page."""
    lines = named_formats()[name].samples
    if source == "text":
        records = [line.encode() for line in lines]
    elif source == "json":
        records = [{"line": line} for line in lines]
    else:
        events = [{"id": str(n), "timestamp": 1, "message": line} for n, line in enumerate(lines)]
        head = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s"}
        records = [head | {"subscriptionFilters": [], "logEvents": events}]
    _, spec = works(*records)
    assert (spec.source, [parse.format for parse in spec.parses]) == (source, [name])


def test_real_time_lines_of_cloudfront():
    """Tab-separated: only the configuration of the log knows its fields, so they have numbers."""
    (sample,) = named_formats()["cloudfront-realtime"].samples
    found, spec = works(sample.encode(), sample.replace("GET", "-").encode())
    assert (spec.parses[0].format, spec.parses[0].fields[:2]) == ("cloudfront-realtime", ("field_1", "field_2"))
    assert "give them their names" in found.text


@pytest.mark.parametrize(
    ("lines", "kind", "columns"),
    [
        ([b"a,1,x", b"b,2,"], "csv", ["field_1", "field_2", "field_3"]),
        ([b"a;1;x"], "csv", ["field_1", "field_2", "field_3"]),
        ([b'level=info msg="x y" n=1', b"level=warn n=2 msg=z"], "logfmt", ["level", "msg", "n"]),
        ([b"a plain line of text", b"and another"], None, ["text"]),
        ([b"START RequestId: 1 Version: 2", b'{"level":"INFO"}', b"END RequestId: 1"], "json", ["text", "level"]),
    ],
    ids=["csv", "semicolons", "logfmt", "plain", "json-among-others"],
)
def test_lines_of_text(lines, kind, columns):
    """Separated values, pairs, JSON among plain lines; text of no format is one column."""
    _, spec = works(*lines)
    assert (spec.source, [parse.format for parse in spec.parses]) == ("text", [kind] if kind else [])
    assert [column.name for column in spec.columns] == columns


def test_extracted_messages_of_a_log():
    """Firehose extracts the lines of a message into one record: text of many lines, JSON among them."""
    record = b'START RequestId: a\n{"level":"INFO","msg":"hi"}\nEND RequestId: a\n'
    found, spec = works(record, b'{"level":"WARN","msg":"x"}\n{"level":"INFO","msg":"y"}\n')
    assert (spec.source, spec.documents, found.families) == ("text", "many", {"text": 2})
    assert '# where = "level is not None"' in found.text


def test_a_line_of_text_among_json_is_a_failure():
    """The sample is JSON, and its configuration fails the line."""
    found = inferred({"a": 1}, {"a": 2}, b"plain text")
    assert (found.families, found.skipped) == ({"json": 2}, {"json": 1})


def test_json_log_events_with_lines_of_the_runtime():
    """A condition that leaves them out is ready as a comment, and extracted fields are columns."""
    events = [
        {"id": "1", "timestamp": 1, "message": "START RequestId: aa Version: 1\n"},
        {"id": "2", "timestamp": 2, "message": '{"level":"INFO"}\n', "extractedFields": {"a": "x"}},
    ]
    head = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "policyLevel": "ACCOUNT"}
    found, spec = works(head | {"subscriptionFilters": [], "logEvents": events})
    assert (spec.parses[0].name, spec.parses[0].invalid) == ("log", "null")
    assert {"policyLevel", "extractedFields.a", "log.level", "message"} <= {column.path for column in spec.columns}
    text = found.text.replace("# where", "where")
    (row,) = Pipeline.from_toml(text).run([compact(head | {"logEvents": events})]).data[0].splitlines()
    assert json.loads(row)["level"] == "INFO"


# -- lists


@pytest.mark.parametrize(
    ("records", "path", "rows"),
    [
        ([{"device": "d", "readings": [{"n": "t", "v": 1.5}, {"n": "h", "v": 40}]}], "readings", 2),
        ([{"item": 1, "lines": [{"sku": "a"}]}], "lines", 1),
        ([change({"id": {"S": "a"}, "items": {"L": [{"M": {"sku": {"S": "x"}}}] * 3}})], None, 3),
        ([{"Message": compact({"lines": [{"sku": "a"}] * 2}).decode()}], "message.lines", 2),
    ],
    ids=["json", "item-is-a-member", "dynamodb", "in-a-text"],
)
def test_a_list_of_objects_may_be_exploded(records, path, rows):
    """The block and its columns are comments, which as lines of the file give a row an element."""
    found, spec = works(*records)
    assert spec.explode is None
    taken = model.parse(taken_out(found.text))
    assert path is None or taken.explode.path == path
    (data,) = Pipeline(taken).run([compact(record) for record in records]).data
    assert data.count(b"\n") == rows


def test_a_list_of_scalars_is_not_exploded():
    """It is a value."""
    assert "explode" not in inferred({"tags": ["a", "b"]}).text


# -- DynamoDB

FULL = {"Item": {"id": {"S": "a"}, "total": {"N": "1.10"}, "raw": {"B": "AA=="}}}
INCREMENTAL = {
    "Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}},
    "Keys": {"id": {"S": "a"}},
    "NewImage": {"id": {"S": "a"}, "total": {"N": "2"}},
}


def test_exports_and_the_stream_through_one_configuration():
    """By paths that take what is there, whichever of the three a record is."""
    _, spec = works(FULL, INCREMENTAL, change({"id": {"S": "a"}, "total": {"N": "3"}}))
    paths = {column.name: column.path for column in spec.columns}
    assert paths["id"] == "(dynamodb.Keys || Keys || Item).id"
    assert paths["total"] == "(dynamodb.NewImage || dynamodb.OldImage || NewImage || OldImage || Item).total"


@pytest.mark.parametrize(
    ("record", "title", "path"),
    [
        (FULL, "lines of DynamoDB exports", "Item.id"),
        (INCREMENTAL, "lines of DynamoDB exports", "Keys.id"),
        ({"ApproximateCreationDateTime": 1.6e9, "Keys": {"id": {"S": "a"}}}, "DynamoDB changes", "Keys.id"),
        ({"id": {"S": "a"}, "m": {"M": {"x": {"N": "1"}}}}, "DynamoDB items", "id"),
    ],
    ids=["full", "incremental", "member-dynamodb", "image"],
)
def test_exports_and_bare_images(record, title, path):
    """Each gives plain values, never the letters of types."""
    found, spec = works(record)
    assert (found.title, spec.source) == (title, "dynamodb")
    assert next(column for column in spec.columns if column.name == "id").path == path


def test_a_time_with_an_exponent_is_one():
    """As some runtimes write the seconds of a change."""
    record = compact(change({"id": {"S": "a"}})).replace(b"1651495525900", b"1.6E9")
    _, spec = works(record)
    assert next(str(column.type) for column in spec.columns if column.name == "changed_at") == "timestamp[s]"
    assert Pipeline(spec).run([record]).data[0].startswith(b"a,2020-09-13 12:26:40")


@pytest.mark.parametrize("record", [{"a": 1}, change({"id": {"S": "a"}}), FULL], ids=["json", "change", "export"])
def test_compressed_records_of_any_source(record):
    """The engine takes them, so they are looked through."""
    found, _ = works(gzip.compress(compact(record)))
    assert not found.skipped


# -- types and names


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("temp", ["21.5", "22.5"], "float64"),
        ("temp", ["21.50", "22.55"], "float64"),
        ("price", ["21.50", "22.55"], "decimal(18,4)"),
        ("unitPrice", ["21.50"], "decimal(18,4)"),
        ("price", ["21.5", "22.55"], "float64"),
        ("price", ["21.50", "3"], "float64"),
        ("price", ["1234567890123456.75"], "decimal(38,4)"),
        ("ratio", ["0.12345678901234567890"], "auto"),
        ("ratio", ["0.30000000000000004"], "float64"),
        ("ratio", ["1E30", "12345678901234567890123.5"], "auto"),
    ],
)
def test_numbers_leave_room_and_lose_no_digit(name, values, wanted):
    """A double unless its two digits are money; never where a value of the sample would not come back out of it."""
    found = infer([f'{{"{name}":{value}}}'.encode() for value in values], "s.jsonl")
    (column,) = columns_of(found).values()
    assert str(column.type) == wanted


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"queue": {"name": "a"}, "bucket": {"name": "b", "region": "r"}}, ["queue_name", "bucket_name", "region"]),
        ({"id": 1, "name": "x", "user": {"id": 2}}, ["id", "name", "user_id"]),
        ({"image": {"title": {"S": "a"}, "pages": {"N": "5"}}}, ["title", "pages"]),
        ({"size": {"S": 1, "M": 2}}, ["s", "m"]),
    ],
    ids=["vague", "top", "type-letters", "sizes"],
)
def test_names_say_something(document, names):
    """The last two members where the last says nothing, and never the letter of a type alone."""
    assert list(columns_of(inferred(document))) == names


def test_an_attribute_is_named_as_it_is():
    """Of a DynamoDB item a letter may be an attribute, and `name` is one of the item itself."""
    columns = columns_of(inferred(change({"id": {"S": "a"}, "name": {"S": "x"}, "S": {"S": "z"}})))
    assert list(columns)[:3] == ["id", "name", "s"]
