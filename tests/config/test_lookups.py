"""`[lookups.NAME]`: files of all kinds, and what is wrong with each in one line with its place."""

import csv
import io
import json
import pickle
import tomllib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

import fastxform
from fastxform.cli import main
from fastxform.config import lookups, model
from fastxform.errors import ConfigError
from fastxform.query.lookup_tables import LookupTable
from fastxform.tools.lint.rules import lint

CONFIG = """[lookups.shop]
file = "NAME"
key = "id"

[columns]
shop = { type = "string" }
region = { expr = "lookup('shop', shop, 'region')" }
"""
SHOPS = 'id,region,manager\n1,north,"A, B"\n2,south,\n007,west,C\n'


@pytest.fixture
def written(tmp_path):
    """Write a file and the configuration that names it; returns the path of the configuration."""

    def write(content, name="shops.csv", config=CONFIG):
        if content is not None:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "c.toml").write_text(config.replace("NAME", name))
        return tmp_path / "c.toml"

    return write


def mistakes(path):
    with pytest.raises(ConfigError) as caught:
        model.load(path)
    return [str(mistake).removeprefix(str(path)) for mistake in caught.value.mistakes]


FILES = {
    "CSV": ("shops.csv", SHOPS),
    "CSV of a spreadsheet": ("shops.csv", b"\xef\xbb\xbf" + SHOPS.replace("\n", "\r\n").encode()),
    "empty lines": ("shops.csv", "\n" + SHOPS.replace("\n", "\n\n")),
    "in a directory": ("tables/shops.csv", SHOPS),
    "JSON lines": (
        "shops.jsonl",
        '{"id": 1, "region": "north"}\n\n {"region":"south","id":"2"} \n{"id":"007","region":"west","more":{"a":[1]}}',
    ),
    "of another ending": ("shops.txt", SHOPS),
}


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_a_file_is_read(written, name, content):
    """With the header of a CSV file and the members of JSON lines for columns."""
    pipeline = fastxform.Pipeline.load(written(content, name))
    payloads = [json.dumps({"shop": shop}).encode() for shop in ("1", 2, "007", "7", None)]
    assert pipeline.run(payloads).data == [b"1,north\n", b"2,south\n", b"007,west\n", b"7,\n", b",\n"]


def test_only_columns_that_are_named_are_kept(written):
    """A file may have many, and each takes memory."""
    spec = model.load(written(SHOPS))
    assert [(table.name, list(table.columns), len(table)) for table in spec.lookups] == [("shop", ["region"], 3)]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(pickle.loads(pickle.dumps(spec))) == hash(spec)
    assert spec != model.load(written(SHOPS.replace("north", "east")))


def test_values_stand_in_the_file():
    """Texts, numbers as they are written, and what is true or false; a number of a column finds its digits."""
    pipeline = fastxform.Pipeline.from_toml(
        "[lookups.v]\nvalues = { DE = 'Germany', 7 = 1.50, x = true }\n"
        "[columns]\nk = {}\nn = { type = 'int64' }\n"
        "a = { expr = \"lookup('v', k)\" }\nb = { expr = \"lookup('v', n, 'value')\" }\n"
        "c = { expr = \"lookup('v', 'DE') if lookup('v', k) is None else 'found'\" }\n"
    )
    rows = [b'{"k":"DE","n":7}', b'{"k":"x","n":8}', b"{}"]
    assert pipeline.run(rows).data == [b"DE,7,Germany,1.50,found\n", b"x,8,true,,found\n", b",,,,Germany\n"]


def test_a_file_of_keys_tells_what_is_in_it(written):
    """With one column a call names none."""
    config = (
        "where = \"lookup('blocked', ip) is None\"\n[lookups.blocked]\nfile = 'NAME'\nkey = 'ip'\n[columns]\nip = {}\n"
    )
    pipeline = fastxform.Pipeline.load(written("ip\n10.0.0.1\n", config=config))
    assert pipeline.run([b'{"ip":"10.0.0.1"}', b'{"ip":"10.0.0.2"}']).data == [None, b"10.0.0.2\n"]


L = ":2: lookups.shop.file: "
BAD_FILES = {
    "missing": ("shop.csv", None, 'there is no file "shop.csv" beside the configuration'),
    "empty": ("shops.csv", "", "shops.csv is empty; its first line names the columns"),
    "header alone": ("shops.csv", "id,region\n", "shops.csv holds no row, so that every look-up would be null"),
    "no key": ("shops.csv", "ID,region\n1,a\n", 'line 1: the header has no "id", the key; did you mean ID?'),
    "no key near": ("shops.csv", "x,y\n1,a\n", 'line 1: the header has no "id", the key; it has "x", "y"'),
    "semicolons": ("shops.csv", "id;region\n1;a\n", "its fields are separated by ';'; save it with commas"),
    "column twice": ("shops.csv", "id,a,a\n1,2,3\n", 'line 1: the header names "a" twice'),
    "key twice": ("shops.csv", SHOPS + "2,east,\n", 'line 5: the key "2" stands in line 3 too; leave one of them'),
    "key twice over lines": ("shops.csv", 'id,region\n1,"a\nb"\n1,c\n', 'line 4: the key "1" stands in line 2 too'),
    "empty key": ("shops.csv", "id,region\n,a\n", 'line 2: has no "id", the key'),
    "few fields": ("shops.csv", "id,region\n1\n", "line 2: has 1 fields, and the header 2; quote fields"),
    "many fields": ("shops.csv", "id,region\n1,a,b\n", "line 2: has 3 fields, and the header 2; quote fields"),
    "open quotes": ("shops.csv", 'id,region\n1,"a\n2,b\n', "line 2: is not CSV: unexpected end of data"),
    "latin": (
        "shops.csv",
        "id,region\n1,ü\n".encode("latin-1"),
        "line 2: is not UTF-8; save the file in that encoding",
    ),
    "UTF-16": ("shops.csv", SHOPS.encode("utf-16"), "line 1: is not UTF-8"),
    "JSON by name": ("shops.csv", '{"id":1}\n', "looks like JSON lines; give it a name that ends in .jsonl"),
    "CSV by name": ("shops.jsonl", SHOPS, "line 1: is not JSON; write one object a line"),
    "JSON list": ("shops.json", '[{"id":1}]', "line 1: is no object; write one object a line"),
    "JSON of several lines": ("shops.json", '{\n"id":1}', "line 1: is not JSON; write one object a line"),
    "JSON without key": ("s.jsonl", '{"id":1}\n{"x":1,"y":2}', 'line 2: has no "id", the key; it has "x", "y"'),
    "JSON with a null key": ("s.jsonl", '{"id":null}', 'line 1: has no "id", the key'),
    "JSON key twice": ("s.jsonl", '{"id":1}\n{"id":"1"}', 'line 2: the key "1" stands in line 1 too'),
    "NaN": ("s.jsonl", '{"id":NaN}', "line 1: is not JSON"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_mistake(written, name, content, message):
    """With the line and the remedy; the expressions that name it make no second one."""
    (mistake,) = mistakes(written(content, name))
    assert mistake.startswith(L)
    assert message in mistake


PLACES = {
    "absolute": ("/etc/passwd", "does not lie beside the configuration, with which it is packed; put it there"),
    "above": ("../shops.csv", "does not lie beside the configuration"),
    "directory": ("tables", "is a directory; name the file in it"),
    "NUL": ("a\\u0000b", "embedded null byte"),
    "near": ("shop.csv", "did you mean shops.csv?"),
}


@pytest.mark.parametrize(("name", "message"), PLACES.values(), ids=PLACES)
def test_a_file_has_its_place(written, tmp_path, name, message):
    """Beside the configuration, where it is packed from."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "shops.csv").write_text(SHOPS)
    path = written(None)
    path.write_text(CONFIG.replace("NAME", name))
    (mistake,) = mistakes(path)
    assert message in mistake


def test_a_file_that_is_too_large_is_a_mistake(written, monkeypatch):
    """No function holds so much."""
    monkeypatch.setattr(lookups, "FUNCTION_UNPACKED_LIMIT_BYTES", 10)
    (mistake,) = mistakes(written(SHOPS))
    assert "shops.csv is larger than all of a function may be, 250 MB" in mistake


C = "[columns]\nk = { type = 'string' }\nx = { type = 'float64' }\n"
V = "[lookups.v]\nvalues = { a = 1 }\n"
TABLES = {
    "neither": ("[lookups.v]\n" + C, ":1: lookups.v: takes one of file and values"),
    "both": ("[lookups.v]\nfile = 'a'\nvalues = { a = 1 }\n" + C, "takes one of file and values, not both"),
    "no key": ("[lookups.v]\nfile = 'a'\n" + C, ":1: lookups.v: needs key, the column of the file"),
    "key of values": (V + "key = 'a'\n" + C, "is for file; with values the keys are the names in it"),
    "no table": ("lookups = { v = 'a.csv' }\n" + C, "lookups.v: must be a table below a line [lookups.v], not text"),
    "no values": ("[lookups.v]\nvalues = {}\n" + C, "names nothing"),
    "values of tables": (
        "[lookups.v]\nvalues = { a = { b = 1 } }\n" + C,
        "lookups.v.values.a: must be text, a number, true or false, not a table; several columns are a file",
    ),
    "unknown key": ("[lookups.v]\nfiles = 'a'\n" + C, "lookups.v.files: unknown key; did you mean file?"),
}
CALLS = {
    "no such table": ("lookup('w', k)", "there is no [lookups.w]; one of v"),
    "table by a column": ("lookup(k, k)", "takes the name of a table first, in quotes"),
    "no such column": ("lookup('v', k, 'b')", "v has no column 'b'; it has value"),
    "column near": ("lookup('v', k, 'vlue')", "did you mean value?"),
    "column of a column": ("lookup('v', k, k)", "takes the name of a column of v, in quotes"),
    "key of another type": ("lookup('v', x)", "takes text or int64 for a key, not float64"),
    "no key": ("lookup('v')", "takes 2 or 3 arguments, not 1"),
    "keywords": ("lookup('v', k, name='b')", "takes its arguments in their order, lookup(table, key, column)"),
    "name": ("lookups('v', k)", "did you mean lookup?"),
}


@pytest.mark.parametrize(("text", "message"), TABLES.values(), ids=TABLES)
def test_a_bad_table_is_one_mistake(text, message):
    """With its place and the remedy."""
    with pytest.raises(ConfigError) as caught:
        model.parse(text)
    (mistake,) = caught.value.mistakes
    assert message in str(mistake).removeprefix("<configuration>")


@pytest.mark.parametrize(("text", "message"), CALLS.values(), ids=CALLS)
def test_a_bad_call_is_one_mistake(text, message):
    """With the remedy."""
    with pytest.raises(ConfigError) as caught:
        model.parse(f'{V}{C}e = {{ expr = "{text}" }}\n')
    (mistake,) = caught.value.mistakes
    assert message in mistake.message


def test_a_table_is_needed_first():
    """Who has read of the function only is told the table."""
    with pytest.raises(
        ConfigError, match=r'there is no \[lookups.shop\]; write it with file = "..." and key, or values'
    ):
        model.parse(C + "e = { expr = \"lookup('shop', k, 'region')\" }\n")


def test_a_column_has_to_be_named_among_several(written):
    """Which one is meant cannot be known."""
    (mistake,) = mistakes(written(SHOPS, config=CONFIG.replace(", 'region'", "")))
    assert "lookup needs the column of shop, one of id, region, manager" in mistake


def test_check_says_the_memory(written, capsys):
    """And finds a table that nobody looks into."""
    path = written(SHOPS, config=CONFIG + "\n[lookups.unused]\nvalues = { a = 1 }\n")
    assert main(["check", str(path)]) == 0
    lines = [line.partition("c.toml:")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "1: lookups.shop: hint: 3 keys take less than 0.1 MB of the function's memory",
        "9: lookups.unused: warning: no expression looks anything up in it; leave it out",
    ]


def test_the_memory_that_is_said_is_that_of_many_keys():
    """Within a fifth of what the arrays and the `dict` take, which is counted object by object."""
    import sys

    texts = [f"customer-{number:06}" for number in range(20_000)]
    table = LookupTable("t", pa.array(texts), {"a": pa.array(texts)})
    table.find(pa.array(["customer-000001"]), "a")
    keys = table._rows
    real = sys.getsizeof(keys) + sum(sys.getsizeof(key) + sys.getsizeof(row) for key, row in keys.items())
    real += 2 * (sum(map(len, texts)) + 4 * len(texts))
    assert abs(table.size_bytes / real - 1) < 0.2


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@pytest.mark.usefixtures("both_ways")
@settings(max_examples=60, deadline=None)
@given(
    rows=st.dictionaries(TEXT.filter(bool), st.tuples(TEXT, TEXT), min_size=1, max_size=30),
    asked=st.lists(TEXT | st.none(), max_size=6),
    as_json=st.booleans(),
)
def test_any_table_gives_what_the_oracle_gives(tmp_path_factory, rows, asked, as_json):
    """Few rows ask for one key of many, or many for all: on both ways, the same as one by one."""
    folder = tmp_path_factory.getbasetemp()
    name = "t.jsonl" if as_json else "t.csv"
    content = io.StringIO(newline="")
    if as_json:
        content.write("".join(json.dumps({"id": key, "region": a, "b": b}) + "\n" for key, (a, b) in rows.items()))
    else:
        writer = csv.writer(content)
        writer.writerows([("id", "region", "b"), *((key, *values) for key, values in rows.items())])
    (folder / name).write_bytes(content.getvalue().encode())
    config = "output = { format = 'json' }\n" + CONFIG.replace("NAME", name)
    (folder / "c.toml").write_text(config)
    pipeline = fastxform.Pipeline.load(folder / "c.toml")
    oracle = Oracle(config, directory=folder)
    for payloads in (asked, [*rows, *asked] * 3):
        batch = [json.dumps({"shop": text}).encode() for text in payloads]
        assert pipeline.run(batch).data == [outcome.data for outcome in oracle.batch(batch)]


def test_the_schema_knows_the_tables():
    """Editors complete their keys."""
    jsonschema = pytest.importorskip("jsonschema")
    from fastxform.config.schema import json_schema

    validator = jsonschema.Draft7Validator(json_schema())
    assert list(validator.iter_errors(tomllib.loads(CONFIG))) == []
    assert [error.message for error in validator.iter_errors(tomllib.loads("[lookups.a]\nvalues.a = 1\nmore = 1"))] == [
        "Additional properties are not allowed ('more' was unexpected)"
    ]
    for wrong in ("", "file = 'a'", "key = 'a'", "file = 'a'\nkey = 'a'\nvalues.a = 1", "key = 'a'\nvalues.a = 1"):
        assert list(validator.iter_errors(tomllib.loads(f"[lookups.a]\n{wrong}")))
    assert lint(model.parse("[columns]\na = 'a'\n"), "x") == ()
