"""The configuration file: what is right becomes the description, and every mistake is one line that names its place."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastxform import errors
from fastxform.config import expressions, locations, model
from fastxform.config.diagnostics import spelled
from fastxform.config.model import Column, Example, Iceberg, Output, Overflow, Route, Spec, Type
from fastxform.core.values import Json, Number
from fastxform.datatypes.logical import parse_type

CITIES = """\
# cities.toml: DynamoDB table changes to CSV
version = 1
source = "dynamodb"                    # "json" (default), "dynamodb", "cloudwatch-logs"
where  = "eventName != 'REMOVE'"       # optional; a record that fails it is Dropped

[output]
format = "csv"                         # "csv" or "json" (one object and a newline per row)

[columns]                              # in output order; a string is a path
id         = "dynamodb.Keys.id"
population = { path = "(dynamodb.NewImage || dynamodb.OldImage).population", type = "int64" }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
name       = { path = "dynamodb.NewImage.name", required = true }   # without it the record is ProcessingFailed
label      = { expr = "utf8_upper(name)" }
arrived    = { meta = "arrival_ms", type = "timestamp[ms]" }         # of the Firehose record itself
eventName  = { hidden = true }         # usable in `where`, not in the output; the path defaults to the (quoted) name
"""

SES = """\
# ses.toml: SES mail events to three Iceberg tables
version = 1
source = "json"
unmatched = "fail"                     # a record that no route takes: "fail" (default) or "drop"
output = { format = "json" }

[columns]                              # shared by the routes
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
columns = { ip = { path = "open.ipAddress", type = "string" }, timestamp = { path = "open.timestamp", type = "date" } }

[[routes]]
where   = "event_type == 'Click'"
iceberg = { database = "email_event", table = "click_log", operation = "insert" }
[routes.columns]
ip_address = { path = "click.ipAddress", type = "string" }
link       = { path = "click.link", type = "string" }
link_tags  = { path = "click.linkTags", type = "string" }
user_agent = { path = "click.userAgent", type = "string" }
timestamp  = { path = "click.timestamp", type = "timestamp[us]" }
"""

SIMPLE = """\
source = "dynamodb"
[columns]
id = "dynamodb.Keys.id"
datetime = "dynamodb.Keys.datetime"
[[tests]]
input = { dynamodb = { Keys = { id = { S = "a,b" }, datetime = { S = "2022-05-06T11:47:40+09:00" } } } }
expect = "\\"a,b\\",2022-05-06T11:47:40+09:00\\n"
"""

REINGESTED = SIMPLE.replace(
    "[[tests]]", '[overflow]\npolicy = "reingest"\nworkers = 4\nreserve_ms = 5_000\nstream = "other"\n\n[[tests]]'
)

TICKER = """\
where = "SECTOR == 'RETAIL'"
[columns]
processed = { expr = "now_ms()" }
TICKER_SYMBOL = { required = true, pattern = "[A-Z]+" }
SECTOR = { required = true, pattern = "[A-Z]+" }
CHANGE = { required = true, pattern = '[-.0-9]+' }
PRICE = { required = true, pattern = '[-.0-9]+' }
[[tests]]
name = "retail"
input = '{"TICKER_SYMBOL":"QXZ","SECTOR":"RETAIL","CHANGE":-0.05,"PRICE":84.51}'
now_ms = 1_500_000_000_000
expect = "1500000000000,QXZ,RETAIL,-0.05,84.51\\n"
[[tests]]
input = { TICKER_SYMBOL = "QXZ", SECTOR = "ENERGY" }
result = "Dropped"
[[tests]]
input = { TICKER_SYMBOL = "qxz", SECTOR = "RETAIL" }
reason = "pattern:TICKER_SYMBOL"
"""

GOOD = {
    "cities": CITIES,
    "ses": SES,
    "S1 simple": SIMPLE,
    "S2 re-ingested": REINGESTED,
    "S3 ticker": TICKER,
    "S4 ses": SES,
}


def mistakes(text, **arguments):
    """The lines of the mistakes of a text named x."""
    with pytest.raises(errors.ConfigError) as caught:
        model.parse(text, "x", **arguments)
    return str(caught.value).split("\n")


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_file_is_read(text):
    """A configuration of the design, or of a system to be replaced, is a `Spec`, the same one every time."""
    assert model.parse(text) == model.parse(text, "another name")


def test_cities_is_read_as_it_stands():
    """Every key of the file is in the description, and what the file leaves out is what the design says."""
    found = model.parse(CITIES, "cities.toml")
    millis = Type("timestamp", unit="ms")
    assert found == Spec(
        source="dynamodb",
        where="eventName != 'REMOVE'",
        columns=(
            Column("id", path="dynamodb.Keys.id"),
            Column("population", Type("int64"), path="(dynamodb.NewImage || dynamodb.OldImage).population"),
            Column("changed_at", millis, path="dynamodb.ApproximateCreationDateTime"),
            Column("name", path="dynamodb.NewImage.name", required=True),
            Column("label", Type("string"), expr="utf8_upper(name)"),
            Column("arrived", millis, meta="arrival_ms"),
            Column("eventName", path="eventName", hidden=True),
        ),
    )
    assert [column.location for column in found.columns][1:3] == [
        "cities.toml:11: columns.population",
        "cities.toml:12: columns.changed_at",
    ]


def test_routes_are_read_as_they_stand():
    """A route keeps its condition, its table and its own columns; without an operation Firehose's default holds."""
    found = model.parse(SES, "ses.toml")
    micros = Type("timestamp", unit="us")
    assert found.output == Output(format="json")
    assert found.overflow.policy == "reingest"
    assert found.routes[:2] == (
        Route(
            "event_type == 'Send'",
            (Column("timestamp", micros, path="mail.timestamp"),),
            Iceberg("email_event", "send_log", "insert"),
        ),
        Route(
            "event_type == 'Open'",
            (
                Column("ip", Type("string"), path="open.ipAddress"),
                Column("timestamp", Type("date"), path="open.timestamp"),
            ),
            Iceberg("email_event", "open_log"),
        ),
    )
    assert found.routes[2].location == "ses.toml:24: routes[2]"
    assert found.routes[2].columns[1].location == "ses.toml:29: columns.link".replace("columns", "routes[2].columns")


def test_every_key_is_read():
    """What differs from the defaults in every key is found in its field."""
    found = model.parse(
        """
        unmatched = "drop"
        documents = "many"
        output = { delimiter = "\\t", quoting = "none", null = '\\N', newlines = "escape", escape_formulas = true }
        partition_keys = { day = "a", "the-hour" = "cast(b, target_type='string')" }
        overflow = { policy = "fail", workers = 1, reserve_ms = 0, stream = "s" }
        [columns]
        a = { pattern = "[a-z]*", default = "x" }
        b = { path = '"the b"', type = "decimal(10, 2)", default = 1.10, hidden = true }
        """
    )
    assert found == Spec(
        output=Output("csv", "\t", "none", "\\N", "escape", True),
        columns=(
            Column("a", path="a", pattern="[a-z]*", default="x"),
            Column("b", Type("decimal", precision=10, scale=2), path='"the b"', default="1.10", hidden=True),
        ),
        unmatched="drop",
        documents="many",
        partition_keys=(("day", "a"), ("the-hour", "cast(b, target_type='string')")),
        overflow=Overflow("fail", 1, 0, "s"),
    )


def test_path_defaults_to_the_quoted_name():
    """A column without a source is the member of its name, also where that name is no identifier."""
    found = model.parse('[columns]\na = {}\n"user-agent" = { type = "string" }\n"a.b" = { hidden = true }\n')
    assert [column.path for column in found.columns] == ["a", '"user-agent"', '"a.b"']


def test_tests_are_read(tmp_path):
    """The input of a test is text, a table written as JSON with its digits, or a file beside the configuration."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "one.json").write_bytes(b'{"a": \xff}')
    file = tmp_path / "x.toml"
    file.write_text(
        """
        [columns]
        a = {}
        [[tests]]
        input = '{"a": 1}'
        expect = ""
        [[tests]]
        name = "second"
        input = { a = 1.10, b = [true, "ü", { c = -1e5 }], "d-e" = 9007199254740993 }
        result = "Ok"
        metadata = { partitionKeys = { day = "x" } }
        now_ms = -1
        [[tests]]
        input_file = "samples/one.json"
        reason = "utf8"
        """
    )
    assert model.load(file).tests == (
        Example("test 1", b'{"a": 1}', expect=""),
        Example(
            "second",
            '{"a":1.10,"b":[true,"ü",{"c":-1e5}],"d-e":9007199254740993}'.encode(),
            result="Ok",
            metadata={"partitionKeys": {"day": "x"}},
            now_ms=-1,
        ),
        Example("test 3", b'{"a": \xff}', reason="utf8"),
    )
    assert model.load(file, tests=False).tests == ()


def test_without_its_tests_a_file_needs_no_samples(tmp_path):
    """A function in production reads the configuration where the files of the tests were left behind."""
    file = tmp_path / "x.toml"
    file.write_text('columns = { a = "a" }\ntests = [{ input_file = "gone.json", expect = "" }]\n')
    assert model.load(file, tests=False).columns == (Column("a", path="a"),)
    with pytest.raises(errors.ConfigError):
        model.load(file)


DEFAULTS = {
    "text": ('"x"', "string", "x"),
    "integer as text": ("0", "string", 0),
    "auto": ("true", "auto", True),
    "digits of auto": ("1.10", "auto", Number("1.10")),
    "digits without underscores and plus": ("+1_000.50e1", "float64", Number("1000.50e1")),
    "int64": ("-9223372036854775808", "int64", -(2**63)),
    "int64 as text": ('"12"', "int64", "12"),
    "integral number": ("1.0", "int64", Number("1.0")),
    "decimal": ("1.5", "decimal(3,2)", Number("1.5")),
    "bool": ("false", "bool", False),
    "bool as text": ('"false"', "bool", "false"),
    "seconds": ("0", "timestamp[ms]", 0),
    "offset": ('"2024-05-02T12:45:25+09:00"', "timestamp[s]", "2024-05-02T12:45:25+09:00"),
    "TOML's date and time": ("2024-05-02T12:45:25.900Z", "timestamp[ms]", "2024-05-02T12:45:25.900000+00:00"),
    "TOML's date": ("2024-05-02", "date", "2024-05-02"),
    "date": ('"2024-05-02"', "date", "2024-05-02"),
    "binary": ('"AAE="', "binary", "AAE="),
    "object": ('{ a = 1.10, "b-c" = [] }', "json", Json('{"a":1.10,"b-c":[]}')),
    "list": ("[]", "auto", Json("[]")),
    "list as text": ('["a"]', "string", Json('["a"]')),
    "text in JSON": ('"none"', "json", "none"),
}


@pytest.mark.parametrize(("written", "type_text", "value"), DEFAULTS.values(), ids=DEFAULTS)
def test_default_is_a_value_of_a_record(written, type_text, value):
    """A default that fits its type is kept as the value that a record would hold, digits included."""
    (column,) = model.parse(f'[columns]\na = {{ type = "{type_text}", default = {written} }}\n').columns
    assert (column.default, type(column.default)) == (value, type(value))
    assert str(column.type) == type_text


EXPRESSION_TYPES = {
    "comparison": ('"n > 1"', "", Type("bool"), "n > 1"),
    "text of auto": ('"a"', "", Type("string"), "a"),
    "auto written out": ('"n + 1"', "auto", Type("int64"), "n + 1"),
    "the same type": ('"n + 1"', "int64", Type("int64"), "n + 1"),
    "to string": ('"n"', "string", Type("string"), "cast((\nn\n), target_type='string')"),
    "to decimal": ('"n"', "decimal(20,1)", Type("decimal", "", 20, 1), "cast((\nn\n), target_type='decimal(20,1)')"),
    "to another unit": ('"t"', "timestamp[s]", Type("timestamp", "s"), "cast((\nt\n), target_type='timestamp[s]')"),
    "a comment in the text": ('"n # x"', "float64", Type("float64"), "cast((\nn # x\n), target_type='float64')"),
}


@pytest.mark.parametrize(("expr", "declared", "found", "text"), EXPRESSION_TYPES.values(), ids=EXPRESSION_TYPES)
def test_expression_gives_the_type_of_its_column(expr, declared, found, text):
    """Without a declared type the expression's holds; with another one the expression is cast to it."""
    type_text = f', type = "{declared}"' if declared else ""
    file = f"""[columns]
    a = {{}}
    n = {{ type = "int64" }}
    t = {{ type = "timestamp[ms]" }}
    e = {{ expr = {expr}{type_text} }}
    """
    column = model.parse(file).columns[-1]
    assert (column.type, column.expr) == (found, text)
    known = {"a": Type(), "n": Type("int64"), "t": Type("timestamp", "ms")}
    assert expressions.compile_expression(column.expr, known).type == column.type


def test_expressions_name_each_other_in_any_order():
    """An expression may name one that stands below it, and takes its type from there."""
    found = model.parse('[columns]\na = { expr = "b + 1" }\nb = { expr = "c * 2" }\nc = { type = "float64" }\n')
    assert [str(column.type) for column in found.columns] == ["float64", "float64", "float64"]


def test_column_of_a_route_replaces_the_shared_one_in_place():
    """The order of a route is the shared one, its own columns in their places or after it."""
    found = model.parse(
        """
        [columns]
        a = "a"
        b = "b"
        c = "c"
        [[routes]]
        columns = { d = "d", b = { path = "x.b", hidden = true } }
        """
    )
    order = model.column_order(found, found.routes[0])
    assert [(column.name, column.path) for column in order] == [("a", "a"), ("b", "x.b"), ("c", "c"), ("d", "d")]
    assert model.column_order(found, None) == found.columns
    assert model.column_order(model.parse('output = { format = "json" }'), None) == ()


def test_partition_key_names_what_every_route_has():
    """A partition key sees the columns of each route, the computed ones too, in the type that each gives them."""
    text = """
    partition_keys = { k = "own", e = "e" }
    [columns]
    n = { type = "int64" }
    e = { expr = "n + 1" }
    [[routes]]
    where = "n > 1"
    columns = { own = "x.own" }
    [[routes]]
    columns = { own = { expr = "n * 2" } }
    """
    found = model.parse(text)
    assert found.partition_keys == (("k", "own"), ("e", "e"))
    assert [str(route.columns[0].type) for route in found.routes] == ["auto", "int64"]


POLICIES = {
    "no routes": ("", "reingest"),
    "insert": ('operation = "insert"', "reingest"),
    "no operation": ("", "reingest"),
    "update": ('operation = "update"', "fail"),
    "delete": ('operation = "delete"', "fail"),
    "map": ('operation = { INSERT = "insert", REMOVE = "delete" }', "fail"),
    "map of inserts": ('operation = { INSERT = "insert", MODIFY = "insert" }', "reingest"),
}


@pytest.mark.parametrize(("operation", "policy"), POLICIES.values(), ids=POLICIES)
def test_changes_are_not_sent_back_unless_the_file_says_so(operation, policy):
    """Where a route can emit an update or a delete, `fail` is the default, and a policy of the file still holds."""
    route = f'[[routes]]\niceberg = {{ database = "d", table = "t"{", " * bool(operation)}{operation} }}\n'
    text = f'output = {{ format = "json" }}\ncolumns = {{ a = "a" }}\n{route}'
    assert model.parse(text).overflow.policy == policy
    assert model.parse(text + '[overflow]\npolicy = "reingest"\n').overflow.policy == "reingest"


LOGS = {
    "members": 'source = "cloudwatch-logs"\n[columns]\nlogGroup = {}\nt = { path = "timestamp", type = "int64" }\n',
    "first filter": 'source = "cloudwatch-logs"\n[columns]\na = "subscriptionFilters[0]"\n',
    "no columns": 'source = "cloudwatch-logs"\noutput = { format = "json" }\n',
}


@pytest.mark.parametrize("text", LOGS.values(), ids=LOGS)
def test_logs_are_read(text):
    """The columns of logs are members of the record and of its events; with JSON there need be none."""
    assert model.parse(text).source == "cloudwatch-logs"


COLUMNS = '[columns]\na = "a"\nn = { type = "int64" }\n'
JSON = 'output = { format = "json" }\n'
ROUTE = '[[routes]]\niceberg = { database = "d", table = "t"'

MISTAKES = {
    # the file as a whole
    "no columns": ("", "x: CSV output needs [columns]"),
    "empty columns": ("[columns]", "x:1: columns: names no column; CSV output needs one"),
    "empty columns, JSON": (
        JSON + "[columns]",
        "x:2: columns: names no column; for the document itself leave it away",
    ),
    "later version": (
        "version = 2\n" + COLUMNS,
        "x:1: version: this fastxform reads version 1 and no other; a later one reads it",
    ),
    "no such version": (
        "version = 0\n" + COLUMNS,
        "x:1: version: this fastxform reads version 1 and no other; write version = 1",
    ),
    "version of text": ('version = "1"\n' + COLUMNS, "x:1: version: must be 1, not text"),
    "version of true": ("version = true\n" + COLUMNS, "x:1: version: must be 1, not true or false"),
    "unknown key": ('sorce = "json"\n' + COLUMNS, "x:1: sorce: unknown key; did you mean source?"),
    "key of another table": ('format = "csv"\n' + COLUMNS, "x:1: format: unknown key; format belongs in [output]"),
    "unknown key unlike any": (
        "zzz = 1\n" + COLUMNS,
        "x:1: zzz: unknown key; the keys here are version, source, where, unmatched, documents, invalid, images, "
        "empty, bad_rows, mixed, output, columns, parse, lookups, explode, routes, partition_keys, map_batch, "
        "overflow, tests",
    ),
    "unknown source": ('source = "dynamo"\n' + COLUMNS, 'x:1: source: unknown source "dynamo"; did you mean dynamodb?'),
    "unknown unmatched": (
        'unmatched = "ignore"\n' + COLUMNS,
        'x:1: unmatched: unknown unmatched "ignore"; one of fail, drop',
    ),
    "unknown documents": (
        'documents = "many "\n' + COLUMNS,
        'x:1: documents: unknown documents "many "; did you mean many?',
    ),
    "where of a number": ("where = 1\n" + COLUMNS, "x:1: where: must be text, not a whole number"),
    "where with a fraction": ("where = 1.5\n" + COLUMNS, "x:1: where: must be text, not a number with a fraction"),
    "empty where": ('where = " "\n' + COLUMNS, "x:1: where: must not be empty"),
    "columns of text": (
        'columns = "a"',
        'x:1: columns: must be a table, such as { id = "dynamodb.Keys.id" }, not text',
    ),
    "columns in double brackets": (
        '[[columns]]\na = "a"',
        'x:1: columns: must be a table, such as { id = "dynamodb.Keys.id" }, not a list',
    ),
    # output
    "output of text": (
        'output = "csv"\n' + COLUMNS,
        'x:1: output: must be a table, such as { format = "csv" }, not text',
    ),
    "unknown format": (
        'output = { format = "jsonl" }\n' + COLUMNS,
        'x:1: output.format: unknown format "jsonl"; did you mean json?',
    ),
    "unknown output key": (
        'output = { delimeter = ";" }\n' + COLUMNS,
        "x:1: output.delimeter: unknown key; did you mean delimiter?",
    ),
    "top-level key below output": (
        '[output]\nformat = "csv"\nsource = "json"\n' + COLUMNS,
        "x:3: output.source: unknown key; source belongs at the top of the file, above the first line in brackets",
    ),
    "long delimiter": (
        'output = { delimiter = "||" }\n' + COLUMNS,
        'x:1: output.delimiter: must be one ASCII character other than a quote, CR, LF and NUL; a TAB is "\\t"',
    ),
    "empty delimiter": (
        'output = { delimiter = "" }\n' + COLUMNS,
        'x:1: output.delimiter: must be one ASCII character other than a quote, CR, LF and NUL; a TAB is "\\t"',
    ),
    "delimiter of two bytes": (
        'output = { delimiter = "ü" }\n' + COLUMNS,
        'x:1: output.delimiter: must be one ASCII character other than a quote, CR, LF and NUL; a TAB is "\\t"',
    ),
    "quote as delimiter": (
        "output = { delimiter = '\"' }\n" + COLUMNS,
        'x:1: output.delimiter: must be one ASCII character other than a quote, CR, LF and NUL; a TAB is "\\t"',
    ),
    "unknown quoting": (
        'output = { quoting = "never" }\n' + COLUMNS,
        'x:1: output.quoting: unknown quoting "never"; one of minimal, all, strings, none',
    ),
    "null that needs quotes": (
        'output = { quoting = "none", null = "a,b" }\n' + COLUMNS,
        "x:1: output.null: needs quotes, and quoting is none: every null would fail its record",
    ),
    "newlines of true": (
        "output = { newlines = true }\n" + COLUMNS,
        "x:1: output.newlines: must be one of keep, space, escape, fail, not true or false",
    ),
    "switch of text": (
        'output = { escape_formulas = "yes" }\n' + COLUMNS,
        "x:1: output.escape_formulas: must be true or false, not text",
    ),
    "CSV key with JSON": (
        'output = { format = "json", delimiter = ";" }\n' + COLUMNS,
        "x:1: output.delimiter: is for CSV output, and this output is JSON",
    ),
    # columns
    "column of a number": (
        "[columns]\na = 1.5",
        "x:2: columns.a: a column is a path in quotes or a table, not a number with a fraction",
    ),
    "column of a list": ('[columns]\na = ["a"]', "x:2: columns.a: a column is a path in quotes or a table, not a list"),
    "where below columns": (
        '[columns]\na = "a"\nwhere = "a == \'x\'"',
        "x:3: columns.where: below the columns this is a column, not the key where; move it to the top of the file, "
        'above the first line in brackets, or write where = { path = "where" } for a column',
    ),
    "version below columns": (
        '[columns]\na = "a"\nversion = 1',
        "x:3: columns.version: below the columns this is a column, not the key version; move it to "
        "the top of the file, "
        'above the first line in brackets, or write version = { path = "version" } for a column',
    ),
    "output below columns": (
        '[columns]\na = "a"\noutput = { format = "json" }',
        "x:3: columns.output: below the columns this is a column, not the key output; move it to the top of the file, "
        'above the first line in brackets, or write output = { path = "output" } for a column',
    ),
    "iceberg below the columns of a route": (
        JSON + '[[routes]]\n[routes.columns]\na = "a"\niceberg = { database = "d", table = "t" }',
        "x:5: routes[0].columns.iceberg: below the columns this is a column, not the key iceberg; "
        "move it to the route, "
        'above its columns, or write iceberg = { path = "iceberg" } for a column',
    ),
    "dotted name": (
        '[columns]\nmail.timestamp = "mail.timestamp"',
        "x:2: columns.mail.timestamp: unquoted, a name with dots is a table inside a table; write "
        '"mail.timestamp" = ...',
    ),
    "dotted name of three": (
        '[columns]\na.b."c d" = { type = "string" }',
        'x:2: columns.a.b."c d": unquoted, a name with dots is a table inside a table; write "a.b.c d" = ...',
    ),
    "dotted name beside a dotted key": (
        '[columns]\na.type = "string"\na.b = "a.b"',
        'x:3: columns.a.b: unquoted, a name with dots is a table inside a table; write "a.b" = ...',
    ),
    "dotted name in a route": (
        JSON + '[[routes]]\ncolumns = { mail.id = "mail.id" }',
        'x:3: routes[0].columns.mail.id: unquoted, a name with dots is a table inside a table; write "mail.id" = ...',
    ),
    "unknown column key": ('[columns]\na = { pth = "a" }', "x:2: columns.a.pth: unknown key; did you mean path?"),
    "unknown key of a column's table": (
        "[columns.a]\nrequire = true",
        "x:2: columns.a.require: unknown key; did you mean required?",
    ),
    "two sources": (
        '[columns]\na = { path = "a", meta = "record_id" }',
        "x:2: columns.a: takes one of path, expr, meta and rest, not path and meta",
    ),
    "empty name": (
        '[columns]\n"" = "a"',
        'x:2: columns."": the name of a column must not be empty, nor hold control characters',
    ),
    "newline in a name": (
        '[columns]\n"a\\nb" = "a"',
        'x:2: columns."a\\nb": the name of a column must not be empty, nor hold control characters',
    ),
    "path that is none": (
        '[columns]\na = "mail.user-agent"',
        "x:2: columns.a: not JMESPath, unexpected - at character 10; write 'mail.\"user-agent\"'",
    ),
    "path in a table": (
        '[columns]\na = { type = "string",\n path = "$.a" }'.replace(",\n", ","),
        "x:2: columns.a.path: not JMESPath, unexpected $ at character 1; write 'a'",
    ),
    "path of a number": ("[columns]\na = { path = 1 }", "x:2: columns.a.path: must be text, not a whole number"),
    "unknown meta": (
        '[columns]\na = { meta = "arrival" }',
        'x:2: columns.a.meta: unknown meta "arrival"; did you mean arrival_ms?',
    ),
    "required of text": (
        '[columns]\na = { required = "yes" }',
        "x:2: columns.a.required: must be true or false, not text",
    ),
    "required and default": (
        '[columns]\na = { required = true, default = "" }',
        "x:2: columns.a.required: is pointless with default, which leaves no null; take one of them away",
    ),
    "default of an expression": (
        COLUMNS + 'e = { expr = "n + 1", default = 1 }',
        "x:4: columns.e.default: is not for a column with expr, which takes only type and hidden",
    ),
    "pattern of an expression": (
        COLUMNS + 'e = { expr = "a", pattern = "x" }',
        "x:4: columns.e.pattern: is not for a column with expr, which takes only type and hidden",
    ),
    "required expression": (
        COLUMNS + 'e = { expr = "a", required = true }',
        "x:4: columns.e.required: is not for a column with expr, which takes only type and hidden",
    ),
    "pattern": ('[columns]\na = { pattern = "a(" }', "x:2: columns.a.pattern: RE2 refuses it: missing ): a("),
    "pattern of another engine": (
        '[columns]\na = { pattern = "(?=a)" }',
        "x:2: columns.a.pattern: RE2 refuses it: invalid perl operator: (?=",
    ),
    "pattern that leaves a quotation open": (
        "[columns]\na = { pattern = '\\Qa' }",
        "x:2: columns.a.pattern: RE2 refuses it: missing ): (?:\\Qa)",
    ),
    "all hidden": (
        "[columns]\na = { hidden = true }\nb = { hidden = true }",
        "x:1: columns: every column is hidden, nothing is left for the output",
    ),
    # types
    "type without a unit": (
        '[columns]\na = { type = "timestamp" }',
        'x:2: columns.a.type: unknown type "timestamp"; write timestamp[s], timestamp[ms] or timestamp[us]',
    ),
    "type with a wrong unit": (
        '[columns]\na = { type = "timestamp[ns]" }',
        'x:2: columns.a.type: unknown type "timestamp[ns]"; write timestamp[s], timestamp[ms] or timestamp[us]',
    ),
    "wide decimal": (
        '[columns]\na = { type = "decimal(40,2)" }',
        "x:2: columns.a.type: a decimal has 1 to 38 digits; write decimal(38,2) or less",
    ),
    "decimal of fraction alone": (
        '[columns]\na = { type = "decimal(4,5)" }',
        "x:2: columns.a.type: a decimal of 4 digits has a fraction of 0 to 4 of them, not 5",
    ),
    "decimal without digits": (
        '[columns]\na = { type = "decimal" }',
        'x:2: columns.a.type: unknown type "decimal"; write decimal(10,2)',
    ),
    "decimal of one number": (
        '[columns]\na = { type = "decimal(10)" }',
        "x:2: columns.a.type: decimal takes two numbers: its digits and how many of them are "
        "fraction; write decimal(10,2)",
    ),
    "numeric": (
        '[columns]\na = { type = "numeric(12,3)" }',
        'x:2: columns.a.type: unknown type "numeric(12,3)"; write decimal(12,3)',
    ),
    "int": ('[columns]\na = { type = "int" }', 'x:2: columns.a.type: unknown type "int"; write int64'),
    "BIGINT": ('[columns]\na = { type = "BIGINT" }', 'x:2: columns.a.type: unknown type "BIGINT"; write int64'),
    "varchar": (
        '[columns]\na = { type = "varchar(255)" }',
        'x:2: columns.a.type: unknown type "varchar(255)"; write string',
    ),
    "String": ('[columns]\na = { type = "String" }', 'x:2: columns.a.type: unknown type "String"; write string'),
    "double": ('[columns]\na = { type = "double" }', 'x:2: columns.a.type: unknown type "double"; write float64'),
    "boolean": ('[columns]\na = { type = "boolean" }', 'x:2: columns.a.type: unknown type "boolean"; write bool'),
    "struct": (
        '[columns]\na = { type = "map<string,string>" }',
        'x:2: columns.a.type: unknown type "map<string,string>"; write json',
    ),
    "near": ('[columns]\na = { type = "strin" }', 'x:2: columns.a.type: unknown type "strin"; write string'),
    "unlike any": (
        '[columns]\na = { type = "??" }',
        'x:2: columns.a.type: unknown type "??"; the types are auto, string, int64, float64, bool, date, json, binary, '
        "decimal(10,2), timestamp[s], timestamp[ms], timestamp[us]",
    ),
    # defaults
    "default of int64": (
        '[columns]\na = { type = "int64", default = "x" }',
        'x:2: columns.a.default: does not fit int64: "x"',
    ),
    "default out of range": (
        '[columns]\na = { type = "int64", default = 9223372036854775808 }',
        "x:2: columns.a.default: does not fit int64: 9223372036854775808",
    ),
    "default of bool": (
        '[columns]\na = { type = "bool", default = 1 }',
        "x:2: columns.a.default: does not fit bool: 1",
    ),
    "true for int64": (
        '[columns]\na = { type = "int64", default = true }',
        "x:2: columns.a.default: does not fit int64: true",
    ),
    "default of decimal": (
        '[columns]\na = { type = "decimal(3,1)", default = 1.25 }',
        "x:2: columns.a.default: does not fit decimal(3,1): 1.25",
    ),
    "default of timestamp": (
        '[columns]\na = { type = "timestamp[s]", default = "2024-05-32" }',
        'x:2: columns.a.default: does not fit timestamp[s]: "2024-05-32"',
    ),
    "default of date": (
        '[columns]\na = { type = "date", default = 2024-05-02T00:00:00Z }',
        'x:2: columns.a.default: does not fit date: "2024-05-02T00:00:00+00:00"',
    ),
    "date for text": (
        '[columns]\na = { type = "string", default = 2024-05-02 }',
        "x:2: columns.a.default: a date or time without quotes is for columns of type timestamp or date, not string",
    ),
    "default of binary": (
        '[columns]\na = { type = "binary", default = "AAE" }',
        'x:2: columns.a.default: does not fit binary: "AAE"',
    ),
    "infinite default": ("[columns]\na = { default = inf }", "x:2: columns.a.default: JSON has no inf"),
    "default of too many digits": (
        f"[columns]\na = {{ default = 0x{'f' * 4_000} }}",
        "x:2: columns.a.default: a number of too many digits",
    ),
    "object for a number": (
        '[columns]\na = { type = "float64", default = {} }',
        "x:2: columns.a.default: does not fit float64: a table",
    ),
    "JSON in quotes": (
        '[columns]\na = { type = "json", default = "{}" }',
        "x:2: columns.a.default: is text, and would be written in quotes; write an object as TOML does, without them",
    ),
    # expressions
    "where names an expression": (
        "where = \"e == 'x'\"\n" + COLUMNS + 'e = { expr = "a" }',
        "x:1: where: cannot name e, an expr column; those are computed after where",
    ),
    "where of a route names an expression": (
        JSON + COLUMNS + "e = { expr = \"a\" }\n[[routes]]\nwhere = \"col('e') == 'x'\"",
        "x:7: routes[0].where: cannot name e, an expr column; those are computed after where",
    ),
    "circle": (
        COLUMNS + 'e = { expr = "f + n" }\nf = { expr = "g + 1" }\ng = { expr = "e" }\nh = { expr = "e" }',
        "x:4: columns.e.expr: names itself: e -> f -> g -> e",
    ),
    "circle of one": (COLUMNS + 'e = { expr = "e + 1" }', "x:4: columns.e.expr: names itself: e -> e"),
    "declared json": (
        COLUMNS + 'e = { expr = "n", type = "json" }',
        "x:4: columns.e.type: the expression gives int64; cannot cast int64 to json",
    ),
    "expression changed by a route": (
        JSON + COLUMNS + 'e = { expr = "n + 1" }\n[[routes]]\ncolumns = { n = { type = "float64" } }',
        "x:7: routes[0].columns.n: makes e float64, and elsewhere it is int64; "
        "write cast(..., target_type='int64') in the expression of e",
    ),
    # routes
    "routes in single brackets": (
        '[routes]\nwhere = "x"\n' + COLUMNS,
        "x:1: routes: must be a list of tables, each below a line [[routes]], not a table",
    ),
    "route of text": ('routes = ["x"]\n' + COLUMNS, "x:1: routes[0]: must be a table, not text"),
    "unknown route key": (
        COLUMNS + "[[routes]]\nwere = \"a == 'x'\"",
        "x:5: routes[0].were: unknown key; did you mean where?",
    ),
    "route before the last without where": (
        COLUMNS + '[[routes]]\n[[routes]]\nwhere = "n > 1"\n',
        "x:4: routes[0]: takes every record, so that no later route takes any; give it a where",
    ),
    "route without columns": ("[[routes]]\n", "x:1: routes[0]: CSV output needs columns"),
    "hidden in a route": (
        '[columns]\na = "a"\n[[routes]]\ncolumns = { a = { hidden = true } }',
        "x:3: routes[0]: every column is hidden, nothing is left for the output",
    ),
    "hyphen in a database": (
        JSON + COLUMNS + '[[routes]]\niceberg = { database = "my-db", table = "t" }',
        'x:6: routes[0].iceberg.database: "my-db" has a hyphen, and Firehose takes none in the names of Iceberg tables',
    ),
    "hyphen in a table": (
        JSON + COLUMNS + '[[routes]]\niceberg = { database = "d", table = "a-b" }',
        'x:6: routes[0].iceberg.table: "a-b" has a hyphen, and Firehose takes none in the names of Iceberg tables',
    ),
    "no table": (JSON + COLUMNS + '[[routes]]\niceberg = { database = "d" }', "x:6: routes[0].iceberg: needs table"),
    "empty database": (
        JSON + COLUMNS + '[[routes]]\niceberg = { database = "", table = "t" }',
        "x:6: routes[0].iceberg.database: must not be empty",
    ),
    "unknown iceberg key": (
        JSON + COLUMNS + ROUTE + ', op = "insert" }',
        "x:6: routes[0].iceberg.op: unknown key; the keys here are database, table, operation, keys",
    ),
    "upsert": (
        JSON + COLUMNS + ROUTE + ', operation = "upsert" }',
        'x:6: routes[0].iceberg.operation: unknown operation "upsert"; write update, which also '
        "inserts a row that is not there",
    ),
    "INSERT": (
        JSON + COLUMNS + ROUTE + ', operation = "INSERT" }',
        'x:6: routes[0].iceberg.operation: unknown operation "INSERT"; did you mean insert?',
    ),
    "operation of a number": (
        JSON + COLUMNS + ROUTE + ", operation = 1 }",
        "x:6: routes[0].iceberg.operation: must be a word, or a table from eventName to words, not a whole number",
    ),
    "no operations": (
        JSON + COLUMNS + ROUTE + ", operation = {} }",
        "x:6: routes[0].iceberg.operation: must name an operation for one of INSERT, MODIFY, REMOVE",
    ),
    "unknown eventName": (
        JSON + COLUMNS + ROUTE + ', operation = { DELETE = "delete" } }',
        "x:6: routes[0].iceberg.operation.DELETE: unknown eventName; one of INSERT, MODIFY, REMOVE",
    ),
    "unknown operation of an eventName": (
        JSON + COLUMNS + ROUTE + ', operation = { MODIFY = "merge" } }',
        'x:6: routes[0].iceberg.operation.MODIFY: unknown operation "merge"; write update, which '
        "also inserts a row that is not there",
    ),
    "operation of an eventName of a number": (
        JSON + COLUMNS + ROUTE + ", operation = { MODIFY = 1 } }",
        "x:6: routes[0].iceberg.operation.MODIFY: must be one of insert, update, delete, not a whole number",
    ),
    "iceberg and CSV": (
        COLUMNS + ROUTE + " }",
        'x:5: routes[0].iceberg: Firehose takes JSON for Iceberg tables; write output = { format = "json" }',
    ),
    "iceberg and CSV, written out": (
        'output = { format = "csv" }\n' + COLUMNS + ROUTE + " }",
        'x:1: output.format: Firehose takes JSON for Iceberg tables; write output = { format = "json" }',
    ),
    "iceberg and partition keys": (
        JSON + 'partition_keys = { k = "a" }\n' + COLUMNS + ROUTE + " }",
        "x:2: partition_keys: are for S3, and do not go together with iceberg",
    ),
    "iceberg and many documents": (
        'documents = "many"\n' + JSON + COLUMNS + ROUTE + " }",
        "x:1: documents: does not go together with iceberg, where a record is one object",
    ),
    "iceberg and logs": (
        'source = "cloudwatch-logs"\n' + JSON + "[columns]\nmessage = {}\n" + ROUTE + " }",
        "x:1: source: does not go together with iceberg, where a record is one object",
    ),
    # partition keys
    "partition key of a number": (
        "partition_keys = { k = 1 }\n" + COLUMNS,
        "x:1: partition_keys.k: must be text, not a whole number",
    ),
    "partition key without a name": (
        'partition_keys = { "" = "a" }\n' + COLUMNS,
        'x:1: partition_keys."": the name of a key must not be empty, nor hold control characters',
    ),
    # overflow
    "unknown overflow key": (
        "overflow = { worker = 1 }\n" + COLUMNS,
        "x:1: overflow.worker: unknown key; did you mean workers?",
    ),
    "unknown policy": (
        'overflow = { policy = "drop" }\n' + COLUMNS,
        'x:1: overflow.policy: unknown policy "drop"; one of reingest, fail',
    ),
    "no workers": ("overflow = { workers = 0 }\n" + COLUMNS, "x:1: overflow.workers: must be 1 to 64"),
    "workers of true": (
        "overflow = { workers = true }\n" + COLUMNS,
        "x:1: overflow.workers: must be a whole number, not true or false",
    ),
    "workers with a fraction": (
        "overflow = { workers = 1.5 }\n" + COLUMNS,
        "x:1: overflow.workers: must be a whole number, not a number with a fraction",
    ),
    "long reserve": (
        "overflow = { reserve_ms = 300_001 }\n" + COLUMNS,
        "x:1: overflow.reserve_ms: must be 0 to 300,000",
    ),
    "stream of nothing": ('overflow = { stream = "" }\n' + COLUMNS, "x:1: overflow.stream: must not be empty"),
    **{
        f"stream {name}": (
            f'overflow = {{ stream = "{name}" }}\n' + COLUMNS,
            "x:1: overflow.stream: is neither the name nor the ARN of a Firehose or Kinesis stream",
        )
        for name in ("arn:bad", "a b", "x" * 129, "arn:aws:s3:::bucket", "kinesis:s", "strom\u00e9")
    },
    # tests
    "no outcome": (COLUMNS + '[[tests]]\ninput = "x"', "x:4: tests[0]: takes one of expect, result, reason"),
    "two outcomes": (
        COLUMNS + '[[tests]]\ninput = "x"\nexpect = ""\nresult = "Ok"',
        "x:4: tests[0]: takes one of expect, result, reason, not expect and result",
    ),
    "no input": (COLUMNS + '[[tests]]\nexpect = ""', "x:4: tests[0]: takes one of input and input_file"),
    "two inputs": (
        COLUMNS + '[[tests]]\nexpect = ""\ninput = ""\ninput_file = "y"',
        "x:4: tests[0]: takes one of input and input_file, not both",
    ),
    "input of a list": (
        COLUMNS + '[[tests]]\nexpect = ""\ninput = []',
        "x:6: tests[0].input: must be text or a table, not a list",
    ),
    "input with a date": (
        COLUMNS + '[[tests]]\nexpect = ""\ninput = { a = 2024-05-02 }',
        "x:6: tests[0].input: JSON has no dates and times; write it in quotes",
    ),
    "input file that is not there": (
        COLUMNS + '[[tests]]\nexpect = ""\ninput_file = "no/such/file"',
        'x:6: tests[0].input_file: cannot read "no/such/file": No such file or directory',
    ),
    "input file with a null character": (
        COLUMNS + '[[tests]]\nexpect = ""\ninput_file = "a\\u0000"',
        'x:6: tests[0].input_file: cannot read "a\\u0000": embedded null byte',
    ),
    "unknown result": (
        COLUMNS + '[[tests]]\ninput = ""\nresult = "ok"',
        'x:6: tests[0].result: unknown result "ok"; did you mean Ok?',
    ),
    "unknown reason": (
        COLUMNS + '[[tests]]\ninput = ""\nreason = "types:a"',
        'x:6: tests[0].reason: unknown reason "types"; did you mean type?',
    ),
    "reason with the name of no column": (
        COLUMNS + '[[tests]]\ninput = ""\nreason = "type:nn"',
        'x:6: tests[0].reason: unknown name "nn" after the reason type; did you mean n?',
    ),
    "reason that takes no name": (
        COLUMNS + '[[tests]]\ninput = ""\nreason = "json:a"',
        "x:6: tests[0].reason: the reason json is followed by no name",
    ),
    "unknown test key": (
        COLUMNS + '[[tests]]\ninput = ""\nexpected = ""\nresult = "Ok"',
        "x:6: tests[0].expected: unknown key; did you mean expect?",
    ),
    "metadata of text": (
        COLUMNS + '[[tests]]\ninput = ""\nresult = "Ok"\nmetadata = "x"',
        'x:7: tests[0].metadata: must be a table, such as { partitionKeys = { day = "2024-05-02" } }, not text',
    ),
    "far time": (
        COLUMNS + '[[tests]]\ninput = ""\nresult = "Ok"\nnow_ms = 9223372036854775808',
        "x:7: tests[0].now_ms: must be -9,223,372,036,854,775,808 to 9,223,372,036,854,775,807",
    ),
    # logs
    "misspelt member of logs": (
        'source = "cloudwatch-logs"\n[columns]\nlog_group = {}',
        'x:3: columns.log_group: no log event has "log_group"; did you mean logGroup?',
    ),
    "member of a message": (
        'source = "cloudwatch-logs"\n[columns]\na = "message.level"',
        "x:3: columns.a: message of a log event has no members; a text that holds JSON is read by [parse.NAME]",
    ),
    "members of record and event": (
        'source = "cloudwatch-logs"\n[columns]\na = "message || logGroup"',
        "x:3: columns.a: logGroup is of the record and message of its events; take two columns",
    ),
    # text that is no TOML
    "no TOML": ("a = 1\nb = = 2", "x:2:5: not TOML: Invalid value; text needs quotes"),
    "end of the file": ("b = 1\na = [1", "x:2: not TOML: Unclosed array at the end of the file"),
    "text without quotes": ("[columns]\na = dynamodb.Keys.id", "x:2:5: not TOML: Invalid value; text needs quotes"),
    "backslash": (
        '[columns]\na = { pattern = "\\d+" }',
        "x:2:20: not TOML: Unescaped '\\' in a string; text with backslashes goes in single quotes: '...'",
    ),
    "name twice": (
        '[columns]\na = "a"\na = "b"\n',
        "x:3:8: not TOML: Cannot overwrite a value; the name is there twice",
    ),
    "table twice": (
        '[output]\n[columns]\na = "a"\n[output]',
        "x:4:8: not TOML: Cannot declare ('output',) twice; the table is there twice, or a key has its name",
    ),
    "table over lines": (
        '[columns]\na = {\n path = "a" }',
        "x:2:6: not TOML: Invalid initial character for a key part; a table between braces is one line",
    ),
    "name without quotes": (
        '[columns]\nuser agent = "a"',
        "x:2:6: not TOML: Expected '=' after a key in a key/value pair; a name of other characters "
        "than letters and digits needs quotes",
    ),
    "byte order mark": ("\ufeff" + COLUMNS, "x:1: starts with a byte order mark; save the file as UTF-8 without one"),
    "deep lists": ("a = " + "[" * 5_000, "x: tables or lists nest too deep"),
    "deep names": ("a." * 3_000 + "a = 1\n" + COLUMNS, None),
    "deep input": (
        COLUMNS + '[[tests]]\nresult = "Ok"\ninput.' + "a." * 3_000 + "a = 1\n",
        "x: tables or lists nest too deep",
    ),
    "long number": ("a = " + "9" * 5_000, None),
    "lone surrogate": ("a = '\ud800'", None),
}


@pytest.mark.parametrize(("text", "line"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_one_line(text, line):
    """One mistake in a file is one line: its place, what is wrong, the remedy; for None any one line is right."""
    found = mistakes(text)
    assert len(found) == 1
    assert found == [line or found[0]]


EXPRESSION_MISTAKES = {
    "where": ('where = "b == 1"\n' + COLUMNS, "x:1: where"),
    "where that is no condition": ('where = "n + 1"\n' + COLUMNS, "x:1: where"),
    "text compared with a number": ('where = "a > 1"\n' + COLUMNS, "x:1: where"),
    "expr": (COLUMNS + 'e = { expr = "utf8_uper(a)" }', "x:4: columns.e.expr"),
    "expr that is no expression": (COLUMNS + 'e = { expr = "a +" }', "x:4: columns.e.expr"),
    "declared type": (COLUMNS + 'e = { expr = "n > 1", type = "date" }', "x:4: columns.e.type"),
    "declared binary": (COLUMNS + 'e = { expr = "n > 1", type = "binary" }', "x:4: columns.e.type"),
    "partition key": ('partition_keys = { k = "b" }\n' + COLUMNS, "x:1: partition_keys.k"),
    "where of a route names its own column": (
        JSON + COLUMNS + '[[routes]]\nwhere = "own > 1"\ncolumns = { own = { type = "int64" } }',
        "x:6: routes[0].where",
    ),
    "partition key that one route lacks": (
        COLUMNS + '[[routes]]\nwhere = "n > 1"\ncolumns = { k = "k" }\n[[routes]]\n[partition_keys]\nk = "k"',
        "x:9: partition_keys.k",
    ),
    "shared expression that a route breaks": (
        JSON + COLUMNS + 'e = { expr = "n + 1" }\n[[routes]]\ncolumns = { n = "n" }',
        "x:7: routes[0].columns.n",
    ),
}


@pytest.mark.parametrize(("text", "place"), EXPRESSION_MISTAKES.values(), ids=EXPRESSION_MISTAKES)
def test_mistake_of_an_expression_is_one_line_at_its_place(text, place):
    """What the compiler of expressions refuses is a mistake at the key that holds the expression."""
    (line,) = mistakes(text)
    assert line.startswith(f"{place}: ")


SAFE = {
    "type": COLUMNS + 'b = { type = "int" }\ne = { expr = "b + 1" }\nf = { expr = "e * 2" }',
    "value": COLUMNS + 'b = 1\ne = { expr = "b + 1" }',
    "dotted name": COLUMNS + 'b.c = "b"\ne = { expr = "col(\'b.c\')" }',
    "sources": COLUMNS + 'b = { path = "b", meta = "record_id" }\ne = { expr = "b + 1" }',
    "expression": 'partition_keys = { k = "e" }\n' + COLUMNS + 'e = { expr = "no" }\nf = { expr = "e + 1" }',
    "circle": COLUMNS + 'e = { expr = "e" }\nf = { expr = "e + 1" }',
    "type, and routes": JSON
    + COLUMNS
    + 'b = { type = "int" }\ne = { expr = "b" }\n[[routes]]\nwhere = "b > 1"\ncolumns = { n = "n" }',
}


@pytest.mark.parametrize("text", SAFE.values(), ids=SAFE)
def test_column_without_a_type_makes_one_mistake_only(text):
    """An expression that names a column whose type is a mistake is not a second mistake."""
    assert len(mistakes(text)) == 1


def test_expression_is_checked_beside_other_mistakes_of_its_columns():
    """A wrong path leaves the type of its column known, so that expressions over it are still checked."""
    lines = mistakes('[columns]\na = "a-b"\ne = { expr = "nope(a)" }\n')
    assert [line.split(": ")[1] for line in lines] == ["columns.a", "columns.e.expr"]


ALL_AT_ONCE = """\
sorce = "json"
where = "e == 'x'"
[output]
format = "cvs"
delimiter = ";;"
[columns]
mail.timestamp = "mail.timestamp"
a = "mail.user-agent"
b = { type = "timestamp", required = true, default = 1 }
where = "a == 'x'"
c = { expr = "nope(a)" }
[[routes]]
iceberg = { database = "a-b", operation = "upsert" }
[[routes]]
[overflow]
workers = 0
[[tests]]
input = { a = 1 }
"""


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    """One run names every mistake of a file, sorted by line."""
    lines = mistakes(ALL_AT_ONCE)
    assert [line.split(": ")[:2] for line in lines] == [
        ["x:1", "sorce"],
        ["x:2", "where"],
        ["x:4", "output.format"],
        ["x:5", "output.delimiter"],
        ["x:7", "columns.mail.timestamp"],
        ["x:8", "columns.a"],
        ["x:9", "columns.b.type"],
        ["x:9", "columns.b.required"],
        ["x:10", "columns.where"],
        ["x:11", "columns.c.expr"],
        ["x:12", "routes[0]"],
        ["x:13", "routes[0].iceberg.database"],
        ["x:13", "routes[0].iceberg"],
        ["x:13", "routes[0].iceberg.operation"],
        ["x:16", "overflow.workers"],
        ["x:17", "tests[0]"],
    ]


def test_mistakes_are_carried_apart(tmp_path):
    """The error has each mistake with its place and its message, and the name of the file as it was given."""
    file = tmp_path / "x.toml"
    file.write_text("[columns]\na = 1\nb = 2\n")
    with pytest.raises(errors.ConfigError) as caught:
        model.load(file)
    assert [mistake.location for mistake in caught.value.mistakes] == [f"{file}:2: columns.a", f"{file}:3: columns.b"]
    assert {mistake.message for mistake in caught.value.mistakes} == {
        "a column is a path in quotes or a table, not a whole number"
    }


def _missing(folder):
    return folder / "cities.toml", "no such file"


def _misspelt(folder):
    (folder / "cities.toml").write_text(CITIES)
    return folder / "citys.toml", f"no such file; did you mean {folder / 'cities.toml'}?"


def _no_directory(folder):
    return folder / "no" / "cities.toml", "no such file"


def _directory(folder):
    return folder, "is a directory; name the file in it"


def _null_character(folder):
    return f"{folder}/a\x00b", "cannot be read: embedded null byte"


def _below_a_file(folder):
    (folder / "a").write_text("")
    return folder / "a" / "b", "cannot be read: Not a directory"


UNREADABLE = [_missing, _misspelt, _no_directory, _directory, _null_character, _below_a_file]


@pytest.mark.parametrize("make", UNREADABLE, ids=[make.__name__[1:] for make in UNREADABLE])
def test_file_that_cannot_be_read_is_one_line(tmp_path, make):
    """A file that is not there, or is none, is a mistake like any other: one line with its name."""
    path, message = make(tmp_path)
    with pytest.raises(errors.ConfigError) as caught:
        model.load(path)
    assert str(caught.value) == f"{str(path).replace(chr(0), chr(92) + 'x00')}: {message}"


BYTES = {
    "Latin-1": ('# a\n[columns]\nä = "a"\n'.encode("latin-1"), "3: is not UTF-8; save the file in that encoding"),
    "UTF-16": ("a = 1".encode("utf-16"), "1: is not UTF-8; save the file in that encoding"),
    "byte order mark": (
        CITIES.encode("utf-8-sig"),
        "1: starts with a byte order mark; save the file as UTF-8 without one",
    ),
}


@pytest.mark.parametrize(("content", "line"), BYTES.values(), ids=BYTES)
def test_file_in_another_encoding_is_one_line(tmp_path, content, line):
    """What is not UTF-8, or marked as such, says so with the line."""
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(errors.ConfigError) as caught:
        model.load(file)
    assert str(caught.value) == f"{file}:{line}"


def test_lines_of_other_systems_count_alike(tmp_path):
    """A file with CR LF is the same description, and its mistakes stand in the same lines."""
    file = tmp_path / "x.toml"
    file.write_bytes(CITIES.replace("\n", "\r\n").encode())
    assert model.load(file) == model.parse(CITIES)
    assert mistakes(ALL_AT_ONCE.replace("\n", "\r\n")) == mistakes(ALL_AT_ONCE)


def test_description_can_be_hashed_and_is_frozen():
    """A description with maps in it can be a key of a cache, and nothing in it can be set."""
    text = JSON + COLUMNS + ROUTE + ', operation = { MODIFY = "update" } }'
    found = model.parse(text)
    assert hash(found) == hash(model.parse(text, "other"))
    with pytest.raises(AttributeError):
        found.where = "x"


PLACES = (
    """\
"a b" = 1
'it''s'.x = 2
""".replace("''", '"')
    + '''\
[t] # [no]
k.l."m\\u00e9\\U0001F600" = """
x = 1 ""\\""" """ # "
y = { a = 1, 'b' = [ 1979-05-27 07:32:00, { c.d = 2 } ], e = """=""" }
z = [ # [
  1.5, "]", [ """
,""", {}],
  {f = "}"} ]
[[u]]
a = """"quoted\\""""
[u.v]
b = \'\'\'
\'\'\'
[[u]]
[[u.w]]
[[u.w]]
c = true
'''
)

EXPECTED_PLACES = {
    ("a b",): 1,
    ('it"s', "x"): 2,
    ("t",): 3,
    ("t", "k", "l", "mé😀"): 4,
    ("t", "y", "a"): 6,
    ("t", "y", "b", 0): 6,
    ("t", "y", "b", 1, "c", "d"): 6,
    ("t", "y", "e"): 6,
    ("t", "z"): 7,
    ("t", "z", 0): 8,
    ("t", "z", 1): 8,
    ("t", "z", 2, 0): 8,
    ("t", "z", 2, 1): 9,
    ("t", "z", 3, "f"): 10,
    ("u", 0): 11,
    ("u", 0, "a"): 12,
    ("u", 0, "v"): 13,
    ("u", 0, "v", "b"): 14,
    ("u", 1): 16,
    ("u", 1, "w", 0): 17,
    ("u", 1, "w", 1): 18,
    ("u", 1, "w", 1, "c"): 19,
}


def paths_of(value, path=()):
    """The locations of everything in a value of TOML."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*path, name)
        yield from paths_of(member, (*path, name))


def test_places_are_the_lines_of_the_text():
    """Each key and element has the line in which it stands, whatever the strings between hold."""
    found = locations.find(PLACES)
    assert {path: found.lines[path] for path in EXPECTED_PLACES} == EXPECTED_PLACES
    assert set(found.lines) == set(paths_of(tomllib.loads(PLACES)))
    assert found.line(("u", 1, "w", 1, "no", "such")) == 18
    assert found.line(("no",)) is None


KEYS = st.sampled_from(["a", "b-c", '"d e"', "'f.g'", '"h\\"#"', "1", '"\\u00e9["', "''"])
TEXTS = st.sampled_from(
    ['"x"', "'y'", '"]"', "'}'", '"#"', '"\\""', '"""a\n"b"""', "'''\nc=\n'''", '"""d""""', '""', "''''e'''"]
)
NUMBERS = st.sampled_from(["1", "-1.5", "1e5", "true", "inf", "1979-05-27 07:32:00.5", "07:32:00", "0x1F", "1_0.0_1"])
SPACES = st.sampled_from(["", " ", "\t"])
BREAKS = st.sampled_from(["", " ", "\n", " # [ {\n"])


@st.composite
def inline_tables(draw, values):
    pairs = draw(st.dictionaries(KEYS, values, max_size=3))
    return "{" + ",".join(f" {key}{draw(SPACES)}= {value}" for key, value in pairs.items()) + " }"


@st.composite
def lists(draw, values):
    inner = draw(st.lists(values, max_size=3))
    return "[" + "".join(f"{draw(BREAKS)}{value}{draw(BREAKS)}," for value in inner) + f"{draw(BREAKS)}]"


# Lists may have line breaks in them, also inside of inline tables.
VALUES = st.recursive(TEXTS | NUMBERS, lambda inner: inline_tables(inner) | lists(inner), max_leaves=8)


@st.composite
def toml_texts(draw):
    lines = []
    for table in draw(st.lists(st.none() | KEYS, max_size=3)):
        if table is not None:
            lines.append(draw(st.sampled_from(["[{}]", "[[{}]]", "[ {} . t ]", "[[{}.u]]"])).format(table))
        spellings = st.sampled_from(["{}", "{}.x", " {} . 'y' .z"])
        lines.extend(f"{draw(spellings).format(key)} = {draw(VALUES)}" for key in draw(st.lists(KEYS, max_size=3)))
    return "\n".join(lines)


@settings(max_examples=200, deadline=None)
@given(text=toml_texts())
def test_every_place_of_any_file_is_found(text):
    """Of a text that is TOML, the locations are exactly those of what `tomllib` reads, each in a line of the text."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = locations.find(text)
    assert set(found.lines) == set(paths_of(content))
    assert all(1 <= line <= text.count("\n") + 1 for line in found.lines.values())


CUTS = st.sampled_from(
    [
        "",
        " ",
        "\n",
        '"',
        "'",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "1",
        "1.5",
        "x",
        "true",
        "\\",
        "#",
        "\x00",
        "ü",
    ]
)
WORDS = st.sampled_from(
    ["where", "columns", "output", "routes", "iceberg", "tests", "type", "expr", "path", "meta", "csv", "timestamp"]
)


@st.composite
def spoiled(draw):
    """A good file with some of its text taken out, doubled, swapped or written over."""
    text = draw(st.sampled_from([CITIES, SES, TICKER, SIMPLE]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        kind = draw(st.sampled_from(["put", "word", "line", "double"]))
        if kind == "put":
            text = text[:start] + draw(CUTS) + text[end:]
        elif kind == "word":
            text = text[:start] + draw(WORDS) + text[start:]
        elif kind == "double":
            text = text[:end] + text[start:]
        else:
            lines = text.split("\n")
            index = draw(st.integers(0, len(lines) - 1))
            moved = lines.pop(index)
            lines.insert(draw(st.integers(0, len(lines))), moved)
            text = "\n".join(lines)
    return text


@settings(max_examples=300, deadline=None)
@given(text=spoiled())
@example(text="routes = [1, {}, { iceberg = 1 }]")
@example(text="routes = 1\ncolumns = 1\noutput = 1\noverflow = 1\npartition_keys = 1\ntests = 1\nwhere = 1")
@example(text="[columns]\nwhere.type = 1")
@example(text='[columns]\na = { expr = "\\u0000" }')
@example(text='[columns]\na = { expr = "" }\nb = { expr = "a" }')
@example(text="tests = [1, {}]\n[columns]\na = {}")
@example(text=f'[columns]\na = {{ expr = "{"(" * 500}" }}')
@example(
    text='output.format = []\n[columns]\na = { path = "", meta = [], expr = {}, type = 1, pattern = 1, hidden = 1 }'
)
def test_spoiled_file_is_a_description_or_its_mistakes(text):
    """Whatever was done to a good file, it is a `Spec`, or a `ConfigError` of one printable line a mistake."""
    try:
        found = model.parse(text, "x", Path("/nowhere"))
    except errors.ConfigError as err:
        lines = [str(mistake) for mistake in err.mistakes]
        assert lines
        assert all(line.isprintable() and line.startswith("x") for line in lines)
        assert len(set(lines)) == len(lines)
    else:
        assert isinstance(found, Spec)
        assert all(column.expr is None or column.type.kind != "auto" for column in found.columns or ())


NAMED = {
    "names": ("a + b == c", {"a", "b", "c"}),
    "function": ("upper(a)", {"a"}),
    "function that is a column too": ("a(a)", {"a"}),
    "col": ("col('user-agent') + f(col('b.c'))", {"user-agent", "b.c"}),
    "col of no text": ("col(a)", {"a"}),
    "no Python": ("a ==", set()),
    "null character": ("a\x00", set()),
    "doubtful escape": (r"f(a, pattern='\d')", {"a"}),
}


@pytest.mark.parametrize(("text", "names"), NAMED.values(), ids=NAMED)
def test_names_of_an_expression_are_found_without_types(text, names):
    """The names are those that can mean columns; functions do not."""
    assert expressions.names_in(text) == names


SPELLED = {
    "bare": (("columns", "a_b-1", "type"), "columns.a_b-1.type"),
    "quoted": (("columns", "a.b", 'c"d', ""), 'columns."a.b"."c\\"d".""'),
    "not ASCII": (("columns", "人口"), 'columns."人口"'),
    "indexes": (("routes", 1, "columns"), "routes[1].columns"),
}


@pytest.mark.parametrize(("path", "text"), SPELLED.values(), ids=SPELLED)
def test_place_is_spelt_as_a_key_of_toml(path, text):
    """A place is written as TOML would write its key."""
    assert spelled(path) == text


@pytest.mark.parametrize("text", ["decimal(38,38)", "decimal(1,0)", "timestamp[us]", "json", "auto"])
def test_type_is_spelt_as_it_is_read(text):
    """A type prints as the file spells it."""
    assert str(parse_type(text)) == text


def test_reading_needs_no_heavy_import(tmp_path):
    """In a fresh interpreter the files of the design are read without jmespath, boto3, pyarrow.compute or numpy."""
    (tmp_path / "cities.toml").write_text(CITIES)
    (tmp_path / "ses.toml").write_text(SES)
    program = (
        "import sys\n"
        "from fastxform.config import model as spec\n"
        "assert not set(sys.modules) & {'tomllib', 'difflib'}, 'imported before a file is read'\n"
        "spec.load('cities.toml'), spec.load('ses.toml')\n"
        "print(*sorted(set(sys.modules) & {'jmespath', 'boto3', 'botocore', 'pyarrow.compute', 'numpy', 'pyarrow'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["pyarrow"]
