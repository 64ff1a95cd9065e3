"""Objects whose names were chosen to meet in one place of the kernel's table: they are the engine's."""

import json
from itertools import count

import pytest

from fastxform import Pipeline

CONFIG = '[columns]\na = { type = "json" }\n'
WORD = (1 << 64) - 1


def place_of(name, mask):
    """The place in the table of a name of eight bytes, of the first object of a value."""
    found = (((1 << 32) + 8) ^ int.from_bytes(name, "little")) * 0x9E3779B97F4A7C15 & WORD
    return (found ^ found >> 32) & mask


def test_names_that_meet_in_one_place_are_the_engines():
    """300 of them have a table of 1,024 places; as many that do not meet are taken."""
    some = [b"%08x" % i for i in range(300)]
    names = (name for i in count() if not place_of(name := b"%08x" % i, 1_023))
    same = [next(names) for _ in range(300)]
    pipeline = Pipeline.from_toml(CONFIG)
    decode = pipeline.native.plan.plan.decode_texts
    payloads = [json.dumps({"a": dict.fromkeys(map(bytes.decode, each), 1)}).encode() for each in (some, same)]
    assert decode(payloads, False, lambda payload: None, 300_000).fallback == [1]
    assert pipeline.run(payloads).result == ["Ok", "Ok"]


def test_a_list_that_unpacking_shortens_is_an_error():
    """Unpacking runs Python code, in which a list that others have may lose its end."""
    payloads = [b"\x28\xb5\x2f\xfd....", b"{}", b"{}"]
    plan = Pipeline.from_toml(CONFIG).native.plan.plan
    with pytest.raises(IndexError):
        plan.decode_texts(payloads, False, lambda payload: payloads.clear(), 300_000)
