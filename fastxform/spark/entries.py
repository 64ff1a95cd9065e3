"""The records in an object that Firehose wrote: lines of failed records, or backed-up records one after the other.

The lines of failed records are read by `fastxform.tools.replay.failures`, as `fastxform replay` reads them; nothing
here imports Spark or validates a payload. Invariant: a damaged object gives the rows before the damage and one row with
the problem; it never raises.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
import pyarrow as pa

from fastxform.tools import gzip_stream
from fastxform.tools.replay import failures


def _schema(fields: list[tuple[str, Any]]) -> pa.Schema:
    return pa.schema(fields)


FAILED: Final = _schema(
    [
        ("payload", pa.binary()),
        ("arrival_ms", pa.int64()),
        ("error_code", pa.string()),
        ("error_message", pa.string()),
        ("attempts", pa.int64()),
        ("lambda_arn", pa.string()),
        ("is_original", pa.bool_()),
        ("problem", pa.string()),
        ("path", pa.string()),
        ("line", pa.int64()),
    ]
)
"""The columns of failed records."""

BACKUP: Final = _schema(
    [("payload", pa.binary()), ("problem", pa.string()), ("path", pa.string()), ("line", pa.int64())]
)
"""The columns of backed-up records."""

Entry = tuple[Any, ...]
"""The values of a row without the path; the number of the line is the last."""

_ROWS_A_BATCH: Final = 5_000
_BYTES_A_BATCH: Final = 16 * 2**20
_WHITE: Final = re.compile(rb"[ \t\r\n]*")
_NEXT: Final = re.compile(rb"\}[ \t\r\n]*(?=\{)")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_LOOKS: Final = 4
"""How often an object of broken records is searched for the ends of documents, which would else take forever."""


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
            for *entry, line in read(content.as_py()):
                rows.append((*entry, name, line))
                size_bytes += len(entry[0] or b"")
                if len(rows) == _ROWS_A_BATCH or size_bytes > _BYTES_A_BATCH:
                    yield _batch(rows, schema)
                    rows, size_bytes = [], 0
    if rows:
        yield _batch(rows, schema)


def failed(content: bytes) -> Iterator[Entry]:
    """Yield the failed records of an object, a line each."""
    for entry in failures.read_stream(0, io.BytesIO(content)):
        if isinstance(entry, failures.Broken):
            yield *[None] * 7, entry.what, entry.line
            continue
        yield (
            entry.data,
            entry.arrived_ms,
            entry.code or None,
            entry.message or None,
            entry.attempts,
            entry.lambda_arn,
            entry.is_original,
            None,
            entry.line,
        )


def backup(content: bytes) -> Iterator[Entry]:
    """Yield the backed-up records of an object, numbered from 1."""
    text, problem = _decompressed(content)
    number = 0
    for number, document in enumerate(documents(text), 1):
        yield document, None, number
    if problem is not None:
        yield None, problem, number + 1


def documents(text: bytes) -> Iterator[bytes]:
    """Yield JSON documents that stand one after the other; what is none goes up to the end of its line or the next."""
    position = _end(_WHITE, text, 0)
    cut, limit = 0, len(text)
    budget_bytes = _LOOKS * limit
    with memoryview(text) as view:
        while position < limit:
            if cut <= position:
                match = _NEXT.search(text, position)
                cut = limit if match is None else match.start() + 1
            if _is_document(view[position:cut]):
                end = cut
            else:
                balanced, looked = _balanced_end(text, position, min(limit, position + budget_bytes))
                if balanced is not None and _is_document(view[position:balanced]):
                    end = balanced
                else:
                    budget_bytes -= looked - position
                    line = text.find(b"\n", position, cut)
                    end = cut if line < 0 else line + 1
            yield text[position:end].rstrip(b" \t\r\n")
            position = _end(_WHITE, text, end)


def _balanced_end(text: bytes, position: int, limit: int) -> tuple[int | None, int]:
    """Return where the object or list that starts at a place ends, by its brackets, and how far was looked for it."""
    open_brackets = bytearray()
    if text[position] not in b"{[":
        return None, position
    for token in _TOKEN.finditer(text, position, limit):
        first = text[token.start()]
        if first in b"{[":
            open_brackets.append(_CLOSING[first])
        elif first in b"}]":
            if open_brackets.pop() != first:
                return None, token.end()
            if not open_brackets:
                return token.end(), token.end()
    return None, limit


def _end(pattern: "re.Pattern[bytes]", text: bytes, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _is_document(text: memoryview) -> bool:
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _decompressed(content: bytes) -> tuple[bytes, str | None]:
    """Return the content of an object, of gzip what it holds, and what is wrong with it."""
    stream = gzip_stream.decompressed(gzip_stream.buffered(io.BytesIO(content)))
    parts = []
    try:
        while part := stream.read1(2**20):  # `read` would keep what comes before the damage
            parts.append(part)
    except gzip_stream.DAMAGE:
        return b"".join(parts), gzip_stream.MESSAGE
    return b"".join(parts), None


def _batch(rows: list[Entry], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(list(values), kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
