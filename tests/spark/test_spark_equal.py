"""What Spark gives is what the handler gives, record by record: result, reason, and every value in its type."""

import base64
import csv
import datetime
import decimal
import io
import json
import re
import shutil
from importlib.resources import files

import pytest

from fastxform import Pipeline, make_handler
from fastxform.cli.inputs import open_reader, read_source
from fastxform.config.model import column_order
from fastxform.spark import transform
from fastxform.tools.sample_data import burst

ROOT = files("fastxform") / "examples"
NOW_MS = 1_510_254_480_000
BURSTS = {
    "change-capture": "dynamotest",
    "cities": "cities",
    "cloudfront-realtime": None,
    "cloudwatch-logs": "cloudwatch",
    "debezium": None,
    "debezium-unwrapped": None,
    "dms": None,
    "documents": "cities",
    "dynamodb-export": None,
    "dynamotest": "dynamotest",
    "lambda-logs": None,
    "lookups": None,
    "order-lines": None,
    "readings": None,
    "readme": "cities",
    "ses": "ses",
    "streams": None,
    "ticker": "ticker",
    "vpc-flow": None,
}
EXAMPLES = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("_"))


def samples(name):
    """The records of an example's sample."""
    (path,) = (path for path in (ROOT / name).iterdir() if path.name.startswith("sample."))
    with open_reader(str(path)) as reader:
        return [item.data for item in read_source(reader).items]


def answered(pipeline, payloads):
    """The result and the decoded data of each record, as the handler answers them."""
    records = [{"recordId": str(n), "data": base64.b64encode(p).decode()} for n, p in enumerate(payloads)]
    answer = json.loads(make_handler(pipeline)(json.dumps({"records": records}).encode(), None))
    return [(record["result"], base64.b64decode(record.get("data", ""))) for record in answer["records"]]


def value(kind, text):
    """The value that a text of the output stands for; None where it is null."""
    if text is None:
        return None
    match kind.kind:
        case "int64":
            return int(text)
        case "float64":
            return float(text)
        case "decimal":
            return decimal.Decimal(text)
        case "bool":
            return text in (True, "true")
        case "timestamp":
            if text.lstrip("-").isdigit():
                return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(text))
            return datetime.datetime.fromisoformat(text.removesuffix("Z"))
        case "date":
            return datetime.date.fromisoformat(text)
        case "binary":
            return base64.b64decode(text)
        case _:
            return text


def rows_of(pipeline, route, data):
    """The rows of one record's data, as values by column."""
    spec = pipeline.spec
    if spec.columns is None and not spec.routes:
        return [{"document": line} for line in data.decode().split("\n")[:-1]]
    visible = [column for column in column_order(spec, route) if not column.hidden]
    if spec.output.format == "json":
        lines = [json.loads(line, parse_int=Digits, parse_float=Digits) for line in data.decode().split("\n") if line]
        rows = [[json_text(line[column.name]) for column in visible] for line in lines]
    else:
        # An empty field is null: of the examples none has empty text in a typed column.
        rows = [[text or None for text in line] for line in csv.reader(io.StringIO(data.decode(), newline=""))]
    return [{column.name: value(column.type, text) for column, text in zip(visible, row, strict=True)} for row in rows]


class Digits(str):
    """A number of JSON as it is written."""


def json_text(found):
    """An `auto` value of JSON output as the text that it is in a column."""
    if isinstance(found, (dict, list)):
        return compact(found)
    if isinstance(found, Digits):
        return str(found)
    return {True: "true", False: "false"}[found] if isinstance(found, bool) else found


def compact(found):
    """A value as compact JSON, its numbers as they were written."""
    if isinstance(found, dict):
        return "{" + ",".join(f"{compact(name)}:{compact(member)}" for name, member in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ",".join(map(compact, found)) + "]"
    return str(found) if isinstance(found, Digits) else json.dumps(found, ensure_ascii=False)


def as_csv(pipeline, found, wanted):
    """A value as CSV tells it: empty text is null, and here line breaks are spaces; a column keeps both."""
    if type(found) is str and pipeline.spec.output.newlines == "space":
        found = re.sub("\r\n|\r|\n", " ", found)
    return wanted if found == "" and wanted is None else found


def by_record(collected):
    """The rows of each record, in their order."""
    found = {}
    for row in collected:
        found.setdefault(row.number, []).append(row)
    return [sorted(found[number], key=lambda row: getattr(row, "row", 0)) for number in sorted(found)]


def same(pipeline, payloads, collected):
    """Compare the rows of Spark with the handler's answer."""
    batch = pipeline.run(payloads, now_ms=NOW_MS)
    groups = by_record(collected)
    names = None
    for number, ((result, data), rows) in enumerate(zip(answered(pipeline, payloads), groups, strict=True)):
        assert {(row.result, row.reason) for row in rows} == {(result, batch.reason[number])}
        names = names or set(rows[0].asDict()) - {"number", "record", "row", "result", "reason"}
        metadata = (batch.metadata[number] if batch.metadata else None) or {}
        table = metadata.get("otfMetadata")
        if "table" in names:
            wanted = table and f"{table['destinationDatabaseName']}.{table['destinationTableName']}"
            assert {(row.table, row.operation) for row in rows} == {(wanted, (table or {}).get("operation"))}
        if "partition_keys" in names:
            assert all(
                (row.partition_keys and row.partition_keys.asDict()) == metadata.get("partitionKeys") for row in rows
            )
        values = names - {"route", "table", "operation", "partition_keys"}
        if result != "Ok":
            assert len(rows) == 1
            assert all(rows[0][name] is None for name in values)
            continue
        route = None if not pipeline.spec.routes else pipeline.spec.routes[rows[0].route]
        expected = rows_of(pipeline, route, data)
        assert len(rows) == len(expected)
        for row, wanted in zip(rows, expected, strict=True):
            found = {name: as_csv(pipeline, row[name], wanted.get(name)) for name in values}
            assert found == dict.fromkeys(values) | wanted
            assert all(type(found[name]) is type(wanted[name]) for name in wanted)
    return [rows[0].result for rows in groups]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_the_handler_answers(records, name, tmp_path):
    """The sample and 120 records of a burst, a third of them broken, in two partitions and batches of 7."""
    text = (ROOT / name / f"{name}.toml").read_text().replace("now_ms()", str(NOW_MS))
    text = text.replace('\nresult = "log.', '\noutcome = "log.')  # a record of Spark has a result of its own
    shutil.copytree(ROOT / name, tmp_path, dirs_exist_ok=True)  # with the files that it names
    (tmp_path / f"{name}.toml").write_text(text)
    pipeline = Pipeline.load(tmp_path / f"{name}.toml")
    payloads = samples(name)
    if BURSTS[name] is not None:
        payloads += burst.records(BURSTS[name], 120, seed=5, bad=0.3)
    results = same(pipeline, payloads, transform(records(payloads), pipeline, keep=["number"]).collect())
    assert "Ok" in results
    assert len(payloads) < 20 or results.count("ProcessingFailed") > 10


EVERY_TYPE = """
[columns]
text     = { path = "text", type = "string" }
whole    = { path = "whole", type = "int64" }
real     = { path = "real", type = "float64" }
exact    = { path = "exact", type = "decimal(38,10)" }
yes      = { path = "yes", type = "bool" }
seconds  = { path = "at", type = "timestamp[s]" }
millis   = { path = "at", type = "timestamp[ms]" }
micros   = { path = "at", type = "timestamp[us]" }
day      = { path = "day", type = "date" }
tree     = { path = "tree", type = "json" }
bytes    = { path = "bytes", type = "binary" }
as_it_is = "as_it_is"
hidden   = { path = "text", hidden = true }
upper    = { expr = "utf8_upper(text)" }
"""

VALUES = [
    {"text": 'a,"b"\n', "whole": 2**63 - 1, "real": -1.5e300, "exact": "1234567890123456789012345678.0123456789"},
    {"whole": -(2**63), "yes": True, "at": "0001-01-01T00:00:00Z", "day": "0001-01-01", "tree": {"a": [1, "x"]}},
    {"yes": False, "at": "9999-12-31T23:59:59.999999Z", "day": "9999-12-31", "bytes": "AP8=", "as_it_is": [1, 2]},
    {"at": "2026-03-29T02:30:00.1234567+01:00", "as_it_is": 1, "real": 0.1, "text": "é\u0001"},
    {"at": 1_714_653_925_900, "as_it_is": "1.10", "exact": -0.0, "tree": "x"},
    {"at": -1, "day": "1500-02-28", "as_it_is": True},
    {},
]


@pytest.mark.parametrize("output", ["csv", "json"])
def test_every_type_goes_through(records, tmp_path, spark, output):
    """The edges of each type, from the engine through Spark, to Parquet and back: type and value stay."""
    pipeline = Pipeline.from_toml(EVERY_TYPE + f'[output]\nformat = "{output}"\n')
    payloads = [json.dumps(found).encode() for found in VALUES]
    found = transform(records(payloads), pipeline, keep=["number"])
    assert [(field.name, field.dataType.simpleString()) for field in found.schema] == [
        ("number", "int"),
        ("result", "string"),
        ("reason", "string"),
        ("text", "string"),
        ("whole", "bigint"),
        ("real", "double"),
        ("exact", "decimal(38,10)"),
        ("yes", "boolean"),
        ("seconds", "timestamp_ntz"),
        ("millis", "timestamp_ntz"),
        ("micros", "timestamp_ntz"),
        ("day", "date"),
        ("tree", "string"),
        ("bytes", "binary"),
        ("as_it_is", "string"),
        ("upper", "string"),
    ]
    found.write.parquet(str(tmp_path / "out"))
    back = spark.read.parquet(str(tmp_path / "out"))
    assert back.schema == found.schema
    direct = found.collect()
    assert sorted(back.collect(), key=lambda row: row.number) == sorted(direct, key=lambda row: row.number)
    first, second, third, fourth, fifth, sixth, last = sorted(direct, key=lambda row: row.number)
    assert (first.text, first.whole, first.exact) == (
        'a,"b"\n',
        2**63 - 1,
        decimal.Decimal("1234567890123456789012345678.0123456789"),
    )
    assert (second.micros, second.day, second.tree) == (
        datetime.datetime(1, 1, 1),
        datetime.date(1, 1, 1),
        '{"a":[1,"x"]}',
    )
    assert third.micros == datetime.datetime(9999, 12, 31, 23, 59, 59, 999_999)
    assert (bytes(third.bytes), third.as_it_is, third.yes) == (b"\x00\xff", "[1,2]", False)
    assert fourth.micros == datetime.datetime(2026, 3, 29, 1, 30, 0, 123_456)
    assert fourth.seconds == datetime.datetime(2026, 3, 29, 1, 30)
    assert (fifth.millis, fifth.as_it_is, fifth.tree) == (
        datetime.datetime(2024, 5, 2, 12, 45, 25, 900_000),
        "1.10",
        '"x"',
    )
    assert (sixth.seconds, sixth.as_it_is) == (datetime.datetime(1969, 12, 31, 23, 59, 59), "true")
    assert all(last[name] is None for name in found.columns[2:])
