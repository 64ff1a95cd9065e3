"""What hypothesis feeds the oracle and the package: payloads, good and malformed, configurations, and batches of both.

Everything is small and clashes on purpose: few member names, values that fit one type and break the next, types that
meet them all. Nothing here computes an expected result. Invariant: every configuration is one that the package accepts.

    payloads         good_payloads(source), malformed_payloads(source), ticker_payloads(), ses_payloads()
    configurations   configs(), TOML text
    both             batches(config), metas(record_count)
"""

import base64
import gzip
import json
import re
import tomllib

from hypothesis import strategies as st

SOURCES = ("json", "dynamodb", "cloudwatch-logs")

# ---------------------------------------------------------------- JSON values, as text

# fmt: off
NUMBERS = (
    "0", "-0", "-0.0", "1", "7", "42", "-5", "1.0", "1.10", "-1.10", "1E3", "1e-5", "1.5e2", "0.1", "123.456",
    "1E400", "-1E400", "1e-400", "5e-324", "1.7976931348623157e308", "123456789012345680.0", "1e16", "12345678901.5",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "12345678901234567890123456789012345678", "1234567890123456789012345678901234567890", "0.00", "100000000.00",
    "1651495525", "1651495525.9", "1651495525900", "1651495525900.25", "1651495525900123", "-1", "-0.5", "1e11",
    "99999999999", "100000000000", "99999999999999", "99999999999999.9", "100000000000000", "-99999999999",
    "253402300799999999", "253402300800000000", "-62135596800", "-62135596801", "1E99999999999999999999",
)

STRINGS = (
    "", "x", "y", "v", "A", "RETAIL", "a,b", 'a"b', "a\nb", "a\rb", "a\r\nb", "a;b", "a\tb", "\n", '"', ",", " pad ",
    "=1+1", "+x", "-x", "-5", "+5", "@x", "\tx", "\rx", "\nx", "'x", "\\N", "a\\nb", "\x00", "\x1f", "\x7f", "null",
    "下野", "😀", "a😀b", "é", "Straße", "\u2028", "\ufeff", "\uffff", "true", "false", "TRUE", "007", "0x1F", "1.10",
    "1E3", "-0", " 1", "1 ", "nan", "Infinity", "1e400", "٣", "9223372036854775807", "9223372036854775808", "-", "1.",
    "2022-05-02T12:45:25.9Z", "2022-05-02 12:45:25", "2022-05-02t12:45:25.123456789+09:00", "2022-05-02T12:45:25",
    "0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00-01:00", "9999-12-31T23:59:59.999999999Z",
    "2022-05-02T12:45+09", "2022-05-02 12:45:25+0900", "2022-05-02 12:45:25.5 UTC", "2022-05-02 12:45 GMT", "20220502",
    "2022-05-02T12:45:25 Z", "1651495525900", "1651495525900123456", "-1651495525.25", "2022-05-02Z",
    "2022-05-02T24:00:00Z", "9999-12-31T23:59:59-00:01", "2016-12-31T23:59:60Z", "2022-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "2022-05-02", "2022-02-29", "2024-02-29", "0000-01-01",
    "2022-5-2", "2022-05-02T12:45Z", "2022-05-02T12:45:25,5Z", "YQ==", "YR==", "YQ=", "YQ", "YWJj", "+/+/", "-_-_",
    "YW Jj", "YQ==\n", "1234",
)

ESCAPED_STRINGS = (
    r'"\u0041"', r'"\u00e9"', r'"\ud83d\ude00"', r'"\/"', r'"\u0000"', r'"\b\f\n\r\t"', r'"\u002c"', r'"x\u0022y"',
    r'"\u003d1"', r'"\\"', r'"\\u0041"', r'"\uFFFF"', '"{[\\"{["',
)

CONTAINERS = (
    "[]", "{}", "[ 1 , 2.10 ]", '["a","b,c"]', '{"p":"x","q":1.10}', '{"p":1,"p":2}', '{ "p" : { "q" : [ ] } }',
    '[{"k":"v","y":1},{"k":"v","y":2}]', '[{"k":"w"},{"k":"v","y":null},{"k":"v","y":"z"}]', '{"k":"v","y":1}',
    '[{"k":"v"}, 5, null, [], {"k":["v"],"y":7}]', r'{"\u0070":"\u0041"}', "[[[]]]", '{"":0}', '[null,false,""]',
)

BROKEN_VALUES = (
    "NaN", "Infinity", "-Infinity", "nan", "nul", "True", "undefined", "'x'", "01", "-", "1.", ".5", "+1", "1e",
    "0x1F", r'"\ud800"', r'"\udc00"', r'"\ud800\u0041"', r'"\ude00\ud83d"', r'"\x41"', r'"\u12"', r'"\u12G4"',
    '"a\nb"', '"\x00"', '"\x1f"', '"a', "[1,]", "[,1]", '{"p":1,}', "{p:1}", '{"p"}', '{"p":}', "[1", '{"p":1', "1 2",
    "/**/1", "", "\x00", r'{"\ud800":1}',
)
# fmt: on


def quoted(text):
    """Spellings of one JSON string."""
    return st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)])


def mostly(common, rare, odds=5):
    """The rare strategy once in so many draws; `one_of` would drop a branch that is named twice."""
    return st.integers(1, odds).flatmap(lambda pick: rare if pick == odds else common)


values = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(STRINGS).flatmap(quoted),
    st.sampled_from(ESCAPED_STRINGS + CONTAINERS + ("null", "true", "false")),
    st.text(st.characters(codec="utf-8"), max_size=6).flatmap(quoted),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
"""The text of one JSON value."""

spaces = st.sampled_from(["", "", "", " ", "\n", "\t\r\n "])


@st.composite
def objects(draw, members, always=()):
    """The text of an object: most of the members, in any order, rarely one twice, with white space here and there."""
    chosen = [name for name in draw(st.permutations(sorted(members))) if name in always or draw(st.integers(0, 3))]
    if chosen and draw(st.integers(0, 5)) == 0:
        chosen.append(chosen[0])
    pairs = [(name, draw(members[name])) for name in chosen]
    space = draw(spaces)
    written = [f"{space}{json.dumps(name)}{space}:{space}{value}{space}" for name, value in pairs]
    return "{" + ",".join(written) + "}"


# ---------------------------------------------------------------- documents of each source

numbers = mostly(st.sampled_from(["1", "7", "42", "-5", "0", "0.0", "9223372036854775807", "1.10"]), values)
texts = mostly(st.sampled_from(['"x"', '"y"', '"A"', '"a,b"', '"下野"', r'"\u0041\u00e9"', '""']), values)
stamps = mostly(st.sampled_from(["1651495525900", '"2022-05-02T12:45:25.9Z"', '"2022-05-02 12:45:25"']), values)
flags = mostly(st.sampled_from(["true", "false", '"true"']), values)
entries = st.lists(
    objects(
        {"k": mostly(st.just('"v"'), texts, 3), "y": numbers, "p": texts, "name": st.sampled_from(['"v"', '"V"', "1"])}
    )
    | objects({"name": st.sampled_from(['"V"', '"v"', '"\u1e7f"']), "value": values}),
    max_size=3,
)
lists = mostly(entries.map(lambda items: f"[{', '.join(items)}]"), values)
event_names = mostly(st.sampled_from(['"INSERT"', '"MODIFY"', '"REMOVE"']), st.sampled_from(['"OTHER"', "null", "5"]))


def json_documents():
    inner = mostly(objects({"p": numbers, "q": texts}), values)
    outer = {"a": numbers, "b": texts, "c": stamps, "x-y": flags, "o": inner, "m": inner, "l": lists}
    return objects(outer | {"eventName": event_names})


def _layered(data, layers):
    for _ in range(layers):
        data = base64.b64encode(data)
    return json.dumps(data.decode())


def _compact(kind, content):
    return f'{{"{kind}":{content}}}'


@st.composite
def attributes(draw, layers=2, depth=2):
    """The text of a well-formed attribute value."""
    number = st.sampled_from([number for number in NUMBERS if "E9" not in number]).map(json.dumps)
    string = st.sampled_from(STRINGS).flatmap(quoted)
    binary = st.binary(max_size=4).map(lambda data: _layered(data, layers))
    choices = [
        string.map(lambda text: _compact("S", text)),
        number.map(lambda text: _compact("N", text)),
        binary.map(lambda text: _compact("B", text)),
        st.sampled_from(
            ['{"BOOL":true}', '{ "BOOL" : false }', '{"NULL":true}', '{"M":{}}', '{"L":[]}', '{"S":"a","S":"b"}']
        ),
        *(
            st.lists(items, max_size=2).map(lambda texts, kind=kind: _compact(kind, f"[{','.join(texts)}]"))
            for kind, items in (("SS", string), ("NS", number), ("BS", binary))
        ),
    ]
    if depth:
        inner = attributes(layers, depth - 1)
        choices.append(objects({"x": inner, "k": inner, "y": inner}).map(lambda text: _compact("M", text)))
        choices.append(st.lists(inner, max_size=3).map(lambda texts: _compact("L", f"[{','.join(texts)}]")))
    return draw(st.one_of(choices))


# fmt: off
MALFORMED_ATTRIBUTES = (
    '{"N":"abc"}', '{"N":5}', '{"N":" 1"}', '{"N":"0x1"}', '{"N":"NaN"}', '{"N":""}', '{"S":5}', '{"S":null}', "{}",
    "[]", '{"S":"a","N":"1"}', '{"X":"a"}', '{"s":"a"}', '"text"', "5", "null", '{"BOOL":"true"}', '{"NULL":false}',
    '{"M":[]}', '{"L":{}}', '{"SS":"a"}', '{"SS":[1]}', '{"NS":["x"]}', '{"NS":[1]}', '{"B":"***"}', '{"B":"YQ"}',
    '{"BS":["YQ"]}', '{"B":5}', '{"M":{"x":5}}', '{"L":[{"S":"a"},"b"]}', '{"M":{"x":{"S":"a"},"z":{"N":"?"}}}',
    '{"B":"Kioq"}',
)
# fmt: on


@st.composite
def changes(draw):
    """A DynamoDB change in one of the two shapes, its attribute values mostly well-formed."""
    streams = draw(st.booleans())
    layers = 1 if streams else 2
    malformed = st.one_of(st.sampled_from(MALFORMED_ATTRIBUTES), attributes(3 - layers, depth=0))
    attribute = mostly(attributes(layers), malformed, 10)
    number = mostly(st.sampled_from(['{"N":"1"}', '{"N":"42"}', '{ "N" : "1.10" }']), attribute)
    text = mostly(st.sampled_from(['{"S":"x"}', '{"S":"a,b"}', '{"S":"下野"}']), attribute)
    item = objects({"a": number, "b": text, "m": attribute, "l": attribute})
    image = mostly(item, st.sampled_from(["null", "{}", "5", "[]"]), 8)
    keys = mostly(objects({"id": text}), st.sampled_from(["null", "{}", "5"]), 8)
    created = ["1651495525", "1651495525900", "1651495525900123", '"x"', "1.65E9"]
    body = {
        "ApproximateCreationDateTime": st.sampled_from(created),
        "Keys": keys,
        "NewImage": image,
        "OldImage": image,
        "SizeBytes": st.just("104"),
    }
    members = {
        "eventName": event_names,
        "userIdentity": st.sampled_from(["null", '{ "type":"Service", "principalId" : "dynamodb.amazonaws.com" }']),
        "tableName": st.just('"cities"'),
        "dynamodb": mostly(objects(body), st.sampled_from(["null", "[]", '"x"', "{}"]), 12),
    }
    shape = st.sampled_from(
        [("eventVersion", '"1.1"'), ("eventSourceARN", '"arn:aws:dynamodb:x"'), ("eventVersion", "null")]
    )
    change = draw(objects(members, always=["dynamodb"]))
    if not streams:
        return change
    name, value = draw(shape)
    return f'{{"{name}":{value},{change[1:]}'


@st.composite
def log_messages(draw):
    """A CloudWatch Logs message, sometimes with nothing to deliver, sometimes ill-shaped."""
    event = objects(
        {
            "id": st.sampled_from(['"37"', '"x"', "5", "null"]),
            "timestamp": st.sampled_from(["1651495525900", '"2022-05-02T12:45:25Z"', "1E400", "null"]),
            "message": st.sampled_from(STRINGS).flatmap(quoted),
        },
    )
    events = st.lists(event, max_size=3).map(lambda texts: f"[{' , '.join(texts)}]")
    kind = draw(st.sampled_from(['"DATA_MESSAGE"'] * 7 + ['"CONTROL_MESSAGE"', '"OTHER"', "null", "5"]))
    shapes = st.sampled_from(["null", "{}", '"x"', "[5]", "[null]", '[{"id":"1"},[]]'])
    log_events = f',"logEvents":{draw(mostly(events, shapes, 8))}' if draw(st.integers(0, 9)) else ""
    rest = draw(
        objects(
            {
                "owner": st.just('"123456789012"'),
                "logGroup": st.sampled_from(['"/aws/lambda/x"', '"a,b"', "null"]),
                "logStream": st.just('"2022/05/02/[$LATEST]x"'),
                "subscriptionFilters": st.sampled_from(['["f"]', '[ "f" , "g" ]', "[]"]),
            },
        ),
    )
    ends = f'"messageType":{kind}{log_events}'
    return rest[:-1] + ("," if rest != "{}" else "") + ends + "}"


def documents(source):
    """The text of documents as the source sends them."""
    return {"json": json_documents(), "dynamodb": changes(), "cloudwatch-logs": log_messages()}[source]


@st.composite
def good_payloads(draw, source="json"):
    """One document in bytes, with white space around it, sometimes gzipped."""
    text = draw(spaces) + draw(documents(source)) + draw(spaces)
    payload = text.encode()
    return gzip.compress(payload, mtime=0) if draw(st.integers(0, 9)) == 0 else payload


@st.composite
def joined_payloads(draw, source="json"):
    """One to three documents in one record."""
    texts = draw(st.lists(documents(source), min_size=1, max_size=3))
    return draw(st.sampled_from(["", " ", "\n"])).join(texts).encode()


# ---------------------------------------------------------------- payloads of the examples


@st.composite
def ticker_payloads(draw):
    """Stock tickers of the blueprint, in any order and spacing; some are not retail, some do not match."""
    symbol = draw(st.sampled_from(["QXZ", "ABCD", "qxz", "A B", ""]))
    sector = draw(st.sampled_from(["RETAIL", "RETAIL", "ENERGY", "retail"]))
    pairs = [
        ("TICKER_SYMBOL", json.dumps(symbol)),
        ("SECTOR", json.dumps(sector)),
        ("CHANGE", draw(st.sampled_from(["-0.05", "1.10", "0", "1E2", '"x"', "null"]))),
        ("PRICE", draw(st.sampled_from(["84.51", "4.80", "-0", "12345678901234567890.5"]))),
    ]
    space = draw(spaces)
    pairs = draw(st.permutations(pairs))
    return ("{" + ",".join(f"{space}{json.dumps(name)}:{space}{value}" for name, value in pairs) + "}").encode()


@st.composite
def ses_payloads(draw):
    """SES events of three types that have a table, and others."""
    kind = draw(st.sampled_from(["Send", "Open", "Click", "Bounce"]))
    header = st.fixed_dictionaries(
        {"name": st.sampled_from(["From", "To", "Subject"]), "value": st.sampled_from(STRINGS)}
    )
    stamp = st.sampled_from(["2016-10-14T05:02:16.645Z", "2017-08-09T23:51:25.570Z", "never"])
    detail = {
        "ipAddress": "192.0.2.1",
        "userAgent": draw(st.sampled_from(STRINGS)),
        "timestamp": draw(stamp),
        "link": "http://example.com/?a=b,c",
        "linkTags": {"samplekey0": ["samplevalue0"]},
    }
    mail = {
        "timestamp": draw(stamp),
        "messageId": draw(st.sampled_from(STRINGS)),
        "headers": draw(st.lists(header, max_size=4)),
        "tags": {"ses:source-ip": ["192.0.2.0"], "t": [draw(st.sampled_from(STRINGS))]},
    }
    return json.dumps(
        {"eventType": kind, "mail": mail, kind.lower(): detail}, ensure_ascii=draw(st.booleans())
    ).encode()


# ---------------------------------------------------------------- malformed payloads

# fmt: off
HOSTILE_PAYLOADS = (
    b"", b" ", b"\n", b"5", b'"x"', b"null", b"true", b"[]", b'[{"a":1}]', b"{", b"}", b"[", b"]", b"{}", b" {} ",
    b"{}}", b"{{}", b"\xef\xbb\xbf{}", b"\xef\xbb\xbf", b" \xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\xff", b"\xc3",
    b'{"a":"\xc3"}', b'{"a":"\xff"}', b'{"unselected":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}',
    b'{"a":"\xf4\x90\x80\x80"}', b'{"\xff":1}', b"{}\xff", b'{"a":1} {"a":2}', b'{"a":1}{"a":2}', b'{"a":1},{"a":2}',
    b'{"a":1}\x00', b"\x00", b"\x00{}", b'{"a":1}#', b'{"a":1}\x0c', b'{"a":NaN}', b'{"unselected":NaN}',
    b'{"a":-Infinity}', b'{"a":"\\ud800"}', b'{"unselected":"\\ud800"}', b'{"\\udc00":1}', b'{"a":"\x00"}',
    b'{"a":"\\u0000"}', b'{"a":"\n"}', b'{"unselected":"\x1f"}', b'{"a":1,"a":2}', b'{"a":1,"a":NaN}',
    b'{"a":{"p":"\\ud800"},"a":1}', b'{"unselected":01}', b'{"unselected":[1,]}', b'{"unselected":tru}',
    b'{"unselected":"\\x"}', b'{"unselected":1.e5}', b"{'a':1}", b"\x1f\x8b", b"\x1f\x8b\x08\x00",
    b"\x1f\x8bnot gzip at all", b'{"a":1E400}', b'{"a":1e999999999999}', b'{"a":' + b"9" * 400 + b"}",
)
# fmt: on


def nested(depth, opening='{"a":', closing="}", core="1"):
    return (opening * depth + core + closing * depth).encode()


# fmt: off
NESTED_PAYLOADS = (
    *(nested(depth) for depth in (511, 512, 513, 514)),
    *(b'{"unselected":' + nested(depth, "[", "]", "") + b"}" for depth in (510, 511, 512, 513)), b"[" * 100_000,
    nested(100_000), b'{"a":"' + b"[" * 600 + b'"}', b'{"a":"\\"' + b"[" * 600 + b'"}', b"[" * 513 + b'"',
)
# fmt: on

SPLIT_NEIGHBOURS = (
    (b'{"a":1', b',"b":2}'),
    (b'{"a":"x', b'y"}'),
    (b'{"a":"\\', b'"}'),
    (b'{"a":"\\ud83d', b'\\ude00"}'),
    (b'{"a":"\xe4\xb8', b'\x8b"}'),
    (b'{"a":[1', b"2]}"),
    (b'{"a":1}}', b'{{"a":1}'),
    (b'{"a":1}{"a":2}', b""),
    (b"", b'{"a":1} {"a":2}'),
    (b'{"a":1},', b'{"a":2}'),
    (b'{"a":1', b'{"a":2}', b"}"),
    (b'[{"a":1}', b'{"a":2}]'),
    (b'{"a":tr', b"ue}"),
    (b'{"a":1', b"2}"),
    (b'{"a":1}\n', b'\n{"a":2}'),
    (b'{"a":"', b'{"a":1}', b'"}'),
)
"""Payloads that are broken one by one, or in the wrong number, and look whole when they stand side by side."""


@st.composite
def broken_values(draw):
    """An object with one value, in a member that a configuration may name or not, that is no JSON."""
    name = draw(st.sampled_from(["a", "o", "dynamodb", "unselected"]))
    value = draw(st.sampled_from(BROKEN_VALUES))
    return f'{{"b":1,"{name}":{value}}}'.encode()


@st.composite
def spoiled_payloads(draw, source):
    """A good payload with one thing done to it."""
    payload = draw(documents(source)).encode()
    place = draw(st.integers(0, len(payload)))
    return draw(
        st.sampled_from(
            [
                payload[:place],
                payload[place:],
                payload[:place] + b"\xff" + payload[place:],
                payload[:place] + b"\x00" + payload[place:],
                payload[:place] + b'"' + payload[place:],
                payload[:place] + b"\\" + payload[place:],
                b"\xef\xbb\xbf" + payload,
                payload + payload,
                payload + b"\n" + payload,
                payload + b",",
                b"[" + payload + b"]",
                gzip.compress(payload, mtime=0)[:-1],
                gzip.compress(payload, mtime=0) + b"x",
                gzip.compress(payload[:place], mtime=0) + gzip.compress(payload[place:], mtime=0),
                gzip.compress(gzip.compress(payload, mtime=0), mtime=0),
                gzip.compress(b"\xef\xbb\xbf" + payload, mtime=0),
            ],
        ),
    )


def malformed_payloads(source="json"):
    """A payload made to break something; None stands for one whose base64 was bad."""
    return st.one_of(
        st.sampled_from(HOSTILE_PAYLOADS),
        st.sampled_from(NESTED_PAYLOADS),
        broken_values(),
        spoiled_payloads(source),
        st.binary(max_size=8),
        st.none(),
    )


# ---------------------------------------------------------------- configurations

# fmt: off
TYPES = (
    "auto", "auto", "string", "int64", "float64", "decimal(10,2)", "decimal(38,0)", "decimal(20,20)", "bool",
    "timestamp[s]", "timestamp[ms]", "timestamp[us]", "date", "json", "binary",
)
# fmt: on
DEFAULTS = {
    "auto": ('"none"', "0", "true", '""'),
    "string": ('"none"', '""', '"a,b"'),
    "int64": ("0", "-7"),
    "float64": ("0.5", "-2"),
    "decimal(10,2)": ("0", "1"),
    "decimal(38,0)": ("0", "7"),
    "decimal(20,20)": ("0",),
    "bool": ("true", "false"),
    "timestamp[s]": ('"2000-01-01T00:00:00Z"',),
    "timestamp[ms]": ('"2000-01-01T00:00:00Z"', "0"),
    "timestamp[us]": ('"2000-01-01T00:00:00Z"',),
    "date": ('"2000-01-01"',),
    "json": ('"x"', "1"),
    "binary": ('"YQ=="',),
}
PATTERNS = ("[A-Z]+", "[a-z]*", "[0-9.-]+", "(?s).*", "x|y|.", r"\d{4}-.*", "[^,]*")
# fmt: off
FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d", "%s", "%Y-%m-%dT%H:%M%z", "%Y%m%d", "%s.%f")
PLAIN_PATHS = {
    "json": (
        "a", "b", "c", '"x-y"', "o", "o.p", "o.q", "o.p.q", "l", "a || b", "o.p || a || c", "(o || m).p", "(m || o).q",
        "eventName", "l[?k=='v'].y | [0]", "l[?k == 'v'].p | [0]", "o.p[?k=='v'].y | [0]", "l[0]", "l[-1].y", "l[1].p",
        "o.p[0]", "l[0][0]", "header(l, 'V')", "l[-2]",
    ),
    "dynamodb": (
        "dynamodb.Keys.id", "dynamodb.NewImage.a", "dynamodb.NewImage.b", "dynamodb.OldImage.a",
        "dynamodb.NewImage.m", "dynamodb.NewImage.m.x", "dynamodb.NewImage.m.x.y", "dynamodb.NewImage.l",
        "(dynamodb.NewImage || dynamodb.OldImage).a", "(dynamodb.NewImage || dynamodb.OldImage || dynamodb.Keys).m.k",
        "dynamodb.NewImage.a || dynamodb.OldImage.a", "dynamodb.NewImage.l[?k=='x'].y | [0]",
        "dynamodb.NewImage.l[0]", "dynamodb.OldImage.l[-1].x", "dynamodb.NewImage.m.l[1]", "userIdentity[0]",
        "dynamodb[0]",
        "dynamodb.ApproximateCreationDateTime", "eventName", "userIdentity", "tableName", "userIdentity.type",
        "dynamodb.SizeBytes",
    ),
    "cloudwatch-logs": (
        "id", "timestamp", "message", "logGroup", "logStream", "owner", "messageType", "subscriptionFilters",
        "id || message",
    ),
}
OTHER_PATHS = {
    "json": (
        "l[*].k", "length(a)", "keys(o)", "o.*", "o.{n: p, t: q}", "[a, b]", "to_string(a)", "a == b", "!c",
        "max(l)", "l[?y > `1`].y | [0]", "not_null(a, b)",
    ),
    "dynamodb": ("dynamodb.NewImage.l[0] || eventName", "length(dynamodb.NewImage.l)", "[eventName, dynamodb.Keys.id]"),
    "cloudwatch-logs": ("subscriptionFilters[0]", "length(message)"),
}
# fmt: on
FITTING = {
    **dict.fromkeys(
        ("a", "p", "y", "SizeBytes"), ("int64", "int64", "int64", "float64", "float64", "decimal(10,2)", "auto")
    ),
    **dict.fromkeys(("c", "timestamp", "ApproximateCreationDateTime"), ("auto", *TYPES[9:12])),
    "x-y": ("auto", "bool", "string"),
}
"""Types that the members of good documents mostly fit."""
NAMES = ("c1", "c2", "c3", "c4")
ODD_NAMES = ("user-agent", "名", 'a "b", c', "class")


def toml(value):
    """A string of TOML; its basic strings are JSON's."""
    return json.dumps(value, ensure_ascii=False)


RESTS = {
    "json": ["", "", "o", "o.p", "m || o"],
    "dynamodb": ["", "dynamodb.NewImage", "dynamodb.NewImage || dynamodb.OldImage", "dynamodb.Keys", "dynamodb"],
    "cloudwatch-logs": ["extractedFields"],
}
"""Objects of which a column takes what others do not name."""


@st.composite
def columns(draw, source, kind=None, is_plain=False):
    """One column as a dict of TOML values, of that type if one is given; one of `path` and `meta` is there.

    `is_plain` leaves out what makes a transform the engine's as a whole.
    """
    if kind is None and draw(st.integers(0, 9)) == 0:
        meta = draw(st.sampled_from(["arrival_ms", "record_id", "partition_key", "sequence_number", "shard_id"]))
        return {"meta": meta, "type": draw(st.sampled_from(["auto", "string", "int64", "timestamp[ms]"]))}
    if kind is None and not is_plain and draw(st.integers(0, 11)) == 0:
        column = {"type": "auto", "rest": draw(st.sampled_from(RESTS[source]))}
        return column | draw(st.sampled_from([{}, {}, {"required": True}, {"invalid": "null"}]))
    others = PLAIN_PATHS if is_plain else OTHER_PATHS
    path = draw(mostly(st.sampled_from(PLAIN_PATHS[source]), st.sampled_from(others[source])))
    if kind is None:
        fitting = FITTING.get(re.findall(r"[\w-]+", path)[-1], ("auto", "string", "json"))
        kind = draw(mostly(st.sampled_from(fitting), st.sampled_from(TYPES), 4))
    column = {"type": kind, "path": path}
    if draw(st.integers(0, 5)) == 0:
        column["invalid"] = draw(st.sampled_from(["null", "null", "fail"]))
    if draw(st.integers(0, 7)) == 0:
        column["nulls"] = draw(st.lists(st.sampled_from(["x", "", "A", "null", "1234", "2022-05-02"]), min_size=1))
    if kind.partition("[")[0] in ("timestamp", "date") and draw(st.integers(0, 3)) == 0:
        column["format"] = draw(st.sampled_from(FORMATS))
    extra = draw(st.sampled_from([None] * 5 + ["required", "default", "pattern", "pattern"]))
    if extra == "required":
        column["required"] = True
    elif extra == "default":
        column["default"] = draw(st.sampled_from(DEFAULTS[kind]))
    elif extra == "pattern":
        column["pattern"] = draw(st.sampled_from(PATTERNS))
    return column


def written(name, column):
    """One line of `[columns]`."""
    parts = [f"{key} = {_toml_value(key, value)}" for key, value in column.items() if (key, value) != ("type", "auto")]
    return f"{toml(name)} = {{ {', '.join(parts)} }}"


def _toml_value(key, value):
    return "true" if value is True else value if key == "default" else toml(value)


def atoms(name, kind):
    """Conditions on one column of that type."""
    ref = name if name.isidentifier() and name != "class" else f"col({toml(name)})"
    nulls = [f"{ref} is None", f"{ref} is not None", f"{ref} == None"]
    if kind in ("auto", "string"):
        return [
            *(
                f"{ref} == 'x'",
                f"{ref} != 'x'",
                f"{ref} in ('x', 'y', '1.10')",
                f"{ref} not in ('x', None)",
                f"{ref} > 'a'",
            ),
            *(
                f"starts_with({ref}, pattern='a')",
                f"utf8_length({ref}) > 1",
                f"'A' <= {ref} < 'a'",
                f"utf8_upper({ref}) == 'X'",
            ),
            *(f"{ref} in ('INSERT', 'MODIFY')", f"utf8_length({ref}) / utf8_length({ref}) == 1.0"),
            *nulls,
        ]
    if kind == "int64":
        return [
            *(
                f"{ref} > 1",
                f"{ref} + 1 > 0",
                f"{ref} * {ref} >= 42",
                f"-{ref} < 0",
                f"10 / {ref} > 0.5",
                f"{ref} in (1, 7)",
            ),
            *(f"abs_checked({ref}) != 5", f"1 < {ref} <= 1000", f"{ref} - 1 == 41"),
            *nulls,
        ]
    if kind == "float64":
        return [f"{ref} > 1.0", f"{ref} * 2.0 < 3.0", f"1.0 / {ref} > 0.0", f"{ref} == 1.1", f"-{ref} <= 0.5", *nulls]
    if kind == "bool":
        return [ref, f"not {ref}", f"{ref} == True", f"{ref} != False", *nulls]
    return nulls


@st.composite
def conditions(draw, kinds):
    """A `where` over columns with these types."""
    atom = st.sampled_from(sorted(kinds.items())).flatmap(lambda item: st.sampled_from(atoms(*item)))
    one, two = draw(atom), draw(atom)
    return draw(st.sampled_from([one, one, f"{one} and {two}", f"{one} or {two}", f"not ({one} and not ({two}))"]))


@st.composite
def computed(draw, kinds):
    """An `expr` over columns with these types, and whether it is text."""
    texts = [f"col({toml(name)})" for name, kind in sorted(kinds.items()) if kind in ("auto", "string")]
    ints = [f"col({toml(name)})" for name, kind in sorted(kinds.items()) if kind == "int64"]
    floats = [f"col({toml(name)})" for name, kind in sorted(kinds.items()) if kind == "float64"]
    choices = ["now_ms()", "'fixed'", draw(conditions(kinds))]
    for ref in texts:
        choices += [f"utf8_upper({ref})", f"utf8_lower({ref})", f"utf8_length({ref})", f"utf8_trim_whitespace({ref})"]
        choices += [f"coalesce({ref}, 'none')", f"if_else({ref} == 'x', 'is x', {ref})", ref]
        choices += [f"replace(upper({ref}), 'A', 'aa')", f"split_part({ref}, '.', 1)", f"substring({ref}, 1, 3)"]
        choices += [f"truncate_bytes({ref}, 4)", f"sha256({ref})", f"mask(strip({ref}), 2)", f"contains({ref}, 'a')"]
        choices += [f"lookup('l', {ref})", f"coalesce(lookup('l', {ref}, 'value'), 'none')"]
    for ref in ints:
        choices.append(f"lookup('l', {ref})")
        choices += [f"{ref} + 1", f"{ref} * {ref}", f"-{ref}", f"{ref} / 4", f"1 / {ref}", f"coalesce({ref}, 0) - 1"]
        choices += [f"if_else({ref} > 1, {ref}, 1)", f"abs_checked({ref})", f"if_else({ref} == 0, 0.0, 10 / {ref})"]
    for ref in floats:
        choices += [f"{ref} * 0.1", f"{ref} - 1.0", f"1.0 / {ref}", f"-{ref}"]
    return draw(st.sampled_from(choices))


CSV_READERS = (
    "athena-opencsv",
    "athena-lazysimple",
    "redshift",
    "snowflake",
    "bigquery",
    "duckdb",
    "spark",
    "pandas",
    "excel",
)


@st.composite
def outputs(draw, as_json, iceberg=False, micros=True):
    """The lines of `[output]`; `micros` says that a timestamp may have microseconds."""
    times = ['"iso"', '"space"'] + ([] if micros else ['"epoch_ms"'])
    if as_json:
        if not iceberg and draw(st.integers(0, 4)) == 0:
            return ["[output]", 'reader = "athena-json"', *draw(some({"json": ['"text"', '"value"']}))]
        options = {"line_end": ['"lf"', '"crlf"', '"none"']}
        if not iceberg:
            options |= {"timestamps": times, "json": ['"text"', '"value"']}
        return ["[output]", 'format = "json"', *draw(some(options))]
    lines = ["[output]"]
    options = {"delimiter": ['","', '"\\t"', '";"', '"|"']}
    if draw(st.integers(0, 2)):
        lines.append(f'reader = "{draw(st.sampled_from(CSV_READERS))}"')
        return lines + draw(some(options))
    options |= {
        "quoting": ['"minimal"', '"all"', '"none"', '"strings"'],
        "escape": ['""', "'\\'"],
        "null": ['""', '"\\\\N"', '"NULL"'],
        "newlines": ['"keep"', '"space"', '"escape"', '"fail"'],
        "timestamps": times,
        "line_end": ['"lf"', '"crlf"', '"none"'],
        "escape_formulas": ["true", "false"],
    }
    chosen = draw(some(options))
    if 'quoting = "none"' not in chosen and draw(st.booleans()):
        chosen.append("quote_empty = true")
    return lines + chosen


@st.composite
def some(draw, options):
    """Lines that set some of these keys."""
    chosen = draw(st.lists(st.sampled_from(sorted(options)), unique=True))
    return [f"{name} = {draw(st.sampled_from(options[name]))}" for name in chosen]


@st.composite
def routes(draw, source, shared, iceberg):
    """The lines of one or two `[[routes]]`, the last one sometimes without a `where`."""
    lines = []
    for index in range(draw(st.integers(1, 2))):
        lines.append("[[routes]]")
        if index == 0 or draw(st.booleans()):
            lines.append(f"where = {toml(draw(conditions(shared)))}")
        if iceberg:
            by_name = ', operation = { INSERT = "insert", MODIFY = "update"'
            column = toml(draw(st.sampled_from(sorted(shared))))
            words = f'{{ from = {column}, values = {{ x = "insert", A = "delete", "1" = "update", "42" = "delete" }} }}'
            operation = draw(
                st.sampled_from(
                    [
                        *("", ', operation = "insert"', ', operation = "delete"', by_name + " }"),
                        *(by_name + ', REMOVE = "delete" }', f", operation = {words}"),
                    ]
                )
            )
            if len(shared) > 1 and draw(st.booleans()):
                operation += f", keys = [{toml(list(shared)[-1])}]"
            table = draw(st.sampled_from([f'"t{index}"', f'{{ from = {column}, values = {{ x = "u", "1" = "v" }} }}']))
            lines.append(f'iceberg = {{ database = "db", table = {table}{operation} }}')
        own = draw(st.lists(st.sampled_from(["c1", "r1"]), unique=True))
        own = [written(name, draw(columns(source, shared.get(name)))) for name in own]
        lines.append(f"columns = {{ {', '.join(own)} }}")
    return lines


@st.composite
def configs(draw, source=None):
    """The text of a configuration without mistakes."""
    source = source or draw(st.sampled_from(("json", *SOURCES)))
    top = [f'source = "{source}"']
    if draw(st.integers(0, 9)) == 0:
        top.append('invalid = "null"')
    as_json = draw(st.booleans())
    many = source == "json" and draw(st.integers(0, 4)) == 0
    if many:
        top.append('documents = "many"')
    if as_json and source != "cloudwatch-logs" and draw(st.integers(0, 7)) == 0:
        return "\n".join([*top, *draw(outputs(True))])
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)) + draw(
        st.lists(st.sampled_from(ODD_NAMES), max_size=1)
    )
    is_plain = draw(st.booleans())
    table = {name: draw(columns(source, is_plain=is_plain)) for name in names}
    kinds = {name: "json" if "rest" in column else column["type"] for name, column in table.items()}
    named = ""
    if draw(st.booleans()):
        named = draw(conditions(kinds))
        top.append(f"where = {toml(named)}")
        if len(table) > 1 and names[0] in named:
            table[names[0]]["hidden"] = draw(st.booleans())
    iceberg = as_json and source != "cloudwatch-logs" and not many and draw(st.booleans())
    routed = draw(routes(source, kinds, iceberg)) if draw(st.integers(0, 3)) == 0 else []
    if as_json and source != "cloudwatch-logs" and not routed and draw(st.integers(0, 7)) == 0:
        for column in table.values():
            column["hidden"] = True
    if routed and draw(st.booleans()):
        top.append('unmatched = "drop"')
    lines = [
        written(name, {key: value for key, value in column.items() if value is not False})
        for name, column in table.items()
    ]
    if as_json and not is_plain and not (routed and iceberg) and draw(st.integers(0, 5)) == 0:
        spread = draw(st.sampled_from(sorted(path for path in RESTS[source] if path)))
        where = draw(st.sampled_from(["path", "rest"]))
        invalid = draw(st.sampled_from(["null", "null", "fail"]))
        lines.append(f'sp = {{ {where} = {toml(spread)}, spread = true, invalid = "{invalid}" }}')
    if draw(st.booleans()):
        lines.append(f"e1 = {{ expr = {toml(draw(computed(kinds)))} }}")
        if draw(st.booleans()):
            lines.insert(0, 'e2 = { expr = "coalesce(e1, e1)" }')
    keys = []
    if not (routed and iceberg) and not routed and draw(st.integers(0, 3)) == 0:
        keys = ["[partition_keys]", f"k = {toml(draw(computed(kinds)))}"]
    tables = []
    if "lookup(" in str(lines + keys):
        tables = [
            "[lookups.l]",
            'values = { x = "is x", "" = "nothing", "1.10" = 1.10, A = true, 42 = 42, -1 = "minus" }',
        ]
    return "\n".join(
        [
            *top,
            *draw(outputs(as_json, bool(routed and iceberg), "[us]" in str(lines + routed))),
            "[columns]",
            *lines,
            *keys,
            *routed,
            *tables,
        ]
    )


# ---------------------------------------------------------------- batches

NOW_MS = 1_651_495_526_000


@st.composite
def batches(draw, config="", good=None, max_size=8):
    """Payloads for one configuration: good ones, malformed ones and split neighbours, side by side."""
    settings = tomllib.loads(config)
    source = settings.get("source", "json")
    many = joined_payloads(source)
    if good is None:
        good = many if settings.get("documents") == "many" else good_payloads(source)
    clash = st.one_of(st.tuples(malformed_payloads(source)), st.tuples(many), st.sampled_from(SPLIT_NEIGHBOURS))
    groups = draw(st.lists(mostly(st.tuples(good), clash, 3), max_size=max_size))
    return [payload for group in groups for payload in group]


@st.composite
def metas(draw, record_count):
    """What is known of each record beside its payload: a Kinesis source tells all, another one arrival and id only."""
    kinesis = draw(st.booleans())
    return {
        "arrival_ms": [NOW_MS - i for i in range(record_count)],
        "record_id": [f"{i:062}" for i in range(record_count)],
        "partition_key": [f"key,{i}" if kinesis else None for i in range(record_count)],
        "sequence_number": [f"49{i:054}" if kinesis else None for i in range(record_count)],
        "shard_id": ["shardId-000000000001" if kinesis else None] * record_count,
    }


# ---------------------------------------------------------------- values in more than one spelling

# fmt: off
NAMES_TWICE = (
    '"a"', r'"\u0061"', '"b"', '""', '"é"', r'"\u00e9"', '"a/b"', r'"a\/b"', r'"q\"t"', r'"q\u0022t"', '"😀"',
    r'"\ud83d\ude00"', '"name_of_16_bytes"', '"name_of_16_bytez"', '"name_that_is_longer_than_sixteen"',
    '"name_that_is_LONGER_than_sixteen"',
)
# fmt: on


@st.composite
def _object_twice(draw, inner):
    """The text of an object of few names, of which some come again, in one spelling or another."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES_TWICE), inner), max_size=5))
    space = draw(spaces)
    return "{" + ",".join(f"{space}{name}{space}:{value}{space}" for name, value in pairs) + "}"


respelt_values = st.recursive(
    st.one_of(st.sampled_from(NUMBERS + ESCAPED_STRINGS + ("null", "true", "false", "-0", "[-0]")), values),
    lambda inner: _object_twice(inner) | st.lists(inner, max_size=3).map(lambda texts: f"[ {','.join(texts)}]"),
    max_leaves=8,
)
"""The text of one JSON value whose members repeat, and whose strings have escapes that they need not have."""
