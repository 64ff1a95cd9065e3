"""Texts inside records, lists that give many rows, several documents: whatever is said of them equals the oracle.

The configurations are put together of parts, the batches of good, odd and hostile payloads. Invariant: no neighbour in
a batch shows in the answer of a record.
"""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from oracle import Oracle

from fastxform import Pipeline
from fastxform.config.keys import FORMATS
from fastxform.decode.formats import named_formats

MANY = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
NOW_MS = 1_651_495_525_900

LOG_TEXTS = st.sampled_from(
    [
        '{"level":"INFO","n":1.0,"tags":["a","b"],"d":{"k":2}}',
        '{"level":"DEBUG","n":"7"}',
        '{"level":null,"items":[{"sku":"a","qty":1},{"sku":"b","qty":2.50},3,null,[],"x"]}',
        '{"items":{"a":1,"b":{"sku":"z"}},"level":"x"}',
        '{"items":[]}',
        '{"items":"no"}',
        " {} ",
        "{}",
        "[]",
        "",
        " ",
        "START RequestId: 1",
        '{"broken":',
        '{"a":1} x',
        '{"n":NaN}',
        'level=INFO n=5 msg="a b\\" \\n" flag',
        'a= b="" c',
        "=x",
        'a="x',
        'a="x"y',
        "x,y,z",
        '"x, ""q""",y,',
        'x,"y"z,',
        ",,",
        "x y",
        "ERROR 12 é",
        "WARN 7 \n",
        "{" * 600,
        "é漢\u2028",
    ]
)
EVENTS = st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2"]), "timestamp": st.integers(0, 9), "message": LOG_TEXTS | st.just(5) | st.none()},
    optional={"extractedFields": st.just({"srcaddr": "10.0.0.1", "n": "5"})},
)
MESSAGES = st.builds(
    lambda events, kind: {
        "messageType": kind,
        "owner": "1",
        "logGroup": "g",
        "logStream": "s",
        "subscriptionFilters": [],
        "logEvents": events,
    },
    st.lists(EVENTS, max_size=4),
    st.sampled_from(["DATA_MESSAGE", "DATA_MESSAGE", "CONTROL_MESSAGE", "X"]),
).map(json.dumps)


def documents(items):
    """JSON records with a list, a text, and members of the names of layers."""
    return st.builds(
        lambda text, items, extra: json.dumps({"id": 1, "message": text, "items": items} | extra),
        LOG_TEXTS | st.none() | st.just({"level": 1}),
        items,
        st.sampled_from([{}, {"level": "y"}, {"log": "shadowed"}]),
    )


DOCUMENTS = documents(
    st.sampled_from(
        [[], None, [{"sku": "a", "qty": 1}], [1, "x", None, {"sku": 2.0}], {"k": {"sku": 1}}, "x", [[1], {}]]
    )
)
OBJECTS = st.sampled_from(
    [
        {"sku": "a", "qty": 1},
        {"sku": "b,\u2028", "qty": -0, "value": 1},
        {"sku": 2.50, "qty": 0},
        {"sku": {"x": [1]}, "qty": None, "value": [1]},
        {"sku": [], "qty": False},
        {"qty": "", "value": {}},
        {},
    ]
)
DOCUMENTS_OF_OBJECTS = documents(st.lists(OBJECTS, max_size=3) | st.none())
ATTRIBUTES = st.sampled_from(
    [
        {"L": [{"M": {"sku": {"S": "a"}, "qty": {"N": "1.0"}}}, {"M": {"sku": {"S": "b"}}}]},
        {"L": []},
        {"L": [{"S": "x"}, {"N": "5"}, {"NULL": True}, {"B": "WVE9PQ=="}]},
        {"M": {"a": {"N": "1"}, "b": {"L": []}}},
        {"SS": ["x", "y"]},
        {"S": "text"},
        {"L": [{"N": "no"}]},
        {"X": 1},
    ]
)
IMAGES = st.builds(
    lambda items, text: {"id": {"S": "o"}, "items": items, "message": {"S": text}, "total": {"N": "1.50"}},
    ATTRIBUTES,
    LOG_TEXTS,
)
CHANGES = st.builds(
    lambda image, shape: json.dumps(shape(image)),
    IMAGES,
    st.sampled_from(
        [
            lambda image: {"eventName": "INSERT", "dynamodb": {"Keys": {"id": image["id"]}, "NewImage": image}},
            lambda image: {"eventVersion": "1", "dynamodb": {"Keys": {"id": image["id"]}, "NewImage": image}},
            lambda image: {"eventName": "REMOVE", "dynamodb": {"OldImage": image}},
            lambda image: {"Item": image},
            lambda image: {"Keys": {"id": image["id"]}, "NewImage": image},
            lambda image: {"Item": 5, "dynamodb": {"NewImage": None}},
            lambda image: image,
            lambda image: {"other": 1},
        ]
    ),
)
ODD = st.sampled_from(
    [None, b"", b" \n", b"{", b"\xff", b"[]", b"[1]", b"\r\n", b"null", b"\xef\xbb\xbf{}", b"[" * 600]
)

SHARED = """
a = { path = "%(at)slevel", type = "string" }
b = { path = "%(at)sd.k || %(at)sn" }
c = { path = "%(at)stags[0]" }
d = { path = "%(whole)s", type = "json" }
"""


def layered(source, parses, explode, rest, columns):
    return f'{rest}\nsource = "{source}"\n[output]\nformat = "json"\n{parses}\n{explode}\n[columns]\n{columns}'


@st.composite
def runs(draw):
    """A configuration with layers and a batch for it."""
    source = draw(st.sampled_from(["json", "json", "cloudwatch-logs", "text", "dynamodb"]))
    of = {"text": "text", "dynamodb": "(dynamodb.NewImage || Item).message"}.get(source, "message")
    image = draw(st.sampled_from(["(dynamodb.NewImage || Item)", "dynamodb.NewImage"]))
    items = {"dynamodb": f"{image}.items", "json": "items"}.get(source, "log.items")
    kind = draw(st.sampled_from(["json", "json", "logfmt", "csv", "regex"]))
    more = {"csv": 'fields = ["level", "n", "z"]', "regex": r"pattern = '(?P<level>[A-Z]+) (?P<n>[0-9]+)(?s:.*)'"}
    with_parse = items.startswith("log") or draw(st.booleans())
    invalid = draw(st.sampled_from(["fail", "null", "drop"]))
    parses, columns = "", ""
    if with_parse:
        parses = f'[parse.log]\nof = "{of}"\nformat = "{kind}"\ninvalid = "{invalid}"\n{more.get(kind, "")}\n'
        columns += SHARED % {"at": "log.", "whole": "log"}
    explode = ""
    if draw(st.booleans()):
        empty = draw(st.sampled_from(["drop", "null", "fail"]))
        explode = f'[explode]\npath = "{items}"\nas = "item"\nindex = "line"\nempty = "{empty}"\n'
        columns += 'line = { path = "line", type = "int64" }\nsku = "item.sku"\nqty = "item.qty || item.value"\n'
        if draw(st.booleans()):  # without the whole the elements of a batch may be decoded in one call
            columns += 'item = { path = "item", type = "json" }\n'
        if draw(st.booleans()):
            parses += '[parse.inner]\nof = "item.sku"\nformat = "csv"\nfields = ["x"]\ninvalid = "null"\n'
            columns += 'x = "inner.x"\n'
    columns += {
        "json": 'id = { path = "id", type = "int64" }\nlevel = "level"\n',
        "cloudwatch-logs": 'group = "logGroup"\nsrc = "extractedFields.srcaddr"\nt = "timestamp"\n',
        "text": 't = "text"\n',
        "dynamodb": 'e = "eventName"\ntotal = "(dynamodb.NewImage || Item).total"\nk = "Keys.id || dynamodb.Keys.id"\n',
    }[source]
    rest = f'empty = "{draw(st.sampled_from(["drop", "fail"]))}"'
    many = source != "cloudwatch-logs" and draw(st.booleans())
    if many:
        rest += '\ndocuments = "many"'
    if many or explode or source == "cloudwatch-logs":
        rest += f'\nbad_rows = "{draw(st.sampled_from(["fail", "drop"]))}"'
        rest += f'\nmixed = "{draw(st.sampled_from(["fail", "first"]))}"'
    if source == "dynamodb" and draw(st.booleans()):
        rest += "\nimages = " + draw(st.sampled_from(['["@"]', '["Item", "dynamodb.NewImage"]']))
    if with_parse and kind == "json" and draw(st.booleans()):
        columns += '[partition_keys]\np = "a"\n'
    plain = draw(st.sampled_from([DOCUMENTS, DOCUMENTS_OF_OBJECTS]))
    one = {"json": plain, "cloudwatch-logs": MESSAGES, "text": LOG_TEXTS, "dynamodb": CHANGES}[source]
    together = st.builds(
        lambda parts, between, is_list: f"[{','.join(parts)}]" if is_list else between.join(parts),
        st.lists(one, min_size=1, max_size=4),
        st.sampled_from(["\n", "", ",", " \r\n ", ",,"]),
        st.booleans(),
    )
    payload = (together if many else one).map(str.encode)
    payloads = draw(st.lists(payload | payload | payload | payload.map(gzip.compress) | ODD, min_size=1, max_size=5))
    return layered(source, parses, explode, rest, columns), payloads


def check(config, payloads):
    expected = [(one.result, one.reason, one.data, one.metadata) for one in Oracle(config).batch(payloads, {}, NOW_MS)]
    for count in (1, 40):
        batch = Pipeline.from_toml(config).run(payloads * count, now_ms=NOW_MS)
        metadata = batch.metadata or [None] * len(batch)
        answers = list(zip(batch.result, batch.reason, batch.data, metadata, strict=True))
        for position, answer in enumerate(answers):
            assert answer == expected[position % len(payloads)], f"record {position % len(payloads)}, {count} times"


@pytest.mark.usefixtures("both_ways")
@MANY
@given(runs())
def test_layers_equal_the_oracle(run):
    """Whatever is parsed, exploded, left out or nulled, alone and many times over."""
    config, payloads = run
    note(config)
    check(config, payloads)


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize("order", ["outer inner", "inner outer"])
def test_the_order_of_tables_changes_nothing(order):
    """A list is exploded when all that is outside of it is parsed: what is bad there fails, and no text is repeated."""
    tables = {"outer": '[parse.outer]\nof = "x"\n', "inner": '[parse.inner]\nof = "outer.t"\n'}
    config = "".join(map(tables.get, order.split()))
    config += '[explode]\npath = "h"\n[columns]\na = "inner.a"\ni = "item"\n'
    payloads = [
        json.dumps({"x": json.dumps({"t": text}), "h": elements}).encode()
        for text, elements in (
            ('{"a":1}', [5, 6]),
            ("bad", [5]),
            ("bad", []),
            ('{"b":"%s"}' % ("y" * 300_000), [7] * 29),
        )
    ]
    batch = Pipeline.from_toml(config).run(payloads)
    assert batch.data == [b"1,5\n1,6\n", None, None, b",7\n" * 29]
    assert batch.reason == [None, "parse:inner", "parse:inner", None]
    check(config, payloads[:3])


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("bad", [b"{", b'{"items":[{"sku":1},2]}', b'{"items":[null]}', b'{"items":"x"}'])
def test_lists_of_objects_are_decoded_alike_whatever_stands_beside_them(count, bad):
    """In one call where all of them are such, and one by one where one is not: each answer is that of the record."""
    config = (
        '[explode]\npath = "items"\nindex = "n"\n[columns]\nid = "id"\nn = "n"\nsku = "item.sku"\nqty = "item.qty.a"\n'
    )
    good = [
        json.dumps({"id": n, "items": [{"sku": sku, "qty": {"a": n}}] * (n % 4)}).encode()
        for n, sku in enumerate(["a", 1, 2.50, None, {"x": 1}, [], True, "-0"] * count)
    ]
    for payloads in (good, [*good, bad], [bad, *good]):
        expected = [(one.result, one.reason, one.data) for one in Oracle(config).batch(payloads, {}, NOW_MS)]
        batch = Pipeline.from_toml(config).run(payloads, now_ms=NOW_MS)
        assert list(zip(batch.result, batch.reason, batch.data, strict=True)) == expected


@pytest.mark.parametrize(
    "odd",
    ['a "q" b', "a b", "a b c d", "", None, "[a b] c d"],
    ids=["quote", "few", "more", "empty", "null", "brackets"],
)
@pytest.mark.parametrize("name", ["nlb", "s3-access", "vpc-flow"])
def test_fields_are_told_apart_alike_whatever_stands_beside_them(name, odd):
    """A column of plain lines is split at once, one with a quote or a short line text by text."""
    split = named_formats()[name].splitter()
    plain = [
        "1 2 - 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
        "- 2 3 4 5 6 7 8 9 10 11 12 13 - 15 16 17 18 19 20 21 22 23 24 25 26 27",
    ]
    alone = [split([text]) for text in (*plain, odd)]
    together, refused = split([*plain, odd])
    assert refused == ({2} if alone[2][1] else set())
    for field, values in together.items():
        assert values == [fields[field][0] for fields, _ in alone]
    some, _ = split([*plain, odd], {"bytes", "protocol"})
    assert all(together[field] == values for field, values in some.items())


# ---------------------------------------------------------------- named formats


@pytest.mark.parametrize("name", FORMATS[4:])
def test_a_named_format_reads_its_samples(name):
    """The sample lines of each format are of it, `-` is null, and anything else is not."""
    row = named_formats()[name]
    fields = [f"f{index}" for index in range(7)] if not row.fields and row.pattern is None else []
    parsed, refused = row.splitter(fields)([*row.samples, None, "x y z"])
    assert refused == {len(row.samples) + 1}
    values = {value for column in parsed.values() for value in column[:-2]}
    assert "-" not in values
    assert len(values) > 5


def test_the_configuration_knows_the_named_formats():
    """The words of the table of keys are the rows of the data file, in its order."""
    assert list(named_formats()) == list(FORMATS[4:])


# ---------------------------------------------------------------- bounds

ITEM = '[columns]\na = "a"\n'
BOUNDED = {
    "texts of nothing": ('documents = "many"\n' + ITEM, b'""' * 8_000_000),
    "objects of nothing": ('documents = "many"\n' + ITEM, b"{}" * 5_000_000),
    "a list of a million": ('documents = "many"\n' + ITEM, b"[" + b",".join([b"{}"] * 1_000_000) + b"]"),
    "lines": ('documents = "many"\n' + ITEM, b"{}\n" * 1_000_000),
    "lines of text": ('source = "text"\ndocuments = "many"\n', b"x\n" * 1_000_000),
    "an exploded list": (
        '[explode]\npath = "l"\n[columns]\nx = "item"\n',
        b'{"l":[' + b",".join([b"1"] * 1_000_000) + b"]}",
    ),
    "events": (
        'source = "cloudwatch-logs"\n[columns]\nm = "message"\n',
        b'{"messageType":"DATA_MESSAGE","logEvents":[' + b",".join([b"{}"] * 200_000) + b"]}",
    ),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_too_many_rows_fail_their_record_alone(name):
    """A record of more than 100,000 rows fails with `rows`, and its neighbour goes out."""
    config, payload = BOUNDED[name]
    good = {"source": b"one\n", "[explo": b'{"l":[1]}', "docume": b'{"a":1}'}.get(config[:6])
    if "cloudwatch" in config:
        good = b'{"messageType":"DATA_MESSAGE","logEvents":[{"message":"x"}]}'
    elif config.startswith("source"):
        good = b"one\n"
    batch = Pipeline.from_toml(config).run([good, gzip.compress(payload, 1), good])
    assert batch.reason == [None, "rows", None]
    assert batch.data[0] == batch.data[2] != None  # noqa: E711
