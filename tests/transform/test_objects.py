"""`spread`, `rest` and documents that go out as they came: members of objects in rows, and what no column names."""

import gzip
import json

import pytest

import fastxform
from fastxform.cli import main
from fastxform.config import model
from fastxform.errors import ConfigError

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

JSON = 'output = { format = "json" }\n'
DYNAMODB = 'source = "dynamodb"\n'


def run(config, *payloads):
    """What is written of each record, or why it failed."""
    batch = fastxform.Pipeline.from_toml(config).run(list(payloads))
    return [
        data.decode() if data is not None else reason for data, reason in zip(batch.data, batch.reason, strict=True)
    ]


def change(name, **images):
    return json.dumps({"eventName": name, "dynamodb": images}).encode()


ITEM = {"id": {"S": "1"}, "total": {"N": "1.10"}, "_op": {"S": "mine"}, "at": {"M": {"city": {"S": "Oslo"}}}}


def test_members_of_an_image_stand_in_the_row():
    """In the place of the column, digits kept; a column goes before a member of its name; no image, no members."""
    config = DYNAMODB + JSON + '[columns]\n_op = "eventName"\nnew = { path = "dynamodb.NewImage", spread = true }\n'
    assert run(config, change("INSERT", NewImage=ITEM), change("REMOVE", Keys={"id": {"S": "1"}})) == [
        '{"_op":"INSERT","id":"1","total":1.10,"at":{"city":"Oslo"}}\n',
        '{"_op":"REMOVE"}\n',
    ]


SPREAD = {
    "of two the last": (
        "a = { spread = true }\nb = { spread = true }",
        '{"a":{"x":1,"y":2},"b":{"y":3}}',
        '{"x":1,"y":3}',
    ),
    "repeated members": ("a = { spread = true }", '{"a":{"x":1,"y":0,"x": [2 ]}}', '{"x":[2],"y":0}'),
    "names with escapes": ("a = { spread = true }", '{"a":{"x\\n\\u00e9":"\\u00e9"}}', '{"x\\né":"é"}'),
    "null": ("a = { spread = true }\nn = {}", '{"a":null}', '{"n":null}'),
    "nothing": ("a = { spread = true }", "{}", "{}"),
    "default": ("a = { spread = true, default = { x = 1 } }", "{}", '{"x":1}'),
    "a list": ("a = { spread = true }", '{"a":[1]}', "type:a"),
    "a text": ("a = { spread = true }", '{"a":"{}"}', "type:a"),
    "a text that may be wrong": ("a = { spread = true, invalid = 'null' }", '{"a":"{}"}', "{}"),
    "required": ("a = { spread = true, required = true }", "{}", "required:a"),
    "with the rest": (
        "x = 'a.x'\na = { rest = 'a', spread = true }",
        '{"a":{"x":1,"y":2}}',
        '{"x":1,"y":2}',
    ),
    "of a parsed text": (
        "l = { path = 'log', spread = true }\n[parse.log]\nof = 'message'",
        '{"message":"{\\"a\\": 1.50}"}',
        '{"a":1.50}',
    ),
    "named by an expression": ("a = { spread = true }\nn = { expr = 'length(a)' }", '{"a":{"x":1}}', '{"x":1,"n":7}'),
}


@pytest.mark.parametrize(("columns", "payload", "expected"), SPREAD.values(), ids=SPREAD)
def test_spread(columns, payload, expected):
    """What is written, or the reason."""
    assert run(f"{JSON}[columns]\n{columns}\n", payload.encode()) == [
        expected if ":a" in expected[-2:] else expected + "\n"
    ]


REST = {
    "of the record": (
        "a = {}\nr = { rest = '' }",
        '{"a":1,"b":1.10,"c":{"d":"\\/"}}',
        '1,"{""b"":1.10,""c"":{""d"":""/""}}"',
    ),
    "below a member": ("d = 'c.d'\nr = { rest = '' }", '{"c":{"d":1,"e":2}}', '1,"{""c"":{""e"":2}}"'),
    "all of a member": ("d = 'c.d'\nr = { rest = '' }", '{"c":{"d":1}}', "1,"),
    "no object there": ("d = 'c.d'\nr = { rest = '' }", '{"c":7}', ',"{""c"":7}"'),
    "an empty object": ("d = 'c.d'\nr = { rest = '' }", '{"c":{}}', ',"{""c"":{}}"'),
    "of a member": ("d = 'c.d'\nr = { rest = 'c' }", '{"c":{"d":1,"e":2},"x":0}', '1,"{""e"":2}"'),
    "of either": ("d = '(c || b).d'\nr = { rest = 'c || b' }", '{"b":{"d":1,"e":2}}', '1,"{""e"":2}"'),
    "hidden ones are named": ("a = { hidden = true }\nr = { rest = '' }", '{"a":1,"b":2}', '"{""b"":2}"'),
    "one of a list takes none": (
        "f = \"h[?n=='x'].v | [0]\"\nr = { rest = '' }",
        '{"h":[{"n":"x","v":1}]}',
        '1,"{""h"":[{""n"":""x"",""v"":1}]}"',
    ),
    "repeated members": ("a = {}\nr = { rest = '' }", '{"b":1,"a":0,"b":2}', '0,"{""b"":2}"'),
    "as text": ("r = { rest = '', type = 'string' }", '{"b":1}', '"{""b"":1}"'),
    "no object": ("r = { rest = 'a' }", '{"a":[1]}', "type:r"),
    "required": ("a = {}\nr = { rest = '', required = true }", '{"a":1}', "required:r"),
}


@pytest.mark.parametrize(("columns", "payload", "expected"), REST.values(), ids=REST)
def test_rest(columns, payload, expected):
    """What no other column takes, as it was written; null where that is nothing."""
    expected = expected if expected.endswith(":r") else expected + "\n"
    payloads = [payload.encode()]
    assert run(f"[columns]\n{columns}\n", *payloads, gzip.compress(payloads[0])) == [expected] * 2


def test_the_rest_of_a_route_is_what_it_does_not_name():
    """Each route takes other members; what one names is in the rest of the other."""
    config = (
        JSON + "[columns]\nk = { type = 'string' }\nr = { rest = '' }\n"
        "[[routes]]\nwhere = \"k == 'a'\"\ncolumns = { a = 'a' }\n[[routes]]\ncolumns = { b = 'b' }\n"
    )
    assert run(config, b'{"k":"a","a":1,"b":2}', b'{"k":"b","a":1,"b":2}') == [
        '{"k":"a","r":{"b":2},"a":1}\n',
        '{"k":"b","r":{"a":1},"b":2}\n',
    ]


def test_the_rest_of_an_item_keeps_a_new_attribute():
    """Also where the record as a whole is asked for: images are plain."""
    columns = 'op = "eventName"\nid = "(dynamodb.NewImage || dynamodb.OldImage).id"\n'
    record = change("MODIFY", NewImage=ITEM)
    assert run(DYNAMODB + "[columns]\n" + columns + 'r = { rest = "dynamodb.NewImage" }\n', record) == [
        'MODIFY,1,"{""total"":1.10,""_op"":""mine"",""at"":{""city"":""Oslo""}}"\n'
    ]
    assert run(DYNAMODB + "[columns]\n" + columns + 'r = { rest = "" }\n', record) == [
        'MODIFY,1,"{""dynamodb"":{""NewImage"":{""total"":1.10,""_op"":""mine"",""at"":{""city"":""Oslo""}}}}"\n'
    ]


def test_a_document_goes_out_whole():
    """Filtered, routed and partitioned by columns that are hidden, in the form of all values."""
    config = (
        'where = "n > 1"\nunmatched = "drop"\n' + JSON + '[partition_keys]\nday = "upper(d)"\n'
        "[columns]\nn = { type = 'int64', hidden = true }\nd = { hidden = true }\n"
        "[[routes]]\nwhere = \"d == 'x'\"\n"
    )
    text = b'{"n": 2, "d":"x", "z": 1.10, "z":"\\/"}'
    batch = fastxform.Pipeline.from_toml(config).run(
        [text, gzip.compress(text), b'{"n":1,"d":"x"}', b'{"n":2,"d":"y"}', b'{"n":"x"}', b'{"n":2,"d":""}']
    )
    assert batch.data == [b'{"n":2,"d":"x","z":"/"}\n'] * 2 + [None] * 4
    assert batch.reason == [None, None, None, None, "type:n", None]
    assert batch.metadata[:2] == [{"partitionKeys": {"day": "X"}}] * 2


def test_documents_of_one_record_go_out_together():
    """Each line is judged by itself."""
    config = 'documents = "many"\nwhere = "n > 1"\n' + JSON + "[columns]\nn = { type = 'int64', hidden = true }\n"
    assert run(config, b'{"n": 2}\n{"n":1}\n{"n": 3, "m": 0}') == ['{"n":2}\n{"n":3,"m":0}\n']


def test_an_item_goes_out_as_it_is():
    """Of a change its item, as where no column is named."""
    config = (
        DYNAMODB + JSON + "where = \"op != 'REMOVE'\"\n" + "[columns]\nop = { path = 'eventName', hidden = true }\n"
    )
    item = {"id": {"S": "1"}, "n": {"N": "1.10"}}
    records = [change("INSERT", NewImage=item), change("REMOVE", OldImage=item), b'{"eventName":"INSERT"}']
    assert run(config, *records) == ['{"id":"1","n":1.10}\n', None, "shape"]


def test_one_route_of_documents_beside_one_of_columns():
    """And as a table: the documents are a column of their own."""
    config = (
        JSON + "[columns]\nk = { type = 'string', hidden = true }\n"
        "[[routes]]\nwhere = \"k == 'a'\"\n[[routes]]\ncolumns = { b = { type = 'int64' } }\n"
    )
    records = [b'{"k":"a", "b":1}', b'{"k":"b", "b":2}']
    assert run(config, *records) == ['{"k":"a","b":1}\n', '{"b":2}\n']
    table = fastxform.Pipeline.from_toml(config).columns(records).table
    assert table.to_pylist() == [{"document": '{"k":"a","b":1}', "b": None}, {"document": None, "b": 2}]


def test_a_function_of_ones_own_writes_what_it_adds():
    """Then the document does not go out."""
    config = JSON + "[columns]\na = { hidden = true }\n"
    pipeline = fastxform.Pipeline.from_toml(config, map_batch=lambda batch: batch.append_column("b", batch.column(0)))
    assert pipeline.run([b'{"a":"x","c":1}']).data == [b'{"b":"x"}\n']


ICEBERG = "[[routes]]\niceberg = { database = 'd', table = 't' }\n"
MISTAKES = {
    "CSV": ("[columns]\na = { spread = true }\n", "columns.a.spread: is for JSON output, and this output is CSV"),
    "iceberg": (JSON + "[columns]\na = { spread = true }\n" + ICEBERG, "does not go together with iceberg"),
    "type": (
        JSON + "[columns]\na = { spread = true, type = 'string' }\n",
        "is for an object, of the type json, not string",
    ),
    "hidden": (
        JSON + "[columns]\na = { spread = true, hidden = true }\nb = {}\n",
        "which is hidden; take one of them away",
    ),
    "default": (
        JSON + "[columns]\na = { spread = true, default = 'x' }\n",
        "must be a table where spread is true, not text",
    ),
    "expr": (JSON + "[columns]\nb = {}\na = { expr = 'b', spread = true }\n", "is not for a column with expr"),
    "rest of a list": ("[columns]\na = { rest = 'a[0]' }\n", "must be members with dots between"),
    "no path": ("[columns]\na = { rest = 'a..b' }\n", "columns.a.rest: not JMESPath"),
    "rest as a number": ("[columns]\na = { rest = '', type = 'int64' }\n", "the rest of an object is json, or string"),
    "rest and path": (
        "[columns]\na = { rest = '', path = 'b' }\n",
        "takes one of path, expr, meta and rest, not path and rest",
    ),
    "rest of a log event": ("source = 'cloudwatch-logs'\n[columns]\na = { rest = '' }\n", "name the columns"),
    "hidden of CSV": ("[columns]\na = { hidden = true }\n", "every column is hidden, nothing is left for the output"),
    "hidden of text": (
        "source = 'text'\n" + JSON + "[columns]\ntext = { hidden = true }\n",
        "there is no document to write",
    ),
    "hidden of explode": (
        JSON + "[columns]\na = { path = 'item', hidden = true }\n[explode]\npath = 'l'\n",
        "the rows of explode are parts of one document",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(text, message):
    """One line with the place."""
    with pytest.raises(ConfigError) as caught:
        model.parse(text)
    (mistake,) = caught.value.mistakes
    assert message in str(mistake)


def test_check_names_the_rest_where_members_are_lost(tmp_path, capsys):
    """By what the tests of the file hold; not where few members are taken of many, and not where the rest is kept."""

    def hints(columns, record):
        text = f"[columns]\n{columns}\n[[tests]]\nname = 'one'\ninput = '{record}'\nexpect = ''\n"
        (tmp_path / "c.toml").write_text(text)
        main(["check", str(tmp_path / "c.toml")])
        return [line for line in capsys.readouterr().out.splitlines() if "no column takes" in line]

    (hint,) = hints("a = {}\nb = 'b.c'\nd = {}\ne = {}", '{"a":1,"b":{},"d":1,"e":2,"new":3}')
    assert hint.endswith('hint: one: no column takes new; others = { rest = "" } keeps what no other does')
    assert hints("a = {}", '{"a":1,"b":2}') == []
    assert hints("a = {}\nb = {}\nr = { rest = '' }", '{"a":1,"b":2,"c":3}') == []
