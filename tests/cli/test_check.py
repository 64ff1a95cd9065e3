"""`fastxform check`: findings and their levels, exit codes, malformed definitions; and the rules behind it."""

import json
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.config import model
from fastxform.errors import InputError
from fastxform.query.paths import Compiled, compile_path
from fastxform.tools.lint.agreement import compare
from fastxform.tools.lint.definitions import read_definitions
from fastxform.tools.lint.finding import Finding
from fastxform.tools.lint.rules import lint

CLEAN = """
source = "dynamodb"
[output]
newlines = "space"
[columns]
id = "dynamodb.Keys.id"
"""


def linted(text):
    """The findings of a configuration as (level, code, message)."""
    return [(found.level, found.code, found.message) for found in lint(model.parse(text, "c.toml"), "c.toml")]


def codes(text):
    return [code for _, code, _ in linted(text)]


# -- the command


def test_a_clean_file_has_no_findings(command, write):
    """Nothing on standard output, exit code 0."""
    assert command("check", write(CLEAN)) == (0, "", "c.toml: nothing found\n")


def test_all_mistakes_are_findings(command, write):
    """Every mistake is a line of standard output, exit code 1."""
    config = write('source = "dynamodb"\nwher = "x"\n[columns]\na = { type = "int" }\nb = "a["\n')
    assert command("check", config) == (
        1,
        "c.toml:2: wher: error: unknown key; did you mean where?\n"
        'c.toml:4: columns.a.type: error: unknown type "int"; write int64\n'
        "c.toml:5: columns.b: error: not JMESPath, it ends too early at character 3\n",
        "c.toml: 3 errors\n",
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"\xff", "c.toml:1: error: is not UTF-8", id="utf8"),
        pytest.param(b"[columns", "c.toml:1: error: not TOML", id="toml"),
        pytest.param(b"a = " + b"[" * 5_000, "error: ", id="deep"),
        pytest.param(b"", "c.toml: error: CSV output needs [columns]", id="empty"),
    ],
)
def test_what_is_no_configuration_is_one_finding(command, write, content, line):
    """The file can be read, so it is a finding: exit code 1, one line."""
    code, out, _ = command("check", write(content))
    assert (code, len(out.splitlines())) == (1, 1)
    assert line in out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nope.toml"], id="config"),
        pytest.param(["."], id="directory"),
        pytest.param(["c.toml", "--ddl", "nope.sql"], id="ddl"),
        pytest.param(["c.toml", "--ddl", "."], id="ddl-directory"),
        pytest.param(["c.toml", "--ddl", "latin.sql"], id="ddl-latin-1"),
        pytest.param(["c.toml", "--ddl"], id="usage"),
        pytest.param([], id="none"),
    ],
)
def test_what_cannot_be_read_is_exit_code_2(command, write, arguments):
    """Nothing on standard output, and no traceback."""
    write(CLEAN)
    write(b"CREATE TABLE \xe9 (a string)", "latin.sql")
    code, out, err = command("check", *arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert err


def test_warnings_alone_are_exit_code_0(command, write):
    """The line names place, level, what is wrong and the remedy."""
    config = write(CLEAN + 'first = "dynamodb.NewImage.list[]"\n')
    code, out, err = command("check", config)
    assert (code, err) == (0, "c.toml: 1 warning\n")
    assert out.startswith("c.toml:7: columns.first: warning: is evaluated record by record, off the fast path; ")


def test_json_is_one_object(command, write):
    """For programs: counts of all levels, and the findings with a code."""
    config = write('[columns]\na = "b[]"\n')
    code, out, _ = command("check", config, "--json")
    document = json.loads(out)
    assert (code, document["config"], document["counts"]) == (0, config, {"error": 0, "warning": 1, "hint": 0})
    assert [found["code"] for found in document["findings"]] == ["slow-path"]
    assert set(document["findings"][0]) == {"level", "code", "place", "message"}


def test_definitions_wait_for_the_mistakes(command, write):
    """A configuration with mistakes is not compared, and that is said."""
    code, out, err = command("check", write("wher = 1"), "--ddl", "tables.sql")
    assert code == 1
    assert "tables.sql is compared when the mistakes are mended" in err
    assert "tables.sql" not in out


def test_definitions_may_come_from_standard_input(write):
    """`--ddl -` reads it; findings name it so."""
    config = write(TABLE_CONFIG)
    result = subprocess.run(
        [sys.executable, "-m", "fastxform", "check", config, "--ddl", "-"],
        input=b"CREATE TABLE db.t (a string)",
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert b"standard input:1: db.t: error: is no Iceberg table" in result.stdout


def at_a_terminal(*arguments, **environment):
    """What the command prints when standard output is a terminal."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fastxform", *arguments],
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(terminal)
    parts = []
    try:
        while part := os.read(controller, 65_536):
            parts.append(part)
    except OSError:
        # The kernel's way to say that the other end of a terminal was closed.
        pass
    finally:
        os.close(controller)
        process.wait()
    return b"".join(parts)


@pytest.mark.parametrize(
    ("environment", "has_colours"),
    [
        pytest.param({"NO_COLOR": ""}, True, id="terminal"),
        pytest.param({"NO_COLOR": "1"}, False, id="no-color"),
        pytest.param({"NO_COLOR": "", "TERM": "dumb"}, False, id="dumb"),
    ],
)
def test_colours_are_for_terminals(write, environment, has_colours):
    """Levels are painted for people, unless they do not want it."""
    out = at_a_terminal("check", write('[columns]\na = "b[]"\n'), **environment)
    assert b"warning" in out
    assert (b"\x1b[33mwarning\x1b[0m" in out) is has_colours
    assert (b"\x1b" in out) is has_colours


# -- rules for columns


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        pytest.param("x[?k=='v'] | [0].y", "write x[?k=='v'].y | [0]", id="first-then-member"),
        pytest.param("x[?k=='v'].y", "write x[?k=='v'].y | [0]", id="list-of-all"),
        pytest.param("x[?k=='v'].y[0]", "write x[?k=='v'].y | [0]", id="first-of-each"),
        pytest.param("x[?k=='v'][0].y", "write x[?k=='v'].y | [0]", id="element-of-each"),
        pytest.param("@.a.b", "write a.b", id="root"),
        pytest.param("a | b", "write a.b", id="pipe"),
        pytest.param("not_null(a, b.c)", "write a || b.c", id="not-null"),
        pytest.param("to_string(a.b)", 'write a.b, and type = "string"', id="to-string"),
        pytest.param("to_number(a)", 'write a, and a type, such as type = "int64"', id="to-number"),
        pytest.param("abs(a)", "compute in another one with expr", id="function"),
        pytest.param("length(a)", "expr has no functions of lists", id="list-function"),
        pytest.param("a[1:]", "compiled are a.b, a[0].b, a || b", id="slice"),
        pytest.param("a.*.b", "compiled are a.b, a[0].b, a || b", id="wildcard"),
        pytest.param("x[?k>`1`].y | [0]", "compiled are a.b, a[0].b, a || b", id="comparison"),
        pytest.param("{a: b}", "compiled are a.b, a[0].b, a || b", id="object"),
    ],
)
def test_a_path_off_the_fast_path_gets_advice(path, advice):
    """A compiled path is suggested where one means nearly the same."""
    assert isinstance(compile_path(path), Compiled)
    ((level, code, message),) = linted(
        f'[output]\nnewlines = "space"\n[columns]\na = {{ path = {json.dumps(path)} }}\n'
    )
    assert (level, code) == ("warning", "slow-path")
    assert message.startswith("is evaluated record by record, off the fast path; ")
    assert advice in message


@pytest.mark.parametrize(
    "path", ["a.b", "a || b.c", "(a || b).c", "x[?k=='v'].y | [0]", 'a."b-c"', "a[0]", "a[-1].b", "header(a, 'b')"]
)
def test_a_compiled_path_is_no_finding(path):
    """What the fast path takes is passed over."""
    assert linted(f'[output]\nnewlines = "space"\n[columns]\na = {{ path = {json.dumps(path)} }}\n') == []


@pytest.mark.parametrize(
    ("column", "code", "message"),
    [
        pytest.param(
            'a = "dynamodb.NewImage.x || dynamodb.OldImage.x"',
            "image-fallback",
            "write (dynamodb.NewImage || dynamodb.OldImage).x",
            id="fallback",
        ),
        pytest.param('a = "dynamodb.Keys.id.S"', "attribute-type", "write dynamodb.Keys.id", id="attribute-type"),
        pytest.param('a = "Keys.id"\nb = "dynamodb.NewImage.b"', "change-member", "write dynamodb.Keys", id="inside"),
        pytest.param('a = "evntName"', "change-member", "write dynamodb.NewImage.evntName, or eventName", id="near"),
        pytest.param("id = {}", "change-member", "write dynamodb.NewImage.id", id="no-path"),
        pytest.param('"home-city" = {}', "change-member", 'write dynamodb.NewImage."home-city"', id="quoted"),
    ],
)
def test_a_doubtful_path_into_a_change(column, code, message):
    """The remedy is a path to copy; the same path is fine where the source is json."""
    text = f'[output]\nnewlines = "space"\n[columns]\n{column}\n'
    ((level, found, says),) = linted('source = "dynamodb"\n' + text)
    assert (level, found) == ("warning", code)
    assert says.endswith(message)
    assert [code for _, code, _ in linted(text) if code != "source-dynamodb"] == []


def test_columns_of_routes_are_judged_too():
    """And a shared one once, however many routes there are."""
    text = """
    output = { format = "json" }
    [columns]
    a = "x[1:]"
    [[routes]]
    where = "a == '1'"
    columns = { b = "y[]" }
    [[routes]]
    columns = { c = "z" }
    """
    assert codes(text) == ["slow-path", "slow-path"]


# -- rules for output


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param('[columns]\na = "a"', [], id="no-reason"),
        pytest.param('source = "cloudwatch-logs"\n[columns]\na = "message"', ["csv-newlines"], id="log-message"),
        pytest.param('source = "cloudwatch-logs"\n[columns]\na = "logGroup"', [], id="log-group"),
        pytest.param(
            '[columns]\na = "a"\n[[tests]]\ninput = "{}"\nexpect = "\\"a\\nb\\"\\n"', ["csv-newlines"], id="test"
        ),
        pytest.param('[columns]\na = { type = "int64" }\nb = { type = "json" }', [], id="no-text"),
        pytest.param('[columns]\na = { pattern = "[A-Z]+" }', [], id="pattern"),
        pytest.param('[columns]\na = { hidden = true }\nb = { type = "date" }', [], id="hidden"),
        pytest.param('output = { newlines = "escape" }\n[columns]\na = "a"', [], id="escaped"),
        pytest.param('output = { quoting = "none" }\n[columns]\na = "a"', [], id="refused"),
        pytest.param('output = { format = "json" }\n[columns]\na = "a"', [], id="json"),
    ],
)
def test_line_breaks_in_csv_are_a_hint(text, wanted):
    """Only where something in this file lets one expect them, and they go out as they are."""
    found = linted(text)
    assert [code for _, code, _ in found] == wanted
    assert {level for level, _, _ in found} <= {"hint"}


ROUTE = """
{top}
output = {{ format = "json" }}
[columns]
{columns}
[[routes]]
iceberg = {{ database = "{database}", table = "t"{operation} }}
"""


def route(columns, operation="", top="", database="db"):
    return ROUTE.format(columns=columns, operation=operation, top=top, database=database)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(route('a = { type = "string" }'), [], id="clean"),
        pytest.param(route('a = "a"'), [("warning", "iceberg-auto")], id="auto"),
        pytest.param(route('a = { hidden = true }\nb = { type = "bool" }'), [], id="hidden-auto"),
        pytest.param(route('a = { type = "json" }'), [("error", "iceberg-json")], id="json"),
        pytest.param(route('A = { type = "string" }'), [("warning", "iceberg-case")], id="upper"),
        pytest.param(route('a = { type = "string" }', database="Db"), [("warning", "iceberg-case")], id="database"),
        pytest.param(
            route('a = { type = "string" }\nA = { path = "b", type = "string" }'),
            [("warning", "iceberg-case"), ("warning", "iceberg-same-name")],
            id="same-but-for-case",
        ),
    ],
)
def test_columns_of_iceberg_tables(text, wanted):
    """What a table, Athena or S3 Tables would not have."""
    assert [(level, code) for level, code, _ in linted(text)] == wanted


KEY = 'id = { path = "dynamodb.Keys.id", type = "string" }\n'
TIME = 'at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[us]" }\n'
CHANGE = 'source = "dynamodb"'


@pytest.mark.parametrize("operation", ['"update"', '"delete"', '{ INSERT = "insert", REMOVE = "delete" }'])
@pytest.mark.parametrize(
    ("columns", "top", "wanted"),
    [
        pytest.param(KEY + TIME, CHANGE, [], id="key-and-time"),
        pytest.param(TIME, CHANGE, ["change-key"], id="no-key"),
        pytest.param(KEY, CHANGE, ["change-time"], id="no-time"),
        pytest.param(KEY + TIME.replace("{ ", "{ hidden = true, "), CHANGE, ["change-time"], id="hidden-time"),
        pytest.param('id = { type = "string" }', "", ["change-time"], id="json-without-time"),
        pytest.param('id = { type = "string" }\nat = { type = "timestamp[ms]" }', "", [], id="json-with-time"),
    ],
)
def test_updates_and_deletes_need_a_key_and_a_time(operation, columns, top, wanted):
    """Firehose delivers in no order, and finds rows by their key; what it must be told is a hint."""
    found = linted(route(columns, f", operation = {operation}", top))
    assert [code for level, code, _ in found if level == "warning"] == wanted
    assert [code for level, code, _ in found if level == "hint"] == ["unique-keys"]


def test_changes_never_go_back():
    """With `reingest` asked for, check says what becomes of those that do not fit."""
    found = linted(route(KEY + TIME, ', operation = "update"', CHANGE + '\noverflow = { policy = "reingest" }'))
    assert [(level, code) for level, code, _ in found] == [("hint", "change-reingest"), ("hint", "unique-keys")]


def test_inserts_need_neither():
    """A table that only grows has no such rules; the hint of the others names the key columns."""
    assert linted(route(KEY, ', operation = "insert"', CHANGE)) == []
    ((_, _, message),) = linted(route(KEY + TIME, ', operation = "update"', CHANGE))
    assert 'UniqueKeys = ["id"]' in message


# -- agreement with definitions


TABLE_CONFIG = """
output = { format = "json" }
[columns]
s = { type = "string" }
i = { type = "int64" }
f = { type = "float64" }
d = { type = "decimal(10,2)" }
b = { type = "bool" }
t = { type = "timestamp[ms]" }
day = { type = "date" }
bin = { type = "binary" }
j = { type = "json", schema = "map<string,array<bigint>>" }
[[routes]]
iceberg = { database = "db", table = "t" }
"""
FIELDS = {
    "s": "string",
    "i": "bigint",
    "f": "double",
    "d": "decimal(10,2)",
    "b": "boolean",
    "t": "timestamp",
    "day": "date",
    "bin": "binary",
    "j": "map<string,array<bigint>>",
}
PROPERTIES = "TBLPROPERTIES ('table_type'='ICEBERG','format'='parquet','write_compression'='gzip')"


def definition(properties=PROPERTIES, table="db.t", **fields):
    """A definition that agrees with the configuration but for what is given; None leaves a column out."""
    lines = [f"  {name} {kind}" for name, kind in {**FIELDS, **fields}.items() if kind is not None]
    return f"CREATE TABLE {table} (\n" + ",\n".join(lines) + f"\n) {properties};\n"


def compared(sql, config=TABLE_CONFIG):
    """The findings of a comparison."""
    return compare(model.parse(config, "c.toml"), read_definitions(sql, "t.sql"), "t.sql")


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(definition(), id="plain"),
        pytest.param(
            "create table db.t (" + ",".join(f"{n} {k.upper()}" for n, k in FIELDS.items()) + ") " + PROPERTIES.lower(),
            id="case",
        ),
        pytest.param(definition(table="t"), id="no-database"),
        pytest.param(definition(table="`s3tablescatalog/my-bucket`.`db`.`t`"), id="catalog"),
        pytest.param(definition(table="IF NOT EXISTS `db`.`t`"), id="if-not-exists"),
        pytest.param(definition("USING iceberg"), id="spark"),
        pytest.param(
            definition(
                "PARTITIONED BY (day(t), bucket(16, s), truncate(i, 4), day) LOCATION 's3://b/p/' " + PROPERTIES
            ),
            id="partitioned",
        ),
        pytest.param("-- one; two\n/* CREATE TABLE db.t (x int) */\n" + definition(), id="comments"),
        pytest.param(definition(table="db.other") + definition() + "SELECT 1; DROP TABLE db.other", id="several"),
        pytest.param(definition(s="varchar(20)"), id="varchar"),
        pytest.param(definition(t="timestamp with time zone"), id="zone"),
        pytest.param(definition(s="string COMMENT 'a, (b) -- no comment'", i="bigint NOT NULL"), id="column-comment"),
        pytest.param("\ufeff" + definition(), id="mark"),
    ],
)
def test_a_definition_that_agrees(sql):
    """In every spelling that Athena and Spark take."""
    assert compared(sql) == ()


@pytest.mark.parametrize(
    ("fields", "code", "level", "message"),
    [
        pytest.param(
            {"s": None},
            "column-missing",
            "error",
            "db.t has no such column, and Firehose skips it without an error; add it, or make it hidden",
            id="missing",
        ),
        pytest.param({"day": None, "days": "date"}, "column-missing", "error", "did you mean days?", id="misspelt"),
        pytest.param(
            {"s": None, "S": "string"},
            "column-case",
            "error",
            "db.t has S; names must agree with their case, or the value is lost",
            id="case",
        ),
        pytest.param(
            {"x": "string"}, "column-extra", "warning", "x stays null: no column of the route has its name", id="extra"
        ),
        pytest.param(
            {"x": "string NOT NULL"},
            "column-extra",
            "error",
            "x is NOT NULL: no column of the route has its name",
            id="not-null",
        ),
        pytest.param(
            {"i": "int"},
            "type",
            "error",
            "emits int64, and db.t has int (t.sql:3): that has 32 bits only; make it bigint in the table",
            id="int",
        ),
        pytest.param(
            {"i": "string"},
            "type",
            "error",
            'write type = "string" here, or make it bigint in the table',
            id="number-to-text",
        ),
        pytest.param(
            {"s": "bigint"},
            "type",
            "error",
            'emits string, and db.t has bigint (t.sql:2): write type = "int64" here, or make it string in the table',
            id="text-to-number",
        ),
        pytest.param({"f": "float"}, "type", "error", "that has 32 bits only; make it double in the table", id="float"),
        pytest.param(
            {"d": "decimal(12,2)"},
            "type",
            "error",
            'write type = "decimal(12,2)" here, or make it decimal(10,2) in the table',
            id="decimal",
        ),
        pytest.param(
            {"d": "decimal"}, "type", "error", "make it decimal(10,2) in the table", id="decimal-without-digits"
        ),
        pytest.param(
            {"i": "timestamp"},
            "type",
            "error",
            'a timestamp has to arrive in microseconds; write type = "timestamp[us]" here',
            id="epoch",
        ),
        pytest.param(
            {"t": "timestamp(3)"},
            "type",
            "error",
            "timestamps of Iceberg have microseconds; make it timestamp in the table",
            id="milliseconds",
        ),
        pytest.param(
            {"t": "bigint"},
            "type",
            "error",
            'write type = "int64" here, or make it timestamp in the table',
            id="timestamp-to-number",
        ),
        pytest.param({"b": "string"}, "type", "error", "make it boolean in the table", id="bool"),
        pytest.param(
            {"s": "struct<a:string>"},
            "type",
            "error",
            'db.t has struct<a:string> (t.sql:2): write type = "json" and schema = "struct<a:string>" here',
            id="struct",
        ),
        pytest.param(
            {"s": "time"},
            "type",
            "error",
            "emits string, and db.t has time (t.sql:2): make it string in the table",
            id="time",
        ),
        pytest.param({"j": "bigint"}, "type", "error", "array<bigint>>, and db.t has bigint", id="json"),
    ],
)
def test_a_column_that_differs(fields, code, level, message):
    """Each difference is found, with its remedy."""
    found = [finding for finding in compared(definition(**fields)) if finding.code != "iceberg-case"]
    assert (found[0].code, found[0].level) == (code, level)
    assert message in found[0].message
    assert {finding.code for finding in found[1:]} <= {"column-extra"}


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        pytest.param(definition(""), "not-iceberg", "add TBLPROPERTIES ('table_type' = 'ICEBERG')", id="hive"),
        pytest.param(
            definition(PROPERTIES.replace("parquet", "orc")), "table-format", "Firehose writes Parquet only", id="orc"
        ),
        pytest.param(
            definition(PROPERTIES.replace("gzip'", "gzip','format-version'='1'")),
            "table-format",
            "Firehose takes version 2",
            id="v1",
        ),
        pytest.param(
            definition(table="db.other"), "no-table", "writes to db.t, which is not defined; ", id="other-table"
        ),
        pytest.param(
            definition(table="other.t"), "no-table", "writes to db.t, which is not defined; ", id="other-database"
        ),
        pytest.param(
            definition(table="`d-b`.t"),
            "hyphen",
            "writes to d_b.t, and the definition says d-b.t; Firehose takes no hyphen in a name",
            id="hyphen",
        ),
        pytest.param(definition(table="db.T"), "table-case", "writes to db.t, and the definition says db.T", id="case"),
    ],
)
def test_a_table_that_differs(sql, code, message):
    """What is wrong with the table as a whole is an error."""
    config = TABLE_CONFIG.replace('"db"', '"d_b"') if code == "hyphen" else TABLE_CONFIG
    (found,) = compared(sql, config)
    assert (found.level, found.code) == ("error", code)
    assert message in found.message


def test_upper_case_in_a_definition():
    """S3 Tables refuses such a name, and Athena makes another one of it: a warning even where both sides agree."""
    found = compared(definition(S="string", s=None), TABLE_CONFIG.replace("s = {", "S = {"))
    assert [(finding.level, finding.code) for finding in found] == [("warning", "iceberg-case")]


def test_a_partition_that_gets_no_value_is_named_as_one():
    """Every row would go to the partition of nulls."""
    (found,) = compared(definition(f"PARTITIONED BY (p) {PROPERTIES}", p="string"))
    assert "p stays null, and the table is partitioned by it" in found.message


CHANGES_CONFIG = f"""
source = "dynamodb"
output = {{ format = "json" }}
[columns]
{KEY}{TIME}
[[routes]]
iceberg = {{ database = "db", table = "t", operation = "update" }}
"""


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        pytest.param("", [], id="keys-of-the-stream"),
        pytest.param("ALTER TABLE db.t SET IDENTIFIER FIELDS id;", [], id="identifier"),
        pytest.param("ALTER TABLE `db`.`t` set identifier fields `id`, at", [], id="two"),
        pytest.param("ALTER TABLE db.other SET IDENTIFIER FIELDS nope", [], id="other-table"),
        pytest.param("ALTER TABLE db.t SET IDENTIFIER FIELDS nope", ["identifier field nope is no column"], id="none"),
        pytest.param(
            "ALTER TABLE db.t SET IDENTIFIER FIELDS x", ["identifier field x is not emitted"], id="not-emitted"
        ),
    ],
)
def test_identifier_fields(caplog, sql, wanted):
    """A key that the route does not emit finds no row; what the parser logs about the statement is kept quiet."""
    table = f"CREATE TABLE db.t (id string, at timestamp, x string) {PROPERTIES};"
    found = [finding.message for finding in compared(table + sql, CHANGES_CONFIG) if finding.code == "unique-keys"]
    assert len(found) == len(wanted)
    assert all(message.startswith(start) for message, start in zip(found, wanted, strict=True))
    assert caplog.records == []


def test_a_key_is_there_once():
    """Firehose wants the name of a key only once in the schema, nested names too."""
    table = f"CREATE TABLE db.t (id string, at timestamp, x struct<a:struct<id:string>>) {PROPERTIES}"
    found = [finding for finding in compared(table, CHANGES_CONFIG) if finding.level == "error"]
    assert [finding.message for finding in found] == [
        "id is a key and a name inside of x too; a unique key must be there once"
    ]


def test_nothing_to_compare_is_an_error(command, write):
    """Who asks for a comparison of a CSV transform is told so."""
    write(definition(), "t.sql")
    code, out, _ = command("check", write(CLEAN), "--ddl", "t.sql")
    assert code == 1
    assert "no route names an Iceberg table" in out


def test_a_document_has_no_columns_to_compare():
    """The document itself is the row: a warning, the table is still looked at."""
    config = 'output = { format = "json" }\n[[routes]]\niceberg = { database = "db", table = "t" }\n'
    assert [(finding.level, finding.code) for finding in compared(definition(""), config)] == [
        ("error", "not-iceberg"),
        ("warning", "no-columns"),
    ]


def test_two_routes_of_one_table_are_both_compared():
    """And what they have in common is found once."""
    config = """
    output = { format = "json" }
    columns = { a = { type = "string" }, gone = { type = "string" } }
    [[routes]]
    where = "a == 'x'"
    iceberg = { database = "db", table = "t" }
    columns = { b = { type = "string" } }
    [[routes]]
    iceberg = { database = "db", table = "t" }
    columns = { c = { type = "string" } }
    """
    found = compared(f"CREATE TABLE db.t (a string, b string, c string) {PROPERTIES}", config)
    assert [finding.code for finding in found] == ["column-missing", "column-extra", "column-extra"]


def test_the_place_of_a_finding_is_the_line_of_the_definition():
    """A column of the table has its line, an emitted one the line of the configuration."""
    found = compared(definition(x="string", i="int"))
    assert [finding.place for finding in found] == ["c.toml:5: columns.i", "t.sql:11: db.t"]


# -- definitions that are none


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        pytest.param("", "t.sql: it has no CREATE TABLE with columns", id="empty"),
        pytest.param("SELECT 1", "t.sql: it has no CREATE TABLE with columns", id="select"),
        pytest.param("CREATE TABLE t AS SELECT 1 a", "t.sql: it has no CREATE TABLE with columns", id="as-select"),
        pytest.param("{}", "t.sql", id="json"),
        pytest.param("CREATE TABLE t (\na string,\nb )) x", "t.sql:3:4: not SQL as Athena reads it", id="syntax"),
        pytest.param("CREATE TABLE 'a", "a quote or a comment has no end", id="open-quote"),
        pytest.param("CREATE TABLE t (a " + "array<" * 3_000, "types nest too deep", id="deep"),
        pytest.param(
            "CREATE TABLE t (a string) SORTED INTO HEAPS (a)",
            "statement 1 is a CREATE that cannot be read",
            id="unknown-clause",
        ),
        pytest.param("x" * 1_100_000, "has more than 1048576 characters", id="long"),
        pytest.param("\x00\x01\x02", "t.sql", id="binary"),
    ],
)
def test_what_is_no_definition_is_one_line(sql, message):
    """The file, the place where it is known, and what is wrong."""
    with pytest.raises(InputError) as err:
        read_definitions(sql, "t.sql")
    assert message in str(err.value)
    assert len(str(err.value).splitlines()) == 1


@given(
    st.lists(
        st.sampled_from(
            [*"()<>,;`'\". \n-*/=x1", "CREATE ", "TABLE ", "t ", "string", "struct<", "é", "\x00", PROPERTIES]
        ),
        max_size=25,
    )
)
def test_no_text_breaks_the_reading_of_definitions(parts):
    """Whatever the text: definitions, which compare, or one line."""
    try:
        found = read_definitions("CREATE TABLE db.t (a " + "".join(parts), "t.sql")
    except InputError as err:
        assert len(str(err).splitlines()) == 1
    else:
        findings = compare(model.parse(TABLE_CONFIG), found, "c", "t.sql")
        assert all(isinstance(finding, Finding) and finding.message.isprintable() for finding in findings)


def test_sqlglot_is_asked_for_where_it_is_missing(monkeypatch):
    """It comes with the extra of the command; without it there is one line."""
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(InputError, match=r"pip install 'fastxform\[cli\]'"):
        read_definitions(definition(), "t.sql")
