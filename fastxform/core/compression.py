"""Compressed payloads, recognised by their first bytes: gzip and zstd, under a limit.

Nothing here looks into what comes out. Invariant: decompression stops at the limit, whatever the payload claims, so
that a bomb costs its own record no more than that and its neighbours nothing.
"""

from functools import cache
from typing import Any, Final

import pyarrow as pa

from fastxform.limits import DECOMPRESSED_LIMIT_BYTES

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW: Final = 16 + 15
"""What `zlib` calls a window of 32 KiB in a gzip frame, header and trailer checked."""

_WINDOW_BYTES: Final = 4_096


@cache
def _zlib() -> Any:
    """Return the library that unpacks gzip, imported for the first payload that is: as strict as `zlib`, and faster."""
    from zlib_ng import zlib_ng

    return zlib_ng


class DecompressionError(Exception):
    """The payload cannot be decompressed; `reason` is a code of `errors.REASONS`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def is_compressed(payload: bytes) -> bool:
    """Tell whether a payload starts as gzip or zstd do; no JSON document does."""
    return payload.startswith((GZIP, ZSTD))


def decompress(payload: bytes, limit_bytes: int = DECOMPRESSED_LIMIT_BYTES) -> bytes:
    """Return what a payload decompresses to; one that is not compressed is returned as it is.

    Raises:
        DecompressionError: `compression` where it is broken, cut off or followed by something else, `too_large` over
        the limit.
    """
    if payload.startswith(GZIP):
        return _gunzip(payload, limit_bytes)
    if payload.startswith(ZSTD):
        return _unzstd(payload, limit_bytes)
    return payload


def _gunzip(payload: bytes, limit_bytes: int) -> bytes:
    """Return what all members of a payload hold, one after the other; most payloads are one member."""
    codec = _zlib()
    member = codec.decompressobj(_GZIP_WINDOW)
    found = _feed(codec, member, payload, limit_bytes)
    if not member.eof:
        raise DecompressionError("compression")
    if not member.unused_data:
        return found
    parts, left, place = [found], limit_bytes - len(found), len(payload) - len(member.unused_data)
    whole = memoryview(payload)
    while place < len(whole):
        member = codec.decompressobj(_GZIP_WINDOW)
        while not member.eof:
            # What a member leaves over is copied each time: of a payload of 50,000 members that must not be all.
            window = whole[place : place + _WINDOW_BYTES]
            if not window:
                raise DecompressionError("compression")
            parts.append(_feed(codec, member, window, left))
            left -= len(parts[-1])
            place += len(window) - len(member.unused_data)
    return b"".join(parts)


def _feed(codec: Any, member: Any, data: bytes | memoryview, limit_bytes: int) -> bytes:
    try:
        found: bytes = member.decompress(data, limit_bytes + 1)
    except codec.error as err:
        raise DecompressionError("compression") from err
    if len(found) > limit_bytes:
        raise DecompressionError("too_large")
    return found


def _unzstd(payload: bytes, limit_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
            found = stream.read(limit_bytes + 1)
    except (OSError, pa.ArrowException) as err:
        raise DecompressionError("compression") from err
    if len(found) > limit_bytes:
        raise DecompressionError("too_large")
    return bytes(found)
