"""What readers are told: the statement of each, what it takes of the configuration, and that `check --ddl` agrees."""

import json

import pytest

from fastxform.config import model
from fastxform.config.readers import READERS
from fastxform.errors import ConfigError, InputError
from fastxform.tools import reader_ddl
from fastxform.tools.lint import objects
from fastxform.tools.lint.agreement import compare
from fastxform.tools.lint.definitions import read_definitions
from fastxform.tools.lint.reader_tables import DIALECTS

COLUMNS = """
[columns]
first_one = { type = "string" }
"b c" = { path = "b", type = "int64" }
d = { type = "decimal(38,9)" }
t = { type = "timestamp[ms]" }
last_one = { type = "json" }
h = { hidden = true }
"""


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


TOLD = [name for name in READERS if name in DIALECTS]


@pytest.mark.parametrize("reader", TOLD)
@pytest.mark.parametrize("delimiter", [",", "|", "\t", "'"], ids=["comma", "bar", "tab", "quote"])
def test_what_is_printed_agrees_with_what_is_written(reader, delimiter):
    """The statement is one of the reader's SQL, and says of columns and dialect what the transform writes."""
    extra = f"delimiter = {json.dumps(delimiter)}\n" if READERS[reader].format == "csv" else ""
    spec = spec_of(reader, extra)
    text = reader_ddl.statement(spec, "rows", "s3://bucket/here")
    assert objects.compare(spec, text, "x.toml", "x.sql") == ()
    if extra and delimiter != ",":
        other = objects.compare(spec_of(reader), text, "x.toml", "x.sql")
        assert [(finding.code, "is read with" in finding.message) for finding in other] == [("options", True)]


def test_the_table_of_format_conversion_agrees():
    """Which is known by its format; rows that it cannot read are the mistake that `ddl` names."""
    text = '[output]\nformat = "json"\ntimestamps = "space"\njson = "text"\n'
    statement = reader_ddl.statement(model.parse(text + COLUMNS), "rows", "s3://bucket/x", "", "glue-parquet")
    assert objects.compare(model.parse(text + COLUMNS), statement, "x.toml", "x.sql") == ()
    (finding,) = objects.compare(model.parse('output = { format = "json" }\n' + COLUMNS), statement, "x.toml", "x.sql")
    assert (finding.level, finding.place) == ("error", "output.timestamps")


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
    spec = spec_of(reader)
    text = reader_ddl.statement(spec, "x", "s3://bucket/")
    head, _, tail = text.partition(" (\n")
    text = f"{head} ({columns}{tail[tail.index(chr(10) + ')') :]}"
    (finding,) = objects.compare(spec, text, "x.toml", "x.sql")
    assert finding.code.endswith(code)


OTHERWISE = {
    "Athena: no properties": (
        "athena-lazysimple",
        r"CREATE EXTERNAL TABLE x (a string) LOCATION 's3://b/' TBLPROPERTIES ('escape.delim' = '\\')",
        "field.delim = '\\x01'",
    ),
    "Athena: delimited": (
        "athena-lazysimple",
        r"CREATE EXTERNAL TABLE x (a string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ';' ESCAPED BY '\\'",
        "field.delim = ';'",
    ),
    "Athena: the other serde": (
        "athena-lazysimple",
        "CREATE EXTERNAL TABLE x (a string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'",
        "serde = 'OpenCSVSerde'",
    ),
    "Athena: a header": (
        "athena-opencsv",
        "CREATE EXTERNAL TABLE x (a string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' "
        "TBLPROPERTIES ('skip.header.line.count' = '1')",
        "skip.header.line.count = '1'",
    ),
    "Athena: Parquet": (
        "athena-lazysimple",
        "CREATE EXTERNAL TABLE x (a string) STORED AS PARQUET",
        "format conversion reads JSON",
    ),
    "Redshift: null": (
        "redshift",
        "CREATE TABLE x (a varchar); COPY x FROM 's3://b/' CSV NULL AS '' GZIP",
        "null = ''",
    ),
    "Redshift: text": (
        "redshift",
        "CREATE TABLE x (a varchar); COPY x FROM 's3://b/' DELIMITER ','",
        "format = 'TEXT'",
    ),
    "Redshift: empty": (
        "redshift",
        "CREATE TABLE x (a text); COPY x FROM 's3://b/' CSV EMPTYASNULL GZIP",
        "emptyasnull = 'true'",
    ),
    "Redshift: header": (
        "redshift",
        "CREATE TABLE x (a text); COPY x FROM 's3://b/' CSV IGNOREHEADER 1",
        "ignoreheader = '1'",
    ),
    "Snowflake: a format": (
        "snowflake",
        "CREATE TABLE x (a varchar); CREATE FILE FORMAT f TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"' "
        "ESCAPE_UNENCLOSED_FIELD = NONE; COPY INTO x FROM @s FILE_FORMAT = (FORMAT_NAME = 'f')",
        r"null_if = '\\N'",
    ),
    "Snowflake: a format elsewhere": (
        "snowflake",
        "CREATE TABLE x (a varchar); COPY INTO x FROM @s FILE_FORMAT = (FORMAT_NAME = 'f')",
        "reads with the file format f",
    ),
    "BigQuery": (
        "bigquery",
        r"LOAD DATA INTO d.x (a STRING) FROM FILES (format = 'CSV', uris = ['x'], allow_quoted_newlines = true, "
        r"null_marker = '\\N')",
        "preserve_ascii_control_characters = 'false'",
    ),
    "DuckDB": (
        "duckdb",
        "SELECT * FROM read_csv('x', sep = ',', header => false, nullstr = '', columns = {a: 'VARCHAR'})",
        "allow_quoted_nulls = 'true'",
    ),
    "Spark": (
        "spark",
        r"""CREATE TABLE x (a string) USING csv OPTIONS (escape '"', nullvalue '\\N')""",
        "multiLine = 'false'",
    ),
}


@pytest.mark.parametrize(("reader", "text", "message"), OTHERWISE.values(), ids=OTHERWISE)
def test_a_dialect_that_differs_is_found(reader, text, message):
    """What the text does not say is the reader's own default, and rows would be read as something else."""
    spec = model.parse(f'output = {{ reader = "{reader}" }}\ncolumns = {{ a = {{ type = "string" }} }}')
    (finding,) = objects.compare(spec, text, "x.toml", "x.sql")
    assert message in finding.message


FITS = {
    "wider decimal": ("snowflake", "d number(38,2)", 'd = { type = "decimal(9,2)" }', True),
    "narrower decimal": ("snowflake", "d number(9,1)", 'd = { type = "decimal(9,2)" }', False),
    "integer as number": ("snowflake", "d number", 'd = { type = "int64" }', True),
    "integer as small number": ("snowflake", "d number(9,0)", 'd = { type = "int64" }', False),
    "text": ("redshift", "d varchar(256)", 'd = { type = "date" }', True),
    "short integer": ("redshift", "d int", 'd = { type = "int64" }', False),
    "time with zone": ("snowflake", "d timestamp_ltz", 'd = { type = "timestamp[ms]" }', False),
}


@pytest.mark.parametrize(("reader", "column", "ours", "fits"), FITS.values(), ids=FITS)
def test_a_type_that_takes_every_value_fits(reader, column, ours, fits):
    """And no other one."""
    spec = model.parse(f'output = {{ reader = "{reader}" }}\ncolumns = {{ {ours} }}')
    found = objects.compare(spec, f"CREATE TABLE x ({column})", "x.toml", "x.sql")
    assert [finding.code for finding in found] == [] if fits else ["type"]


def test_a_reader_without_statements_has_nothing_to_compare():
    """pandas and Excel are told in Python and in windows; text that is none of the reader's SQL names that SQL."""
    (finding,) = objects.compare(spec_of("pandas"), "x", "x.toml", "x.sql")
    assert (finding.level, finding.code) == ("error", "no-table")
    (finding,) = objects.compare(model.parse(COLUMNS), "CREATE EXTERNAL TABLE x (a string)", "x.toml", "x.sql")
    assert "no reader" in finding.message
    for reader, text, message in (
        ("snowflake", "CREATE TABLE (", "not SQL as Snowflake reads it"),
        ("redshift", "COPY x FROM 's3://b/' CSV", "no CREATE TABLE with columns"),
        ("duckdb", "SELECT 1", "it calls no read_csv"),
        ("duckdb", "SELECT * FROM read_csv('x')", "would guess their types"),
    ):
        with pytest.raises(InputError, match=message):
            objects.compare(spec_of(reader), text, "x.toml", "x.sql")


def test_check_compares_what_a_reader_was_told(command, write):
    """Through the command: what `ddl` prints has no finding of the table."""
    name = write('[output]\nreader = "snowflake"\n' + COLUMNS, "rows.toml")
    _, text, _ = command("ddl", name, "--location", "s3://bucket/x")
    code, out, _ = command("check", name, "--ddl", write(text, "rows.sql"))
    assert (code, out) == (0, "")
    code, out, _ = command("check", name, "--ddl", write(text.replace("number(38,9)", "number(9,2)"), "other.sql"))
    assert code == 1
    assert "decimal(9,2)" in out


def test_iceberg_of_version_3_is_refused():
    """Firehose writes version 2."""
    spec = model.parse(
        'output = { format = "json" }\n[columns]\na = { type = "string" }\n'
        '[[routes]]\niceberg = { database = "db", table = "x" }'
    )
    text = "CREATE TABLE db.x (a string) TBLPROPERTIES ('table_type' = 'ICEBERG', 'format-version' = '3')"
    findings = compare(spec, read_definitions(text, "x.sql"), "x.sql")
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
