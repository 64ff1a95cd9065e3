"""Lines of error objects: what failed, why, and the bytes of the record; `replay` and Spark both read them here.

An object is newline-delimited JSON, gzip or not; any other line is `Broken`, with its number. Invariant: each line
that is not empty gives exactly one `Failure` or one `Broken`, in order, whatever its bytes.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

from fastxform.core import payloads
from fastxform.tools import gzip_stream
from fastxform.tools.replay import stores
from fastxform.tools.replay.stores import Stored

LINE_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""The longest line, ours: twice the base64 of the largest record that any source of Firehose has."""

UNSENT: Final = "fastxform.Unacknowledged"
"""The error code of records that `put` has read from standard input and could not send."""

_LATEST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_INT64: Final = 1 << 63

_CODE_LIMIT_CHARACTERS: Final = 100
_MESSAGE_LIMIT_CHARACTERS: Final = 300


class Failure(NamedTuple):
    """One record that failed.

    Attributes:
        file: Number of its object.
        line: Number of its line, from 1.
        data: The bytes of the record.
        code: The error code; empty where the line has none.
        message: The error message.
        attempts: How often it was tried.
        arrived_ms: When it arrived.
        is_original: Whether `data` is what the stream got; else it failed behind the transform, which made it.
        text: The line itself, without its line feed.
        partition_key: The key that it had, where it is known: in what `put` wrote.
        lambda_arn: The function that failed, where the line names one.
    """

    file: int
    line: int
    data: bytes
    code: str
    message: str
    attempts: int | None
    arrived_ms: int | None
    is_original: bool
    text: bytes
    partition_key: str | None = None
    lambda_arn: str | None = None


class Broken(NamedTuple):
    """A line that holds no failed record, and why."""

    file: int
    line: int
    what: str


class _Line(msgspec.Struct):
    """What is read of a line; the three spellings of its error are those of the three kinds of objects."""

    rawData: Any = None
    errorCode: Any = None
    errorMessage: Any = None
    error_code: Any = msgspec.field(default=None, name="ErrorCode")
    error_message: Any = msgspec.field(default=None, name="ErrorMessage")
    lastErrorCode: Any = None
    lastErrorMessage: Any = None
    attemptsMade: Any = None
    arrivalTimestamp: Any = None
    partitionKey: Any = None
    lambda_upper: Any = msgspec.field(default=None, name="lambdaARN")
    lambda_lower: Any = msgspec.field(default=None, name="lambdaArn")


_DECODE: Final = msgspec.json.Decoder(_Line).decode


def read(file: int, stored: Stored) -> Iterator[Failure | Broken]:
    """Yield what the lines of an object hold.

    Raises:
        InputError: the object cannot be opened or read; damaged gzip is not that, but a `Broken`.
    """
    with stores.opened(stored.name) as raw:
        yield from read_stream(file, raw)


def read_stream(file: int, raw: BinaryIO) -> Iterator[Failure | Broken]:
    """Yield what the lines of a stream hold; see `read`."""
    number = 0
    try:
        for text in _lines(raw):
            number += 1
            if text is None:
                yield Broken(file, number, f"the line is longer than {LINE_LIMIT_BYTES} bytes")
            elif text and not text.isspace():
                yield _parse(file, number, text)
    except gzip_stream.DAMAGE:
        yield Broken(file, number + 1, f"{gzip_stream.MESSAGE}; what comes after is not read")


def _lines(raw: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines without their line feed; None for one that is too long."""
    stream = gzip_stream.decompressed(gzip_stream.buffered(raw))
    while text := stream.readline(LINE_LIMIT_BYTES + 1):
        if len(text) <= LINE_LIMIT_BYTES:
            yield text.removesuffix(b"\n")
            continue
        while not text.endswith(b"\n") and (text := stream.readline(1 << 20)):
            pass
        yield None


def _parse(file: int, number: int, text: bytes) -> Failure | Broken:
    """Read one line."""
    try:
        line = _DECODE(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Broken(file, number, "the line is not a JSON object")
    if not isinstance(line.rawData, str):
        return Broken(file, number, "the line has no rawData, so there is no record in it")
    data = payloads.decode(line.rawData)
    if data is None:
        return Broken(file, number, "the rawData of the line is not base64")
    code = _text(line.errorCode, line.error_code, line.lastErrorCode)[:_CODE_LIMIT_CHARACTERS]
    message = _text(line.errorMessage, line.error_message, line.lastErrorMessage)[:_MESSAGE_LIMIT_CHARACTERS]
    arrived_ms = _whole(line.arrivalTimestamp)
    if arrived_ms is not None and not 0 <= arrived_ms <= _LATEST_MS:
        arrived_ms = None
    arn = line.lambda_lower if line.lambda_upper is None else line.lambda_upper
    original = arn is not None or code.startswith(("Lambda.", "Decompression ")) or code == UNSENT
    key = line.partitionKey if code == UNSENT and isinstance(line.partitionKey, str) else None
    attempts, function = _whole(line.attemptsMade), arn if isinstance(arn, str) else None
    return Failure(file, number, data, code, message, attempts, arrived_ms, original, text, key, function)


def _text(*values: Any) -> str:
    return next((str(value) for value in values if value is not None), "")


def _whole(value: Any) -> int | None:
    """Return a number of 64 bits, which Firehose writes as a number and its documentation as a string."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and -_INT64 <= value < _INT64 else None


def unsent_line(data: bytes, partition_key: str | None) -> bytes:
    """Return the line that says that a record was not sent, for `replay` to read."""
    line = {"rawData": payloads.encode_text(data), "errorCode": UNSENT, "errorMessage": "the put was not acknowledged"}
    if partition_key is not None:
        line["partitionKey"] = partition_key
    return msgspec.json.encode(line) + b"\n"
