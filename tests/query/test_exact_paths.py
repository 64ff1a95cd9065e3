"""Comparison in JMESPath paths: numbers by all digits, of literals as of records, and DynamoDB's sets in any order."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle

from fastxform import Pipeline

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

DYNAMODB = 'source = "dynamodb"\n'


def run(path, record, top=""):
    """The row of one record, as the oracle has it, too."""
    config = f'{top}output = {{ format = "json" }}\n[columns]\nv = {{ path = {json.dumps(path)} }}\n'
    (data,) = Pipeline.from_toml(config).run([record]).data
    assert data == Oracle(config).one(record).data
    return json.loads(data)["v"]


COMPARED = {
    "an integer of 20 digits": (
        "items[?id == `12345678901234567890`] | [0].n",
        '{"items":[{"id":12345678901234567891,"n":0},{"id":12345678901234567890,"n":1}]}',
        1,
    ),
    "a fraction of 21 digits": ("n == `3.14159265358979323846`", '{"n":3.14159265358979323846}', True),
    "the next one": ("n == `3.14159265358979323846`", '{"n":3.14159265358979323847}', False),
    "other spellings": ("n == `1.50` && n == `15e-1` && n != `1.51`", '{"n":1.5}', True),
    "an exponent": ("n == `1.23456789012345678905e19`", '{"n":12345678901234567890.5}', True),
    "a large exponent": ("n == `1e99999999999999999999`", '{"n":10e99999999999999999998}', True),
    "a larger one": ("n < `1e99999999999999999999`", '{"n":1e99999999999999999998}', True),
    "less by the last digit": ("n < `12345678901234567890.2`", '{"n":12345678901234567890.1}', True),
    "greater than an integer": ("n > `12345678901234567890`", '{"n":12345678901234567890.1}', True),
    "an integer less": ("n < `12345678901234567890.1`", '{"n":12345678901234567890}', True),
    "sorted": ("sort(n)[0]", '{"n":[-1e-400,-2e-400]}', float("-0.0")),
    "the greatest": (
        "to_string(max(n))",
        '{"n":[12345678901234567890.1,12345678901234567890.2]}',
        "12345678901234567890.2",
    ),
    "sorted by all digits": (
        "join(',', sort_by(l, &n)[*].k)",
        '{"l":[{"n":12345678901234567890.2,"k":"c"},{"n":1,"k":"a"},{"n":12345678901234567890.1,"k":"b"}]}',
        "a,b,c",
    ),
    "sorted texts": ("join(',', sort(l))", '{"l":["b","a","c"]}', "a,b,c"),
    "in a list": ("n == `[1.50, {\"a\": 1e2}]`", '{"n":[1.5,{"a":100}]}', True),
    "contained": ("contains(n, `1.50`)", '{"n":[1.5]}', True),
    "true is not 1": ("n == `true`", '{"n":1}', False),
    "nor in lists": ("n == `[1]`", '{"n":[true]}', False),
    "nor is it contained": ("contains(n, `1`)", '{"n":[true]}', False),
    "null": ("n == m", "{}", True),
    "digits of a literal": ("to_string(n || `1.50`)", "{}", "1.50"),
    "a text of the old spelling": ("n == `x1.5`", '{"n":"x1.5"}', True),
    "a backtick": ("n == `[\"\\`\", 2.5]`", '{"n":["`",2.50]}', True),
}  # fmt: skip


@pytest.mark.parametrize(("path", "record", "expected"), COMPARED.values(), ids=COMPARED)
def test_numbers_compare_by_value(path, record, expected):
    """With all their digits, at once whatever their exponents."""
    assert run(path, record.encode()) == expected


def test_literals_of_two_paths_are_their_own():
    """`jmespath` keeps what it parsed; no path gets the literals of another."""
    assert [run(f"n == `{number}`", b'{"n":2.5}') for number in ("1.5", "2.5", "3.5")] == [False, True, False]


digits = st.from_regex(
    r"-?(0|[1-9][0-9]{0,2}(0{18}[0-9])?)(\.[0-9]{0,1}0{0,18}[0-9])?([eE][+-]?[0-9])?", fullmatch=True
)


@given(digits, digits)
def test_pairs_of_numbers(one, other):
    """Of a record, and of a record and a literal."""
    left, right = Fraction(one), Fraction(other)
    record = f'{{"a":{one},"b":{other}}}'.encode()
    for path, expected in (("a == {}", left == right), ("a < {}", left < right), ("a >= {}", left >= right)):
        assert run(path.format("b"), record) is expected
        assert run(path.format(f"`{other}`"), record) is expected


SETS = {
    "texts": ('{"SS":["a","b"]}', '{"SS":["b","a"]}', True),
    "numbers by value": ('{"NS":["1","2.0"]}', '{"NS":["2","1.00"]}', True),
    "one more": ('{"SS":["a","b"]}', '{"SS":["a"]}', False),
    "a number and its text": ('{"NS":["1"]}', '{"SS":["1"]}', False),
    "in a map": ('{"M":{"x":{"NS":["1","2"]}}}', '{"M":{"x":{"NS":["2","1"]}}}', True),
    "in a list": ('{"L":[{"BS":["YQ==","Yg=="]}]}', '{"L":[{"BS":["Yg==","YQ=="]}]}', True),
    "lists in their order": ('{"L":[{"S":"a"},{"S":"b"}]}', '{"L":[{"S":"b"},{"S":"a"}]}', False),
}


@pytest.mark.parametrize(("new", "old", "same"), SETS.values(), ids=SETS)
def test_sets_have_no_order(new, old, same):
    """As values, in images, and against a literal."""
    record = f'{{"eventVersion":"1","dynamodb":{{"NewImage":{{"t":{new}}},"OldImage":{{"t":{old}}}}}}}'.encode()
    assert run("dynamodb.NewImage.t == dynamodb.OldImage.t", record, DYNAMODB) is same
    assert run("dynamodb.NewImage == dynamodb.OldImage", record, DYNAMODB) is same
    assert run("[dynamodb.NewImage.t] != [dynamodb.OldImage.t]", record, DYNAMODB) is not same


def test_a_literal_of_a_set():
    """In any order; a set is an array to everything else, in the order of its values."""
    record = b'{"dynamodb":{"NewImage":{"t":{"NS":["2","1.0"]}}}}'
    assert run("dynamodb.NewImage.t == `[1, 2.00]`", record, DYNAMODB) is True
    assert run("type(dynamodb.NewImage.t)", record, DYNAMODB) == "array"
    assert run("dynamodb.NewImage.t[0]", record, DYNAMODB) == 1
    assert run("length(dynamodb.NewImage.t[?@ > `1.5`])", record, DYNAMODB) == 1
