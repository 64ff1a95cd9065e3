"""Gzip of files and objects, decompressed as it is read: one reader for the command, `replay` and Spark.

Records inside an event are `core.payloads`'. Invariant: whatever comes before damage is returned before the damage
raises one of `DAMAGE`.
"""

import gzip
import io
import zlib
from typing import Any, BinaryIO, Final, cast

DAMAGE: Final = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading from a damaged stream raises."""

MESSAGE: Final = "the gzip data is damaged or ends early"

_MAGIC: Final = b"\x1f\x8b"
_BUFFER_BYTES: Final = 1 << 20


class _Decompressed(io.RawIOBase):
    """A gzip stream; unlike `GzipFile.readinto`, which fills its buffer or raises, it returns what is before damage."""

    def __init__(self, compressed: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=compressed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def buffered(raw: BinaryIO) -> io.BufferedReader:
    """Return a stream that can be peeked into."""
    if isinstance(raw, io.BufferedReader):
        return raw
    return io.BufferedReader(cast(io.RawIOBase, raw), _BUFFER_BYTES)


def decompressed(stream: io.BufferedReader) -> io.BufferedReader:
    """Return what a gzip stream holds, or the stream itself where it is none.

    Raises:
        OSError: the stream cannot be read; damage is noticed later, where it is.
    """
    if not stream.peek(len(_MAGIC)).startswith(_MAGIC):
        return stream
    return io.BufferedReader(_Decompressed(stream), _BUFFER_BYTES)
