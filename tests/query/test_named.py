"""The functions by the names that people type: every example of the reference is run, and what a library has agrees."""

import datetime
import hashlib
import hmac
import os

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastxform
from fastxform.cli import main
from fastxform.datatypes.logical import Type, arrow_type
from fastxform.errors import ConfigError
from fastxform.query.compiler import compile_expression
from fastxform.query.named import NAMED
from fastxform.query.terms import ExpressionError

TYPES = {"s": Type("string"), "n": Type("int64"), "t": Type("timestamp", unit="us"), "d": Type("date")}


def values(text, **columns):
    """What an expression gives for columns, which are lists; a column that is left out is null."""
    length = max(map(len, columns.values()), default=1)
    arrays = {name: pa.array(columns.get(name, [None] * length), arrow_type(kind)) for name, kind in TYPES.items()}
    return compile_expression(text, TYPES).evaluate(arrays, length, 0).to_pylist()


@pytest.fixture(autouse=True)
def example_key(monkeypatch):
    """The key of the example, test case 2 of RFC 4231."""
    monkeypatch.setenv("EXAMPLE_KEY", "Jefe")


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
    "a key in the file": ("hmac_sha256(s, key='0b 0b')", "is the name of an environment variable that holds the key"),
    "no key": ("hmac_sha256(s)", "hmac_sha256 needs key="),
    "a dict": (
        "{'DE': 'Germany', 'FR': 'France'}[s]",
        "write values = { DE = 'Germany', ... } below a line [lookups.names], and lookup('names', s) here",
    ),
    "near": ("substringg(s, 1)", "did you mean substring?"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(text, message):
    """One line with the remedy."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, TYPES)
    assert message in caught.value.message


FIPS_180 = {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklm"
    "ghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu": (
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    "a" * 1_000_000: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
}
"""SHA-256 of NIST's examples for FIPS 180."""

RFC_4231 = (
    (b"\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\x0c" * 20, "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        "This is a test using a larger than block-size key and a larger than block-size data. "
        "The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)
"""HMAC-SHA-256 of the test cases 1, 2, 5, 6 and 7; the data of 3 and 4 is no UTF-8."""


def test_sha256_of_the_published_examples():
    """Texts of no characters, of one block, of two, and of a million characters."""
    assert values("sha256(s)", s=list(FIPS_180)) == list(FIPS_180.values())


@pytest.mark.parametrize(("key", "text", "digest"), RFC_4231)
def test_hmac_of_the_published_examples(monkeypatch, key, text, digest):
    """The key is the bytes of the variable, whatever they are."""
    monkeypatch.setitem(os.environb, b"KEY", key)
    (found,) = values("hmac_sha256(s, key='KEY')", s=[text])
    assert found.startswith(digest)
    assert len(found) == 64


def test_a_key_that_is_not_there_is_an_error_before_the_first_record(monkeypatch, tmp_path, capsys):
    """Where the pipeline is built, with all that are missing; `check` on another machine needs none."""
    text = (
        "where = \"hmac_sha256(s, key='KEY_C') != 'x'\"\n"
        "[columns]\ns = {}\na = { expr = \"hmac_sha256(s, key='KEY_A')\" }\n"
        "[partition_keys]\nk = \"hmac_sha256(s, 'KEY_B')\"\n"
    )
    monkeypatch.setenv("KEY_B", "")
    monkeypatch.setenv("KEY_C", "c")
    with pytest.raises(ConfigError) as caught:
        fastxform.Pipeline.from_toml(text)
    assert list(map(str, caught.value.mistakes)) == [
        "environment KEY_A: is not set; hmac_sha256 takes its key from it; set it for the function, or here",
        "environment KEY_B: is empty; hmac_sha256 takes its key from it; set it for the function, or here",
    ]
    (tmp_path / "c.toml").write_text(text)
    assert main(["check", str(tmp_path / "c.toml")]) == 0
    monkeypatch.setenv("KEY_A", "a")
    monkeypatch.setenv("KEY_B", "b")
    batch = fastxform.Pipeline.from_toml(text).run([b'{"s":"v"}', b"{}"])
    assert batch.data == [f"v,{hmac.new(b'a', b'v', 'sha256').hexdigest()}\n".encode(), None]
    assert batch.reason == [None, "partition_key:k"]


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
