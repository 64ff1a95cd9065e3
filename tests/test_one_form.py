"""The bytes of a value do not depend on the road that it came by: hostile documents by every road, against the oracle.

A road is a configuration, the record around a value, and the row around its text. Each is taken alone and behind
records for which decoders are widened, with and without the kernel.
"""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_json import read_one
from oracle_paths import Item
from strategies import NAMES_TWICE, NUMBERS, quoted, respelt_values, spaces

from fastxform import Pipeline
from fastxform.core import native

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

JSON = 'output = { format = "json" }\n'
LOGS = 'source = "cloudwatch-logs"\n' + JSON
CHANGES = 'source = "dynamodb"\n' + JSON
MESSAGE = '{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[%s]}'
EVENT = '{"id":"1","timestamp":1,"message":%s}'
PARSE = '[parse.t]\nof = "text"\n'
EXPLODE = '[explode]\npath = "l"\nas = "item"\n'
TYPED = '[columns.v]\ntype = "json"\npath = """%s"""\n'
UNTYPED = '[columns.v]\npath = """%s"""\n'
V = '{"v":%s}'

ROADS = {
    "member": (JSON + TYPED % "o", '{"o":%s}', V),
    "member without a type": (JSON + UNTYPED % "o", '{"o":%s}', V),
    "jmespath": (JSON + TYPED % "o | @", '{"o":%s}', V),
    "jmespath without a type": (JSON + UNTYPED % "o | @", '{"o":%s}', V),
    "multiselect": (JSON + TYPED % "{o: o}", '{"o":%s}', '{"v":{"o":%s}}'),
    "multiselect of a list": (JSON + TYPED % "[o]", '{"o":%s}', '{"v":[%s]}'),
    "either": (JSON + TYPED % "p || q || o", '{"p":null,"q":"","o":%s}', V),
    "of either": (JSON + TYPED % "(p || q).o", '{"p":{},"q":{"o":%s}}', V),
    "search": (JSON + TYPED % "l[?k=='x'].o | [0]", '{"l":[{"k":"x","o":%s}]}', V),
    "element": (JSON + TYPED % "l[0]", '{"l":[%s]}', V),
    "below a repeated member": (JSON + TYPED % "p.o", '{"p":{"o":1},"p":{"o":%s}}', V),
    "rest": (JSON + '[columns]\nv = { rest = "" }\n', '{"o":%s}', '{"v":{"o":%s}}'),
    "rest of a member": (JSON + '[columns]\nv = { rest = "w" }\n', '{"w":{"o":%s}}', '{"v":{"o":%s}}'),
    "rest beside a column": (
        JSON + '[columns]\nx = "w.x"\nv = { rest = "w" }\n', '{"w":{"x":{"y":1},"o":%s}}', '{"x":{"y":1},"v":{"o":%s}}'
    ),
    "spread": (JSON + '[columns]\nv = { path = "w", spread = true }\n', '{"w":{"o":%s}}', '{"o":%s}'),
    "text": (JSON + PARSE + TYPED % "t.o", "text", V),
    "whole text": (JSON + PARSE + TYPED % "t", "text", '{"v":{"o":%s}}'),
    "explode": (JSON + EXPLODE + TYPED % "item.o", '{"l":[{"o":%s}]}', V),
    "element of explode": (JSON + EXPLODE + TYPED % "item", '{"l":[%s]}', V),
    "member of explode": (JSON + EXPLODE + TYPED % "item.value", '{"l":{"k":%s}}', V),
    "document": (JSON, '{"o":%s}', '{"o":%s}'),
    "verbatim": (
        JSON + '[columns]\nk = { hidden = true }\n', '{"k":"","o":%s}', '{"k":"","o":%s}'
    ),
    "documents": ('documents = "many"\n' + JSON, '{"o":%s}', '{"o":%s}'),
    "iceberg": (JSON + TYPED % "o" + '[[routes]]\niceberg = { database = "d", table = "t" }\n', '{"o":%s}', V),
    "member of a change": (
        CHANGES + '[columns]\nk = "dynamodb.Keys.k"\n' + TYPED % "o",
        '{"o":%s,"dynamodb":{"Keys":{"k":{"S":"k"}}}}',
        '{"k":"k","v":%s}',
    ),
    "member of an event": (
        LOGS + TYPED % "extractedFields.o", MESSAGE % EVENT.replace("%s", '"m","extractedFields":{"o":%s}'), V
    ),
    "text of an event": (LOGS + PARSE.replace("text", "message") + TYPED % "t.o", "event", V),
}  # fmt: skip


def wrapped(around, text):
    """A record of a road."""
    if around in ("text", "event"):
        inside = json.dumps('{"o":' + text + "}", ensure_ascii=len(text) % 2 == 0)
        return ('{"text":' + inside + "}" if around == "text" else MESSAGE % (EVENT % inside)).encode()
    return around.replace("%s", text).encode()


@pytest.fixture(scope="module")
def pipelines(with_and_without_kernel):
    """One for each road and other output; they meet the records of all examples."""
    others = {"csv": TYPED % "o", "string": '[columns]\no = { type = "string" }\n', "table": JSON + TYPED % "o"}
    configs = {name: config for name, (config, _, _) in ROADS.items()} | others | IMAGES
    return {name: Pipeline.from_toml(config) for name, config in configs.items()}


IMAGES = {
    "image": CHANGES + TYPED % "dynamodb.NewImage.o",
    "image without a type": CHANGES + UNTYPED % "dynamodb.NewImage.o",
    "image by jmespath": CHANGES + TYPED % "dynamodb.NewImage.o | @",
    "image in a multiselect": CHANGES + TYPED % "{o: dynamodb.NewImage.o}.o",
    "either image": CHANGES + TYPED % "(dynamodb.NewImage || dynamodb.OldImage).o",
    "whole image": CHANGES + TYPED % "dynamodb.NewImage",
    "rest of an image": CHANGES + '[columns]\nv = { rest = "dynamodb.NewImage" }\n',
    "spread image": CHANGES + '[columns]\nv = { path = "dynamodb.NewImage", spread = true }\n',
    "item": CHANGES,
}


@given(st.lists(respelt_values, min_size=1, max_size=3))
def test_every_road_writes_what_the_oracle_writes(pipelines, texts):
    """Alone, and behind so many records that a decoder is widened for them."""
    for name, (_, around, row) in ROADS.items():
        payloads = [wrapped(around, text) for text in texts]
        rows = [row.replace("%s", read_one(text).compact) + "\n" for text in texts]
        for count in (1, 18):
            found = pipelines[name].run(payloads * count)
            assert found.data == [row.encode() for row in rows] * count, (name, found.reason)


@given(respelt_values)
def test_every_output_has_the_same_text(pipelines, text):
    """A field of CSV, a column of text, a cell of a table."""
    value, payload = read_one(text), wrapped('{"o":%s}', text)
    is_null = value.kind == "null"
    (data,) = pipelines["csv"].run([payload]).data
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == [["" if is_null else value.compact]]
    (data,) = pipelines["string"].run([payload]).data
    if value.kind in ("object", "list"):
        assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == [[value.compact]]
    cell = pipelines["table"].columns([payload]).table.column(0)[0].as_py()
    assert cell == (None if is_null else value.compact)


@st.composite
def map_of(draw, inner):
    """The text of the content of `M`, of which some members come again."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES_TWICE), inner), max_size=4))
    space = draw(spaces)
    return "{" + ",".join(f"{space}{name}:{value}{space}" for name, value in pairs) + "}"


strings = st.sampled_from(["", "x", "a/b", "é", "😀", "\x1f", 'q"t', "-0"]).flatmap(quoted) | st.just(r'"\/\u0041"')
scalars = st.one_of(
    strings.map(lambda text: f'{{"S":{text}}}'),
    strings.map(lambda text: f'{{"S":"before","S":{text}}}'),
    st.sampled_from(NUMBERS).map(lambda digits: f'{{"N":"{digits}"}}'),
    st.lists(strings, max_size=3).map(lambda texts: '{"SS":[' + ",".join(texts) + "]}"),
    st.sampled_from(['{"NULL":true}', '{"BOOL":false}', '{"NS":["1","1.0"]}', '{"B":"YQ=="}', r'{"\u0053":"x"}']),
)
attributes = st.recursive(
    scalars,
    lambda inner: st.one_of(
        map_of(inner).map(lambda content: f'{{"M":{content}}}'),
        st.lists(inner, max_size=3).map(lambda texts: '{"L":[' + ",".join(texts) + "]}"),
    ),
    max_leaves=6,
)


@given(st.lists(attributes, min_size=1, max_size=3))
def test_every_road_out_of_an_image_writes_what_the_oracle_writes(pipelines, texts):
    """Members of attributes that repeat, too."""
    payloads = [
        f'{{"eventVersion":"1","dynamodb":{{"NewImage":{{"o":{{"S":"before"}},"o":{text}}}}}}}'.encode()
        for text in texts
    ]
    for name in IMAGES:
        rows = []
        for text in texts:
            item = Item(read_one(f'{{"o":{text}}}'), 1).whole()
            value = item if name in ("whole image", "rest of an image") else item.data["o"]
            rows.append(item.compact if name in ("spread image", "item") else V.replace("%s", value.compact))
        for count in (1, 18):
            found = pipelines[name].run(payloads * count)
            assert found.data == [f"{row}\n".encode() for row in rows] * count, (name, found.reason)


def test_the_kernel_takes_part(pipelines, with_and_without_kernel):
    """Of the roads that it has, so that the others above are not all the engine's."""
    taken = {name for name, pipeline in pipelines.items() if pipeline.native is not None}
    if with_and_without_kernel is None:
        assert not taken
    else:
        assert native.load() is not None
        assert taken >= {
            "member",
            "either",
            "of either",
            "search",
            "text",
            "document",
            "documents",
            "iceberg",
            "image",
            "item",
        }
