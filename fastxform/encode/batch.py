"""What became of a batch: one answer a payload, and the answers of its parts as one.

Which stages gave an answer is not known here. Invariant: a batch has exactly one result for each of its payloads, in
their order, and data only where the result is Ok.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastxform.core.structs import Struct, field
from fastxform.errors import DROPPED, FAILED, OK

if TYPE_CHECKING:
    import pyarrow as pa


class InternalFault(Struct, frozen=True):
    """An exception that the package did not expect: the record that it was met on, its type, and where it was raised.

    `location` is a file of the package and a line; a message, which may quote a value, is not kept.
    """

    record: int
    exception: str
    location: str


class RecordResult(NamedTuple):
    """What became of one record: an entry of each list of a `Batch`."""

    result: str
    reason: str | None
    data: bytes | None
    metadata: dict[str, Any] | None


class Batch(Struct, frozen=True):
    """What became of a batch, column-wise: one entry a payload in each list; iterating gives a `RecordResult` each.

    `data` is the row with its newline (all rows of a payload that holds several), of `Ok` records only; `reason` is a
    code of `errors.REASONS`, with `:column` where it is about one, of `ProcessingFailed` records only; `metadata` is
    the content of the response's `metadata`. `where_null` counts the rows that were dropped because `where` was null.
    `faults` says more of the records whose reason is `internal`; `values_nulled` counts the values that are null since
    they did not fit, where their column says so, and `values_rounded` those of float64 columns that had more digits
    than a double keeps; `withheld` counts the rows of which only the length is kept, where the caller said how much it
    has room for; `empty` counts the records that hold nothing, and `rows_dropped` the
    rows that `bad_rows = "drop"` left out of their records, by reason.
    """

    result: list[str]
    reason: list[str | None]
    data: list[bytes | None]
    metadata: list[dict[str, Any] | None] | None
    where_null: int = 0
    faults: tuple[InternalFault, ...] = ()
    values_nulled: int = 0
    empty: int = 0
    rows_dropped: Mapping[str, int] = field(default_factory=dict)
    values_rounded: int = 0
    withheld: int = 0

    def __len__(self) -> int:
        return len(self.result)

    def __iter__(self) -> Iterator[RecordResult]:
        metadata = self.metadata or [None] * len(self)
        return map(RecordResult, self.result, self.reason, self.data, metadata)

    def __repr__(self) -> str:
        counts = (f"{self.result.count(word)} {word}" for word in (OK, DROPPED, FAILED) if word in self.result)
        return f"<Batch of {len(self)}: {', '.join(counts) or 'no records'}>"

    def to_arrow(self) -> "pa.Table":
        """Return the batch as a table of `result`, `reason`, `data` (binary) and `metadata` (JSON text)."""
        import pyarrow as pa

        metadata = [None if value is None else json.dumps(value) for value in self.metadata or [None] * len(self)]
        columns = {
            "result": pa.array(self.result, pa.string()),
            "reason": pa.array(self.reason, pa.string()),
            "data": pa.array(self.data, pa.binary()),
            "metadata": pa.array(metadata, pa.string()),
        }
        return pa.table(columns)


def failed(count: int, reason: str, faults: tuple[InternalFault, ...] = ()) -> Batch:
    """Return the answers of so many records, all of which failed for one reason."""
    return Batch([FAILED] * count, [reason] * count, [None] * count, None, 0, faults)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the answers of the parts of a batch as one."""
    if len(batches) == 1:
        return batches[0]
    result: list[str] = []
    reason: list[str | None] = []
    data: list[bytes | None] = []
    metadata: list[dict[str, Any] | None] | None = None
    faults: list[InternalFault] = []
    rows_dropped: Counter[str] = Counter()
    for batch in batches:
        start = len(result)
        if batch.metadata is not None and metadata is None:
            metadata = [None] * start
        if metadata is not None:
            metadata += batch.metadata or [None] * len(batch)
        faults += [InternalFault(start + fault.record, fault.exception, fault.location) for fault in batch.faults]
        result += batch.result
        reason += batch.reason
        data += batch.data
        rows_dropped.update(batch.rows_dropped)
    where_null, empty = sum(batch.where_null for batch in batches), sum(batch.empty for batch in batches)
    values_nulled = sum(batch.values_nulled for batch in batches)
    values_rounded = sum(batch.values_rounded for batch in batches)
    return Batch(
        result,
        reason,
        data,
        metadata,
        where_null,
        tuple(faults),
        values_nulled,
        empty,
        dict(rows_dropped),
        values_rounded,
        sum(batch.withheld for batch in batches),
    )
