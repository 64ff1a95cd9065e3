"""`fastxform ddl`: the tables of a transform as it writes to them, and that they agree with it."""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.config import model
from fastxform.errors import ConfigError
from fastxform.tools import ddl
from fastxform.tools.lint.agreement import compare
from fastxform.tools.lint.definitions import read_definitions

EXAMPLES = files("fastxform") / "examples"
ALL_TYPES = """
output = { format = "json" }
[columns]
s = { type = "string" }
i = { type = "int64" }
f = { type = "float64" }
d = { type = "decimal(38,9)" }
b = { type = "bool" }
ts = { type = "timestamp[s]" }
tms = { type = "timestamp[ms]" }
tus = { type = "timestamp[us]" }
day = { type = "date" }
bin = { type = "binary" }
j = { type = "json", schema = "STRUCT< city: string, tags : array<map<string,decimal(3, 1)>> >" }
e = { expr = "i + 1" }
at = { meta = "arrival_ms", type = "timestamp[ms]" }
unseen = { hidden = true }
[[routes]]
iceberg = { database = "db", table = "all_types" }
"""


# -- the statement


def test_every_type_has_its_column(command, write):
    """Athena's word for each type, a location below the given one, and the properties that Firehose needs."""
    assert command("ddl", write(ALL_TYPES), "--location", "s3://lake/raw/") == (
        0,
        """\
CREATE TABLE `db`.`all_types` (
  `s` string,
  `i` bigint,
  `f` double,
  `d` decimal(38,9),
  `b` boolean,
  `ts` timestamp,
  `tms` timestamp,
  `tus` timestamp,
  `day` date,
  `bin` binary,
  `j` struct<city:string,tags:array<map<string,decimal(3,1)>>>,
  `e` bigint,
  `at` timestamp
)
LOCATION 's3://lake/raw/db/all_types/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'gzip');
""",
        "",
    )


def test_without_a_location_the_statement_is_for_s3_tables(command, write):
    """There is no LOCATION then, and that is said."""
    code, out, err = command("ddl", write(ALL_TYPES))
    assert (code, "LOCATION" in out) == (0, False)
    assert "tables of the Glue catalog need --location" in err


def test_the_table_of_a_send_event_is_the_one_written_by_hand(command):
    """The columns and types of the definition that people have for it, in any order."""
    code, out, _ = command("ddl", EXAMPLES / "ses" / "ses.toml")
    send, opened, click = read_definitions(out, "out.sql")
    assert code == 0
    assert {field.name: field.type for field in send.fields} == {
        "event_type": "string",
        "message_id": "string",
        "from_address": "string",
        "to_address": "string",
        "timestamp": "timestamp",
        "tags": "string",
    }
    assert (opened.name, click.name) == ("email_event.open_log", "email_event.click_log")
    assert "link_tags" in {field.name for field in click.fields} - {field.name for field in opened.fields}


def test_changes_say_which_keys_firehose_needs(command):
    """Athena cannot define them, so they stand in a comment; inserts need none."""
    _, changes, _ = command("ddl", EXAMPLES / "change-capture" / "change-capture.toml")
    _, inserts, _ = command("ddl", EXAMPLES / "ses" / "ses.toml")
    assert 'UniqueKeys = ["customer", "order_id"]' in changes
    assert "--" not in inserts


def test_json_is_one_object(command, write):
    """For programs: columns, operations, keys and the statement."""
    config = """
    source = "dynamodb"
    output = { format = "json" }
    [columns]
    id = { path = "dynamodb.Keys.id", type = "string" }
    n = { path = "dynamodb.NewImage.n", type = "decimal(9,2)" }
    [[routes]]
    iceberg = { database = "db", table = "t", operation = { INSERT = "insert", MODIFY = "update" } }
    """
    code, out, _ = command("ddl", "--json", write(config))
    (table,) = json.loads(out)["tables"]
    assert code == 0
    assert table.pop("statement").startswith("-- update and delete need")
    assert table == {
        "database": "db",
        "table": "t",
        "columns": [{"name": "id", "type": "string"}, {"name": "n", "type": "decimal(9,2)"}],
        "operations": ["insert", "update"],
        "unique_keys": ["id"],
    }


# -- what has no table, or none yet


@pytest.mark.parametrize("name", ["cities", "cloudwatch-logs", "documents", "ticker"])
def test_what_writes_to_no_table_gets_no_statement(command, name):
    """Nothing on standard output, a line that says so, exit code 1."""
    code, out, err = command("ddl", EXAMPLES / name / f"{name}.toml")
    assert (code, out) == (1, "")
    assert "writes to no Iceberg table, so there is nothing to create" in err


def test_a_route_without_a_table_is_passed_over(command, write):
    """And counted."""
    config = ALL_TYPES.replace("[[routes]]", "[[routes]]\nwhere = \"s == 'x'\"\n[[routes]]")
    code, out, err = command("ddl", write(config))
    assert (code, out.count("CREATE TABLE")) == (0, 1)
    assert "1 of 2 routes without an Iceberg table" in err


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        pytest.param(
            'output = { format = "json" }\n'
            '[columns]\na = "a"\nb = { type = "bool" }\nc = { meta = "record_id" }\n'
            '[[routes]]\niceberg = { database = "d", table = "t" }\nwhere = "b"\n'
            '[[routes]]\niceberg = { database = "d", table = "u" }',
            [
                f"c.toml:{place}: auto is no type of a table; "
                'give it the type that the table is to have, such as type = "string"'
                for place in ("3: columns.a", "5: columns.c")
            ],
            id="auto",
        ),
        pytest.param(
            'output = { format = "json" }\n[[routes]]\niceberg = { database = "d", table = "t" }',
            ["c.toml:2: routes[0]: the document itself is the row, its columns are not known; name columns"],
            id="document",
        ),
        pytest.param(
            'output = { format = "json" }\ncolumns = { a = { type = "string" } }\n'
            '[[routes]]\nwhere = "a == \'x\'"\niceberg = { database = "d", table = "t" }\n'
            '[[routes]]\niceberg = { database = "d", table = "t" }\ncolumns = { a = { type = "int64" } }',
            [
                "c.toml:8: routes[1].columns.a: is bigint in t, "
                "and another route of that table has string; make them agree"
            ],
            id="two-types",
        ),
        pytest.param("wher = 1\n[columns]\na = {}", ["c.toml:1: wher: unknown key; did you mean where?"], id="mistake"),
    ],
)
def test_what_has_no_definition_yet(command, write, config, lines):
    """All mistakes at once, a line each, exit code 2."""
    code, out, err = command("ddl", write(config))
    assert (code, out) == (2, "")
    if "wher" not in config:
        with pytest.raises(ConfigError):
            ddl.tables(model.parse(config))
    assert [line.removeprefix("fastxform: ") for line in err.splitlines()] == lines


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("lake/raw", "is written s3://BUCKET/PREFIX"),
        ("http://lake", "is written s3://BUCKET/PREFIX"),
        ("s3://", "'' cannot be a bucket: its name has 3 to 63 characters, and this has 0"),
        ("s3://b/wh/", "'b' cannot be a bucket: its name has 3 to 63 characters, and this has 1"),
        ("s3://Lake/raw", "'Lake' cannot be a bucket: its name has lower-case letters, digits, dots and hyphens only"),
        ("s3://lake/it's", "the prefix has white space or a quote in it"),
        ("s3://lake/a b", "the prefix has white space or a quote in it"),
    ],
)
def test_what_is_no_location(command, write, location, why):
    """A usage mistake: exit code 2, and what is wrong with it."""
    code, out, err = command("ddl", write(ALL_TYPES), "--location", location)
    assert (code, out) == (2, "")
    assert why in err


def test_routes_of_one_table_make_one_statement():
    """With the columns of all, and an operation of any."""
    config = """
    output = { format = "json" }
    columns = { a = { type = "string" } }
    [[routes]]
    where = "a == 'x'"
    iceberg = { database = "db", table = "t" }
    columns = { b = { type = "date" } }
    [[routes]]
    iceberg = { database = "db", table = "t", operation = "update" }
    columns = { c = { type = "bool" } }
    """
    (table,) = ddl.tables(model.parse(config))
    assert table.columns == {"a": "string", "b": "date", "c": "boolean"}
    assert (table.operations, table.has_changes) == ({"insert", "update"}, True)


# -- agreement


def agreement(text, location=None):
    """The findings of a transform against the statements that are made of it."""
    found = model.parse(text, "c.toml")
    statements = "\n".join(ddl.create_table(table, location) for table in ddl.tables(found))
    return compare(found, read_definitions(statements, "t.sql"), "t.sql")


@pytest.mark.parametrize("name", ["change-capture", "debezium", "debezium-unwrapped", "dms", "ses"])
@pytest.mark.parametrize("location", [(), ("--location", "s3://lake/raw")], ids=["s3-tables", "glue"])
def test_check_agrees_with_ddl(command, tmp_path, name, location):
    """`check --ddl` of what `ddl` prints has nothing to say but hints, for every example with tables."""
    config = EXAMPLES / name / f"{name}.toml"
    _, statements, _ = command("ddl", config, *location)
    (tmp_path / "tables.sql").write_text(statements)
    code, out, _ = command("check", config, "--ddl", tmp_path / "tables.sql")
    assert code == 0
    assert all(": hint: " in line for line in out.splitlines())


def test_all_types_agree():
    """Each type with the column that is made of it."""
    assert agreement(ALL_TYPES) == ()


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda name: name == name.lower()
)
TYPES = st.sampled_from(["string", "int64", "float64", "bool", "date", "binary", "timestamp[ms]"]) | st.builds(
    "decimal({},{})".format, st.integers(19, 38), st.integers(0, 19)
)


MEMBERS = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
LEAVES = st.sampled_from(["string", "int", "bigint", "float", "double", "boolean", "date", "timestamp", "binary"])
NESTED = st.recursive(
    LEAVES | st.just("decimal(38,9)"),
    lambda inner: st.one_of(
        st.builds("array<{}>".format, inner),
        st.builds("map<string,{}>".format, inner),
        st.dictionaries(MEMBERS, inner, min_size=1, max_size=3).map(
            lambda members: f"struct<{','.join(f'{name}:{kind}' for name, kind in members.items())}>"
        ),
    ),
    max_leaves=6,
).filter(lambda kind: "<" in kind)


def spelled(kind):
    """The keys of a column of a type; a nested one is the schema of a column of JSON."""
    return f'type = "json", schema = "{kind}"' if "<" in kind else f'type = "{kind}"'


@given(st.dictionaries(NAMES, TYPES | NESTED, min_size=1, max_size=8))
def test_any_columns_agree(columns):
    """Whatever the names and types: reserved words, quotes, backticks, any script."""
    lines = [
        f'{json.dumps(name, ensure_ascii=False)} = {{ {spelled(kind)}, path = "x" }}' for name, kind in columns.items()
    ]
    head = 'output = { format = "json" }\n[columns]\n'
    route = '\n[[routes]]\niceberg = { database = "db", table = "t" }\n'
    assert agreement(head + "\n".join(lines) + route, "s3://lake") == ()


ONE_MIND = {
    "without a schema": ("", "struct<city:string>", 'write schema = "struct<city:string>"'),
    "text in the table": ("", "string", 'write type = "string"'),
    "another schema": (', schema = "array<string>"', "struct<city:string>", 'schema = "struct<city:string>" here'),
}


@pytest.mark.parametrize(("schema", "kind", "remedy"), ONE_MIND.values(), ids=ONE_MIND)
def test_json_is_refused_alike(command, write, schema, kind, remedy):
    """By `ddl`, by `check` and by `check --ddl`, each with what to write."""
    config = write(
        f'output = {{ format = "json" }}\ncolumns = {{ a = {{ type = "json"{schema} }} }}\n'
        '[[routes]]\niceberg = { database = "d", table = "t" }\n'
    )
    table = write(f"CREATE TABLE d.t (a {kind}) TBLPROPERTIES ('table_type' = 'ICEBERG')", "t.sql")
    code, out, err = command("ddl", config, "--location", "s3://lake")
    assert (code, "no table takes" in err) == ((0, False) if schema else (2, True))
    code, out, _ = command("check", config)
    assert (code, "no table takes" in out) == ((0, False) if schema else (1, True))
    code, out, _ = command("check", config, "--ddl", table)
    assert code == 1
    assert remedy in out


MISTAKEN = {
    "plain": ("string", "is no nested type; write struct<...>"),
    "unknown": ("array<strng>", 'unknown type "strng"; did you mean string?'),
    "of ours": ("array<int64>", "write bigint"),
    "end": ("struct<a:", "ends where a type has to be"),
    "open": ("array<string", "its end where > has to be"),
    "behind": ("array<string>>", 'has ">" behind its end'),
    "name": ("struct<a b:string>", 'has "b" where : has to be'),
    "sign": ("struct<a-b:string>", 'has "-" where : has to be'),
    "no name": ("struct<:string>", "where the name of a member has to be"),
    "twice": ("struct<a:int,a:int>", "has the member a twice"),
    "keys": ("map<int,string>", "the keys of a map are texts"),
    "digits": ("array<decimal(39,1)>", "1 to 38"),
    "fraction": ("array<decimal(3,4)>", "1 to 38"),
    "deep": ("array<" * 17 + "int" + ">" * 17, "deeper than 16 levels"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKEN.values(), ids=MISTAKEN)
def test_a_schema_that_is_none_is_a_mistake(text, message):
    """With what is wrong in it, at its key."""
    with pytest.raises(ConfigError) as caught:
        model.parse(f'output = {{ format = "json" }}\ncolumns = {{ a = {{ type = "json", schema = "{text}" }} }}', "c")
    (mistake,) = caught.value.mistakes
    assert mistake.location == "c:2: columns.a.schema"
    assert message in mistake.message


def test_a_schema_is_for_json_alone():
    """Another type, and a column whose members stand in the row, take none."""
    for keys, message in (('type = "string"', "of type json, not string"), ("spread = true", "take one of them away")):
        text = f'output = {{ format = "json" }}\ncolumns = {{ a = {{ {keys}, schema = "array<int>" }} }}'
        with pytest.raises(ConfigError) as caught:
            model.parse(text)
        assert message in caught.value.mistakes[0].message
