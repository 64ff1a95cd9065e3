"""Compressed payloads, recognised by their first bytes: gzip and zstd, under a limit.

Nothing here looks into what comes out. Invariant: decompression stops at the limit, whatever the payload claims, so
that a bomb costs its own record no more than that and its neighbours nothing.
"""

import zlib
from typing import Final

import pyarrow as pa

from fastxform.limits import DECOMPRESSED_LIMIT_BYTES

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


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
    parts = []
    left = limit_bytes
    rest = payload
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(rest, left + 1)
        except zlib.error as err:
            raise DecompressionError("compression") from err
        if len(part) > left:
            raise DecompressionError("too_large")
        if not member.eof:
            raise DecompressionError("compression")
        parts.append(part)
        left -= len(part)
        rest = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unzstd(payload: bytes, limit_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
            found = stream.read(limit_bytes + 1)
    except (OSError, pa.ArrowException) as err:
        raise DecompressionError("compression") from err
    if len(found) > limit_bytes:
        raise DecompressionError("too_large")
    return bytes(found)
