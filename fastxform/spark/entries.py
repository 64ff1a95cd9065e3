"""The records in an object that Firehose wrote: lines of failed records, or backed-up records one after the other.

Nothing here imports Spark or judges a payload. Invariant: an object that is damaged gives what can be read of it, and a
row that says so; it never raises.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
import pyarrow as pa

from fastxform.core import payloads

FAILED: Final = pa.schema(
    [
        ("payload", pa.binary()),
        ("arrival_ms", pa.int64()),
        ("error_code", pa.string()),
        ("error_message", pa.string()),
        ("attempts", pa.int64()),
        ("lambda_arn", pa.string()),
        ("problem", pa.string()),
        ("path", pa.string()),
        ("line", pa.int64()),
    ]
)
"""The columns of failed records."""

BACKUP: Final = pa.schema(
    [("payload", pa.binary()), ("problem", pa.string()), ("path", pa.string()), ("line", pa.int64())]
)
"""The columns of backed-up records."""

Entry = tuple[Any, ...]
"""The values of a row, but for the last two columns."""

_ROWS_A_BATCH: Final = 5_000
_BYTES_A_BATCH: Final = 16 * 2**20
_GZIP: Final = b"\x1f\x8b"
_WHITE: Final = re.compile(rb"[ \t\r\n]*")
_NEXT: Final = re.compile(rb"\}[ \t\r\n]*(?=\{)")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_LOOKS: Final = 4
"""How often an object of broken records is looked through for the ends of documents, which would else take for ever."""
_DAMAGED: Final = "the gzip data is damaged or ends early"


class _Line(msgspec.Struct, rename="camel"):
    """A failed record; numbers are text in the documentation, and the ARN has been spelled in two ways."""

    raw_data: str
    error_code: str | None = None
    error_message: str | None = None
    attempts_made: int | str | None = None
    arrival_timestamp: int | str | None = None
    lambda_arn: str | None = None
    upper_arn: str | None = msgspec.field(default=None, name="lambdaARN")


_LINES: Final = msgspec.json.Decoder(_Line)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)


def run(
    batches: Iterable[pa.RecordBatch], read: Callable[[bytes], Iterator[Entry]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Read objects, rows of path and content, into batches of a size that a pipeline is given."""
    rows: list[Entry] = []
    size_bytes = 0
    for batch in batches:
        for path, content in zip(*batch.columns, strict=True):
            name = path.as_py()
            for line, entry in enumerate(read(content.as_py()), 1):
                rows.append((*entry, name, line))
                size_bytes += len(entry[0] or b"")
                if len(rows) == _ROWS_A_BATCH or size_bytes > _BYTES_A_BATCH:
                    yield _batch(rows, schema)
                    rows, size_bytes = [], 0
    if rows:
        yield _batch(rows, schema)


def failed(content: bytes) -> Iterator[Entry]:
    """Yield the failed records of an object, a line each."""
    text, problem = _unpacked(content)
    for line in io.BytesIO(text):
        if line.strip():
            yield _failed_record(line)
    if problem is not None:
        yield None, None, None, None, None, None, problem


def backup(content: bytes) -> Iterator[Entry]:
    """Yield the backed-up records of an object."""
    text, problem = _unpacked(content)
    for document in documents(text):
        yield document, None
    if problem is not None:
        yield None, problem


def documents(text: bytes) -> Iterator[bytes]:
    """Yield JSON documents that stand one after the other; what is none goes up to the end of its line or the next."""
    place = _end(_WHITE, text, 0)
    cut, limit = 0, len(text)
    budget_bytes = _LOOKS * limit
    with memoryview(text) as view:
        while place < limit:
            if cut <= place:
                found = _NEXT.search(text, place)
                cut = limit if found is None else found.start() + 1
            if _is_document(view[place:cut]):
                end = cut
            else:
                balanced, looked = _balanced_end(text, place, min(limit, place + budget_bytes))
                if balanced is not None and _is_document(view[place:balanced]):
                    end = balanced
                else:
                    budget_bytes -= looked - place
                    line = text.find(b"\n", place, cut)
                    end = cut if line < 0 else line + 1
            yield text[place:end].rstrip(b" \t\r\n")
            place = _end(_WHITE, text, end)


def _balanced_end(text: bytes, place: int, limit: int) -> tuple[int | None, int]:
    """Return where the object or list that starts at a place ends, by its brackets, and how far was looked for it."""
    open_brackets = bytearray()
    if text[place] not in b"{[":
        return None, place
    for token in _TOKEN.finditer(text, place, limit):
        first = text[token.start()]
        if first in b"{[":
            open_brackets.append(_CLOSING[first])
        elif first in b"}]":
            if open_brackets.pop() != first:
                return None, token.end()
            if not open_brackets:
                return token.end(), token.end()
    return None, limit


def _end(pattern: "re.Pattern[bytes]", text: bytes, place: int) -> int:
    found = pattern.match(text, place)
    return place if found is None else found.end()


def _is_document(text: memoryview) -> bool:
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _failed_record(line: bytes) -> Entry:
    try:
        found = _LINES.decode(line)
        attempts, arrival_ms = _number(found.attempts_made), _number(found.arrival_timestamp)
    except (ValueError, RecursionError):  # of `msgspec` and of Unicode too
        return None, None, None, None, None, None, "the line is no failed record"
    arn = found.lambda_arn if found.upper_arn is None else found.upper_arn
    said = arrival_ms, found.error_code, found.error_message, attempts, arn
    data = payloads.decode(found.raw_data)
    return data, *said, "rawData is not base64" if data is None else None


def _number(value: int | str | None) -> int | None:
    """Return a number that may be spelled as text.

    Raises:
        ValueError: it is none, or none of 64 bits.
    """
    if value is None:
        return None
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("not a number of 64 bits")
    return number


def _unpacked(content: bytes) -> tuple[bytes, str | None]:
    """Return the content of an object, of gzip what it holds, and what is wrong with it."""
    if not content.startswith(_GZIP):
        return content, None
    parts = []
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while part := file.read1(2**20):  # `read` would keep what comes before the damage
                parts.append(part)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b"".join(parts), _DAMAGED
    return b"".join(parts), None


def _batch(rows: list[Entry], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(list(values), kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
