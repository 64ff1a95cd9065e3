"""The one form in which a JSON value is written, against the oracle's reader and writer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_json import read_one
from strategies import respelt_values

from fastxform.core import json_values
from fastxform.core.json_values import TooManyValuesError, normalized, normalized_all
from fastxform.core.values import BAD_TYPE

# fmt: off
WRITTEN = {
    '{"a":1,"a":2,"b":"\\/"}': '{"a":2,"b":"/"}',
    '{"a":1,"b":2,"a":3}': '{"a":3,"b":2}',
    '{"a":1,"\\u0061":2}': '{"a":2}',
    '[{"a":{"x":1},"a":{}}]': '[{"a":{}}]',
    '{"n":[1E2,1.0,1.50,-0,-0.0,1e400,1234567890123456789]}': '{"n":[1E2,1.0,1.50,-0,-0.0,1e400,1234567890123456789]}',
    '{"s":"\\u0041\\u00e9\\ud83d\\ude00\\u001F\\u007f\\n\\b"}': '{"s":"Aé😀\\u001f\x7f\\n\\b"}',
    ' { "" : [ ] , "a b" : "  " } ': '{"":[],"a b":"  "}',
    '{"a":"-0,","b":"\\"-0 ","a":"2024-05-02"}': '{"a":"2024-05-02","b":"\\"-0 "}',
    '{"n":' + "9" * 5_000 + ',"n":1,"m":-' + "9" * 5_000 + "}": '{"n":1,"m":-' + "9" * 5_000 + "}",
}
# fmt: on


@pytest.mark.parametrize(("text", "written"), WRITTEN.items())
def test_the_form(text, written):
    """Literal answers: the place of the first, the value of the last, digits as they are, no escape without need."""
    assert normalized(text.encode()) == written
    assert normalized_all([text.encode(), b"1", text.encode()]) == [written, "1", written]


@given(st.lists(respelt_values, max_size=4))
def test_texts_are_written_as_the_oracle_writes_them(texts):
    """One by one and all together, and what is written stays as it is."""
    raws = [text.encode() for text in texts]
    written = [read_one(text).compact for text in texts]
    assert normalized_all(raws) == written
    assert list(map(normalized, raws)) == written
    assert normalized_all([text.encode() for text in written]) == written


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(PLAIN, max_size=5), st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
def test_white_space_goes_from_many_texts_as_from_one(values, separators):
    """Whether none of them has some to lose, or some of them, whatever stands in their strings."""
    texts = [json.dumps(value, separators=separators).encode() for value in [*values, [",\n"], None, 'x,\\n"y']]
    assert json_values.formatted_all(texts) == list(map(json_values.formatted, texts))
    assert json_values.formatted_all(texts[:1]) == list(map(json_values.formatted, texts[:1]))
    assert json_values.formatted_all([]) == normalized_all([]) == []


def test_a_value_of_too_many_values_is_none():
    """It is refused before it becomes objects; strings full of commas are one value each."""
    many = b'{"a":[%s0]}' % (b"0," * 500_001)
    with pytest.raises(TooManyValuesError):
        normalized(many)
    with pytest.raises(TooManyValuesError):
        normalized_all([b"{}", many])
    assert json_values.json_value(many) is BAD_TYPE
    text = b'{"a":"%s"}' % (b"0," * 600_000)
    assert normalized_all([text, b"[{}]"]) == [text.decode(), "[{}]"]
