"""Bursts of records, the same for the same seed everywhere, of any length in the same memory.

Here records are counted and malformed ones mixed in; what they hold is in `tables`, what breaks them in `malformed`,
how they become an event in `wire`. Invariant: a burst of n records begins with the burst of n - 1, and no record
holds a line feed.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from fastxform.tools.sample_data import tables
from fastxform.tools.sample_data.malformed import spoil
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator import wire

_SHARE_STEPS: Final = 1 << 32


class SampleTable(Protocol):
    """What makes the records of one kind."""

    def payload(self, rng: Rng, index: int) -> bytes:
        """Return the next record."""


TABLES: Final[dict[str, Callable[[int | None], SampleTable]]] = {
    "dynamotest": tables.dynamotest,
    "cities": tables.cities,
    "ticker": tables.Ticker,
    "ses": tables.Mail,
    "cloudwatch": tables.Logs,
}
"""The kinds of records, by the name that the command knows them by."""


def records(table: str, count: int, seed: int = 0, size: int | None = None, bad: float = 0.0) -> Iterator[bytes]:
    """Yield `count` payloads of the table.

    Args:
        table: one of `TABLES`.
        count: how many.
        seed: another one gives another burst.
        size: the bytes that each payload shall have, as far as its shape allows; None for the table's own mix.
        bad: the share of malformed records, 0 to 1.
    """
    source = TABLES[table](size)
    threshold = int(bad * _SHARE_STEPS)
    for index in range(count):
        rng = Rng(seed, index)
        malformed = threshold > 0 and rng.below(_SHARE_STEPS) < threshold
        payload = source.payload(rng, index)
        yield spoil(rng, payload) if malformed else payload


def compressed(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the payloads as CloudWatch Logs sends them, each its own gzip member without a time."""
    for payload in payloads:
        yield gzip.compress(payload, mtime=0)


def event_records(payloads: Iterable[bytes | None], start_ms: int = tables.START_MS) -> Iterator[wire.StreamRecord]:
    """Yield the payloads with identities and arrival times: 3 ms apart, a second after the changes that they report."""
    for number, data in enumerate(payloads):
        key = wire.partition_key(data or b"")
        yield wire.StreamRecord(wire.record_id(number), arrival_ms(number, start_ms), data, key)


def arrival_ms(number: int, start_ms: int = tables.START_MS) -> int:
    """Return when a record arrives, in epoch milliseconds."""
    return start_ms + 1_000 + number * 3


def event_chunks(payloads: Iterable[bytes | None], kinesis: bool = False, seed: int = 0) -> Iterator[bytes]:
    """Yield one Firehose event of all payloads, piece by piece; None is a record whose base64 is broken."""
    invocation_id = Rng(seed, -1).uuid()
    return wire.chunks(
        event_records(payloads), names=wire.ResourceNames(), invocation_id=invocation_id, kinesis=kinesis
    )


def event(payloads: Iterable[bytes | None], kinesis: bool = False, seed: int = 0) -> bytes:
    """Return one Firehose event of all payloads; None is a record of broken base64."""
    return b"".join(event_chunks(payloads, kinesis, seed))
