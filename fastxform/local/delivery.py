"""Delivery: outcomes become objects, buffered by size and by age of record time.

Each prefix has one open object; it is closed when it has reached the size, when its age has, or at the end. Plain
and partitioned records are joined as they are; failed ones are lines of their own; Iceberg rows are lines of
newline-delimited JSON under `iceberg/<database>/<table>/` with a second object of the same name and the ending
`.operations` that has the operation of each row in the line of the same number, so that the order among insert,
update and delete is kept. Invariant: bytes are handed to the sink in order, and at most `SPILL_BYTES` of each open
object wait in memory.
"""

import json
from binascii import b2a_base64
from dataclasses import dataclass, field
from typing import Final

from fastxform import limits
from fastxform.local.draw import Draw
from fastxform.local.layout import Sink, hour, object_name, part
from fastxform.local.response import Destination, Outcome
from fastxform.local.wire import Names, Record

PARTITION_LIMIT: Final = "activePartitionExceeded"
"""The error type of records beyond the active partitions. Source: Firehose, dynamic partitioning. 2026-11."""

SPILL_BYTES: Final = 64 * 1024
"""Bytes of one open object that wait in memory, ours: 500 open partitions stay below 32 MiB."""


@dataclass(slots=True)
class _Open:
    """An object under way."""

    key: str
    opened_ms: int
    partitioned: bool
    size_bytes: int = 0
    waiting_bytes: int = 0
    waiting: list[bytes] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)


class Delivery:
    """Writes the records of one stream to a sink; `objects` and `bytes_written` count what was made."""

    def __init__(
        self, sink: Sink, names: Names, seed: int = 0, object_bytes: int = limits.OBJECT_SIZE_DEFAULT_BYTES
    ) -> None:
        self._sink = sink
        self._names = names
        self._object_bytes = object_bytes
        self._draw = Draw(seed, -2)
        self._open: dict[str, _Open] = {}
        self._partitions = 0
        self.objects = 0
        self.bytes_written = 0

    def deliver(self, record: Record, outcome: Outcome, now_ms: int) -> bool:
        """Take one `Ok` record; False where one more partition is not to be had."""
        destination = outcome.destination
        if destination.table:
            self._add_row(record, outcome.data, destination, now_ms)
            return True
        prefix = "".join(f"{part(f'{name}={value}')}/" for name, value in destination.partition)
        if prefix and prefix not in self._open and self._partitions >= limits.ACTIVE_PARTITIONS_LIMIT:
            return False
        self._add(prefix, outcome.data, record, now_ms, partitioned=bool(prefix))
        return True

    def fail(self, record: Record, outcome: Outcome, attempts: int, now_ms: int) -> None:
        """Write the line of one failed record, spelt as in objects of 2025 and 2026."""
        line = {
            "rawData": b2a_base64(record.data or b"", newline=False).decode(),
            "errorCode": outcome.error_code,
            "errorMessage": outcome.error_message,
            "attemptsMade": attempts,
            "arrivalTimestamp": record.arrival_ms,
            "attemptEndingTimestamp": now_ms,
            "lambdaARN": self._names.function_arn,
        }
        data = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._add(f"{outcome.error_type}/", data, record, now_ms)

    def expire(self, now_ms: int) -> None:
        """Close the objects that are old enough."""
        for prefix, opened in list(self._open.items()):
            if now_ms - opened.opened_ms >= limits.OBJECT_INTERVAL_DEFAULT_SECONDS * 1000:
                self._close(prefix)

    def close(self) -> None:
        """Close every open object."""
        for prefix in list(self._open):
            self._close(prefix)

    def _add_row(self, record: Record, data: bytes, destination: Destination, now_ms: int) -> None:
        # A raw newline inside a JSON object can only be white space between its tokens.
        row = data.strip().replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        prefix = f"iceberg/{part(destination.database)}/{part(destination.table)}/"
        self._object(prefix, record, now_ms).operations.append(destination.operation + "\n")
        self._add(prefix, row, record, now_ms)

    def _object(self, prefix: str, record: Record, now_ms: int, *, partitioned: bool = False) -> _Open:
        opened = self._open.get(prefix)
        if opened is None:
            # The date of a prefix is that of the oldest record in the object, which is its first.
            moment_ms = record.arrival_ms
            key = prefix + hour(moment_ms) + object_name(self._names.stream, moment_ms, self._draw.uuid())
            opened = self._open[prefix] = _Open(key, now_ms, partitioned)
            self._partitions += partitioned
            self.objects += 1
        return opened

    def _add(self, prefix: str, data: bytes, record: Record, now_ms: int, *, partitioned: bool = False) -> None:
        opened = self._object(prefix, record, now_ms, partitioned=partitioned)
        opened.waiting.append(data)
        opened.waiting_bytes += len(data)
        opened.size_bytes += len(data)
        if opened.size_bytes >= self._object_bytes:
            self._close(prefix)
        elif opened.waiting_bytes >= SPILL_BYTES:
            self._spill(opened)

    def _spill(self, opened: _Open) -> None:
        self._sink.append(opened.key, b"".join(opened.waiting))
        if opened.operations:
            self._sink.append(f"{opened.key}.operations", "".join(opened.operations).encode())
        self.bytes_written += opened.waiting_bytes
        opened.waiting_bytes = 0
        opened.waiting = []
        opened.operations = []

    def _close(self, prefix: str) -> None:
        opened = self._open.pop(prefix)
        self._partitions -= opened.partitioned
        self._spill(opened)
