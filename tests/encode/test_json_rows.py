"""Rows of JSON: names, escapes and the order of columns, whoever writes which of them."""

import json

import pyarrow as pa
import pytest

from fastxform import Pipeline
from fastxform.core.values import Selection, TypedColumn

MIXED = """
output = { format = "json" }
[columns]
a = { path = "a", type = "string" }
n = { path = "n", type = "int64" }
d = { path = "d", type = "decimal(9,2)" }
m = { path = "m", type = "int64" }
t = { path = "t", type = "bool" }
b = { path = "b" }
c = { path = "c", type = "json" }
u = { expr = "utf8_upper(a)", type = "string" }
"""
ROW = '{"a":"é\\"\\\\","n":1,"d":2.50,"m":-3,"t":true,"b":1.0,"c":[1,{"x":null}],"u":"É\\"\\\\"}\n'
EMPTY = '{"a":null,"n":null,"d":null,"m":null,"t":null,"b":null,"c":null,"u":null}\n'


def rows_of(config, payloads, **options):
    return Pipeline.from_toml(config, **options).run(payloads).data


def test_columns_stand_in_their_order_each_in_its_own_type():
    """Whether Python or Arrow has a column's text, it stands in its place, and null is written."""
    payload = '{"t":true,"c":[1, {"x" : null}],"b":1.0,"a":"é\\"\\\\","d":2.5,"n":1,"m":-3}'.encode()
    assert rows_of(MIXED, [payload, b"{}"]) == [ROW.encode(), EMPTY.encode()]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "é", "a b"])
@pytest.mark.parametrize("kind", ["string", "decimal(5,1)"])
def test_names_are_escaped(name, kind):
    """Any name is a member's name, whatever a struct can be called."""
    config = 'output = { format = "json" }\n[columns]\nv = { path = "v", type = "float64" }\n'
    config += f"{json.dumps(name)} = {{ path = 'v', type = '{kind}' }}\nw = {{ path = 'v', type = 'float64' }}\n"
    (row,) = rows_of(config, [b'{"v":"1.0"}'])
    assert row.endswith(b"}\n")
    assert json.loads(row) == {"v": 1.0, name: "1.0" if kind == "string" else 1.0, "w": 1.0}
    assert list(json.loads(row)) == ["v", name, "w"]


def test_text_is_escaped_as_python_escapes_it():
    """Every control character, quotes, backslashes, and what other encoders escape: the line separators, DEL, `/`."""
    texts = [*map(chr, range(0x20)), '"', "\\", "/", "\x7f", "\u2028", "\U0001f600", ""]
    config = 'output = { format = "json" }\n[columns]\na = { type = "string" }\n'
    expected = [json.dumps({"a": text}, ensure_ascii=False, separators=(",", ":")) + "\n" for text in texts]
    assert rows_of(config, [json.dumps({"a": text}).encode() for text in texts]) == [row.encode() for row in expected]


def test_json_of_several_lines_stays_in_its_row():
    """A function may lay out JSON over lines: the rows behind it are still their records' own."""

    def lay_out(batch):
        texts = pa.array(["[1,\n2]" if text == "[1,2]" else text for text in batch["c"].to_pylist()], pa.string())
        return pa.RecordBatch.from_arrays([batch["a"], texts], ["a", "c"])

    config = 'output = { format = "json" }\n[columns]\na = { type = "string" }\nc = { type = "json" }\n'
    found = rows_of(config, [b'{"a":"x","c":[1,2]}', b'{"a":"y","c":[3]}'], map_batch=lay_out)
    assert found == [b'{"a":"x","c":[1,\n2]}\n', b'{"a":"y","c":[3]}\n']


@pytest.mark.parametrize(
    "column",
    [
        TypedColumn(values=["x", None, "z"]),
        TypedColumn(pa.array(["x", None, "z"])),
        TypedColumn(pa.array(["x", None, "z"]), ["x", None, "z"]),
        TypedColumn(None, ["x", None, "z"], lambda: pa.array(["x", None, "z"])),
    ],
    ids=["values", "array", "both", "made"],
)
@pytest.mark.parametrize("is_asked", [False, True], ids=["before", "after"])
def test_array_and_values_of_a_column_are_the_same(column, is_asked):
    """Whichever was there first, before and after rows are taken."""
    if is_asked:
        assert column.array.to_pylist() == ["x", None, "z"]
    assert column.null_rows() == [1]
    taken = column.take(Selection([2, 1]))
    assert taken.array.to_pylist() == ["z", None]
    assert taken.values in (None, ["z", None])
    assert taken.take(Selection([0])).array.to_pylist() == ["z"]
    assert taken.take(Selection([])).array.to_pylist() == []
