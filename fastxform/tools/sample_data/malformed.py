"""Records that break handlers, made out of good ones.

Each kind is one function of a rng and of a well-formed payload; `spoil` takes one of them. None knows what a
configuration selects, so a few still pass under one that looks elsewhere. Invariant: no malformed record holds a line
feed or ends in a carriage return, so a burst of them is still one record per line.
"""

from collections.abc import Callable
from typing import Final

from fastxform.tools.sample_data.rng import Rng

Spoiler = Callable[[Rng, bytes], bytes]


def _inside(rng: Rng, payload: bytes) -> int:
    return 1 + rng.below(max(len(payload) - 2, 1))


def _truncated(rng: Rng, payload: bytes) -> bytes:
    return payload[: _inside(rng, payload)].rstrip(b"\r")


def _first_half(rng: Rng, payload: bytes) -> bytes:
    """Return what the `_second_half` of a neighbour would complete."""
    return b'{"dynamodb":{"Keys":{"id":{"S":"a'


def _second_half(rng: Rng, payload: bytes) -> bytes:
    return b'b"},"datetime":{"S":"2022-05-06"}}}}'


def _bad_byte(rng: Rng, payload: bytes) -> bytes:
    at = _inside(rng, payload)
    return payload[:at] + rng.one((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80")) + payload[at:]


def _bad_byte_unselected(rng: Rng, payload: bytes) -> bytes:
    return payload[:-1] + b',"zz":"\xe6\x9d"}'


def _mark(rng: Rng, payload: bytes) -> bytes:
    return b"\xef\xbb\xbf" + payload


def _two_documents(rng: Rng, payload: bytes) -> bytes:
    return payload + rng.one((b"", b" ", b"\t")) + payload


def _trailing(rng: Rng, payload: bytes) -> bytes:
    return payload + rng.one((b"x", b"}", b",", b"]", b" null", b"\x00"))


def _not_an_object(rng: Rng, payload: bytes) -> bytes:
    return rng.one((b"42", b'"text"', b"null", b"true", b"[]", b"[" + payload + b"]", b"-0.0", b'""'))


def _white(rng: Rng, payload: bytes) -> bytes:
    return b" \t"[: 1 + rng.below(2)]


def _no_json(rng: Rng, payload: bytes) -> bytes:
    return rng.one(
        (
            b"hello, world",
            b"{'a': 1}",
            b"{",
            b"}",
            b'{"a"}',
            b'{"a":1,}',
            b"id,datetime",
            b"{\x1f\x8b\x08\x00",
            b"\x00",
        )
    )


def _member(text: bytes) -> Spoiler:
    def spoil(rng: Rng, payload: bytes) -> bytes:
        return payload[:-1] + b',"zz":' + text + b"}"

    return spoil


def _deep(rng: Rng, payload: bytes) -> bytes:
    depth = rng.one((511, 512, 513, 2_000, 100_000 if rng.below(10) == 0 else 5_000))
    opening, closing = rng.one(((b"[", b"]"), (b'{"a":', b"}")))
    return payload[:-1] + b',"zz":' + opening * depth + b"1" + closing * depth + b"}"


def _deep_open(rng: Rng, payload: bytes) -> bytes:
    return rng.one((b"[", b"{", b'{"a":[')) * 3_000


def _typed_wrong(rng: Rng, payload: bytes) -> bytes:
    return payload.replace(
        b'{"S":"', rng.one((b'{"S":5,"SS":"', b'{"N":"', b'{"Q":"', b'{"S":null,"s":"')), 1 + rng.below(3)
    )


def _number_wrong(rng: Rng, payload: bytes) -> bytes:
    for sign in (b'{"N":"', b'"PRICE":', b'"timestamp":'):
        if sign in payload:
            extra = rng.one((b"9" * 400, b"1e400+", b"0x", b"--", b"NaN", b" "))
            return payload.replace(sign, sign + extra, 1)
    return payload[:-1] + b',"dynamodb":{"Keys":{"id":{"N":"1e"}}}}'


def _members_gone(rng: Rng, payload: bytes) -> bytes:
    return rng.one(
        (
            b"{}",
            b'{"dynamodb":{}}',
            b'{"dynamodb":null}',
            b'{"dynamodb":[]}',
            b'{"dynamodb":{"Keys":[]}}',
            b'{"mail":7,"eventType":8}',
        )
    )


def _member_twice(rng: Rng, payload: bytes) -> bytes:
    name = payload[1 : payload.index(b":")] if b":" in payload else b'"a"'
    return b"{" + name + b":null," + payload[1:]


SPOILERS: Final[tuple[Spoiler, ...]] = (
    _truncated,
    _first_half,
    _second_half,
    _bad_byte,
    _bad_byte_unselected,
    _mark,
    _two_documents,
    _trailing,
    _not_an_object,
    _white,
    _no_json,
    _member(b"NaN"),
    _member(b"-Infinity"),
    _member(b'"\\ud800"'),
    _member(b'"\\udc00\\ud800"'),
    _member(b'"a\x01b"'),
    _member(b'"\\x41"'),
    _member(b"01"),
    _member(b'"\\u0000"'),
    _deep,
    _deep_open,
    _typed_wrong,
    _number_wrong,
    _members_gone,
    _member_twice,
)
"""Every kind of malformed record."""


def spoil(rng: Rng, payload: bytes) -> bytes:
    """Return a malformed record in place of `payload`, of a kind that the rng chooses."""
    return rng.one(SPOILERS)(rng, payload)
