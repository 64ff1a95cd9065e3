"""Configurations that failed or misled once, each with what it gives: a table of literal answers.

Each stands for a kind that has its own tests where the kind is at home; here the whole way through `Pipeline` is held.
"""

import json

import pyarrow as pa
import pytest

from fastxform import Pipeline
from fastxform.config import model
from fastxform.errors import ConfigError, ContractError
from fastxform.tools.lint.rules import lint

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

TEXT = '[columns]\na = { type = "string" }\n'
DELETE = """
source = "dynamodb"
output = { format = "json" }
[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
total = { path = "(dynamodb.NewImage || dynamodb.OldImage).total", type = "decimal(10,2)" }
[[routes]]
[routes.iceberg]
database = "s"
table = "o"
operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" }
"""
REMOVED = {"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "1"}}, "OldImage": {"total": {"N": "1.505"}}}}

REFUSED = {
    "a pattern that TOML reads": (TEXT.replace(" }", ', pattern = "\\bword\\b" }'), r"write pattern = '\b...\b'"),
    "a replacement that Python reads": (
        TEXT + "b = { expr = \"replace_substring_regex(a, pattern='(x)', replacement='\\\\1')\" }\n",
        r"write r'\1'",
    ),
    "a condition that Python reads": (
        "where = \"match_substring_regex(a, pattern='\\\\bword\\\\b')\"\n" + TEXT,
        r"write r'\bword\b'",
    ),
    "Python's own words": (
        TEXT + "b = { expr = \"replace_substring(a, pattern='\\\\x', replacement='')\" }\n",
        "a backslash in text needs an r before its quote",
    ),
    "a delimiter of NUL": ('output = { delimiter = "\\u0000" }\n' + TEXT, "other than a quote, CR, LF and NUL"),
    "199 terms": (f'[columns]\nx = "{" || ".join(f"a{n}" for n in range(199))}"\n', "at most 64 are read"),
    "400 names": (f'[columns]\nx = "{".".join(["a"] * 400)}"\n', "at most 64 are read"),
    "lower in a path": (
        "[columns]\nx = \"headers[?lower(name)=='x'].value | [0]\"\n",
        "write lower(...) in the expr of another one",
    ),
    "a hyphen in a path": ('[columns]\ndt = "detail-type"\n', "write '\"detail-type\"'"),
    "a text against JSON": ("where = \"j == 'x'\"\n[columns]\nj = { type = 'json' }\n", "write '\"x\"'"),
    "an order of JSON": ("where = \"j > '5'\"\n[columns]\nj = { type = 'json' }\n", 'type = "int64"'),
    "a dict in an expression": (TEXT + "b = { expr = \"{'DE': 'Germany'}[a]\" }\n", "lookup('names', a)"),
}


@pytest.mark.parametrize(("config", "remedy"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_what_to_write(config, remedy):
    """Before a record comes, in words of the file's."""
    with pytest.raises(ConfigError) as caught:
        model.parse(config)
    assert remedy in caught.value.mistakes[0].message


def test_all_mistakes_of_a_column_are_found_at_once():
    """An unknown type and an unknown function beside it are one run."""
    with pytest.raises(ConfigError) as caught:
        model.parse('[columns]\na = { type = "strng", expr = "uppr(b)" }\nb = { type = "string" }\n')
    messages = [mistake.message for mistake in caught.value.mistakes]
    assert ["strng" in message for message in messages].count(True) == 1
    assert ["uppr" in message for message in messages].count(True) == 1


WRITTEN = {
    "in of decimals with a point": (
        '[columns]\nqty = { type = "decimal(5,2)" }\nx = { expr = "qty in (1.0, 2.0)" }\n',
        {"qty": 1},
        "1.00,true\n",
    ),
    "in of decimals with 0": (
        '[columns]\nrate = { type = "decimal(5,2)" }\nx = { expr = "rate in (0, 0.5)" }\n',
        {"rate": 0},
        "0.00,true\n",
    ),
    "in of decimals with more digits": (
        '[columns]\namt = { type = "decimal(5,1)" }\nx = { expr = "amt in (1.50,)" }\n',
        {"amt": 1.5},
        "1.5,true\n",
    ),
    "to_string of 38 digits": (
        '[columns]\nx = "to_string(n)"\n',
        b'{"n":3.1415926535897932384626433832795028841}',
        "3.1415926535897932384626433832795028841\n",
    ),
    "to_string past doubles": ('[columns]\nx = "to_string(n)"\n', b'{"n":1e400}', "1e400\n"),
    "equality of all digits": (
        '[columns]\nx = "n == `3.14159265358979323847`"\n',
        b'{"n":3.14159265358979323846}',
        "false\n",
    ),
    "zero with an exponent": ('[columns]\nn = { type = "int64" }\n', b'{"n":0e21}', "0\n"),
    "a name with a no-break space": ('[columns]\n"a\\u00a0b" = "x"\n', {"x": 1}, "1\n"),
    "a delete with a misfit": (DELETE, REMOVED, '{"id":"1","total":null}\n'),
}


@pytest.mark.parametrize(("config", "record", "data"), WRITTEN.values(), ids=WRITTEN)
def test_it_gives_what_was_meant(config, record, data):
    """One record, one row."""
    payload = record if isinstance(record, bytes) else json.dumps(record).encode()
    assert Pipeline.from_toml(config).run([payload]).data == [data.encode()]


def test_what_was_said_without_a_reason_is_not_said():
    """No hint on line breaks under columns of text, no doubt at an export's items."""
    for config in (TEXT, 'source = "dynamodb"\n[columns]\nid = "Item.id"\n'):
        assert lint(model.parse(config), "c.toml") == ()


def raising(batch):
    raise KeyError("secret")


OWN = {
    "raises": (raising, "raised KeyError"),
    "too few rows": (lambda batch: batch.slice(1), "returned fewer rows than it was given"),
    "a column less": (lambda batch: batch.select(["b"]), "left out the column a"),
    "a table": (lambda batch: pa.Table.from_batches([batch]), "returned a pyarrow.Table"),
}


@pytest.mark.parametrize(("function", "message"), OWN.values(), ids=OWN)
def test_code_of_ones_own_says_what_it_did(function, message, capsys):
    """Each by a message of its own; what cannot be called is refused before."""
    assert Pipeline.from_toml(TEXT + 'b = "b"\n', map_batch=function).run([b'{"a":"x"}']).reason == ["map_batch"]
    assert message in capsys.readouterr().err
    with pytest.raises(ContractError, match="cannot be called"):
        Pipeline.from_toml(TEXT, map_batch=5)
