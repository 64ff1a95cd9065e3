"""What readers are told: the statement of each, what it takes of the configuration, and that `check --ddl` agrees."""

import json

import pytest

from fastxform.config import model
from fastxform.config.readers import READERS
from fastxform.errors import ConfigError
from fastxform.tools import reader_ddl
from fastxform.tools.lint.agreement import compare
from fastxform.tools.lint.definitions import read_definitions

COLUMNS = """
[columns]
first_one = { type = "string" }
"b c" = { path = "b", type = "int64" }
d = { type = "decimal(38,9)" }
t = { type = "timestamp[ms]" }
last_one = { type = "json" }
h = { hidden = true }
"""
ATHENA = [name for name in READERS if name.startswith("athena-")]


def spec_of(reader, extra=""):
    return model.parse(f'[output]\nreader = "{reader}"\n{extra}{COLUMNS}')


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_is_told_its_columns_and_keys(reader):
    """Each visible column in its order, the location, and the delimiter and null of the file; no hidden column."""
    extra = 'delimiter = "|"\n' if READERS[reader].format == "csv" else ""
    text = reader_ddl.statement(spec_of(reader, extra), "rows", "s3://bucket/here")
    places = [text.index(name) for name in ("first_one", "b c", "last_one")]
    assert places == sorted(places)
    assert "s3://bucket/here/" in text
    assert not extra or "|" in text
    assert "`h`" not in text
    assert '"h"' not in text


@pytest.mark.parametrize("reader", ATHENA)
def test_athena_reads_its_table_as_check_does(reader):
    """The definition that is printed is one of Athena's, and agrees with the transform that it was made of."""
    spec = spec_of(reader)
    definitions = read_definitions(reader_ddl.statement(spec, "rows", "s3://bucket/here"), "x.sql")
    assert compare(spec, definitions, "x.toml", "x.sql") == ()


def test_athena_finds_objects_by_the_prefix_of_the_stream():
    """Each expression of the prefix is a partition, projected from the names of objects."""
    prefix = "!{partitionKeyFromLambda:city}/!{timestamp:yyyy/MM/dd/HH}/"
    text = reader_ddl.statement(spec_of("athena-json"), "rows", "s3://bucket/here/", prefix)
    assert "PARTITIONED BY (`city` string, `datehour` string)" in text
    assert "'storage.location.template' = 's3://bucket/here/${city}/${datehour}/'" in text
    assert "'projection.datehour.range' = '2024/01/01/00,NOW'" in text
    assert "'projection.datehour.interval.unit' = 'HOURS'" in text
    assert "'projection.city.type' = 'injected'" in text


WHOLE = "first_one string, `b c` bigint, d decimal(38,9), t timestamp, last_one string"
DIFFERENT = {
    "order": (
        "athena-lazysimple",
        "`b c` bigint, first_one string, d decimal(38,9), t timestamp, last_one string",
        "columns",
    ),
    "type": ("athena-lazysimple", "first_one string, `b c` int, d decimal(38,9), t timestamp, last_one string", "type"),
    "missing": ("athena-json", "first_one string, `b c` bigint, d decimal(38,9), t timestamp", "column-missing"),
    "unknown": (
        "athena-json",
        "first_one string, `b c` bigint, d decimal(38,9), t timestamp, last_one string, z int",
        "column-unknown",
    ),
}


@pytest.mark.parametrize(("reader", "columns", "code"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_table_that_differs_is_found(reader, columns, code):
    """By position in CSV, by name in JSON."""
    definitions = read_definitions(f"CREATE EXTERNAL TABLE x ({columns}) LOCATION 's3://bucket/'", "x.sql")
    (finding,) = compare(spec_of(reader), definitions, "x.toml", "x.sql")
    assert finding.code.endswith(code)


def test_iceberg_of_version_3_is_refused():
    """Firehose writes version 2."""
    spec = model.parse(
        'output = { format = "json" }\n[columns]\na = { type = "string" }\n'
        '[[routes]]\niceberg = { database = "db", table = "x" }'
    )
    text = "CREATE TABLE db.x (a string) TBLPROPERTIES ('table_type' = 'ICEBERG', 'format-version' = '3')"
    findings = compare(spec, read_definitions(text, "x.sql"), "x.toml", "x.sql")
    assert [finding.message for finding in findings] == ["has format version 3, and Firehose takes version 2"]


UNFIT = {
    "csv": ('format = "csv"', "output.format"),
    "iso": ('format = "json"', "output.timestamps"),
    "nested": ('format = "json"\ntimestamps = "space"', "output.json"),
}


@pytest.mark.parametrize(("output", "place"), UNFIT.values(), ids=UNFIT)
def test_rows_that_format_conversion_cannot_read_are_refused(output, place):
    """With the key that makes them fit."""
    with pytest.raises(ConfigError) as caught:
        reader_ddl.statement(model.parse(f"[output]\n{output}{COLUMNS}"), "rows", "s3://bucket/x", "", "glue-parquet")
    (mistake,) = caught.value.mistakes
    assert mistake.location == place
    assert 'timestamps = "space", json = "text"' in mistake.message


def test_the_command_prints_what_the_reader_is_told(command, write):
    """The table is named after the file; as JSON too; without a location it says so."""
    name = write('[output]\nreader = "athena-json"\n' + COLUMNS, "my-rows.toml")
    code, out, err = command("ddl", name, "--location", "s3://bucket/x")
    assert (code, err) == (0, "")
    assert out.startswith("CREATE EXTERNAL TABLE `my_rows` (")
    code, out, _ = command("ddl", name, "--location", "s3://bucket/x", "--table", "t", "--json")
    assert json.loads(out)["statement"].startswith("CREATE EXTERNAL TABLE `t` (")
    code, _, err = command("ddl", name)
    assert code == 2
    assert "need --location" in err
    code, out, _ = command("ddl", name, "--location", "s3://bucket/x", "--for", "glue-parquet")
    assert "STORED AS PARQUET" in out
