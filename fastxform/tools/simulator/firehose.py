"""A delivery stream on this machine: takes records, buffers them, invokes a function, delivers what it answers.

Here is the order of the service's work and its totals; single steps live beside it: the event in `wire`, the
invocation in `function`, the verdict in `response`, the objects in `delivery`. Time is record time: the clock is
the latest arrival, so a run gives the same objects however fast the machine is; a stream that is driven (`live`) is
given the time instead. Invariant: after `close`, every record that was taken is delivered, dropped or failed, once.

How a batch is cut: at the size hint counted on raw payloads, at the interval from the arrival of its first record,
at `max_records` where the caller wants fewer, and before the event would be larger than Lambda's request limit; the
exact accounting of the service is UNVERIFIED.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol

from fastxform import limits
from fastxform.errors import DROPPED, FAILED, OK, ContractError
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator import wire
from fastxform.tools.simulator.delivery import PARTITION_LIMIT, Delivery, Hints, Tables
from fastxform.tools.simulator.function import Context, Invocation, Invoke
from fastxform.tools.simulator.layout import Sink
from fastxform.tools.simulator.response import MESSAGES, ContractFinding, Outcome, check_ids, failed

START_MS: Final = 1_767_225_600_000
"""The clock of a stream starts here unless given: 2026-01-01 00:00 UTC."""

_ROUNDS: Final = 100


class RecordTooLargeError(ContractError):
    """A record that the stream's source would refuse."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The description of a stream; sizes are bytes of raw payload, times are milliseconds of record time.

    `driven` says that nothing happens in `put`: whoever drives the stream calls `turn`.
    """

    names: wire.ResourceNames = field(default_factory=wire.ResourceNames)
    kinesis: bool = False
    kinesis_record_bytes: int = limits.KINESIS_RECORD_LIMIT_BYTES
    buffer_bytes: int = int(limits.BUFFER_SIZE_DEFAULT_MB * 2**20)
    buffer_interval_ms: int = limits.BUFFER_INTERVAL_DEFAULT_SECONDS * 1000
    max_records: int | None = None
    retries: int = limits.INVOCATION_RETRIES
    start_ms: int = START_MS
    seed: int = 0
    hints: Hints = field(default_factory=Hints)
    driven: bool = False


@dataclass(slots=True)
class StreamTotals:
    """What happened to the records of one stream.

    `put_back` counts the records that were put while the function ran, a part of `records_in`; `bytes_in` is raw
    payload; `function_seconds` the time spent in the function; `errors` counts failed invocations by their detail.
    """

    records_in: int = 0
    bytes_in: int = 0
    put_back: int = 0
    delivered: int = 0
    dropped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    invocations: int = 0
    retries: int = 0
    function_seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str], ContractFinding] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Tell whether every record that came in went somewhere."""
        return self.records_in == self.delivered + self.dropped + self.failed.total()


class Watcher(Protocol):
    """Who follows each record on its way; `index` is that in the event of the last invocation."""

    def invoking(self, records: Sequence[wire.StreamRecord]) -> None:
        """Learn of the records that the function is about to get."""

    def settled(self, index: int, record: wire.StreamRecord, result: str) -> None:
        """Learn what became of one of them: `Ok` is delivered, `Dropped`, or `ProcessingFailed`."""


Explain = Callable[[int], str | None]
"""The reason for which the last invocation failed the record at this place of its event, if known."""


@dataclass(slots=True)
class _PendingBatch:
    """The records that wait for the next invocation, with their entries in the event."""

    records: list[wire.StreamRecord] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    raw_bytes: int = 0
    event_bytes: int = 0
    opened_ms: int = 0


class Firehose:
    """One delivery stream, its function and its destination.

    `put` may be called from any thread, and from inside the function: such records join the stream behind those that
    wait. All other work happens in the thread of the outermost `put` or of `close`, or in that of `turn`.
    """

    def __init__(
        self,
        invoke: Invoke,
        sink: Sink,
        settings: StreamSettings | None = None,
        explain: Explain | None = None,
        watcher: Watcher | None = None,
        tables: Tables | None = None,
    ) -> None:
        self.settings = settings or StreamSettings()
        self.totals = StreamTotals()
        self.now_ms = self.settings.start_ms
        self.delivery = Delivery(
            sink, self.settings.names, self.settings.seed, self.settings.hints, tables, self._fail_late
        )
        self._invoke = invoke
        self._explain = explain
        self._watcher = watcher
        self._rng = Rng(self.settings.seed, -1)
        self._batch = _PendingBatch()
        self._queue: deque[wire.StreamRecord] = deque()
        self._lock = Lock()
        self._working = False
        self._invoking = False
        self._circled = 0
        self._envelope_bytes = len(wire.head(self.settings.names, self._rng.uuid(), self.settings.kinesis) + wire.TAIL)

    def put(
        self,
        data: bytes,
        partition_key: str | None = None,
        arrival_ms: int | None = None,
        *,
        sequence_number: str | None = None,
        shard_id: str = wire.SHARD,
    ) -> str:
        """Take one record and return its id; a record put while the function runs arrives now.

        Args:
            data: the payload.
            partition_key: of a record out of a Kinesis stream.
            arrival_ms: when it arrived; by default now.
            sequence_number: the number that the Kinesis stream gave it; by default the next one of this stream.
            shard_id: the shard that it was read from.

        Raises:
            RecordTooLargeError: the source of the stream does not take records of this size.
            ContractError: the function puts records back without end.
        """
        kinesis = self.settings.kinesis
        key = wire.partition_key(data) if kinesis and partition_key is None else partition_key or ""
        limit = (
            self.settings.kinesis_record_bytes - len(key.encode(errors="surrogatepass"))
            if kinesis
            else limits.FIREHOSE_RECORD_LIMIT_BYTES
        )
        if len(data) > limit:
            raise RecordTooLargeError(f"the record has {len(data)} bytes, the stream takes {limit}")
        with self._lock:
            if arrival_ms is not None and not self.totals.records_in:
                self.now_ms = arrival_ms
            number = sequence_number or wire.sequence_number(self.totals.records_in)
            identity = wire.record_id_of(number)
            self.totals.records_in += 1
            self.totals.bytes_in += len(data)
            # Other producers put while the function runs, where time is real; what is theirs is not to be known.
            self.totals.put_back += self._invoking and not self.settings.driven
            arrived_ms = self.now_ms if arrival_ms is None else arrival_ms
            self._queue.append(wire.StreamRecord(identity, arrived_ms, data, key, shard_id))
            if self._working or self.settings.driven:
                return identity
            self._working = True
        self._work()
        return identity

    def turn(self, now_ms: int) -> None:
        """Work until this moment, of a stream that is driven: batch what was put, invoke and close what is due."""
        self._work()
        self.now_ms = max(self.now_ms, now_ms)
        if self._batch.records and self.now_ms >= self._batch.opened_ms + self.settings.buffer_interval_ms:
            self._flush()
        self.delivery.expire(self.now_ms)

    def close(self) -> None:
        """Invoke for what waits, and for what that puts back, then close the objects.

        Raises:
            ContractError: the function puts records back without end.
        """
        if self.settings.driven:
            self._work()
        while self._batch.records:
            with self._lock:
                self._working = True
            self.now_ms = max(self.now_ms, self._batch.opened_ms + self.settings.buffer_interval_ms)
            self._flush()
            self._work()
        self.delivery.close(self.now_ms)

    def _work(self) -> None:
        """Move the queue into batches until it is empty, and say so under the lock, so that no record is left in it."""
        while True:
            with self._lock:
                if not self._queue:
                    self._working = False
                    return
                record = self._queue.popleft()
            self._accept(record)

    def _accept(self, record: wire.StreamRecord) -> None:
        settings, batch = self.settings, self._batch
        arrived_ms = max(self.now_ms, record.arrival_ms)
        due_ms = batch.opened_ms + settings.buffer_interval_ms
        if batch.records and arrived_ms >= due_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self._flush()
            batch = self._batch
        self.now_ms = arrived_ms
        data = record.data or b""
        entry = wire.entry(record, settings.kinesis)
        full = batch.raw_bytes + len(data) > settings.buffer_bytes
        if batch.records and (
            full or batch.event_bytes + len(entry) + 1 > limits.REQUEST_LIMIT_BYTES - self._envelope_bytes
        ):
            self._flush()
            batch = self._batch
        if not batch.records:
            batch.opened_ms = self.now_ms
        batch.records.append(record)
        batch.entries.append(entry)
        batch.raw_bytes += len(data)
        batch.event_bytes += len(entry) + 1
        if len(batch.records) == settings.max_records:
            self._flush()

    def _flush(self) -> None:
        """Invoke the function for the batch, with retries, and settle its records."""
        batch, self._batch = self._batch, _PendingBatch()
        self.delivery.expire(self.now_ms)
        self.totals.batches += 1
        put_back, dropped = self.totals.put_back, self.totals.dropped
        if self._watcher is not None:
            self._watcher.invoking(batch.records)
        invocation, attempts = self._attempt(batch.entries)
        outcomes: Sequence[Outcome]
        if invocation.error_code:
            outcome = failed(invocation.error_code, MESSAGES.get(invocation.error_code, invocation.detail))
            outcomes = [outcome] * len(batch.records)
        else:
            verdict = check_ids([record.record_id for record in batch.records], invocation.payload)
            outcomes = verdict.outcomes
            self._note(verdict.findings)
        for index, (record, outcome) in enumerate(zip(batch.records, outcomes, strict=True)):
            result = self._settle(record, outcome, attempts, index)
            if self._watcher is not None:
                self._watcher.settled(index, record, result)
        all_dropped = self.totals.dropped - dropped == len(batch.records)
        all_back = self.totals.put_back - put_back >= len(batch.records)
        self._watch_circles(len(batch.records) if all_dropped and all_back else 0)

    def _watch_circles(self, circled: int) -> None:
        """Stop a function that puts back all it gets: when every record of the stream has come round often enough."""
        self._circled = self._circled + circled if circled else 0
        totals = self.totals
        waiting = totals.records_in - totals.delivered - totals.dropped - totals.failed.total()
        if self._circled > _ROUNDS * waiting:
            raise ContractError(f"the function puts records back without end: {_ROUNDS} rounds delivered none")

    def _attempt(self, entries: list[bytes]) -> tuple[Invocation, int]:
        """Invoke until it succeeds or the retries are used up; only the invocation id is fresh each time."""
        names = self.settings.names
        for attempt in range(1, self.settings.retries + 2):
            identity = self._rng.uuid()
            event = wire.head(names, identity, self.settings.kinesis) + b",".join(entries) + wire.TAIL
            started = time.perf_counter()
            self._invoking = True
            try:
                invocation = self._invoke(event, Context(identity, names.function_arn, names.function))
            finally:
                self._invoking = False
            self.totals.function_seconds += time.perf_counter() - started
            self.totals.invocations += 1
            self.totals.retries += attempt > 1
            if not invocation.error_code:
                break
            self.totals.errors[invocation.detail or invocation.error_code] += 1
        return invocation, attempt

    def _settle(self, record: wire.StreamRecord, outcome: Outcome, attempts: int, index: int) -> str:
        """Deliver, drop or fail one record, and say which it was."""
        if outcome.result == OK:
            code = self.delivery.deliver(record, outcome, self.now_ms)
            if code is None:
                self.totals.delivered += 1
                return OK
            limited = code == PARTITION_LIMIT
            outcome = failed(code, "The stream has too many active partitions.", code) if limited else failed(code)
        elif outcome.result == DROPPED:
            self.totals.dropped += 1
            return DROPPED
        elif outcome.error_code == "Lambda.ProcessingFailedStatus" and self._explain is not None:
            self.totals.reasons[self._explain(index) or "unknown"] += 1
        self.totals.failed[outcome.error_code] += 1
        self.delivery.fail(record, outcome, attempts, self.now_ms)
        return FAILED

    def _fail_late(self, code: str) -> None:
        """Book a record as failed that had been booked as delivered."""
        self.totals.delivered -= 1
        self.totals.failed[code] += 1

    def _note(self, findings: Sequence[ContractFinding]) -> None:
        for finding in findings:
            seen = self.totals.findings.get((finding.code, finding.message))
            count = finding.count if seen is None else seen.count + finding.count
            index = f"invocation {self.totals.invocations}, {finding.place}" if seen is None else seen.place
            self.totals.findings[finding.code, finding.message] = ContractFinding(
                finding.level, finding.code, index, finding.message, count
            )
