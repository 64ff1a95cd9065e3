"""The projection: whatever a decoder was generated or widened for, the values are those of each record read alone.

The reference is `fallback.Document`, which `test_pipeline.py` holds against the oracle; types and rows are not tested.
Invariant: no table here depends on which records stand beside the one it is about.
"""

import gzip
import json
import random
import traceback

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from strategies import OTHER_PATHS, PLAIN_PATHS, SPLIT_NEIGHBOURS, documents, malformed_payloads

from fastxform.config.keys import IMAGES as IMAGE_PATHS
from fastxform.core.payloads import DecompressionError, decompress
from fastxform.core.values import BAD_PATH, BAD_TYPE, Json, Number, text_of
from fastxform.decode import decoder, dynamodb, fallback, validation
from fastxform.decode.decoder import Reading
from fastxform.decode.fields import ConflictError, DecodeKind, FieldTree, Images, meet
from fastxform.decode.projection import WIDENINGS, FieldRequest, Projector
from fastxform.query import paths

IMAGES = Images(IMAGE_PATHS)
MANY = decoder.FIRST_LOOK + 1
"""So many refused records of one shape, and the decoder is widened for it."""


def projector(source="json", **columns):
    """A projector for columns, each a path or a path and a kind; the name of a column is free."""
    pairs = {name: (spec, "auto") if isinstance(spec, str) else spec for name, spec in columns.items()}
    return Projector(
        [FieldRequest(name, paths.compile_path(path), kind) for name, (path, kind) in pairs.items()],
        IMAGES if source == "dynamodb" else None,
    )


def outcome(values, row):
    """The value of a row as `alone` spells it; a float stays one."""
    if row in values.fallback:
        return values.fallback[row]
    value = values.values[row]
    if values.kind == "num" and value is not None:
        return Number(value) if dynamodb.NUMBER.fullmatch(value) else BAD_TYPE
    return Number(value) if type(value) is int else value


def is_same(found, expected, kind="auto"):
    if kind == "string" and type(expected) is Json:  # of which only the text matters
        expected = str(expected) if type(found) is str else expected
    if kind in ("int64", "timestamp") and expected == "-0":  # a zero of these has no sign
        return found in ("0", "-0") and type(found) is Number
    if type(found) is float:
        return type(expected) is Number and repr(float(expected)) == repr(found)
    return type(found) is type(expected) and found == expected


def read(subject, payloads):
    """One column a name, a list of outcomes each; no record may be refused."""
    projection = subject.project(payloads)
    assert projection.failed == {}
    return {name: [outcome(values, row) for row in range(len(payloads))] for name, values in projection.columns.items()}


def check_alone(subject, requests, payloads, source):
    """Every value, and every reason, is that of the record alone."""
    projection = subject.project(payloads)
    texts, reasons = [], {}
    for row, payload in enumerate(payloads):
        try:
            texts.append(payload and decompress(payload))
        except DecompressionError as error:
            texts.append(None)
            reasons[row] = error.reason
        else:
            if reason := validation.reject_reason(texts[row]):
                reasons[row] = reason
    assert projection.failed == reasons
    for row, payload in enumerate(texts):
        if row in reasons:
            continue
        document = fallback.Document(payload, IMAGES if source == "dynamodb" else None)
        for request in requests:
            expected = document.evaluate(request.path, request.form)
            found = outcome(projection.columns[request.name], row)
            assert is_same(found, expected, request.kind), (
                f"{request.path} as {request.kind}: {found!r}, alone {expected!r}, of {payload!r}"
            )


# ---------------------------------------------------------------- the property

KINDS = ("auto", "auto", "string", "int64", "float64", "decimal", "bool", "timestamp", "date", "json", "binary")
# fmt: off
CLASHING_PATHS = {
    "json": (
        "o || o.p", "(o || o.p).p", "(o.p || o).q", "(o || m.p).q", "(o.p || m).q", "(o || m).p.q", "(o || m || a).p",
        "o.p || m.p || a", "b || o", "o || b", "l || o.q", "c || b", "l.p", "l[?p=='x'].k | [0]", "l[?k=='v'].k | [0]",
        "l[?k=='v'].p.q | [0]", "o[?k=='v'].y | [0]", "a[?k=='v'].y | [0]", "o.q[?k=='v'].y | [0]", "a || a",
    ),
    "dynamodb": (
        "dynamodb", "dynamodb.NewImage", "dynamodb.Keys.id || tableName", "(dynamodb.NewImage || dynamodb).a",
        "(dynamodb.NewImage.m || dynamodb.OldImage).x", "(dynamodb.NewImage || dynamodb.OldImage.m).a",
        "(dynamodb.NewImage.m || dynamodb.OldImage.m).x", "(dynamodb.OldImage || dynamodb.NewImage).m.x",
        "dynamodb.NewImage.m.x || dynamodb.OldImage.m.k || dynamodb.NewImage.a", "userIdentity.type || eventName",
        "dynamodb.NewImage.b || dynamodb.OldImage.b", "dynamodb.NewImage.m || dynamodb.OldImage.m",
        "dynamodb.NewImage.m || dynamodb.NewImage.m.x", "(dynamodb || dynamodb).Keys.id",
    ),
}
# fmt: on


@st.composite
def batches(draw, source):
    """Columns that clash, documents, and a few of them so often that a decoder is widened for them."""
    pool = st.sampled_from(PLAIN_PATHS[source] + CLASHING_PATHS[source])
    texts = draw(st.lists(st.one_of(pool, pool, pool, st.sampled_from(OTHER_PATHS[source])), min_size=1, max_size=5))
    requests = [
        FieldRequest(index, paths.compile_path(text), draw(st.sampled_from(KINDS))) for index, text in enumerate(texts)
    ]
    good = draw(st.lists(documents(source).map(str.encode), min_size=1, max_size=6))
    bad = draw(st.lists(malformed_payloads(source), max_size=2))
    return requests, draw(st.permutations(good + bad)), draw(st.sampled_from(good))


@pytest.mark.parametrize("source", ["json", "dynamodb"])
def test_projection_equals_each_record_alone(source):
    """At first, widened by one shape, widened by all that came: the same values and reasons."""

    @settings(max_examples=60)
    @given(batches(source))
    def check(batch):
        requests, payloads, often = batch
        note([(request.path, request.kind) for request in requests])
        subject = Projector(requests, IMAGES if source == "dynamodb" else None)
        check_alone(subject, requests, payloads, source)
        check_alone(subject, requests, [*payloads, *[often] * MANY], source)
        for payload in payloads:
            subject.project([payload] * MANY)
        check_alone(subject, requests, payloads, source)

    check()


# ---------------------------------------------------------------- lanes

# fmt: off
PLAIN_TEXTS = (
    '"x"', '""', '"1"', "1", "0", "-0", "-0.0", "0.0", "1.10", "1E400", "9" * 25, "9" * 400, "9" * 5_000, "-1e-400",
    "true", "false", "null", "[]", "{}", "[ 1.10 , -0 ]", '{ "p" : 1E400, "p" : null }', r'"\u0041"',
    "9007199254740993",
)
# fmt: on


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
@pytest.mark.parametrize("path", ["a", "o.a", "a || b", "(o || m).a", "l[?k=='v'].a | [0]"])
def test_a_plain_lane_reads_every_value_however_wide_it_is(path, kind):
    """Each text, before and after the decoder has met many of each other text."""
    requests = [FieldRequest("c", paths.compile_path(path), kind)]
    shape = '{"a":%s,"b":"b","o":{"a":%s},"l":[{"k":"w"},{"k":"v","a":%s}]}'
    payloads = [(shape % (text, text, text)).encode() for text in PLAIN_TEXTS]
    for often in payloads:
        subject = Projector(requests)
        check_alone(subject, requests, payloads + [often] * MANY, "json")
        check_alone(subject, requests, payloads, "json")


ATTRIBUTES = {
    "S": ({"S": "x"}, {"S": ""}, {"S": "1"}),
    "N": ({"N": "1"}, {"N": "-0"}, {"N": "0"}, {"N": "1.10"}, {"N": "9" * 38}),
    "BOOL": ({"BOOL": True}, {"BOOL": False}),
    "NULL": ({"NULL": True},),
    "M": ({"M": {}}, {"M": {"x": {"S": "y"}}}),
    "L": ({"L": []}, {"L": [{"N": "1.10"}, {"NULL": True}]}),
    "SS": ({"SS": []}, {"SS": ["a", "b"]}),
    "NS": ({"NS": ["1", "1.0"]},),
}
BINARIES = {
    False: ({"B": ""}, {"B": "YQ=="}, {"BS": ["YQ=="]}),
    True: ({"B": ""}, {"B": "WVE9PQ=="}, {"BS": ["WVE9PQ=="]}),
}
MALFORMED = {
    "nothing": {},
    "two members": {"S": "x", "N": "1"},
    "two members, one null": {"S": None, "N": "1"},
    "unknown type": {"X": "x"},
    "unknown type beside a known one": {"S": "x", "X": 1},
    "NULL false": {"NULL": False},
    "NULL null": {"NULL": None},
    "S null": {"S": None},
    "S number": {"S": 1},
    "N of no number": {"N": "abc"},
    "N empty": {"N": ""},
    "N number": {"N": 1},
    "BOOL text": {"BOOL": "true"},
    "M list": {"M": []},
    "B of no base64": {"B": "***"},
    "no object": 5,
    "null": None,
}
ATTRIBUTE_PATHS = (
    "dynamodb.NewImage.a",
    "dynamodb.NewImage.a || dynamodb.OldImage.a",
    "(dynamodb.OldImage || dynamodb.NewImage).a",
    "dynamodb.NewImage.m.a",
    "dynamodb.NewImage.a.x",
)


def change(attribute, double):
    """A change in one of the two shapes that holds the attribute in all the places that are read."""
    image = {"a": attribute, "m": {"M": {"a": attribute}}}
    shape = {} if double else {"eventVersion": "1.1"}
    return json.dumps(shape | {"dynamodb": {"NewImage": image}}).encode()


@pytest.mark.parametrize("double", [False, True], ids=["streams", "kinesis"])
@pytest.mark.parametrize("path", ATTRIBUTE_PATHS)
@pytest.mark.parametrize("kind", ["auto", "int64", "bool", "json"])
def test_an_attribute_lane_reads_every_attribute_however_wide_it_is(path, kind, double):
    """All types of attributes and all that is none, before and after the decoder has met many of each."""
    requests = [FieldRequest("c", paths.compile_path(path), kind)]
    attributes = [each for group in ATTRIBUTES.values() for each in group] + list(BINARIES[double])
    payloads = [change(each, double) for each in [*attributes, *MALFORMED.values()]]
    for often in payloads:
        subject = Projector(requests, IMAGES)
        check_alone(subject, requests, payloads + [often] * MANY, "dynamodb")
        check_alone(subject, requests, payloads, "dynamodb")


@pytest.mark.parametrize("double", [False, True], ids=["streams", "kinesis"])
@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ({"S": "x"}, "x"),
        ({"N": "1.10"}, Number("1.10")),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"M": {"x": {"S": "y"}}}, Json('{"x":"y"}')),
        ({"L": [{"N": "1.0"}]}, Json("[1.0]")),
        ({"SS": ["a"]}, Json('["a"]')),
        ({"NS": ["1.0"]}, Json("[1.0]")),
    ],
    ids=str,
)
def test_the_value_of_an_attribute(attribute, expected, double):
    """Each type has its plain value, in a narrow decoder and in a wide one."""
    subject = projector("dynamodb", c="dynamodb.NewImage.a")
    payload = change(attribute, double)
    assert is_same(read(subject, [payload])["c"][0], expected)
    assert all(is_same(found, expected) for found in read(subject, [payload] * MANY)["c"])


@pytest.mark.parametrize("double", [False, True], ids=["streams", "kinesis"])
def test_binary_values_carry_one_layer_of_base64(double):
    """The Kinesis shape has two, and one is taken off."""
    layers = "WVE9PQ==" if double else "YQ=="
    subject = projector("dynamodb", b="dynamodb.NewImage.a", c=("dynamodb.NewImage.a", "binary"))
    assert read(subject, [change({"B": layers}, double)] * MANY) == {"b": ["YQ=="] * MANY, "c": ["YQ=="] * MANY}


@pytest.mark.parametrize("count", [1, MANY], ids=["one", "many"])
@pytest.mark.parametrize("attribute", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_attribute_is_a_type_mistake(attribute, count):
    """It is never a guess, and never a value of the neighbour."""
    subject = projector("dynamodb", c="dynamodb.NewImage.a")
    good = change({"S": "x"}, False)
    found = read(subject, [good, *[change(attribute, False)] * count, good])
    assert found["c"] == ["x", *[BAD_TYPE] * count, "x"]


# ---------------------------------------------------------------- widening


def test_a_batch_with_a_rare_odd_record_is_not_widened():
    """Up to `FIRST_LOOK` odd records are read alone, and the decoder stays as it is."""
    subject = projector(n=("n", "int64"), s=("s", "string"))
    before = [subject.decoders[0].members.decode_kind(request).kind for request in subject.decoders[0].members.requests]
    odd = [b'{"n":1.5,"s":5}'] * (decoder.FIRST_LOOK - 1)
    found = read(subject, [b'{"n":1,"s":"x"}'] * 50 + odd)
    assert [
        subject.decoders[0].members.decode_kind(request).kind for request in subject.decoders[0].members.requests
    ] == before
    assert found["n"] == [Number("1")] * 50 + [Number("1.5")] * len(odd)


@pytest.mark.parametrize(
    ("source", "path", "kind", "often", "expected"),
    [
        ("json", "a", "int64", b'{"a":"x"}', "any"),
        ("json", "a", "auto", b'{"a":[]}', "raw"),
        ("json", "a", "string", b'{"a":{}}', "raw"),
        ("json", "a.b", "string", b'{"a":null}', "str"),
        ("dynamodb", "dynamodb.Keys.id", "auto", b'{"dynamodb":{"Keys":{"id":{"N":"1"}}}}', "scalars"),
        ("dynamodb", "dynamodb.Keys.id", "int64", b'{"dynamodb":{"Keys":{"id":{"NULL":true}}}}', "scalars"),
        ("dynamodb", "dynamodb.Keys.id", "auto", b'{"dynamodb":{"Keys":{"id":{"L":[]}}}}', "attribute"),
        ("dynamodb", "dynamodb.Keys.id", "auto", b'{"dynamodb":{"Keys":{"id":{"X":1}}}}', "attribute"),
        ("json", "a", "int64", b'{"a":"x"', "int"),
    ],
)
def test_a_decoder_is_widened_for_a_shape_that_is_frequent(source, path, kind, often, expected):
    """As far as the shape asks and no further; what is no record widens nothing."""
    subject = projector(source, c=(path, kind))
    subject.project([often] * MANY)
    members = subject.decoders[0].members
    assert members.decode_kind(members.requests[0]).kind == expected


def test_a_widened_decoder_refuses_nothing_that_it_was_widened_for():
    """The second batch of an odd shape is decoded, not read record by record."""
    subject = projector(a="o.a", b=("b", "int64"))
    odd = [b'{"o":null,"b":"x"}'] * MANY
    assert read(subject, odd) == {"a": [None] * MANY, "b": ["x"] * MANY}
    found = Reading(subject.decoders[0]).read(odd)
    assert found is not None and found[1] == set()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("str", "str", "str"),
        ("str", "int", "any"),
        ("int", "any", "any"),
        ("raw", "bool", "raw"),
        ("any", "raw", "raw"),
        ("S", "S", "S"),
        ("S", "N", "scalars"),
        ("BOOL", "scalars", "scalars"),
        ("attribute", "S", "attribute"),
        ("scalars", "attribute", "attribute"),
    ],
)
def test_the_kind_that_takes_two(one, other, expected):
    """Whichever comes first; and a lane says whether it changed."""
    assert meet(one, other) == meet(other, one) == expected
    decode_kind = DecodeKind(one)
    assert (decode_kind.widen(other), decode_kind.kind) == (one != expected, expected)


# ---------------------------------------------------------------- paths that clash


def test_an_object_and_its_member_are_decoded_in_two_passes():
    """`o` as text of JSON and `o.x` out of it."""
    subject = projector(whole=("o", "json"), part="o.x", again="o")
    assert [len(each.members.requests) for each in subject.decoders] == [2, 1]
    assert subject.fallback_requests == []
    found = read(subject, [b'{"o":{ "x" : 1.0 }}', b'{"o":"x"}', b"{}"])
    assert found["whole"] == ['{"x":1.0}', '"x"', None]
    assert found["again"] == ['{"x":1.0}', "x", None]
    assert found["part"] == [Number("1.0"), None, None]


def test_columns_of_one_member_share_its_lane():
    """Directly, or through a third column that reads both members."""
    subject = projector(a=("a", "int64"), b=("b", "string"), either=("a || b", "string"))
    members = subject.decoders[0].members
    assert len({id(members.decode_kind(request)) for request in members.requests}) == 1
    assert read(subject, [b'{"a":1,"b":"x"}']) == {"a": [Number("1")], "b": ["x"], "either": [Number("1")]}


def test_a_path_that_clashes_leaves_no_trace():
    """The tree is as it was, so that the next decoder takes the path whole."""
    members = FieldTree(None)
    members.add(FieldRequest("a", paths.compile_path("o.p"), "auto"))
    with pytest.raises(ConflictError):
        members.add(FieldRequest("b", paths.compile_path("new || o"), "auto"))
    assert set(members.root.children) == {"o"}
    assert [request.name for request in members.requests] == ["a"]


@pytest.mark.parametrize("path", ["a || a.b", "a.b || a", "(a || a.b).b", "l[?k=='v'].k | [0]", "l[?k=='v'].k.x | [0]"])
def test_a_path_that_clashes_with_itself_is_read_alone(path):
    """No decoder can take it, and it takes none of the others down."""
    subject = projector(c=path, other="x")
    assert [request.name for request in subject.fallback_requests] == ["c"]
    payloads = [
        b'{"a":{"b":{"b":1}},"l":[{"k":"v"}],"x":1}',
        b'{"a":"","x":1}',
        b'{"a":{"b":2},"l":[{"k":{"x":1}}],"x":1}',
    ]
    check_alone(subject, subject.fallback_requests, payloads, "json")
    assert read(subject, payloads)["other"] == [Number("1")] * 3


# ---------------------------------------------------------------- (a || b).c and a || b

SIDES = {
    "missing": "",
    "null": '"%s":null,',
    "empty": '"%s":{ },',
    "object without the member": '"%s":{"z":1},',
    "member null": '"%s":{"p":null},',
    "member": '"%s":{"p":"%s"},',
    "member empty": '"%s":{"p":""},',
    "member false": '"%s":{"p":false},',
    "member zero": '"%s":{"p":0},',
    "member object": '"%s":{"p":{"q":{}}},',
    "member empty list": '"%s":{"p":[ ]},',
    "text": '"%s":"text",',
    "empty text": '"%s":"",',
    "zero": '"%s":0,',
    "false": '"%s":false,',
    "true": '"%s":true,',
    "empty list": '"%s":[],',
    "list": '"%s":[{"p":1}],',
}


def sides(*names):
    """All documents whose members of these names are each one of the sides."""
    texts = [""]
    for name in names:
        filled = [side.replace("%s", name, 1).replace("%s", f"of {name}") for side in SIDES.values()]
        texts = [text + side for text in texts for side in filled]
    return [f'{{{text}"end":1}}'.encode() for text in texts]


@pytest.mark.parametrize(
    "path",
    [
        "(a || b).p",
        "(b || a).p",
        "(a || b).p.q",
        "a || b",
        "a.p || b.p",
        "(a || b.p).q",
        "(a.p || b).p",
        "a.p || b",
        "(a || a).p",
        "(a || b || a).p",
    ],
)
@pytest.mark.parametrize("kind", ["auto", "string", "int64", "bool", "json"])
def test_either_side_may_be_anything(path, kind):
    """The side that counts is JMESPath's choice, in a decoder that is new and in one that has seen it all."""
    requests = [FieldRequest("c", paths.compile_path(path), kind)]
    payloads = sides("a", "b")
    subject = Projector(requests)
    for payload in payloads:
        assert is_same(
            outcome(subject.project([payload]).columns["c"], 0),
            fallback.Document(payload).evaluate(requests[0].path, requests[0].form),
        ), payload
    check_alone(subject, requests, payloads, "json")
    check_alone(subject, requests, payloads, "json")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"a":{"p":1},"b":{"p":2}}', "1"),
        (b'{"b":{"p":2}}', "2"),
        (b'{"a":null,"b":{"p":2}}', "2"),
        (b'{"a":{},"b":{"p":2}}', "2"),
        (b'{"a":{"z":1},"b":{"p":2}}', None),
        (b'{"a":5,"b":{"p":2}}', None),
        (b'{"a":"","b":{"p":2}}', "2"),
        (b'{"a":false,"b":{"p":2}}', "2"),
        (b'{"a":{"p":0},"b":{"p":2}}', "0"),
        (b'{"a":[],"b":{"p":2}}', "2"),
        (b'{"a":{"p":-0}}', "-0"),
    ],
    ids=str,
)
def test_the_side_that_is_picked(payload, expected):
    """The first that is there and not empty, even where it lacks the member."""
    assert read(projector(c="(a || b).p"), [payload])["c"] == [expected]


def test_sides_of_different_depth_and_type_have_their_own_way_down():
    """One side is the image, the other a map of attributes in it; one is null at times, the other never."""
    subject = projector(
        "dynamodb",
        c="(dynamodb.NewImage.m || dynamodb.OldImage).x",
        d="(dynamodb.NewImage || dynamodb.OldImage.m).x",
    )
    new, old = {"x": {"S": "new"}}, {"x": {"S": "old"}}
    images = [
        ({"m": {"M": new}}, {}),
        ({}, old),
        ({}, {"m": {"M": old}}),
        (new, {}),
    ]
    payloads = [json.dumps({"dynamodb": {"NewImage": one, "OldImage": two}}).encode() for one, two in images]
    assert read(subject, payloads) == {"c": ["new", "old", None, None], "d": [None, None, "old", "new"]}
    nullable = projector(c="(a || b).p.q", d="a.p.q")
    odd = [b'{"a":{"p":null},"b":{"p":{"q":1}}}'] * MANY
    assert read(nullable, odd) == {"c": [None] * MANY, "d": [None] * MANY}


# ---------------------------------------------------------------- x[?k=='v'].y | [0]

# fmt: off
LISTS = (
    '[{"k":"v","y":1}]', '[{"k":"w","y":1},{"k":"v","y":2}]', '[{"k":"v"},{"k":"v","y":null},{"k":"v","y":"z"}]', "[]",
    '[{"k":5,"y":1},{"k":"v","y":2}]', '[{"k":null,"y":1}]', '[{"k":["v"],"y":1}]', '[{"k":{"k":"v"}}]', "{}", "null",
    '{"k":"v","y":1}', '"v"', "5", "true", "[null]", "[5,null,[],{},{\"k\":\"v\",\"y\":3}]", '[[{"k":"v","y":1}]]',
    '[{"k":"v","y":{"p":1.0}},{"k":"v","y":5}]', '[{"k":"v","y":-0}]', '[{"k":"v","y":false}]', '[{"k":"v","y":[]}]',
    '[{"k":"v","y":""}]', r'[{"\u006b":"\u0076","y":"\u0041"}]', '[{"k":"v","k":"w","y":1}]', '[{"y":1}]',
    '[{"k":"v","y":{"p":null}},{"k":"v","y":null},{"k":"v","y":{"p":"z"}}]',
)
# fmt: on


@pytest.mark.parametrize("path", ["x[?k=='v'].y | [0]", "x[?k=='v'].y.p | [0]", "o.x[?k=='v'].y | [0]"])
@pytest.mark.parametrize("kind", ["auto", "int64", "string", "json"])
@pytest.mark.parametrize("others", [(), ("x",), ("x.k", "x"), ("x[?y=='v'].k | [0]", "o")], ids=str)
def test_a_list_that_is_searched_may_be_anything(path, kind, others):
    """A scalar, an object, a list of what is no object; selected whole too, before or after; rare or frequent."""
    texts = [f'{{"x":{text},"o":{{"x":{text}}}}}'.encode() for text in LISTS] + [b"{}", b'{"o":null}']
    for order in ([path, *others], [*others, path]):
        requests = [FieldRequest(text, paths.compile_path(text), kind if text == path else "auto") for text in order]
        subject = Projector(requests)
        check_alone(subject, requests, texts, "json")
        for often in texts:
            subject.project([often] * MANY)
        check_alone(subject, requests, texts, "json")


def test_the_first_entry_that_matches():
    """Not null, of an element whose key is that text; null where there is no list."""
    subject = projector(c="x[?k=='v'].y | [0]")
    found = read(subject, [f'{{"x":{text}}}'.encode() for text in LISTS[:12]])
    assert found["c"] == [Number("1"), Number("2"), "z", None, Number("2"), *[None] * 7]


def test_a_list_of_attributes_is_searched_as_plain_values():
    """The records of a DynamoDB stream are read alone for it."""
    subject = projector("dynamodb", c="dynamodb.NewImage.l[?k=='v'].y | [0]", d="tags[?k=='v'].y | [0]")
    assert len(subject.fallback_requests) == 2
    entries = [{"M": {"k": {"S": "w"}}}, {"M": {"k": {"S": "v"}, "y": {"N": "1.0"}}}]
    payload = json.dumps({"dynamodb": {"NewImage": {"l": {"L": entries}}}, "tags": [{"k": "v", "y": "t"}]}).encode()
    assert read(subject, [payload]) == {"c": [Number("1.0")], "d": ["t"]}


# ---------------------------------------------------------------- records


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("-0", "auto", Number("-0")),
        ("-0", "int64", Number("0")),
        ("-0", "float64", Number("-0")),
        ("-0.0", "auto", Number("-0.0")),
        ("0", "auto", Number("0")),
        ("1.10", "decimal", Number("1.10")),
        ("9" * 25, "auto", Number("9" * 25)),
        ("9" * 400, "int64", Number("9" * 400)),
        ("9" * 400, "float64", Number("9" * 400)),
        ("9" * 5_000, "auto", Number("9" * 5_000)),
        ("1E400", "float64", Number("1E400")),
        ("-0", "json", Json("-0")),
        ("1E400", "json", Json("1E400")),
    ],
)
def test_numbers_keep_their_digits(text, kind, expected):
    """However large they are, and the sign of zero where its type has one."""
    assert read(projector(c=("a", kind)), [f'{{"a":{text}}}'.encode()])["c"] == [expected]


@pytest.mark.parametrize("count", [1, MANY], ids=["one", "many"])
def test_an_object_on_the_way_may_be_null(count):
    """`userIdentity` is null in every change that nobody's time to live caused."""
    subject = projector("dynamodb", c="userIdentity.type", d="userIdentity.principalId")
    service = b'{"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}}'
    found = read(subject, [b'{"userIdentity":null}'] * count + [service, b"{}"])
    assert found["c"] == [None] * count + ["Service", None]
    assert found["d"] == [None] * count + ["dynamodb.amazonaws.com", None]


@pytest.mark.parametrize("neighbours", SPLIT_NEIGHBOURS, ids=str)
def test_broken_neighbours_do_not_complete_each_other(neighbours):
    """Each is judged alone, and the records around them are read."""
    subject = projector(a="a", b="b")
    payloads = [b'{"a":"first"}', *neighbours, b'{"a":"last"}']
    check_alone(subject, subject.decoders[0].members.requests, payloads, "json")


def test_halves_of_a_document_are_two_failures():
    """Cut between two members, and between two bytes of one character."""
    subject = projector(a="a", b="b")
    assert subject.project([b'{"a":1', b',"b":2}']).failed == {0: "json", 1: "json"}
    assert subject.project([b'{"a":"\xe4\xb8', b'\x8b"}']).failed == {0: "utf8", 1: "utf8"}


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("bad", [None, b"", b"{", b'{"z":"\xff"}', b"[" * 2_000, b"5", b'\xef\xbb\xbf{"a":1}'], ids=str)
def test_a_payload_that_is_no_record_has_no_values(bad, row):
    """Not in a member that nobody selected either; its neighbours have theirs."""
    payloads = [b'{"a":"\xc3\xa9"}'] * 3
    payloads[row] = bad
    projection = projector(a="a", b="length(a)").project(payloads)
    assert list(projection.failed) == [row]
    assert projection.columns["a"].values == [None if at == row else "é" for at in range(3)]
    assert projection.columns["b"].values == [None if at == row else Number("1") for at in range(3)]


def test_a_path_that_jmespath_raises_for_marks_its_record():
    """Its other columns have their values."""
    found = read(projector(a="length(a)", b="b"), [b'{"a":"xy","b":1}', b'{"a":5,"b":2}'])
    assert found == {"a": [Number("2"), BAD_PATH], "b": [Number("1"), Number("2")]}


def test_rows_can_be_taken():
    """With those that were read alone, in the order asked for."""
    values = projector(c=("a", "int64")).project([b'{"a":1}', b'{"a":"x"}', b'{"a":3}']).columns["c"]
    taken = values.take([1, 2])
    assert (taken.values, taken.fallback) == ([None, 3], {0: "x"})


def test_no_columns_and_no_records():
    """A projector without columns still says what is no record."""
    assert projector().project([b"{}", b"{"]).failed == {1: "json"}
    assert projector(a="a").project([]).columns["a"].values == []


# fmt: off
NAMES = ("class", "", "a b", 'quote"', "back\\slash", "new\nline", "__init__", "名", "{}", "x", "roots", "f0", "k0")
# fmt: on


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_members_are_never_source(name):
    """Any name can be read, any text searched for."""
    quoted = json.dumps(name, ensure_ascii=False)
    texts = [quoted, f"l[?{quoted}=='{name}'].y | [0]", f"l[?y=='{name}'].{quoted} | [0]", f"({quoted} || o).{quoted}"]
    requests = [FieldRequest(text, paths.compile_path(text), "auto") for text in texts]
    subject = Projector(requests)
    payload = json.dumps({name: 1, "l": [{name: name, "y": name}], "o": {name: 3}}).encode()
    check_alone(subject, requests, [payload, b"{}"], "json")
    assert read(subject, [payload])[quoted] == [Number("1")]


@pytest.mark.parametrize("depth", [1, 511, 512, 513, 600, 900])
@pytest.mark.parametrize("filler", [0, 1, 60, 64, 300, 5_000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_no_valid_document_that_is_too_deep_is_taken_for_a_shallow_one(depth, filler, opening):
    """The quick look is never wrong in that direction, wherever the brackets stand."""
    deep = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    for text in (f'["{"x" * filler}",{deep}]', f'[{deep},"{"x" * filler}"]', f'["{"[" * filler}",{deep}]'):
        document = text.encode()
        json.loads(document)
        assert validation.is_deep(document) == (depth + 1 > 512)
        texts = [b"{}", document]
        assert (validation.deep_rows(texts, validation.long_rows(texts)) == [1]) == validation.is_deep(document)


def test_compressed_records_are_read_where_they_stand():
    """Among others, and more than one chunk of them; a broken one is refused with its own reason."""
    plain = [b'{"a":%d}' % number for number in range(1_200)]
    payloads = [gzip.compress(text, 1) if row % 3 == 0 else text for row, text in enumerate(plain)]
    payloads[600] = payloads[600][:-3]
    payloads[601] = None
    projection = projector(a=("a", "int64")).project(payloads)
    assert projection.failed == {600: "compression", 601: "base64"}
    assert projection.columns["a"].values == [None if row in (600, 601) else row for row in range(1_200)]
    assert projection.compressed == [row for row in range(0, 1_200, 3) if row != 600]


def test_records_that_unpack_to_much_are_read_in_parts(monkeypatch):
    """What is unpacked at once is bounded, whatever a batch holds; each record keeps its place."""
    monkeypatch.setattr("fastxform.decode.projection.CHUNK_UNPACKED_BYTES", 3_000)
    plain = [json.dumps({"a": number, "b": "x" * 1_000}).encode() for number in range(50)]
    payloads = [text if row % 5 == 2 else gzip.compress(text) for row, text in enumerate(plain)]
    payloads[7] = gzip.compress(b"[]")
    projection = projector(a=("a", "int64"), b="length(b)").project(payloads)
    assert projection.failed == {7: "not_object"}
    assert projection.columns["a"].values == [None if row == 7 else row for row in range(50)]


def test_a_batch_is_read_anew_only_so_often(monkeypatch):
    """Shapes that come one after the other widen the decoders over several batches; the values are the same."""
    names = [f"c{number}" for number in range(12)]
    subject = projector(**{name: name for name in names})
    odd = [json.dumps({name: {"x": 1}}).encode() for name in names for _ in range(MANY)]
    attempts = []
    attempt = Projector._attempt
    monkeypatch.setattr(Projector, "_attempt", lambda *given, **more: attempts.append(1) or attempt(*given, **more))
    first = subject.project(odd)
    assert len(attempts) == WIDENINGS + 1
    subject.project(odd), subject.project(odd)
    later = subject.project(odd)
    for name in names:
        assert [outcome(first.columns[name], row) for row in range(len(odd))] == [
            outcome(later.columns[name], row) for row in range(len(odd))
        ]


def test_a_traceback_through_generated_code_shows_its_lines():
    """Code that no file holds is registered where tracebacks look for lines."""
    subject = projector(a="a")
    generated = subject.decoders[0].shape.generated
    with pytest.raises(AttributeError) as raised:
        generated.extract([object()], [])
    assert "for x in roots]" in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "values",
    [['"x"', '"\\u0041"', '"2"'], ['"x"', "1.50", "[1, 2]", '{"a" : 1}', "true", '"2"'], ['"x"', "null", "-0"]],
    ids=["texts", "values", "nulls"],
)
def test_lists_that_are_searched_at_once_give_what_each_search_gives(values):
    """Nulls are passed over; there are names without end, and lists of nothing."""
    rng = random.Random(7)
    documents = []
    for _ in range(700):
        elements = []
        for _ in range(rng.randrange(6)):
            name = rng.choice(['"From"', '"To"', '"to"', "null", f'"{rng.random()}"', '"' + "n" * 80 + '"'])
            members = [f'"name":{name}'] * rng.randrange(2) + [f'"value":{rng.choice(values)}'] * rng.randrange(2)
            elements.append("{" + ",".join(members) + "}")
        documents.append(rng.choice(["{}", '{"h":null}', '{"h":[' + ",".join(elements) + "]}"]).encode())
    texts = {name: f"h[?name=='{name}'].value | [0]" for name in ("From", "To", "Cc")}
    requests = [
        FieldRequest((name, kind), paths.compile_path(text), kind)
        for name, text in texts.items()
        for kind in ("string", "auto", "json")
    ]
    found = Projector(requests).project(documents)
    assert not found.failed
    for request in requests:
        column = found.columns[request.name]
        got = [column.fallback.get(row, value) for row, value in enumerate(column.values)]
        expected = [fallback.Document(text).evaluate(request.path, request.form) for text in documents]
        assert list(map(text_of, got)) == list(map(text_of, expected))
    texts_only = Projector(requests).project([b'{"h":[{"name":"To","value":"a"},{"name":"From","value":"b"}]}', b"{}"])
    assert [texts_only.columns[name, "auto"].values for name in texts] == [["b", None], ["a", None], [None, None]]
