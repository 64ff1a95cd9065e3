"""Tables of look-ups: by the native kernel, by Arrow and by Python's `dict`, which find the same."""

import pickle
import random

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastxform.core import native
from fastxform.query import lookup_tables
from fastxform.query.lookup_tables import LookupTable

TEXTS = st.text(st.sampled_from("ab\0é漢"), max_size=20) | st.sampled_from(
    ["", "\0", "\0" * 9, "a" * 8, "a" * 9, "a" * 300]
)


def tables(keys):
    """The table by the kernel, and without it."""
    by_kernel, without = (
        LookupTable(
            "t", pa.array(keys, pa.string()), {"v": pa.array([f"v{at}" for at in range(len(keys))], pa.string())}
        )
        for _ in range(2)
    )
    without.__dict__["_table"] = None
    assert isinstance(by_kernel._table, native.KeyTable)
    return by_kernel, without


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, unique=True, max_size=40), st.lists(TEXTS | st.none(), max_size=60), st.integers(0, 9))
@example(["a"], ["a\0", "a", "\0a", None, ""], 1)
def test_every_way_finds_the_same(keys, asked, start):
    """Few rows and many, parts of arrays, nulls, texts of nothing, and bytes that are zero."""
    by_kernel, without = tables(keys)
    known = {key: f"v{at}" for at, key in enumerate(keys)}
    for texts in (asked, asked + keys, keys * 9):
        column = pa.array([None] * start + texts, pa.string()).slice(start)
        expected = list(map(known.get, texts))
        assert by_kernel.find(column, "v").to_pylist() == expected
        assert without.find(column, "v").to_pylist() == expected


def test_texts_that_differ_in_one_byte_are_told_apart():
    """At every place and of every length that is hashed in a way of its own; and parts of keys find nothing."""
    rng = random.Random(3)
    keys = {"".join(rng.choices("ab", k=size)) for size in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33) for _ in range(200)}
    keys |= {"shop-" + "0" * at + "1" + "0" * (12 - at) for at in range(13)}
    table, _ = tables(sorted(keys))
    asked = [key[:at] + "c" + key[at + 1 :] for key in keys for at in range(len(key))]
    assert table.find(pa.array(asked), "v").null_count == len(asked)
    assert table.find(pa.array(sorted(keys)), "v").to_pylist() == [f"v{at}" for at in range(len(keys))]


def test_parts_of_the_keys_are_a_table_of_their_own():
    """Keys that are a slice of an array, with nulls among them, which no row finds."""
    keys = pa.array(["x", "a", None, "b"], pa.string()).slice(1)
    table = native.KeyTable(keys)
    assert table.find(pa.array(["x", "a", "b", None, ""], pa.string())).to_pylist() == [None, 0, 2, None, None]
    with pytest.raises(TypeError, match="another type"):
        table.find(pa.array([1]))
    with pytest.raises(TypeError, match="another type"):
        native.KeyTable(pa.array([b"x"]))


def test_a_table_works_without_the_kernel_and_travels_without_its_own(monkeypatch):
    """Turned off, or not there: what it finds is the same."""
    table, _ = tables(["a", "b"])
    asked = pa.array(["b", "c"])
    monkeypatch.setattr(lookup_tables, "kernel_is_wanted", lambda: False)
    other = pickle.loads(pickle.dumps(table))
    assert other._table is None
    assert other == table
    assert other.find(asked, "v").to_pylist() == table.find(asked, "v").to_pylist() == ["v1", None]
