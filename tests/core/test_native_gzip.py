"""The kernel's own gzip: it takes what compressors write, with zlib's bytes, and leaves all else to zlib."""

import gzip
import json
import random
import struct
import zlib

import pytest

from fastxform import Pipeline
from fastxform.core import native

pytestmark = pytest.mark.skipif(native.load() is None, reason="there is no kernel for this machine")

LIMIT_BYTES = 300_000
HEADER = bytes.fromhex("1f8b08000000000000ff")
MAKERS = {
    "plain": {},
    "stored": {"level": 0},
    "fast": {"level": 1},
    "best": {"level": 9},
    "huffman": {"strategy": zlib.Z_HUFFMAN_ONLY},
    "runs": {"strategy": zlib.Z_RLE},
    "fixed": {"strategy": zlib.Z_FIXED},
    "small window": {"wbits": 16 + 9},
}


def taken(payloads):
    """Return what the kernel makes of each payload by itself: its text; None where it asked for another's judgement."""
    pipeline = Pipeline.from_toml("[columns]\nv = {}\n")
    asked = []

    def unpack(payload):
        asked.append(payload)

    decoded = pipeline.native.plan.plan.decode_texts(list(payloads), False, unpack, LIMIT_BYTES)
    texts = dict(zip(decoded.row_records.to_pylist(), decoded.columns[0].array.to_pylist(), strict=True))
    left, waiting = set(decoded.fallback), iter(asked)
    following = next(waiting, None)
    found = []
    for record, payload in enumerate(payloads):
        if record in left and payload == following:
            following = next(waiting, None)
            found.append(None)
        else:
            found.append(texts.get(record, "no document"))
    assert following is None
    return found


def text(rng, size):
    """Return letters, with repetitions near and far."""
    words = [bytes(rng.choices(b"abcdefghij klmnopq", k=rng.randint(1, 40))) for _ in range(rng.randint(1, 60))]
    made = bytearray()
    while len(made) < size:
        made += rng.choice(words) if rng.random() < 0.7 else bytes([rng.choice(b"xyz")]) * rng.randint(1, 300)
    return bytes(made[:size]).decode()


def pack(value, **options):
    """Return a document that holds a text, in gzip."""
    maker = zlib.compressobj(**({"wbits": 31} | options))
    return maker.compress(json.dumps({"v": value}).encode()) + maker.flush()


def with_trailer(stream, unpacked, header=HEADER):
    """Return a payload out of what it holds, whatever the stream comes to."""
    return header + stream + struct.pack("<II", zlib.crc32(unpacked), len(unpacked))


class Bits:
    """Bits of a DEFLATE stream, the lowest of a byte first."""

    def __init__(self):
        self.bits = []

    def put(self, value, count):
        """Append a number."""
        self.bits += [value >> i & 1 for i in range(count)]
        return self

    def code(self, code, count):
        """Append a code, whose highest bit comes first."""
        self.bits += [code >> i & 1 for i in reversed(range(count))]
        return self

    def literals(self, text):
        """Append letters in the fixed code."""
        for byte in text:
            self.code(0x30 + byte, 8)
        return self

    def lengths(self, order, each, literal_count, distance_count):
        """Begin the last block, with codes whose lengths are four bits each, but for those that `order` gives."""
        self.put(1, 1).put(2, 2).put(literal_count - 257, 5).put(distance_count - 1, 5).put(len(order) - 4, 4)
        for bits in order:
            self.put(bits, 3)
        for code, count in each:
            self.code(code, count)
        return self

    def bytes(self):
        """Return them, filled up."""
        bits = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(bit << i for i, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


# Codes of lengths: 0 is `10`, 1 is `11`; `0` would be a repetition.
ORDER = [0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
ZERO, ONE = (2, 2), (3, 2)


@pytest.mark.parametrize("options", MAKERS.values(), ids=MAKERS)
def test_what_zlib_writes_is_taken(options):
    """At every level, by every strategy and of every size, empty blocks and blocks of several kinds among them."""
    rng = random.Random(11)
    texts = [text(rng, size) for size in (0, 1, 2, 3, 17, 250, 259, 600, 3_000, 40_000, 70_000, 290_000)]
    assert taken([pack(each, **options) for each in texts]) == texts


def test_headers_are_passed_over():
    """A name, a comment, extra members, other systems and times; not a CRC of the header, which is left to zlib."""
    plain = pack("x")
    body = plain[10:]
    headers = {
        "name": b"\x1f\x8b\x08\x08abcd\0\3name\0",
        "comment": b"\x1f\x8b\x08\x10abcd\2\xffcomment\0",
        "extra": b"\x1f\x8b\x08\x04abcd\0\0\x04\x00four",
        "all, and text": b"\x1f\x8b\x08\x1dabcd\0\0\x00\x00name\0\0",
    }
    assert taken([header + body for header in headers.values()]) == ["x"] * len(headers)
    start = b"\x1f\x8b\x08\x02abcd\0\0"
    with_crc = start + struct.pack("<H", zlib.crc32(start) & 0xFFFF) + body
    assert gzip.decompress(with_crc)
    assert taken([with_crc, start + b"xx" + body]) == [None, None]


def test_what_is_broken_is_left_to_zlib():
    """Cut off, followed by something, of another length or CRC, with reserved flags, of another method."""
    good = pack(text(random.Random(3), 900))
    broken = [
        *[good[:size] for size in range(2, len(good), 7)],
        good[:-1],
        good + b"\0",
        good + b"x" * 200,
        good + good,
        good + pack("second"),
        good[:-4] + struct.pack("<I", 901),
        good[:-4] + b"\xff\xff\xff\xff",
        good[:-8] + b"abcd" + good[-4:],
        good[:2] + b"\x09" + good[3:],
        *[good[:3] + bytes([flag]) + good[4:] for flag in (0x20, 0x40, 0x80)],
        good[:3] + b"\x04" + good[4:10] + b"\xff\xff" + good[10:],
        good[:3] + b"\x08" + b"n" * 40,
    ]
    assert taken(broken) == [None] * len(broken)


def test_flipped_bits_are_noticed():
    """Of payloads broken at random the kernel takes those that zlib takes, with the same bytes: 4,000 payloads."""
    rng = random.Random(5)
    sizes = (5, 60, 700, 2_500)
    seeds = [pack(text(rng, rng.choice(sizes)), **options) for options in MAKERS.values() for _ in range(3)]
    payloads = []
    for _ in range(4_000):
        payload = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            payload[rng.randrange(2, len(payload))] ^= 1 << rng.randrange(8)
        payloads.append(bytes(payload))
    verdicts = []
    for payload in payloads:
        try:
            verdicts.append(json.loads(gzip.decompress(payload))["v"])
        except (OSError, EOFError, zlib.error):
            verdicts.append(None)
    found = taken(payloads)
    assert sum(each is not None for each in found) > 10  # times, names of systems
    assert [each for each in zip(found, verdicts, strict=True) if each[0] not in (None, each[1])] == []


def document_of(stream, unpacked):
    """Return the payload of a stream that a lenient reader takes, behind a stored block: the start of a document."""
    start = b" " * 60_000 + b'{"v":"'
    stored = b"\0" + struct.pack("<HH", len(start), len(start) ^ 0xFFFF) + start
    return with_trailer(stored + stream, start + unpacked)


END = (0, 7)


@pytest.mark.parametrize(
    ("stream", "unpacked"),
    [
        pytest.param(Bits().put(1, 1).put(3, 2).bytes(), b"", id="fourth kind of block"),
        pytest.param(
            Bits().put(1, 1).put(1, 2).literals(b'"}').code(0xC6, 8).code(0, 5).code(*END).bytes(),
            b'"}' + b"}" * 258,
            id="length symbol 286",
        ),
        pytest.param(
            Bits().put(1, 1).put(1, 2).literals(b'"}').code(1, 7).code(30, 5).put(0, 14).code(*END).bytes(),
            b'"}   ',
            id="distance symbol 30",
        ),
        pytest.param(
            Bits().put(1, 1).put(1, 2).literals(b'"}').code(1, 7).code(31, 5).put(0, 14).code(*END).bytes(),
            b'"}   ',
            id="distance symbol 31",
        ),
        pytest.param(
            Bits().put(1, 1).put(1, 2).code(1, 7).code(6, 5).put(1, 2).literals(b'"}').code(*END).bytes(),
            b"",
            id="distance too far",
        ),
        pytest.param(Bits().put(1, 1).put(1, 2).literals(b'"}').bytes(), b'"}', id="no end of the block"),
        pytest.param(Bits().put(0, 1).put(1, 2).literals(b'"}').code(*END).bytes(), b'"}', id="no last block"),
    ],
)
def test_streams_that_only_a_lenient_reader_takes_are_left_to_zlib(stream, unpacked):
    """With the trailer that such a reader would find right."""
    payload = document_of(stream, unpacked)
    with pytest.raises((zlib.error, OSError, EOFError)):
        gzip.decompress(payload)
    assert taken([payload]) == [None]


def two_letters(distances, literal_count=257, order=ORDER):
    """Return the start of a block in which `a` is `0` and the end `1`, and the lengths of its distance codes."""
    lengths = [*[ZERO] * 97, ONE, *[ZERO] * 158, ONE, *[ZERO] * (literal_count - 257), *distances]
    return Bits().lengths(order, lengths, literal_count, len(distances))


@pytest.mark.parametrize(
    ("bits", "unpacked"),
    [
        pytest.param(two_letters([ONE], 288).code(0, 1).code(1, 1), b"a", id="288 literals and lengths"),
        pytest.param(two_letters([ONE, *[ZERO] * 31]).code(0, 1).code(1, 1), b"a", id="32 distances"),
        pytest.param(
            two_letters([ONE], order=[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
            b"a",
            id="code of lengths not whole",
        ),
        pytest.param(two_letters([ONE, ONE, ONE]).code(0, 1).code(1, 1), b"a", id="three distances of one bit"),
        pytest.param(
            Bits().lengths(ORDER, [*[ZERO] * 97, ONE, *[ZERO] * 159, ONE], 257, 1).code(0, 1),
            b"a",
            id="no code for the end",
        ),
    ],
)
def test_codes_that_zlib_refuses_are_left_to_it(bits, unpacked):
    """Whatever a lenient reader would make of them."""
    payload = with_trailer(bits.bytes(), unpacked)
    with pytest.raises((zlib.error, OSError, EOFError)):
        gzip.decompress(payload)
    assert taken([payload]) == [None]


@pytest.mark.parametrize("distances", [[ONE], [ZERO], [ONE, ONE], [ZERO, ONE]])
def test_a_code_for_one_distance_or_none_is_taken(distances):
    """As compressors other than zlib's write it where there is nothing to repeat."""
    payload = with_trailer(two_letters(distances).code(0, 1).code(0, 1).code(1, 1).bytes(), b"aa")
    assert gzip.decompress(payload) == b"aa"
    assert taken([payload]) == ["no document"]


def test_a_trailer_that_promises_more_costs_nothing():
    """More than the limit, or than so few bytes can hold, is not even begun."""
    small, bomb = pack("x"), gzip.compress(b" " * 40_000_000)
    lying = small[:-4] + struct.pack("<I", LIMIT_BYTES)
    assert taken([lying, bomb, bomb[:-4] + struct.pack("<I", 20)]) == [None, None, None]
