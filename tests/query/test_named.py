"""The functions by the names that people type: every example of the reference is run, and what a library has agrees."""

import datetime
import hashlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform.datatypes.logical import Type, arrow_type
from fastxform.query.compiler import compile_expression
from fastxform.query.named import NAMED
from fastxform.query.terms import ExpressionError

TYPES = {"s": Type("string"), "n": Type("int64"), "t": Type("timestamp", unit="us"), "d": Type("date")}


def values(text, **columns):
    """What an expression gives for columns, which are lists; a column that is left out is null."""
    length = max(map(len, columns.values()), default=1)
    arrays = {name: pa.array(columns.get(name, [None] * length), arrow_type(kind)) for name, kind in TYPES.items()}
    return compile_expression(text, TYPES).evaluate(arrays, length, 0).to_pylist()


@pytest.mark.parametrize("name", NAMED)
def test_the_example_of_the_reference_is_run(name):
    """Each has one line, and its example gives what the reference says."""
    entry = NAMED[name]
    assert entry.signature.startswith(f"{name}(")
    assert entry.text.endswith(".")
    assert name in entry.example
    assert values(entry.example) == [entry.result]


CASES = {
    "null of texts": ("upper(s)", {"s": [None]}, [None]),
    "concat with null": ("concat(s, '-')", {"s": ["a", None]}, ["a-", None]),
    "characters": ("strip(s, 'x')", {"s": ["xax", " x"]}, ["a", " "]),
    "the rest": ("substring(s, -2)", {"s": ["abc", "a"]}, ["bc", "a"]),
    "fewer parts": ("split_part(s, '::', 1)", {"s": ["a::b::c", "a", "", "::"]}, ["b", None, None, ""]),
    "part over lines": ("split_part(s, '.', 0)", {"s": ["a\n.b", "(.)"]}, ["a\n", "("]),
    "no match": ("regex_extract(s, r'x(y)?', 1)", {"s": ["a", "xy"]}, [None, "y"]),
    "groups in a class": (r"regex_extract(s, r'[(](?P<in>[^)]*)\)(.)', 2)", {"s": ["(a)b"]}, ["b"]),
    "guarded": ("if_else(n == 0, None, 10 / n)", {"n": [0, 5, None]}, [None, 2.0, None]),
    "guarded text": ("if_else(s == 'x', 0, to_int(s))", {"s": ["x", "7", "x"]}, [0, 7, 0]),
    "null condition": ("if_else(n > 1, 'a', 'b')", {"n": [2, None, 0]}, ["a", None, "b"]),
    "epoch of a date": (
        "epoch_ms(d)",
        {"d": [datetime.date(1970, 1, 2), datetime.date(1969, 12, 31)]},
        [86_400_000, -86_400_000],
    ),
    "epoch before 1970": ("epoch_ms(t)", {"t": [datetime.datetime(1969, 12, 31, 23, 59, 59, 999_500)]}, [-1]),
    "day of the week": ("date_part('dow', d)", {"d": [datetime.date(2024, 5, 5)]}, [6]),
    "short text is hidden whole": ("mask(s)", {"s": ["1234", "", "12345", None]}, ["****", "", "*2345", None]),
    "nothing kept": ("mask(s, 0)", {"s": ["abc"]}, ["***"]),
}


@pytest.mark.parametrize(("text", "columns", "expected"), CASES.values(), ids=CASES)
def test_values(text, columns, expected):
    """Nulls, edges and what is not there."""
    assert values(text, **columns) == expected


MISTAKES = {
    "a group that there is not": ("regex_extract(s, r'(a)', 2)", "the pattern has 1 groups"),
    "a unit that there is not": ("date_trunc('fortnight', t)", "takes one of year, quarter"),
    "a unit by a column": ("date_part(s, t)", "takes one of year"),
    "no offset": ("at_offset(t, '9')", "takes an offset as '+09:00'"),
    "a format": ("strftime(t, '%Q')", "there is no directive %Q"),
    "a format without a year": ("to_timestamp(s, '%H:%M')", "lacks a year"),
    "a number as text": ("upper(n)", "takes string"),
    "a dict": ("{'DE': 'Germany', 'FR': 'France'}[s]", "write 'Germany' if s == 'DE' else ..."),
    "near": ("substringg(s, 1)", "did you mean substring?"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(text, message):
    """One line with the remedy."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, TYPES)
    assert message in caught.value.message


TEXT = st.text(max_size=12)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(TEXT | st.none(), min_size=1, max_size=5), length=st.integers(0, 20), keep=st.integers(0, 6))
def test_masks_and_hashes_of_any_text(texts, length, keep):
    """As Python computes them."""
    assert values("sha256(s)", s=texts) == [t if t is None else hashlib.sha256(t.encode()).hexdigest() for t in texts]
    cut = values(f"truncate_bytes(s, {length})", s=texts)
    for text, short in zip(texts, cut, strict=True):
        if text is None:
            assert short is None
            continue
        assert text.startswith(short)
        assert len(short.encode()) <= length
        if short != text:
            assert len(text[: len(short) + 1].encode()) > length
    for text, masked in zip(texts, values(f"mask(s, {keep})", s=texts), strict=True):
        if text is not None:
            assert len(masked) == len(text)
            assert masked.count("*") >= len(text) - keep


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(st.datetimes(datetime.datetime(1, 1, 1)) | st.none(), min_size=1, max_size=4),
    written=st.sampled_from(
        ["%Y-%m-%dT%H:%M:%S.%fZ", "%d/%b/%Y:%H:%M:%S", "%A, %d %B %y", "%I:%M %p", "%j %a %%", "no directive"]
    ),
)
def test_times_are_written_as_python_writes_them(times, written):
    """All years with four digits, which Python's own leaves to the machine."""
    expected = [None if time is None else time.strftime(written.replace("%Y", f"{time.year:04}")) for time in times]
    assert values(f"strftime(t, {written!r})", t=times) == expected
