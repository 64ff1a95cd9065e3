"""INPUT, in every form that the verbs take: an event, a Streams batch, one record, or newline-delimited records.

Gzip is looked through, `-` is standard input, and a stream of lines is never held whole; what a record holds is not
judged here. Invariant: an empty line is no record, every other line of newline-delimited input is exactly one, byte
for byte.

How the form is found: input of one line, or input whose first line is no JSON document but that is one JSON object
as a whole, is a single document; everything else is lines. A single document is at most `DOCUMENT_LIMIT_BYTES`
long.
"""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from fastxform.errors import EventError, InputError
from fastxform.tools import gzip_stream

DOCUMENT_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""The largest single document and the longest line, ours: sixty times the largest record."""

_EMPTY_LINES: Final = (b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record of the input; arrival and partition key are those of an event that had them."""

    data: bytes
    arrival_ms: int | None = None
    partition_key: str | None = None


@dataclass(slots=True)
class InputSource:
    """The records of an input, and the event as it stands if it is one."""

    items: Iterator[InputRecord]
    event: bytes | None = None


class InputReader:
    """Lines and documents out of one file or stream, gzip looked through; every failure is an `InputError`."""

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
        line = self._ahead.readline()
        if line.endswith(b"\n"):
            return line
        with self._reading():
            line += self._stream.readline(DOCUMENT_LIMIT_BYTES + 1)
        if len(line) > DOCUMENT_LIMIT_BYTES:
            raise InputError(f"{self.name}: a line is longer than {DOCUMENT_LIMIT_BYTES} bytes, so it is no record")
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


def read_source(reader: InputReader) -> InputSource:
    """Find the form of the input and return its records.

    Raises:
        InputError: it cannot be read, or is an event or a Streams batch that cannot be read as one.
    """
    first = reader.content_line()
    second = reader.content_line()
    document = first + second
    if second and first.lstrip().startswith(b"{") and not _is_json(first):
        document += reader.rest(DOCUMENT_LIMIT_BYTES - len(document))
        second = b""
    single = None if second or len(document) >= DOCUMENT_LIMIT_BYTES else _single(reader.name, document)
    if single is not None:
        return single
    reader.put_back(document)
    return InputSource(_lines(reader))


def _lines(reader: InputReader) -> Iterator[InputRecord]:
    while line := reader.content_line():
        yield InputRecord(line.removesuffix(b"\n"))


def _single(name: str, document: bytes) -> InputSource | None:
    """Return the records of a single document; None where it is no JSON object."""
    try:
        value = _parse(document)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("records"), list):
        return InputSource(_event_items(name, document), document)
    if isinstance(value.get("Records"), list):
        return InputSource(_streams_items(name, document))
    return InputSource(iter([InputRecord(document.rstrip(b"\r\n"))]))


def _parse(document: bytes) -> Any:
    # A byte order mark is refused here; NaN is not: a record that holds it is still one document.
    return json.loads(document.decode())


def _is_json(line: bytes) -> bool:
    try:
        _parse(line)
    except (ValueError, RecursionError):
        return False
    return True


def _event_items(name: str, document: bytes) -> Iterator[InputRecord]:
    from fastxform.core import payloads
    from fastxform.invocation import event

    try:
        parsed = event.read(document)
    except EventError as err:
        raise InputError(f"{name}: {err}") from err
    keys, arrivals = parsed.kinesis("partitionKey"), parsed.arrival_ms()
    for number, data in enumerate(payloads.decode_all(parsed.data())):
        if data is None:
            raise InputError(f"{name}: records[{number}] has data that is not base64, which no stream holds")
        yield InputRecord(data, arrivals[number], keys[number])


def _streams_items(name: str, document: bytes) -> Iterator[InputRecord]:
    """Yield the text of each change as it stands in the batch, its numbers as they are written."""
    import msgspec

    class StreamsBatch(msgspec.Struct):
        Records: list[msgspec.Raw]

    try:
        records = msgspec.json.decode(document, type=StreamsBatch).Records
    except (msgspec.MsgspecError, ValueError, RecursionError) as err:
        raise InputError(f"{name}: the Streams batch is not strict JSON") from err
    for record in records:
        yield InputRecord(bytes(record))
