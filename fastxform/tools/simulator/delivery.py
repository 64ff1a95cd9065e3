"""Delivery: outcomes become objects, buffered by size and by age of record time.

Each prefix has one open object; it is closed when it has reached the size, when its age has, or at the end. Plain
and partitioned records are joined as they are; failed ones are lines of their own. Where a stream has tables, its
Iceberg rows are committed to them, in their order; elsewhere they are lines of newline-delimited JSON under
`iceberg/<database>/<table>/` with a second object of the same name and the ending `.operations` that has the operation
of each row in the line of the same number. Invariant: bytes are handed to the sink in order, at most `SPILL_BYTES` of
each open object wait in memory, and a row that no table takes fails its record.
"""

import json
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from fastxform import limits
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator.layout import Sink, hour, object_name, part
from fastxform.tools.simulator.outcome import ICEBERG_FAILED, Destination, Outcome, failed
from fastxform.tools.simulator.prefix import Prefixes, partition_path
from fastxform.tools.simulator.wire import ResourceNames, StreamRecord

PARTITION_LIMIT: Final = "activePartitionExceeded"
"""The error type of records beyond the active partitions. Source: Firehose, dynamic partitioning. 2026-11."""

NO_PARTITION: Final = "DynamicPartitioning.MetadataExtractionFailed"

SPILL_BYTES: Final = 64 * 1024
"""Bytes of one open object that wait in memory, ours: 500 open partitions stay below 32 MiB."""


@dataclass(frozen=True, slots=True)
class Hints:
    """When an object is closed, or rows are committed, and the prefixes of the objects."""

    size_bytes: int = limits.OBJECT_SIZE_DEFAULT_BYTES
    interval_ms: int = limits.OBJECT_INTERVAL_DEFAULT_SECONDS * 1000
    prefixes: Prefixes = field(default_factory=Prefixes)


@dataclass(frozen=True, slots=True)
class Row:
    """One row for a table: the function's data, still as bytes, and where it goes."""

    data: bytes
    destination: Destination


class Tables(Protocol):
    """Iceberg tables."""

    def commit(self, rows: Sequence[Row]) -> list[tuple[str, str] | None]:
        """Apply rows in their order; say for each None, or error code and message of one that no table took."""


@dataclass(slots=True)
class _OpenObject:
    """An object under way."""

    key: str
    opened_ms: int
    partitioned: bool = False
    size_bytes: int = 0
    waiting_bytes: int = 0
    waiting: list[bytes] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)


class Delivery:
    """Writes the records of one stream to a sink; `objects` and `bytes_written` count what was made, `commits` too."""

    def __init__(
        self,
        sink: Sink,
        names: ResourceNames,
        seed: int = 0,
        hints: Hints | None = None,
        tables: Tables | None = None,
        failed_late: Callable[[str], None] | None = None,
    ) -> None:
        """Take where the records go.

        Args:
            sink: keeps the objects.
            names: those of the stream.
            seed: of the names of objects.
            hints: when objects are closed, and their prefixes.
            tables: take the rows of an Iceberg destination.
            failed_late: is given the error code of a record that was taken for delivery and then failed.
        """
        self._sink = sink
        self._names = names
        self._hints = hints or Hints()
        self._tables = tables
        self._failed_late = failed_late
        self._rng = Rng(seed, -2)
        self._open: dict[str, _OpenObject] = {}
        self._rows: list[tuple[StreamRecord, Row]] = []
        self._rows_bytes = self._rows_opened_ms = 0
        self._partitions = 0
        self.objects = 0
        self.bytes_written = 0
        self.commits = 0

    def deliver(self, record: StreamRecord, outcome: Outcome, now_ms: int) -> str | None:
        """Take one `Ok` record; return the error code of one that cannot be delivered."""
        destination = outcome.destination
        if self._tables is not None:
            self._add_table_row(record, Row(outcome.data, destination), now_ms)
            return None
        if destination.table:
            self._add_row(record, outcome.data, destination, now_ms)
            return None
        prefixes, partition = self._hints.prefixes, destination.partition
        if prefixes.lacks(partition):
            return NO_PARTITION
        group = partition_path(partition)
        if group and group not in self._open and self._partitions >= limits.ACTIVE_PARTITIONS_LIMIT:
            return PARTITION_LIMIT
        if group not in self._open:
            # The date of a prefix is that of the oldest record in the object, which is its first.
            prefix = prefixes.of_data(partition, record.arrival_ms, self._rng)
            self._start(group, prefix, record, now_ms, prefixes.extension).partitioned = bool(group)
            self._partitions += bool(group)
        self._add(group, outcome.data)
        return None

    def fail(self, record: StreamRecord, outcome: Outcome, attempts: int, now_ms: int) -> None:
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
        group = f"{outcome.error_type}/"
        if group not in self._open:
            prefix = self._hints.prefixes.of_error(outcome.error_type, record.arrival_ms, self._rng)
            self._start(group, prefix, record, now_ms)
        self._add(group, data)

    def expire(self, now_ms: int) -> None:
        """Commit the rows and close the objects that are old enough."""
        if self._rows and now_ms - self._rows_opened_ms >= self._hints.interval_ms:
            self._commit(now_ms)
        for group, opened in list(self._open.items()):
            if now_ms - opened.opened_ms >= self._hints.interval_ms:
                self._close(group)

    def close(self, now_ms: int) -> None:
        """Commit every row and close every open object."""
        self._commit(now_ms)
        for group in list(self._open):
            self._close(group)

    def _add_table_row(self, record: StreamRecord, row: Row, now_ms: int) -> None:
        if not self._rows:
            self._rows_opened_ms = now_ms
        self._rows.append((record, row))
        self._rows_bytes += len(row.data)
        if self._rows_bytes >= self._hints.size_bytes:
            self._commit(now_ms)

    def _commit(self, now_ms: int) -> None:
        """Hand the rows to the tables, and fail the records of those that no table takes."""
        waiting, self._rows, self._rows_bytes = self._rows, [], 0
        if self._tables is None or not waiting:
            return
        refusals = self._tables.commit([row for _, row in waiting])
        self.commits += 1
        for (record, row), refusal in zip(waiting, refusals, strict=True):
            if refusal is None:
                self.bytes_written += len(row.data)
                continue
            self.fail(record, failed(*refusal, error_type=ICEBERG_FAILED), 1, now_ms)
            if self._failed_late is not None:
                self._failed_late(refusal[0])

    def _add_row(self, record: StreamRecord, data: bytes, destination: Destination, now_ms: int) -> None:
        # A raw newline inside a JSON object can only be white space between its tokens.
        row = data.strip().replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        group = f"iceberg/{part(destination.database)}/{part(destination.table)}/"
        opened = self._open.get(group) or self._start(group, group + hour(record.arrival_ms), record, now_ms)
        opened.operations.append(destination.operation + "\n")
        self._add(group, row)

    def _start(self, group: str, prefix: str, record: StreamRecord, now_ms: int, extension: str = "") -> _OpenObject:
        """Open the object of a group."""
        name = object_name(self._names.stream, record.arrival_ms, self._rng.uuid())
        opened = self._open[group] = _OpenObject(prefix + name + extension, now_ms)
        self.objects += 1
        return opened

    def _add(self, group: str, data: bytes) -> None:
        opened = self._open[group]
        opened.waiting.append(data)
        opened.waiting_bytes += len(data)
        opened.size_bytes += len(data)
        if opened.size_bytes >= self._hints.size_bytes:
            self._close(group)
        elif opened.waiting_bytes >= SPILL_BYTES:
            self._spill(opened)

    def _spill(self, opened: _OpenObject) -> None:
        self._sink.append(opened.key, b"".join(opened.waiting))
        if opened.operations:
            self._sink.append(f"{opened.key}.operations", "".join(opened.operations).encode())
        self.bytes_written += opened.waiting_bytes
        opened.waiting_bytes = 0
        opened.waiting = []
        opened.operations = []

    def _close(self, group: str) -> None:
        opened = self._open.pop(group)
        self._partitions -= opened.partitioned
        self._spill(opened)
        self._sink.close(opened.key)
