"""Overflow goes back to the stream it came from: PutRecordBatch or PutRecords, in parallel, inside the deadline.

Which records go back is decided by the response budget before anything here runs, and what the response then says of
them is decided by the caller. Invariant: a record is without a reason only if its put was acknowledged, and one that
may have arrived without that, or twice, is named in `PutOutcome.maybe_duplicate`.
"""

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, cast

from fastxform.puts import api
from fastxform.puts.api import Client, Entry, Service, Target
from fastxform.puts.batching import Calls, PutCall, cut
from fastxform.puts.client import TIME_OUTS_OF_A_CALL, ClientConfig, ClientFactory, boto3_client
from fastxform.puts.threads import Pool, Threads

PATIENCE_MS: Final = 60_000
"""The longest that one `put` goes on, whatever the time left: what fits the response should not wait forever. Ours."""

REFUSAL_MEMORY_MS: Final = 300_000
"""How long a container asks nothing of a stream that refused; not forever, since permissions get granted. Ours."""

UNKNOWN_CALLS_MAX: Final = 4
"""Calls of one `put` whose fate is unknown, none being acknowledged, after which no other is started. Ours."""

UNKNOWN_MEMORY_MS: Final = 300_000
"""How long a container remembers calls of unknown fate, and puts nothing to a stream that has too many. Ours."""

UNKNOWN_SHARE_MAX: Final = 0.5
"""The share of calls of unknown fate from which on, if they are two or more, a stream has too many: were each copy of a
record to overflow again, each generation would be larger by that share. Less would be met by chance: a container makes
a few calls in the time. Ours."""

CALL_MIN_MS: Final = 100
"""No call is started with less time to go: it would only be abandoned, and perhaps arrive. Ours."""

READ_TIMEOUT_MIN_MS: Final = 1_000
READ_TIMEOUT_MAX_MS: Final = 10_000
CONNECT_TIMEOUT_MAX_MS: Final = 2_000
"""The client waits a third of the time left, inside these bounds; 4 MiB need some time on a small function. Ours."""

SPLITS_MAX: Final = 64
"""Calls refused as invalid that one `put` halves, to find the record at fault; then the fault is the stream's. Ours."""


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """What became of the records of one `put`.

    Attributes:
        reasons: For each record None if its put was acknowledged, else a code of `errors.REASONS`.
        maybe_duplicate: Positions of records put at least once without a clear answer: each may have arrived without an
            acknowledgement, or once too often.
        calls: Calls made.
        retries: Those of them that put records again.
        errors: How often each error code of AWS, or class of an exception, was met: one word each, never a message.
        copies: Puts of records without a clear answer: so many copies of records may be too many.
    """

    reasons: list[str | None]
    maybe_duplicate: tuple[int, ...] = ()
    calls: int = 0
    retries: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    copies: int = 0

    @property
    def acknowledged(self) -> int:
        """Count the records whose put was acknowledged."""
        return self.reasons.count(None)

    @property
    def possible_duplicates(self) -> int:
        """Count the copies of records that may have arrived unacknowledged, or once too often."""
        return self.copies


class Reingester:
    """Puts records back, for the life of a container: it keeps the clients, the threads and the refusals."""

    def __init__(
        self,
        client: ClientFactory | None = None,
        workers: int = 8,
        reserve_ms: int = 2_000,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        pool: Pool | None = None,
    ) -> None:
        """Take the bounds; no client is made, and boto3 not imported, before the first `put`.

        Args:
            client: Makes the clients; boto3 where it is None.
            workers: Calls in flight at most.
            reserve_ms: What is left of the invocation when everything here has stopped.
            clock: Seconds, monotonic.
            sleep: Waits for seconds.
            chance: Draws from [0, 1) for the jitter.
            pool: Runs at most `workers` calls at once; threads where it is None.
        """
        self._factory = client or boto3_client
        self._workers = workers
        self._reserve_ms = reserve_ms
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._pool: Pool = pool or Threads(workers)  # starts no thread yet
        self._clients: dict[tuple[Service, str | None], tuple[Client, float]] = {}
        self._process = os.getpid()
        self._refused_until: dict[Target, float] = {}
        self._unknown_until: dict[Target, float] = {}
        self._fates: dict[Target, _Fates] = {}

    def put(
        self,
        target: Target,
        payloads: Sequence[bytes],
        partition_keys: Sequence[str | None] | None = None,
        remaining_ms: Callable[[], int] | None = None,
    ) -> PutOutcome:
        """Put every record, again where that may help, and return before the reserve of the invocation is touched.

        Args:
            target: Where to.
            payloads: The original bytes of each record.
            partition_keys: For Kinesis the records' own keys; one that is None or empty is left out.
            remaining_ms: The Lambda context's `get_remaining_time_in_millis`; None where nothing ends the invocation.
        """
        if self._process != os.getpid():  # connections of the process that forked are its own
            self._process, self._clients = os.getpid(), {}
        left_ms = PATIENCE_MS if remaining_ms is None else min(remaining_ms() - self._reserve_ms, PATIENCE_MS)
        run = _PutRun(target, payloads, partition_keys, left_ms, self._clock, self._chance)
        if self._refused_until.get(target, -math.inf) > self._clock():
            run.give_up("put_refused")
        elif self._unknown_until.get(target, -math.inf) > self._clock():
            run.errors["StreamUnknown"] += 1
            run.give_up("put_failed")
        elif run.pending and left_ms >= CALL_MIN_MS:
            client = self._client_for(run)
            if client is not None:
                self._drive(run, client)
        self._pool.abandon(run.close())
        self._remember(run)
        return run.outcome()

    def close(self) -> None:
        """Let go of threads and clients, without waiting for calls in flight."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client, _ in self._clients.values():
            close = getattr(client, "close", None)
            if close is not None:
                close()

    def _remember(self, run: "_PutRun") -> None:
        """Note what the stream did, for the next `put`: a stream that refuses, or answers too little, is left alone."""
        now = self._clock()
        if run.is_refused:
            self._refused_until[run.target] = now + REFUSAL_MEMORY_MS / 1_000
        fates = self._fates.get(run.target)
        if fates is None or now >= fates.until:
            fates = self._fates[run.target] = _Fates(now + UNKNOWN_MEMORY_MS / 1_000)
        fates.calls += run.calls
        fates.unknown += run.unknown_calls
        if fates.unknown > 1 and fates.unknown >= UNKNOWN_SHARE_MAX * fates.calls:
            self._unknown_until[run.target] = now + UNKNOWN_MEMORY_MS / 1_000
            del self._fates[run.target]

    def _client_for(self, run: "_PutRun") -> Client | None:
        """Return the container's client; it is made in the pool, so that a slow factory cannot hold the handler."""
        service, region = run.target.service, run.target.region
        read_timeout_ms = (run.stop - self._clock()) * 1_000 / 3
        read_timeout_ms = min(max(read_timeout_ms, READ_TIMEOUT_MIN_MS), READ_TIMEOUT_MAX_MS)
        client, made_with_ms = self._clients.get((service, region), (None, 0.0))
        run.call_timeout_s = TIME_OUTS_OF_A_CALL * made_with_ms / 1_000
        if client is not None and made_with_ms * 2 > read_timeout_ms:  # else it was made in a hurry: make it again
            return client
        run.call_timeout_s = TIME_OUTS_OF_A_CALL * read_timeout_ms / 1_000
        making = self._pool.submit(self._make_client, service, region, read_timeout_ms)
        self._pool.wait([making], run.stop - self._clock())
        if not making.done():
            self._pool.abandon([making])
            return None
        error = making.exception()
        if error is not None:
            run.errors[api.identifier(type(error).__name__)] += 1
            run.give_up("put_failed")
            return None
        return cast(Client, making.result())

    def _make_client(self, service: Service, region: str | None, read_timeout_ms: float) -> Client:
        """Make a client that never retries by itself and keeps a connection for each worker."""
        config = ClientConfig(
            connect_timeout=min(read_timeout_ms, CONNECT_TIMEOUT_MAX_MS) / 1_000,
            read_timeout=read_timeout_ms / 1_000,
            max_pool_connections=self._workers,
        ).for_botocore()
        client = self._factory(service, region, config)
        self._clients[service, region] = (client, read_timeout_ms)
        return client

    def _drive(self, run: "_PutRun", client: Client) -> None:
        """Keep up to `workers` calls in flight until every record is decided or the time is over."""
        while True:
            now = self._clock()
            if now > run.last_start:
                run.give_up()
            overdue = run.overdue(now)
            if overdue:
                self._pool.abandon(overdue)
                run.abandon(overdue)
            while run.is_due(now) and len(run.in_flight) < self._workers:
                batch, entries = run.start()
                run.in_flight[self._pool.submit(api.call, client, run.target, entries)] = batch
            if now >= run.stop or not (run.in_flight or run.pending):
                return
            self._pause(run, now)
            for future in [future for future in run.in_flight if future.done()]:
                run.absorb(future)

    def _pause(self, run: "_PutRun", now: float) -> None:
        """Wait for an answer, for the next batch that is due and may fly, or for the end."""
        until = min(run.stop, run.overdue_at())
        if run.pending and len(run.in_flight) < self._workers:
            until = min(until, run.pending[0].due)
        if run.in_flight:
            self._pool.wait(run.in_flight, until - now)
        else:
            self._sleep(until - now)


@dataclass(slots=True)
class _Fates:
    """Calls to a stream until a time, and those of them whose fate is unknown."""

    until: float
    calls: int = 0
    unknown: int = 0


class _PutRun(Calls):
    """The ledger of one `put`; only the invoking thread writes it: no lock, and a late answer changes nothing."""

    def __init__(
        self,
        target: Target,
        payloads: Sequence[bytes],
        keys: Sequence[str | None] | None,
        left_ms: float,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        super().__init__(target, clock, chance, SPLITS_MAX, math.inf)
        self.stop = clock() + left_ms / 1_000
        self.last_start = self.stop - CALL_MIN_MS / 1_000
        self._payloads = payloads
        self._keys = keys if target.service == "kinesis" else None
        self._reasons: list[str | None] = ["deadline"] * len(payloads)  # of a record that no call ever took
        self._maybe_duplicate: set[int] = set()
        self._has_acknowledged = False
        for records in cut(self._sizes(), self._api.batch_limit_bytes, self._api.batch_limit_records):
            self.add(records, -math.inf)

    def outcome(self) -> PutOutcome:
        """Return what the books say."""
        maybe_duplicate, copies = tuple(sorted(self._maybe_duplicate)), self.unknown_puts.total()
        return PutOutcome(self._reasons, maybe_duplicate, self.calls, self.retries, dict(self.errors), copies)

    def close(self) -> list[Future[Mapping[str, object]]]:
        """Take the answers that are there by now, and return the calls that are still in flight."""
        left = []
        for future, batch in list(self.in_flight.items()):
            if future.done():
                self.absorb(future)
            elif future.cancel():  # it waited behind calls that an earlier `put` had left
                self.calls -= 1
                self.retries -= batch.attempt > 0
                if batch.attempt == 0:
                    self.failed(batch.records, "deadline")
            else:
                left.append(future)
                self.errors["Unanswered"] += 1
                self.is_of_unknown_fate(batch.records)
        self.give_up()
        return left

    def entry(self, record: int) -> Entry:
        """Return one entry of a call; a stream that distributes its records by itself has records without a key."""
        entry: Entry = {"Data": self._payloads[record]}
        key = self._key(record)
        if key:
            entry["PartitionKey"] = key
        return entry

    def began(self, records: list[int]) -> None:
        """Give records the reason that they keep if nothing better is heard."""
        self.failed(records, "put_failed")

    def acknowledged(self, records: list[int]) -> None:
        """Take the reason away."""
        self._has_acknowledged = self._has_acknowledged or bool(records)
        for record in records:
            self._reasons[record] = None

    def maybe_duplicated(self, records: list[int]) -> None:
        """Note the possible duplicates; a stream that acknowledges none of many calls is left alone."""
        self._maybe_duplicate.update(records)
        if self._is_silent:
            self.give_up("put_failed")

    @property
    def _is_silent(self) -> bool:
        return self.unknown_calls >= UNKNOWN_CALLS_MAX and not self._has_acknowledged

    def failed(self, records: list[int], reason: str) -> None:
        """Give records their reason, until a later one."""
        for record in records:
            self._reasons[record] = reason

    def is_worth(self, batch: PutCall, due: float) -> bool:
        """Say whether a call may still start then."""
        return due <= self.last_start and not self._is_silent

    def _sizes(self) -> Iterator[tuple[int, int]]:
        """Yield records and their bytes; one over its own limit goes into no call."""
        for record, payload in enumerate(self._payloads):
            size_bytes = len(payload) + len(self._key(record).encode("utf-8", "surrogatepass"))
            if size_bytes > self._api.returned_limit_bytes:
                self._reasons[record] = "never_fits"
            else:
                yield record, size_bytes

    def _key(self, record: int) -> str:
        """Return the partition key of a record; what is none in a malformed event is none here."""
        key = self._keys[record] if self._keys is not None else None
        return key if isinstance(key, str) else ""
