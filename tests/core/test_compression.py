"""zstd: what it takes, what it refuses, and that neither costs memory for the life of a container."""

import json
import subprocess
import sys

import pytest
import zstandard

from fastxform.core.payloads import DecompressionError, decompress

TEXT = b'{"a":"' + bytes(range(32, 127)).replace(b'"', b"").replace(b"\\", b"") * 30 + b'"}'
FRAME = zstandard.ZstdCompressor().compress(TEXT)
UNSIZED = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(TEXT)
SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
BOMB = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 24) + b"x")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param(FRAME, TEXT, id="frame"),
        pytest.param(UNSIZED, TEXT, id="without size"),
        pytest.param(FRAME + UNSIZED, TEXT * 2, id="two frames"),
        pytest.param(FRAME + SKIPPED + FRAME, TEXT * 2, id="skippable frame"),
        pytest.param(zstandard.ZstdCompressor().compress(b""), b"", id="nothing"),
        pytest.param(FRAME * 3_000, TEXT * 3_000, id="many frames"),
        pytest.param(zstandard.ZstdCompressor().compress(bytes(1 << 24)), bytes(1 << 24), id="up to the limit"),
    ],
)
def test_every_frame_is_unpacked(payload, text):
    """One after the other, as far as the limit."""
    assert decompress(payload) == text


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(FRAME[:-1], "compression", id="cut off"),
        pytest.param(FRAME[:6], "compression", id="cut off in its header"),
        pytest.param(UNSIZED[:-1], "compression", id="cut off in its checksum"),
        pytest.param(UNSIZED[:-1] + b"x", "compression", id="wrong checksum"),
        pytest.param(FRAME + b"x", "compression", id="followed by a byte"),
        pytest.param(FRAME + FRAME[:9], "compression", id="followed by a piece"),
        pytest.param(FRAME + TEXT, "compression", id="followed by text"),
        pytest.param(UNSIZED[:30] + b"\xff" * 20 + UNSIZED[50:], "compression", id="corrupt"),
        pytest.param(BOMB, "too_large", id="too large"),
        pytest.param(BOMB[:300], "compression", id="too large and cut off"),
        pytest.param(zstandard.ZstdCompressor(level=19).compress(bytes(1 << 30)), "too_large", id="a gigabyte"),
    ],
)
def test_what_is_broken_says_so(payload, reason):
    """In every way in which a frame can be."""
    with pytest.raises(DecompressionError) as error:
        decompress(payload)
    assert error.value.reason == reason


GROWTH = """
import gzip, json, sys
from fastxform import Pipeline

def resident():
    with open("/proc/self/statm") as lines:
        return int(lines.read().split()[1]) * 4096

pipeline = Pipeline.from_toml('[columns]\\na = "a"\\n')
growth = []
for payload in map(bytes.fromhex, json.load(sys.stdin)):
    for _ in range(5):
        pipeline.run([payload] * 4)
    before = resident()
    for _ in range(10):
        pipeline.run([payload] * 4)
    growth.append(resident() - before)
print(json.dumps(growth))
"""


def test_what_is_broken_leaves_no_memory_behind():
    """546 bytes that are cut off took 16.8 MB of the container each, 88 bytes 8 KB."""
    payloads = [BOMB, BOMB[:300], FRAME[:-1], FRAME + b"x", UNSIZED[:30] + b"\xff" * 20 + UNSIZED[50:], FRAME + TEXT]
    texts = json.dumps([payload.hex() for payload in payloads])
    done = subprocess.run([sys.executable, "-c", GROWTH], input=texts, capture_output=True, text=True, check=True)
    growth = json.loads(done.stdout)
    assert len(growth) == len(payloads)
    assert max(growth) < 2_000_000, growth
