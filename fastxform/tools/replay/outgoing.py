"""Records on their way to a stream: what one is, how fast they go, and what became of them.

The puts themselves are `sender`'s. Invariant: no call of a `RateLimit` has more than one second's records and bytes,
or than the API takes.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fastxform import limits
from fastxform.puts.api import APIS, Service, Target
from fastxform.tools.replay.locations import Location, Span

RATES: Final[dict[Service, tuple[int, int]]] = {
    "firehose": (
        limits.FIREHOSE_STREAM_LIMIT_RECORDS_PER_SECOND // 2,
        limits.FIREHOSE_STREAM_LIMIT_BYTES_PER_SECOND // 2,
    ),
    "kinesis": (
        limits.KINESIS_SHARD_LIMIT_RECORDS_PER_SECOND // 2,
        limits.KINESIS_SHARD_LIMIT_BYTES_PER_SECOND // 2,
    ),
}
"""Records and bytes a second where none are given: half of what the smallest stream takes. Ours."""


class Outgoing(NamedTuple):
    """A record to be put: its place, its bytes and, for Kinesis, the key it had."""

    file: int
    number: int
    data: bytes
    partition_key: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How fast records are put: records and bytes a second, calls at once, and how long one is tried again."""

    records_per_s: float
    bytes_per_s: float
    workers: int = 8
    patience_s: float = 60.0

    def call_limits(self, target: Target) -> tuple[int, int]:
        """Return the bytes and records of one call: those of the API, and no more than belongs into a second."""
        api = APIS[target.service]
        return (
            max(1, min(api.batch_limit_bytes, int(self.bytes_per_s))),
            max(1, min(api.batch_limit_records, int(self.records_per_s))),
        )

    def seconds(self, records: int, size_bytes: int) -> float:
        """Return what putting them takes at this rate."""
        return max(records / self.records_per_s, size_bytes / self.bytes_per_s)


@dataclass(slots=True)
class Sent:
    """What became of the records of a run.

    Attributes:
        records: Records acknowledged; `size_bytes` are theirs.
        unacknowledged: Reason, and the places of the records that were tried, or too large to be, in vain.
        maybe_duplicate: Places of records that may have arrived unacknowledged or twice.
        in_flight: Places of records whose calls were left in flight.
        calls: Calls made; `retries` of them put records again.
        errors: How often each code was met.
        problem: Why it ended early, in one line.
        complete: Whether every record of the source was tried.
    """

    records: int = 0
    size_bytes: int = 0
    unacknowledged: dict[str, list[Location]] = field(default_factory=dict)
    maybe_duplicate: set[Location] = field(default_factory=set)
    in_flight: list[Span] = field(default_factory=list)
    calls: int = 0
    retries: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    problem: str | None = None
    complete: bool = False

    @property
    def left(self) -> int:
        """Count the records that were read and are not acknowledged."""
        return sum(map(len, self.unacknowledged.values())) + sum(map(len, self.in_flight))


def partition_key(data: bytes) -> str:
    """Return the key of a record whose own is not known: equal records go to the same shard, others spread evenly."""
    return hashlib.sha256(data).hexdigest()[:32]


def size_of(target: Target, record: Outgoing) -> int:
    """Return the bytes that a record counts in a call."""
    return len(record.data) + (len(key_of(record).encode()) if target.service == "kinesis" else 0)


def key_of(record: Outgoing) -> str:
    """Return the partition key of a record."""
    return record.partition_key or partition_key(record.data)
