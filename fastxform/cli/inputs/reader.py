"""Lines and whole documents out of one file or of standard input, gzip decompressed.

What they mean is decided in `forms`. Invariant: a stream of lines is never held whole, and whatever cannot be read is
an `InputError` that names the input.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from fastxform.errors import InputError
from fastxform.tools import gzip_stream

DOCUMENT_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""The largest single document and the longest line, ours: sixty times the largest record."""

_EMPTY_LINES: Final = (b"\n", b"\r\n")


class InputReader:
    """Lines and documents out of one file or stream, gzip decompressed; every failure is an `InputError`."""

    def __init__(self, name: str, file: BinaryIO, total_bytes: int | None) -> None:
        self.name = name
        self._total_bytes = total_bytes
        self._ahead = io.BytesIO()
        self._file = gzip_stream.buffered(file)
        with self._reading():
            self._stream = gzip_stream.decompressed(self._file)

    def done_share(self) -> float | None:
        """Return how much of the file is read, 0 to 1; None where its size is not known."""
        return self._file.tell() / self._total_bytes if self._total_bytes else None

    def line(self) -> bytes:
        """Return the next line with its line feed; nothing at the end."""
        line = self._line()
        if len(line) > DOCUMENT_LIMIT_BYTES:
            raise InputError(f"{self.name}: a line is longer than {DOCUMENT_LIMIT_BYTES} bytes, so it is no record")
        return line

    def _line(self) -> bytes:
        line = self._ahead.readline()
        if line.endswith(b"\n"):
            return line
        with self._reading():
            return line + self._stream.readline(DOCUMENT_LIMIT_BYTES + 1)

    def beginning(self) -> bytes:
        """Return the next line that is not empty; of one that is longer than a document is, its beginning."""
        line = self._line()
        while line in _EMPTY_LINES:
            line = self._line()
        return line

    def content_line(self) -> bytes:
        """Return the next line that is not empty; nothing at the end."""
        line = self.line()
        while line in _EMPTY_LINES:
            line = self.line()
        return line

    def rest(self, limit_bytes: int) -> bytes:
        """Return what is left, at most `limit_bytes` of it."""
        with self._reading():
            return self._stream.read(limit_bytes)

    def put_back(self, data: bytes) -> None:
        """Have `data` read again, before what is left."""
        self._ahead = io.BytesIO(data)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except gzip_stream.DAMAGE as err:
            raise InputError(f"{self.name}: {gzip_stream.MESSAGE}") from err
        except OSError as err:
            raise InputError(f"{self.name}: {err.strerror or err}") from err


@contextmanager
def open_reader(name: str) -> Iterator[InputReader]:
    """Open a file, or standard input for `-`.

    Raises:
        InputError: it cannot be opened.
    """
    if name == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed")
        yield InputReader("standard input", sys.stdin.buffer, None)
        return
    path = Path(name)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as err:
        raise InputError(f"{name}: {getattr(err, 'strerror', None) or err}") from err
    with file:
        yield InputReader(name, file, path.stat().st_size if path.is_file() else None)


def read_document(name: str) -> bytes:
    """Return the whole of an input that is one document.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    with open_reader(name) as reader:
        document = reader.rest(DOCUMENT_LIMIT_BYTES + 1)
    if len(document) > DOCUMENT_LIMIT_BYTES:
        raise InputError(f"{name}: it has more than {DOCUMENT_LIMIT_BYTES} bytes")
    return document
