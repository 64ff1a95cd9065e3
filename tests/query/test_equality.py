"""Equality of objects and lists by value, in expressions; and digits that JMESPath keeps."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

import fastxform
from fastxform.core.json_text import canonical

CONFIG = """[columns]
a = { type = "json", hidden = true }
b = { type = "json", hidden = true }
c = { path = "a", hidden = true }
d = { path = "b", hidden = true }
eq = { expr = "a == b" }
ne = { expr = "a != b" }
plain = { expr = "c == d" }
"""
PAIRS = {
    "members in any order": ('{"x":1,"y":[2]}', '{"y":[2],"x":1}', True),
    "numbers by value": ("[1,100,0.10]", "[1.0,1e2,1e-1]", True),
    "zeros": ("[0,-0.0]", "[-0,0e5]", True),
    "all digits": ("[3.14159265358979323846]", "[3.14159265358979323847]", False),
    "large": ("[1e400]", "[10e399]", True),
    "long exponents": ("[1e99999999999999999999999]", "[1e99999999999999999999998]", False),
    "the last of a name": ('{"x":1,"x":2}', '{"x":2}', True),
    "escapes": (r'["\u00e9\/"]', '["é/"]', True),
    "white space": ('{"x": [ ]}', '{"x":[]}', True),
    "lists in their order": ("[1,2]", "[2,1]", False),
    "a number and its text": ('["1"]', "[1]", False),
    "true and 1": ("[true]", "[1]", False),
    "null": ("null", "null", True),
    "null and a list": ("null", "[]", False),
    "kinds": ("{}", "[]", False),
}


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize(("one", "other", "same"), PAIRS.values(), ids=PAIRS)
def test_objects_and_lists_are_equal_by_value(one, other, same):
    """Of json columns, and of those that go out as they stand."""
    record = f'{{"a":{one},"b":{other}}}'.encode()
    words = {True: b"true", False: b"false"}
    data = fastxform.Pipeline.from_toml(CONFIG).run([record, b'{"a":{"q":1}}', record]).data
    expected = b",".join([words[same], words[not same], words[same]]) + b"\n"
    assert Oracle(CONFIG).one(record).data == expected
    assert data == [expected, b"false,true,false\n", expected]


def test_literals_are_compared_by_value():
    """A text that is JSON, with == and with `in`; what is none is refused."""
    config = (
        "[columns]\na = { type = 'json', hidden = true }\n"
        'x = { expr = """a == \'{"y": 2.0, "x":1}\'""" }\n'
        'y = { expr = """a in (\'[1, 2]\', \'{"x":1,"y":2}\', None)""" }\nz = { expr = \'\'\'a not in ("[]",)\'\'\' }\n'
    )
    rows = [b'{"a":{"x":1,"y":2}}', b'{"a":[1.0,2]}', b'{"a":"no JSON"}', b"{}"]
    assert fastxform.Pipeline.from_toml(config).run(rows).data == [
        b"true,true,true\n",
        b"false,true,true\n",
        b"false,false,true\n",
        b"false,true,true\n",
    ]


def test_texts_are_compared_as_texts():
    """A string column that looks like JSON is a text."""
    config = "[columns]\na = { type = 'string' }\nb = { type = 'string' }\ne = { expr = 'a == b' }\n"
    (data,) = fastxform.Pipeline.from_toml(config).run([b'{"a":"[1]","b":"[1.0]"}']).data
    assert data == b"[1],[1.0],false\n"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.text(max_size=3)
    | st.sampled_from(["1", "1.0", "10e-1", "-0", "0", "1e400", "2"]).map(Decimal),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def text_of(value, flip):
    """JSON of a value; with `flip` members in the other order, and numbers written anew."""
    if isinstance(value, Decimal):
        return str(value + 0 if flip else value).replace("E+", "e") if flip else str(value)
    if isinstance(value, list):
        return "[" + ",".join(text_of(item, flip) for item in value) + "]"
    if isinstance(value, dict):
        members = [f"{json.dumps(name)}:{text_of(item, flip)}" for name, item in value.items()]
        return "{" + ",".join(reversed(members) if flip else members) + "}"
    return json.dumps(value, ensure_ascii=flip)


def comparable(value):
    """A value that Python compares as JSON does: true is not 1."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items()}
    return type(value).__name__, value


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_one_text_for_each_value(one, other):
    """Two values have one canonical text where Python finds them equal, and else two."""
    assert canonical(text_of(one, False)) == canonical(text_of(one, True))
    assert (canonical(text_of(one, False)) == canonical(text_of(other, True))) == (comparable(one) == comparable(other))


PATHS = {
    "digits of a text": ("to_string(a)", "3.14159265358979323846264338327950288419"),
    "no Infinity": ("to_string(big)", "1e400"),
    "an object": ("to_string(o)", '"{""x"":1.10,""y"":""é""}"'),
    "equal digits": ("a == `3.141592653589793`", "false"),
    "another spelling": ("tenth == other", "true"),
    "a literal": ("tenth == `0.1`", "true"),
    "in a list": ("contains(list, `2`)", "true"),
    "not equal": ("a != `3.141592653589793`", "true"),
    "inside of lists": ("list == `[1, 2]`", "true"),
    "found by its number": ("list[?@ == `2.00`] | [0]", "2.0"),
    "true is not 1": ("list[0] == `true`", "false"),
    "too large": ("big == `1e400`", "true"),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS)
def test_numbers_keep_their_digits_in_paths(path, expected):
    """What a path writes is what stands there, and equal is what has the same digits."""
    record = (
        '{"a":3.14159265358979323846264338327950288419,"big":1e400,"tenth":0.10,"other":1e-1,"list":[1,2.0],'
        '"o":{"x":1.10,"y":"é"}}'
    )
    config = f"[columns]\nx = {{ path = {json.dumps(path)} }}\n"
    assert fastxform.Pipeline.from_toml(config).run([record.encode()]).data == [f"{expected}\n".encode()]


SETS = {
    "texts": ('{"SS":["b","a","é","z"]}', '{"SS":["z","é","a","b"]}', True),
    "numbers by value": ('{"NS":["10","9","-1.50","-1.4","1e99"]}', '{"NS":["1e99","-14e-1","9.0","10","-1.5"]}', True),
    "one more": ('{"SS":["a","b"]}', '{"SS":["a"]}', False),
    "in a map": ('{"M":{"x":{"NS":["2","1"]}}}', '{"M":{"x":{"NS":["1","2"]}}}', True),
    "binary": ('{"BS":["YQ==","Yg=="]}', '{"BS":["Yg==","YQ=="]}', True),
    "lists in their order": ('{"L":[{"S":"a"},{"S":"b"}]}', '{"L":[{"S":"b"},{"S":"a"}]}', False),
}  # fmt: skip
OF_CHANGES = """source = "dynamodb"
[columns]
a = { path = "dynamodb.NewImage.t", hidden = true TYPE }
b = { path = "dynamodb.OldImage.t", hidden = true TYPE }
new = { path = "dynamodb.NewImage", hidden = true TYPE }
old = { path = "dynamodb.OldImage", hidden = true TYPE }
eq = { expr = "a == b" }
ne = { expr = "new != old" }
"""


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize("kind", ["", ', type = "json"'])
@pytest.mark.parametrize(("new", "old", "same"), SETS.values(), ids=SETS)
def test_sets_are_equal_in_any_order(new, old, same, kind):
    """Values of DynamoDB and images that hold some: they are written in the order of their elements."""
    record = f'{{"eventVersion":"1","dynamodb":{{"NewImage":{{"t":{new}}},"OldImage":{{"t":{old}}}}}}}'.encode()
    config = OF_CHANGES.replace("TYPE", kind)
    (data,) = fastxform.Pipeline.from_toml(config).run([record]).data
    assert data == (b"true,false\n" if same else b"false,true\n")
    assert data == Oracle(config).one(record).data


@pytest.mark.usefixtures("with_and_without_kernel")
def test_sets_are_compared_with_literals_in_order():
    """Texts by their characters, numbers by value, as they are written."""
    config = """source = "dynamodb"
    [columns]
    a = { path = "dynamodb.NewImage.a", type = "json" }
    n = { path = "dynamodb.NewImage.n", type = "json" }
    x = { expr = '''a == '["a", "b"]' and n in ('[-2, 9.0, 10]', '[]')''' }
    """
    record = b'{"dynamodb":{"NewImage":{"a":{"SS":["b","a"]},"n":{"NS":["10","9","-2"]}}}}'
    (data,) = fastxform.Pipeline.from_toml(config).run([record]).data
    assert data == b'"[""a"",""b""]","[-2,9,10]",true\n'
