"""Puts under way: which records wait for a call, which are in flight, and what an answer changes.

Re-ingestion and the command's `put` and `replay` keep their ledgers on top of this; when a call starts, and when all of
it ends, is theirs. Invariant: one thread alone calls what is here, so there is no lock, and a record is acknowledged
only by an answer that says so.
"""

import heapq
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from fastxform.puts import api
from fastxform.puts.api import Entry, Fault, Target

BACKOFF_BASE_MS: Final = 100
BACKOFF_MAX_MS: Final = 5_000
"""Full jitter: the n-th pause is even between 0 and base x 2^n, at most the maximum. Ours."""


UNKNOWN_PUTS_MAX: Final = 2
"""How often a record is put without learning its fate, ours: the stream may store each of them, and in a function each
copy may overflow again. What was surely refused is put again for as long as a call makes sense."""

CALL_TIMEOUT: Final = Fault("CallTimeout", again=True, maybe_duplicate=True)
"""What a call met whose answer did not end in time."""


@dataclass(order=True, slots=True)
class PutCall:
    """Records for one call, not before `due`; batches order by that time, then by `serial`."""

    due: float
    serial: int
    attempt: int = field(compare=False)
    records: list[int] = field(compare=False)
    since: float = field(compare=False)
    started: float = field(compare=False, default=-math.inf)


def cut(records: Iterable[tuple[int, int]], limit_bytes: int, limit_records: int) -> Iterator[list[int]]:
    """Fill calls up to their bytes and their count, in order.

    Args:
        records: Number and size of each record; none is larger than a call.
        limit_bytes: Bytes of one call.
        limit_records: Records of one call.
    """
    batch: list[int] = []
    room_bytes = limit_bytes
    for number, size_bytes in records:
        if batch and (size_bytes > room_bytes or len(batch) == limit_records):
            yield batch
            batch, room_bytes = [], limit_bytes
        batch.append(number)
        room_bytes -= size_bytes
    if batch:
        yield batch


class Calls(ABC):
    """The calls of some puts to one stream; records are numbers, and what they are is known below."""

    def __init__(
        self,
        target: Target,
        clock: Callable[[], float],
        chance: Callable[[], float],
        splits_max: int,
        call_timeout_s: float,
    ) -> None:
        """Take the bounds.

        Args:
            target: Where to.
            clock: Seconds, monotonic.
            chance: Draws from [0, 1) for the jitter.
            splits_max: Calls refused as invalid that are halved; after those the fault is the stream's.
            call_timeout_s: The longest that a call may take, whatever arrives of its answer.
        """
        self.target = target
        self.splits_max = splits_max
        self.call_timeout_s = call_timeout_s
        self.pending: list[PutCall] = []
        self.in_flight: dict[Future[Mapping[str, object]], PutCall] = {}
        self.errors: Counter[str] = Counter()
        self.unknown_puts: Counter[int] = Counter()
        self.unknown_calls = 0
        self.is_refused = False
        self.calls = self.retries = self.splits = 0
        self._api = api.APIS[target.service]
        self._clock, self._chance = clock, chance
        self._serial = 0

    @abstractmethod
    def entry(self, record: int) -> Entry:
        """Return one entry of a call."""

    @abstractmethod
    def began(self, records: list[int]) -> None:
        """Book that a call with these records is about to be made."""

    @abstractmethod
    def acknowledged(self, records: list[int]) -> None:
        """Book that the stream has taken them."""

    @abstractmethod
    def maybe_duplicated(self, records: list[int]) -> None:
        """Book that they may have arrived without an acknowledgement."""

    @abstractmethod
    def failed(self, records: list[int], reason: str) -> None:
        """Book that they will not be put again, for a reason of `errors.REASONS`."""

    @abstractmethod
    def is_worth(self, batch: PutCall, due: float) -> bool:
        """Say whether records of a batch are put again at that time."""

    def add(self, records: list[int], due: float, attempt: int = 0, since: float | None = None) -> None:
        """Have records wait for their call, unless the stream refused meanwhile."""
        if self.is_refused:
            self.failed(records, "put_refused")
            return
        self._serial += 1
        heapq.heappush(
            self.pending, PutCall(due, self._serial, attempt, records, self._clock() if since is None else since)
        )

    def is_due(self, now: float) -> bool:
        """Say whether a batch may start."""
        return bool(self.pending) and self.pending[0].due <= now

    def start(self) -> tuple[PutCall, list[Entry]]:
        """Take the batch that is due first, with the entries of its call."""
        batch = heapq.heappop(self.pending)
        batch.started = self._clock()
        self.calls += 1
        self.retries += batch.attempt > 0
        self.began(batch.records)
        return batch, [self.entry(record) for record in batch.records]

    def overdue(self, now: float) -> list[Future[Mapping[str, object]]]:
        """Return the calls in flight that have taken as long as one may."""
        return [
            future
            for future, batch in self.in_flight.items()
            if now - batch.started >= self.call_timeout_s and not future.done()
        ]

    def overdue_at(self) -> float:
        """Return when the first call in flight has taken as long as one may."""
        return min((batch.started for batch in self.in_flight.values()), default=math.inf) + self.call_timeout_s

    def abandon(self, futures: Iterable[Future[Mapping[str, object]]]) -> None:
        """Book calls that took too long and were ended: what an answer would have said, nobody knows."""
        for future in futures:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.absorb(future)  # the answer came meanwhile
            else:
                self.absorb_fault(self.in_flight.pop(future), CALL_TIMEOUT, None)

    def absorb(self, future: Future[Mapping[str, object]]) -> None:
        """Book the answer of a call that has ended."""
        batch = self.in_flight.pop(future)
        error = future.exception()
        codes = None if error is not None else api.read(self._api, future.result(), len(batch.records))
        if codes is None:
            fault = (
                api.fault_of(error) if error is not None else Fault("MalformedReply", again=True, maybe_duplicate=True)
            )
            self.absorb_fault(batch, fault, error)
            return
        taken, failed, maybe_duplicate = [], [], []
        for record, code in zip(batch.records, codes, strict=True):
            if code is None:
                taken.append(record)
                continue
            failed.append(record)
            self.errors[api.identifier(code)] += 1
            if code == "InternalFailure":  # Firehose API: "the write might have completed or it might have failed"
                maybe_duplicate.append(record)
        self.acknowledged(taken)
        self.is_of_unknown_fate(maybe_duplicate)
        self._add_again(batch, failed)

    def absorb_fault(self, batch: PutCall, fault: Fault, error: BaseException | None) -> None:
        """Book a call that failed as a whole; `error` is its exception, if it was one."""
        self.errors[fault.code] += 1
        if fault.maybe_duplicate:
            self.is_of_unknown_fate(batch.records)
        if fault.refused:
            self.is_refused = True
            self.failed(batch.records, "put_refused")
            self.give_up("put_refused")
        elif fault.again:
            self._add_again(batch, batch.records)
        elif fault.split and len(batch.records) > 1 and self.splits < self.splits_max:
            self.splits += 1
            middle = len(batch.records) // 2
            for half in (batch.records[:middle], batch.records[middle:]):
                self.add(half, -math.inf, batch.attempt + 1, batch.since)
        else:
            self.failed(batch.records, "put_failed")

    def is_of_unknown_fate(self, records: list[int]) -> None:
        """Count puts of records that may have arrived without an acknowledgement."""
        if records:
            self.unknown_calls += 1
            self.unknown_puts.update(records)
            self.maybe_duplicated(records)

    def give_up(self, reason: str | None = None) -> None:
        """Start no more calls; what is pending keeps its reasons unless one is given."""
        for batch in self.pending:
            if reason is not None:
                self.failed(batch.records, reason)
        self.pending.clear()

    def _add_again(self, batch: PutCall, records: list[int]) -> None:
        """Put records of a batch again after a pause with full jitter, if that makes sense and is no copy too many."""
        known = [record for record in records if self.unknown_puts[record] < UNKNOWN_PUTS_MAX]
        if len(known) < len(records):
            kept = set(known)
            self.failed([record for record in records if record not in kept], "put_failed")
        if not known:
            return
        due = self._clock() + self._chance() * min(BACKOFF_BASE_MS * 2**batch.attempt, BACKOFF_MAX_MS) / 1_000
        if self.is_worth(batch, due):
            self.add(known, due, batch.attempt + 1, batch.since)
        else:
            self.failed(known, "put_failed")
